// SPDX-License-Identifier: Apache-2.0
#include "templates/definition_file.h"

#include <string>

#include <gmock/gmock.h>

#include "templates/element.h"

namespace templates {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::uint32_t kPen = 4711;

std::string FileOf(const std::string& collector) {
  return DefinitionFile(collector, kPen).value();
}

// As each format says it: number, name, type.
std::string Entry(const std::string& collector, const Element& element) {
  const std::string id = std::to_string(element.id);
  const std::string name(element.name);
  if (collector == "libfds") {
    return "<id>" + id + "</id>\n    <name>" + name + "</name>";
  }
  if (collector == "fixbuf") {
    return ">4711</cert:enterpriseId>\n      <elementId>" + id +
           "</elementId>\n      <name>" + name + "</name>";
  }
  if (collector == "vflow") {
    return "  " + id + ":\n  - " + name + "\n";
  }
  if (collector == "iespec") {
    return name + "(4711/" + id + ")<";
  }
  if (collector == "pmacct") {
    return " field_type=4711:" + id + " len=";
  }
  if (collector == "goflow2") {
    return "{field: " + id + ", penprovided: true, pen: 4711,";
  }
  if (collector == "telegraf") {
    return "\n4711." + id + ",";
  }
  return "  " + id + ":\n  - :" +
         (element.type == ElementType::kString
              ? "string"
              : "uint" + std::to_string(8 * element.length)) +
         "\n  - :" + name + "\n";
}

class EveryDefinitionFile : public testing::TestWithParam<std::string> {};

TEST_P(EveryDefinitionFile, HasEachOfOurElements) {
  const std::string file = FileOf(GetParam());
  for (const Element& element : Elements()) {
    // libfds derives the reverse ones.
    const bool derived =
        GetParam() == "libfds" && (element.id & kVendorReverse) != 0;
    if (element.enterprise == kOwn && !derived) {
      EXPECT_THAT(file, HasSubstr(Entry(GetParam(), element)));
    }
  }
}

TEST_P(EveryDefinitionFile, HasNoOtherNumberOfOurs) {
  EXPECT_THAT(FileOf(GetParam()), Not(HasSubstr("32473")));
}

TEST_P(EveryDefinitionFile, IsNamedInTheList) {
  EXPECT_THAT(DefinitionFileNames(), HasSubstr(GetParam()));
}

INSTANTIATE_TEST_SUITE_P(Formats, EveryDefinitionFile,
                         testing::Values("logstash", "filebeat", "libfds",
                                         "fixbuf", "pmacct", "goflow2",
                                         "telegraf", "vflow", "iespec"));

// Nobody teaches these CERT's elements, or the reverse of IANA's.
class OtherEnterprises : public testing::TestWithParam<std::string> {};

TEST_P(OtherEnterprises, AreTaughtAsWell) {
  const std::string file = FileOf(GetParam());
  for (const char* name : {"reverse_octet_delta_count", "initial_tcp_flags",
                           "reverse_flow_delta_milliseconds"}) {
    EXPECT_THAT(file, HasSubstr(name));
  }
}

INSTANTIATE_TEST_SUITE_P(Formats, OtherEnterprises,
                         testing::Values("pmacct", "goflow2", "telegraf"));

TEST(DefinitionFile, ThereIsNoneForAnotherName) {
  EXPECT_EQ(DefinitionFile("nfdump", kPen), std::nullopt);
}

// Merging is shallow there: the file would replace what was known of them.
TEST(DefinitionFile, OfLogstashLeavesTheOtherEnterprisesAlone) {
  EXPECT_THAT(FileOf("logstash"), Not(HasSubstr("6871:")));
  EXPECT_THAT(FileOf("logstash"), Not(HasSubstr("29305:")));
  EXPECT_THAT(FileOf("filebeat"), Not(HasSubstr("29305:")));
}

// vFlow knows nothing else once it has read the file.
TEST(DefinitionFile, OfVflowHasEveryElementOfOurRecords) {
  const std::string file = FileOf("vflow");
  for (const Element& element : Elements()) {
    EXPECT_THAT(file, HasSubstr(Entry("vflow", element)));
  }
}

// It takes the type for the length.
TEST(DefinitionFile, OfVflowHasTheTypesThatAreSent) {
  EXPECT_THAT(FileOf("vflow"), HasSubstr("6:\n  - tcpControlBits\n"
                                         "  - unsigned8\n"));
}

TEST(DefinitionFile, OfPmacctNamesFieldsInItsManner) {
  const std::string file = FileOf("pmacct");
  EXPECT_THAT(file, HasSubstr("\nname=tcp_history field_type=4711:1001 "
                              "len=vlen semantics=str\n"));
  EXPECT_THAT(file, HasSubstr("\nname=initial_tcp_flags field_type=6871:14 "
                              "len=1 semantics=hex\n"));
  EXPECT_THAT(file, HasSubstr("\nname=flow_end_reason field_type=136 len=1 "
                              "semantics=u_int\n"));
  EXPECT_THAT(file, Not(HasSubstr("octet_delta_count field_type=1 ")));
}

TEST(DefinitionFile, OfTelegrafHasUnsignedNumbersAndStrings) {
  EXPECT_THAT(FileOf("telegraf"),
              HasSubstr("\n4711.1004,handshake_server_time,uint\n"));
  EXPECT_THAT(FileOf("telegraf"),
              HasSubstr("\n4711.1001,tcp_history,string\n"));
}

}  // namespace
}  // namespace templates
