// SPDX-License-Identifier: Apache-2.0
// The rules of what collectors accept, held for every template.
#include "templates/flow_template.h"

#include <algorithm>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/sample_record.h"

namespace templates {
namespace {

class EveryTemplate
    : public testing::TestWithParam<std::tuple<std::string, std::size_t>> {
 protected:
  [[nodiscard]] static FlowTemplate Made() {
    const auto& [name, index] = GetParam();
    return MakeTemplates(*FindProfile(name))[index];
  }
};

bool IsReverse(const Element* element) {
  return element->enterprise == kReverse;
}
bool Contains(const FlowTemplate& made, std::string_view name) {
  return std::find(made.fields.begin(), made.fields.end(),
                   &ElementNamed(name)) != made.fields.end();
}
bool IsVariable(const Element* element) { return element->length == 0; }

TEST_P(EveryTemplate, PutsReverseElementsFirst) {
  const FlowTemplate made = Made();
  EXPECT_TRUE(
      std::is_partitioned(made.fields.begin(), made.fields.end(), IsReverse));
}

TEST_P(EveryTemplate, PutsVariableLengthLast) {
  const FlowTemplate made = Made();
  EXPECT_TRUE(std::is_partitioned(made.fields.rbegin(), made.fields.rend(),
                                  IsVariable));
}

TEST_P(EveryTemplate, HasTheForwardTwinOfEachReverseElement) {
  const FlowTemplate made = Made();
  std::set<std::uint16_t> forward;
  std::set<std::uint16_t> reverse;
  for (const Element* element : made.fields) {
    (IsReverse(element) ? reverse : forward).insert(element->id);
  }
  EXPECT_TRUE(std::includes(forward.begin(), forward.end(), reverse.begin(),
                            reverse.end()));
}

TEST_P(EveryTemplate, HasFewerFieldsThanDecodersTake) {
  EXPECT_LE(Made().fields.size(), 60U);
}

std::vector<std::string> ProfileNames() {
  std::vector<std::string> names;
  for (const Profile& profile : Profiles()) {
    names.emplace_back(profile.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Profiles, EveryTemplate,
                         testing::Combine(testing::ValuesIn(ProfileNames()),
                                          testing::Range(std::size_t{0},
                                                         kShapes)),
                         [](const auto& parameter) {
                           return std::get<0>(parameter.param) +
                                  std::to_string(std::get<1>(parameter.param));
                         });

TEST(FlowTemplate, OfAUniflowProfileHasNoReverseElements) {
  const auto made = MakeTemplates(*FindProfile("nfdump"));
  const Shape biflow{4, Transport::kTcp, true};
  EXPECT_TRUE(made[IndexOf(biflow)].fields.empty());
}

TEST(FlowTemplate, OfTheNfdumpProfileHasOnlyIanaElements) {
  const auto made = MakeTemplates(*FindProfile("nfdump"));
  const auto& fields = made[IndexOf({6, Transport::kIcmp, false})].fields;
  EXPECT_TRUE(std::all_of(fields.begin(), fields.end(), [](const Element* e) {
    return e->enterprise == kIana;
  }));
}

TEST(Shape, IndexAndShapeAreInverse) {
  for (std::size_t index = 0; index < kShapes; ++index) {
    EXPECT_EQ(IndexOf(ShapeAt(index)), index);
  }
}

TEST(FlowTemplate, IdsAreUnique) {
  Profile profile = *FindProfile("generic");
  profile.overlays = true;
  std::set<std::uint16_t> ids;
  for (const FlowTemplate& made : MakeTemplates(profile)) {
    ids.insert(made.id);
  }
  EXPECT_EQ(ids.size(), kShapes);
}

TEST(FlowTemplate, SegmentsAreOnlyInRecordsThatComeFromOverlays) {
  Profile profile = *FindProfile("generic");
  for (const FlowTemplate& made : MakeTemplates(profile)) {
    EXPECT_FALSE(Contains(made, "layer2SegmentId"));
  }
  profile.overlays = true;
  const auto templates = MakeTemplates(profile);
  for (std::size_t index = 0; index < kShapes; ++index) {
    EXPECT_EQ(Contains(templates[index], "layer2SegmentId"),
              ShapeAt(index).overlay);
  }
}

// What collectors show by default (Wireshark) ends there.
TEST(FlowTemplate, HasAtMostSixtyFields) {
  Profile profile = *FindProfile("generic");
  profile.overlays = true;
  for (const FlowTemplate& made : MakeTemplates(profile)) {
    EXPECT_LE(made.fields.size(), 60U);
  }
}

TEST(Element, OwnReverseIdsAreTheForwardOnesWithTheVendorsBit) {
  EXPECT_EQ(ElementNamed("reverseTcpMissingOctets").id,
            ElementNamed("tcpMissingOctets").id + 0x4000);
  EXPECT_EQ(ElementNamed("reverseTcpRetransmittedPackets").id,
            ElementNamed("tcpRetransmittedPackets").id + 0x4000);
}

TEST(Element, OwnIdsStayClearOfIanasNumbers) {
  const auto elements = Elements();
  EXPECT_TRUE(std::all_of(elements.begin(), elements.end(), [](const auto& e) {
    const int id = e.id & ~kVendorReverse;
    return e.enterprise != kOwn || (id >= 1000 && id < 16384);
  }));
}

TEST(Element, TcpFlagsHaveOneOctet) {
  EXPECT_EQ(ElementNamed("tcpControlBits").length, 1);
  EXPECT_EQ(ElementNamed("reverseTcpControlBits").length, 1);
}

// The table that users read names each element, with its number.
TEST(Readme, ListsEveryElement) {
  std::ifstream file(SPANFIX_README);
  std::stringstream readme;
  readme << file.rdbuf();
  for (const Element& element : Elements()) {
    const std::string enterprise =
        element.enterprise == kIana  ? ""
        : element.enterprise == kOwn ? "own/"
                                     : std::to_string(element.enterprise) + "/";
    const std::string row = "| " + std::string(element.name) + " | " +
                            enterprise + std::to_string(element.id) + " |";
    EXPECT_NE(readme.str().find(row), std::string::npos) << row;
  }
}

TEST(ShapeOf, IsForOneDirectionWhenNothingCameBack) {
  FlowRecord record = test_support::SampleRecord();
  record.reverse_packets = 0;
  EXPECT_FALSE(ShapeOf(record).biflow);
}

TEST(ReverseOf, ExchangesTheEndpoints) {
  const FlowRecord record = test_support::SampleRecord();
  const FlowRecord reverse = ReverseOf(record);
  EXPECT_EQ(reverse.source_address, record.destination_address);
  EXPECT_EQ(reverse.destination_port, record.source_port);
  EXPECT_EQ(reverse.source_mac, record.destination_mac);
}

TEST(ReverseOf, CarriesTheRespondersCountsTimesAndFlags) {
  const FlowRecord record = test_support::SampleRecord();
  const FlowRecord reverse = ReverseOf(record);
  EXPECT_EQ(reverse.octets, record.reverse_octets);
  EXPECT_EQ(reverse.packets, record.reverse_packets);
  EXPECT_EQ(reverse.start_ms, record.reverse_start_ms);
  EXPECT_EQ(reverse.duration_ms, 5450U);
  EXPECT_EQ(reverse.tcp_flags, record.reverse_tcp_flags);
  EXPECT_EQ(reverse.reverse_packets, 0U);
}

TEST(ReverseOf, HasTypeAndCodeOfTheAnswer) {
  FlowRecord record = test_support::SampleRecord();
  record.protocol = 58;
  record.source_port = 0;
  record.destination_port = 0x8000;
  record.icmp_type_code = 0x8000;
  record.reverse_icmp_type_code = 0x8100;
  EXPECT_EQ(ReverseOf(record).icmp_type_code, 0x8100);
  EXPECT_EQ(ReverseOf(record).destination_port, 0x8100);
  EXPECT_EQ(ReverseOf(record).source_port, 0);
}

}  // namespace
}  // namespace templates
