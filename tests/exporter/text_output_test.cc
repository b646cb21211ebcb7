// SPDX-License-Identifier: Apache-2.0
#include "exporter/text_output.h"

#include <cstdlib>
#include <string>

#include <gtest/gtest.h>

#include "tests/support/sample_record.h"

namespace exporter {
namespace {

// What an output prints for one record.
std::string Printed(TextFormat format, const templates::FlowRecord& record) {
  char* text = nullptr;
  std::size_t size = 0;
  std::FILE* stream = open_memstream(&text, &size);
  const auto output = MakeTextOutput(format, stream);
  output->Add(record, {});
  output->Finish({});
  std::fclose(stream);
  std::string printed(text, size);
  std::free(text);  // NOLINT(cppcoreguidelines-no-malloc): open_memstream's
  return printed;
}

std::string Json(const templates::FlowRecord& record) {
  return Printed(TextFormat::kJson, record);
}

TEST(JsonOutput, IsOneObjectOnOneLine) {
  const std::string line = Json(test_support::SampleRecord());
  EXPECT_EQ(line.front(), '{');
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(JsonOutput, NamesMembersByTheirElements) {
  const std::string line = Json(test_support::SampleRecord());
  EXPECT_NE(line.find(R"("sourceIPv4Address":"192.0.2.1")"), std::string::npos);
  EXPECT_NE(line.find(R"("reverseOctetDeltaCount":22222)"), std::string::npos);
  EXPECT_NE(line.find(R"("tcpControlBits":27)"), std::string::npos);
  EXPECT_NE(line.find(R"("sourceMacAddress":"02:00:00:00:00:01")"),
            std::string::npos);
  EXPECT_NE(line.find(R"("tcpHistory":"ShADadFf")"), std::string::npos);
}

TEST(JsonOutput, WritesTimesAsRfc3339) {
  EXPECT_NE(Json(test_support::SampleRecord())
                .find(R"("flowStartMilliseconds":"2025-06-15T15:06:40.123Z")"),
            std::string::npos);
}

TEST(TableOutput, HasAHeadingAndALineForEachRecord) {
  const std::string table =
      Printed(TextFormat::kTable, test_support::SampleRecord());
  EXPECT_EQ(table.rfind("START (UTC)", 0), 0U);
  EXPECT_NE(table.find("192.0.2.1:40000"), std::string::npos);
  EXPECT_NE(table.find("10/22"), std::string::npos);
  EXPECT_NE(table.find("ShADadFf"), std::string::npos);
}

TEST(TableOutput, LastsFromTheFirstToTheLastPacketOfEitherSide) {
  templates::FlowRecord record = test_support::SampleRecord();
  record.reverse_end_ms = record.start_ms + 9000;
  EXPECT_NE(Printed(TextFormat::kTable, record).find(" 9.000 "),
            std::string::npos);
}

TEST(TableOutput, PutsBracketsAroundAnIpv6AddressWithAPort) {
  templates::FlowRecord record = test_support::SampleRecord();
  record.ip_version = 6;
  record.source_address = {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0,
                           0,    0, 0,    0,    0, 0, 0, 9};
  EXPECT_NE(Printed(TextFormat::kTable, record).find("[2001:db8::9]:40000"),
            std::string::npos);
}

TEST(TextOutput, CountsWhatCouldNotBeWritten) {
  std::FILE* full = std::fopen("/dev/full", "w");
  ASSERT_NE(full, nullptr);
  const auto output = MakeTextOutput(TextFormat::kJson, full);
  output->Add(test_support::SampleRecord(), {});
  output->Finish({});
  EXPECT_EQ(output->Counts().dropped.at("No space left on device"), 1U);
  EXPECT_EQ(output->Counts().sent, 0U);
  std::fclose(full);
}

}  // namespace
}  // namespace exporter
