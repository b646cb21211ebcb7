// SPDX-License-Identifier: Apache-2.0
// What each kind of collector cannot digest, held for every template that its
// profile makes.
#include "templates/profile.h"

#include <algorithm>
#include <set>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "templates/flow_template.h"

namespace templates {
namespace {

using testing::AllOf;
using testing::Contains;
using testing::Each;
using testing::Field;
using testing::IsEmpty;
using testing::IsSupersetOf;
using testing::Le;
using testing::Not;
using testing::SizeIs;

using Numbers = std::set<std::uint16_t>;

// The elements of a profile's records, each once; also inside of tunnels.
std::vector<Element> Sent(Profile profile) {
  profile.overlays = true;
  std::set<const Element*> seen;
  for (const FlowTemplate& made : MakeTemplates(profile)) {
    seen.insert(made.fields.begin(), made.fields.end());
  }
  std::vector<Element> elements;
  elements.reserve(seen.size());
  for (const Element* element : seen) {
    elements.push_back(*element);
  }
  return elements;
}

std::vector<Element> SentTo(std::string_view collector) {
  return Sent(*FindProfile(collector));
}

// The numbers of one enterprise among them.
Numbers Of(std::uint32_t enterprise, const std::vector<Element>& elements) {
  Numbers numbers;
  for (const Element& element : elements) {
    if (element.enterprise == enterprise) {
      numbers.insert(element.id);
    }
  }
  return numbers;
}

TEST(Profile, ThereIsOneForEachKindOfCollector) {
  std::vector<std::string_view> names;
  for (const Profile& profile : Profiles()) {
    names.push_back(profile.name);
  }
  EXPECT_THAT(
      names, testing::ElementsAre("generic", "nfdump", "elastiflow", "logstash",
                                  "filebeat", "pmacct", "goflow2", "akvorado",
                                  "telegraf", "vflow", "ipfixcol2", "silk"));
}

// Its dictionary ends at IANA's 433, has these of CERT, and the reverse of
// nearly all; what it lacks costs every flow of the template.
TEST(Profile, OfLogstashHasNoElementThatItsDictionaryLacks) {
  const std::vector<Element> sent = SentTo("logstash");
  EXPECT_THAT(Of(kIana, sent), Each(Le(433)));
  EXPECT_THAT(Of(kCert, sent),
              testing::UnorderedElementsAre(14, 15, 21, 16398, 16399));
  EXPECT_THAT(Of(kReverse, sent), AllOf(Not(IsEmpty()), Each(Le(433))));
  EXPECT_THAT(sent, Each(Field(&Element::enterprise,
                               testing::AnyOf(kIana, kCert, kReverse))));
}

// It reads them as one octet, whatever the template says.
TEST(Profile, OfLogstashHasFlagsOfOneOctet) {
  for (const Element& element : SentTo("logstash")) {
    EXPECT_TRUE(element.semantics != Semantics::kFlags || element.length == 1)
        << element.name;
  }
}

TEST(Profile, OfVflowHasNoEnterpriseAtAll) {
  EXPECT_THAT(SentTo("vflow"), Each(Field(&Element::enterprise, kIana)));
}

TEST(Profile, OfNfdumpHasNoEnterpriseAtAll) {
  EXPECT_THAT(SentTo("nfdump"), Each(Field(&Element::enterprise, kIana)));
}

TEST(Profile, OfSilkHasWhatMakesTwoFlowsOfARecord) {
  EXPECT_THAT(Of(kCert, SentTo("silk")), Contains(21));
}

class OneDirection : public testing::TestWithParam<std::string> {};
TEST_P(OneDirection, HasNoReverseElement) {
  const Profile& profile = *FindProfile(GetParam());
  EXPECT_FALSE(profile.biflow);
  EXPECT_THAT(Of(kReverse, Sent(profile)), IsEmpty());
}
INSTANTIATE_TEST_SUITE_P(Profiles, OneDirection,
                         testing::Values("nfdump", "elastiflow", "pmacct",
                                         "goflow2", "telegraf", "vflow"));

class BothDirections : public testing::TestWithParam<std::string> {};
TEST_P(BothDirections, HasTheCountersOfTheAnswer) {
  const Profile& profile = *FindProfile(GetParam());
  EXPECT_TRUE(profile.biflow);
  EXPECT_THAT(Of(kReverse, Sent(profile)), IsSupersetOf({1, 2}));
}
INSTANTIATE_TEST_SUITE_P(Profiles, BothDirections,
                         testing::Values("generic", "logstash", "filebeat",
                                         "akvorado", "ipfixcol2", "silk"));

// Those that skip what they do not know can have them all.
class OwnElements : public testing::TestWithParam<std::string> {};
TEST_P(OwnElements, AreSent) {
  EXPECT_THAT(Of(kOwn, SentTo(GetParam())), SizeIs(testing::Ge(8U)));
}
INSTANTIATE_TEST_SUITE_P(Profiles, OwnElements,
                         testing::Values("generic", "elastiflow", "filebeat",
                                         "pmacct", "goflow2", "akvorado",
                                         "telegraf", "ipfixcol2", "silk"));

std::uint16_t MostOctets(std::string_view name) {
  return FindProfile(name)->most_octets;
}

TEST(Profile, KnowsTheLargestMessageThatTheCollectorReads) {
  EXPECT_EQ(MostOctets("filebeat"), 10 * 1024);
  EXPECT_EQ(MostOctets("pmacct"), 10'000);
  EXPECT_EQ(MostOctets("goflow2"), 9000);
  EXPECT_EQ(MostOctets("akvorado"), 9000);
  EXPECT_EQ(MostOctets("vflow"), 1472);
  EXPECT_EQ(MostOctets("generic"), 65'000);
}

// nfacctd stops at a message with two kinds of options, Logstash and Filebeat
// make events of them: only who learns from them gets them.
TEST(Profile, DescribesElementsOnlyToThoseWhoLearnFromIt) {
  std::set<std::string_view> described;
  for (const Profile& profile : Profiles()) {
    if (profile.element_types) {
      described.insert(profile.name);
    }
  }
  EXPECT_THAT(described, testing::UnorderedElementsAre("generic", "elastiflow",
                                                       "ipfixcol2", "silk"));
}

TEST(Profile, CountsForThoseWhoShowIt) {
  std::set<std::string_view> counted;
  for (const Profile& profile : Profiles()) {
    if (profile.statistics) {
      counted.insert(profile.name);
    }
  }
  EXPECT_THAT(counted,
              testing::UnorderedElementsAre("generic", "logstash", "filebeat",
                                            "ipfixcol2", "silk"));
}

// nfcapd would count the names as lost flows, so only on request.
TEST(Profile, NamesTheInterfaceToElastiflowAlone) {
  for (const Profile& profile : Profiles()) {
    EXPECT_EQ(profile.interface_names, profile.name == "elastiflow");
  }
}

TEST(Profile, TellsAkvoradoAloneThatEveryPacketCounts) {
  for (const Profile& profile : Profiles()) {
    EXPECT_EQ(profile.sampling_interval, profile.name == "akvorado");
  }
}

}  // namespace
}  // namespace templates
