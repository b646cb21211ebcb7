// SPDX-License-Identifier: Apache-2.0
#include "exporter/ipfix_encoder.h"

#include <algorithm>
#include <map>
#include <stdexcept>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "templates/flow_template.h"
#include "tests/support/message_reader.h"
#include "tests/support/sample_record.h"

namespace exporter {
namespace {

using templates::FlowRecord;
using test_support::MessageReader;
using test_support::Number;
using test_support::SampleRecord;
using test_support::WireMessage;

constexpr std::uint32_t kReverse = templates::kReverse;
constexpr std::uint32_t kCert = templates::kCert;
constexpr std::uint32_t kPen = templates::kDocumentationPen;
constexpr Timestamp kNow{std::chrono::seconds{1'750'000'010}};

class IpfixEncoder : public testing::Test {
 protected:
  void Make(const IpfixOptions& options) {
    encoder_ = MakeIpfixEncoder(options);
  }
  static IpfixOptions Generic() {
    IpfixOptions options;
    options.profile = *templates::FindProfile("generic");
    return options;
  }

  void WriteTemplates() { encoder_->WriteTemplates(kNow, Sink()); }
  void Append(const FlowRecord& record, int times = 1) {
    for (int i = 0; i < times; ++i) {
      encoder_->Append(record, kNow, Sink());
    }
  }
  void Flush() { encoder_->Flush(Sink()); }
  // What was written so far, then none.
  std::vector<WireMessage> Take() { return std::exchange(messages_, {}); }

  // One record through a whole session.
  test_support::WireRecord RoundTrip(const FlowRecord& record) {
    WriteTemplates();
    Take();
    Append(record);
    Flush();
    return Take().at(0).records.at(0);
  }

  MessageSink Sink() {
    return [this](const Message& message) {
      messages_.push_back(reader_.Read(message.octets));
      flow_records_.push_back(message.flow_records);
    };
  }

  MessageReader reader_;
  std::vector<WireMessage> messages_;
  std::vector<std::uint32_t> flow_records_;
  std::unique_ptr<Encoder> encoder_ = MakeIpfixEncoder(Generic());
};

TEST_F(IpfixEncoder, WritesCountersOfBothDirections) {
  const auto record = RoundTrip(SampleRecord());
  EXPECT_EQ(Number(record, 0, 1), 1000U);
  EXPECT_EQ(Number(record, 0, 2), 10U);
  EXPECT_EQ(Number(record, kReverse, 1), 22'222U);
  EXPECT_EQ(Number(record, kReverse, 2), 22U);
}

TEST_F(IpfixEncoder, SaysThatEveryPacketCountsToThoseWhoAsk) {
  IpfixOptions options;
  options.profile = *templates::FindProfile("akvorado");
  options.observation_domain = 7;
  Make(options);

  WriteTemplates();
  const WireMessage said = Take().back();
  flow_records_.clear();
  Append(SampleRecord());
  Flush();

  EXPECT_EQ(said.domain, 7U);
  EXPECT_EQ(said.sequence, 0U);
  ASSERT_EQ(said.records.size(), 1U);
  EXPECT_EQ(Number(said.records.at(0), 0, 149), 7U);
  EXPECT_EQ(Number(said.records.at(0), 0, 34), 1U);
  EXPECT_EQ(flow_records_, std::vector<std::uint32_t>{1});
  // It is a data record (RFC 7011 section 3.1).
  EXPECT_EQ(Take().at(0).sequence, 1U);
}

TEST_F(IpfixEncoder, SaysToEveryCollectorThatOnePacketOfSoManyWasTaken) {
  IpfixOptions options = Generic();
  options.sampling_interval = 100;
  Make(options);

  WriteTemplates();

  const WireMessage said = Take().back();
  EXPECT_EQ(said.domain, 1U);
  ASSERT_EQ(said.records.size(), 1U);
  EXPECT_EQ(Number(said.records.at(0), 0, 149), 1U);
  EXPECT_EQ(Number(said.records.at(0), 0, 34), 100U);
}

// nfcapd takes each for a lost flow.
TEST_F(IpfixEncoder, LeavesOptionsOutOfTheSequenceForThoseWhoDoNotCountThem) {
  IpfixOptions options;
  options.profile = *templates::FindProfile("nfdump");
  options.sampling_interval = 100;
  Make(options);
  FlowRecord flow = SampleRecord();
  flow.reverse_packets = 0;
  WriteTemplates();
  EXPECT_EQ(Take().back().records.size(), 1U);

  Append(flow, 3);
  WriteTemplates();
  Append(flow);
  Flush();

  const auto messages = Take();
  ASSERT_GE(messages.size(), 3U);
  EXPECT_EQ(messages[messages.size() - 2].sequence, 0U);
  EXPECT_EQ(messages[messages.size() - 2].records.size(), 3U);
  EXPECT_EQ(messages.back().sequence, 3U);
}

TEST_F(IpfixEncoder, CountsInDomainZeroWhatWasSentAndWhatWasNot) {
  IpfixOptions options = Generic();
  options.observation_domain = 7;
  Make(options);
  WriteTemplates();
  Take();

  encoder_->WriteStatistics({.metering = {.ignored_packets = 1,
                                          .dropped_packets = 2,
                                          .lost_records = 3},
                             .messages = 40,
                             .octets = 50,
                             .flow_records = 60,
                             .dropped_records = 70},
                            kNow, Sink());

  const auto messages = Take();
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].domain, 0U);
  ASSERT_EQ(messages[0].records.size(), 1U);
  const test_support::WireRecord& said = messages[0].records[0];
  EXPECT_EQ(Number(said, 0, 149), 7U);
  EXPECT_EQ(Number(said, 0, 144), 7U);
  EXPECT_EQ(Number(said, 0, 41), 40U);
  EXPECT_EQ(Number(said, 0, 40), 50U);
  EXPECT_EQ(Number(said, 0, 42), 60U);
  EXPECT_EQ(Number(said, 0, 164), 1U);
  EXPECT_EQ(Number(said, 0, 135), 2U);
  EXPECT_EQ(Number(said, 0, 166), 73U);
  EXPECT_EQ(reader_.Template(0, 403).scope_fields, 2U);
}

TEST_F(IpfixEncoder, WritesNoStatisticsForThoseWhoShowNone) {
  IpfixOptions options;
  options.profile = *templates::FindProfile("nfdump");
  Make(options);
  WriteTemplates();
  Take();
  encoder_->WriteStatistics({}, kNow, Sink());
  EXPECT_TRUE(Take().empty());
}

TEST_F(IpfixEncoder, NamesInterfacesWhereTheFlowsAre) {
  IpfixOptions options;
  options.profile = *templates::FindProfile("elastiflow");
  options.observation_domain = 7;
  Make(options);
  WriteTemplates();
  Take();

  const std::vector<CapturedInterface> interfaces = {{2, "eth1"},
                                                     {3, "enp0s31f6.12345678"}};
  encoder_->WriteInterfaces(interfaces, kNow, Sink());

  const std::vector<WireMessage> all = Take();
  ASSERT_EQ(all.size(), 2U);
  EXPECT_EQ(Number(all.front().records.at(0), 0, 10), 2U);
  const WireMessage& said = all.back();
  EXPECT_EQ(said.domain, 7U);
  ASSERT_EQ(said.records.size(), 1U);
  const test_support::WireRecord& record = said.records[0];
  EXPECT_EQ(Number(record, 0, 149), 7U);
  EXPECT_EQ(Number(record, 0, 10), 3U);
  // Fixed, and with a zero at its end.
  const std::string name("enp0s31f6.12345\0", 16);
  EXPECT_EQ(test_support::Text(record, 0, 82), name);
  EXPECT_EQ(test_support::Text(record, 0, 83), name);
  EXPECT_EQ(reader_.Template(7, 402).fields.at(2).length, 16U);
}

TEST_F(IpfixEncoder, NamesNoInterfaceUnlessTheProfileHasNames) {
  Make(Generic());
  WriteTemplates();
  Take();
  const std::vector<CapturedInterface> interfaces = {{2, "eth1"}};
  encoder_->WriteInterfaces(interfaces, kNow, Sink());
  EXPECT_TRUE(Take().empty());
  EXPECT_THROW(static_cast<void>(reader_.Template(1, 402)), std::out_of_range);
}

// nfdump reads the first in a set only; nfacctd drops the message.
TEST_F(IpfixEncoder, HasOneOptionsTemplateInAMessage) {
  IpfixOptions options = Generic();
  options.profile.interface_names = true;
  options.sampling_interval = 100;
  Make(options);
  WriteTemplates();
  std::size_t seen = 0;
  for (const WireMessage& message : Take()) {
    const auto is_options = [](std::uint16_t id) { return id >= 400; };
    const auto count = std::count_if(message.templates.begin(),
                                     message.templates.end(), is_options);
    EXPECT_LE(count, 1);
    seen += static_cast<std::size_t>(count);
  }
  EXPECT_EQ(seen, 4U);
}

TEST_F(IpfixEncoder, WritesTimesAsMilliseconds) {
  const auto record = RoundTrip(SampleRecord());
  EXPECT_EQ(Number(record, 0, 152), 1'750'000'000'123U);
  EXPECT_EQ(Number(record, 0, 153), 1'750'000'005'678U);
  EXPECT_EQ(Number(record, kReverse, 152), 1'750'000'000'150U);
  EXPECT_EQ(Number(record, 0, 161), 5555U);
}

TEST_F(IpfixEncoder, WritesAddressesPortsAndMacs) {
  const auto record = RoundTrip(SampleRecord());
  EXPECT_EQ(Number(record, 0, 8), 0xc0000201U);
  EXPECT_EQ(Number(record, 0, 12), 0xc6336407U);
  EXPECT_EQ(Number(record, 0, 7), 40000U);
  EXPECT_EQ(Number(record, 0, 11), 443U);
  EXPECT_EQ(Number(record, 0, 56), 0x020000000001U);
  EXPECT_EQ(Number(record, 0, 80), 0x020000000002U);
}

TEST_F(IpfixEncoder, WritesFlagsAndReasons) {
  const auto record = RoundTrip(SampleRecord());
  EXPECT_EQ(Number(record, 0, 6), 0x1bU);
  EXPECT_EQ(Number(record, kReverse, 6), 0x13U);
  EXPECT_EQ(Number(record, 0, 136), 3U);
  EXPECT_EQ(Number(record, 0, 239), 1U);
  EXPECT_EQ(Number(record, 0, 10), 3U);
  EXPECT_EQ(Number(record, 0, 58), 100U);
  EXPECT_EQ(Number(record, 0, 148), 77U);
}

// libfixbuf turns round only what its model calls an integer.
TEST_F(IpfixEncoder, WritesElementsOfOthersInNetworkByteOrder) {
  const auto record = RoundTrip(SampleRecord());
  EXPECT_EQ(Number(record, kCert, 21), 27U);
  EXPECT_EQ(Number(record, kCert, 14), 0x02U);
  EXPECT_EQ(Number(record, kCert, 16399), 0x11U);
}

TEST_F(IpfixEncoder, WritesOwnElements) {
  const auto record = RoundTrip(SampleRecord());
  EXPECT_EQ(test_support::Text(record, kPen, 1001), "ShADadFf");
  EXPECT_EQ(Number(record, kPen, 1002), 1U);
  EXPECT_EQ(test_support::Text(record, kPen, 1003), "SF");
}

TEST_F(IpfixEncoder, UsesTheEnterpriseNumberItIsGiven) {
  IpfixOptions options = Generic();
  options.pen = 4711;
  Make(options);
  EXPECT_EQ(test_support::Text(RoundTrip(SampleRecord()), 4711, 1001),
            "ShADadFf");
}

TEST_F(IpfixEncoder, WritesIpv6AddressesWhole) {
  FlowRecord flow = SampleRecord();
  flow.ip_version = 6;
  flow.source_address = {0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0,
                         0,    0, 0,    0,    0, 0, 0, 9};
  const auto record = RoundTrip(flow);
  EXPECT_EQ(record.at({0, 27}),
            std::vector<std::uint8_t>(flow.source_address.begin(),
                                      flow.source_address.end()));
  EXPECT_EQ(record.count({0, 8}), 0U);
}

TEST_F(IpfixEncoder, PutsIcmpTypeAndCodeBeforeThePorts) {
  FlowRecord flow = SampleRecord();
  flow.protocol = 1;
  flow.icmp_type_code = 0x0800;
  const auto record = RoundTrip(flow);
  EXPECT_EQ(Number(record, 0, 32), 0x0800U);
  EXPECT_EQ(record.count({kPen, 1001}), 0U);
}

TEST_F(IpfixEncoder, WritesNoReverseElementsForOneDirection) {
  FlowRecord flow = SampleRecord();
  flow.reverse_packets = 0;
  const auto record = RoundTrip(flow);
  EXPECT_EQ(record.count({kReverse, 1}), 0U);
  EXPECT_EQ(record.count({0, 239}), 0U);
}

TEST_F(IpfixEncoder, WritesTheFieldsInTheOrderOfTheTemplateTable) {
  WriteTemplates();
  const auto expected = templates::MakeTemplates(Generic().profile);
  const auto& layout =
      expected[templates::IndexOf({4, templates::Transport::kTcp, true})];
  const auto& written = reader_.Template(1, layout.id).fields;
  ASSERT_EQ(written.size(), layout.fields.size());
  for (std::size_t i = 0; i < written.size(); ++i) {
    const templates::Element& element = *layout.fields[i];
    const std::uint32_t enterprise =
        element.enterprise == templates::kOwn ? kPen : element.enterprise;
    EXPECT_EQ(written[i].element,
              test_support::ElementId(enterprise, element.id));
  }
}

TEST_F(IpfixEncoder, SequenceCountsTheDataRecordsBefore) {
  WriteTemplates();
  Append(SampleRecord(), 3);
  Flush();
  Take();
  Append(SampleRecord());
  Flush();
  EXPECT_EQ(Take().at(0).sequence, 3U);
}

TEST_F(IpfixEncoder, RepeatsTemplatesWithoutWithdrawingThem) {
  WriteTemplates();
  const std::size_t first = Take().size();
  WriteTemplates();  // the reader refuses a withdrawal
  EXPECT_EQ(Take().size(), first);
}

TEST_F(IpfixEncoder, StartsItsSequenceAgainInANewSession) {
  WriteTemplates();
  Append(SampleRecord(), 3);
  Flush();
  Take();
  encoder_->Restart();
  WriteTemplates();
  Append(SampleRecord());
  Flush();
  std::map<std::uint32_t, std::uint32_t> expected;  // by domain
  for (const WireMessage& message : Take()) {
    EXPECT_EQ(message.sequence, expected[message.domain]);
    expected[message.domain] +=
        static_cast<std::uint32_t>(message.records.size());
  }
}

TEST_F(IpfixEncoder, PutsWhatWasBegunBehindTheTemplatesOfANewSession) {
  WriteTemplates();
  Append(SampleRecord(), 2);
  Take();
  encoder_->Restart();
  flow_records_.clear();
  WriteTemplates();
  Append(SampleRecord());
  Flush();
  const auto messages = Take();
  ASSERT_GE(messages.size(), 3U);
  const WireMessage& begun = messages[messages.size() - 2];
  EXPECT_EQ(begun.records.size(), 2U);
  EXPECT_EQ(begun.sequence, 0U);
  EXPECT_EQ(messages.back().sequence, 2U);
  EXPECT_EQ(flow_records_.at(flow_records_.size() - 2), 2U);
}

TEST_F(IpfixEncoder, PutsARecordThatWaitsBehindRepeatedTemplates) {
  WriteTemplates();
  Take();
  Append(SampleRecord());
  WriteTemplates();
  EXPECT_EQ(Take().back().records.size(), 1U);
}

TEST_F(IpfixEncoder, HandsOverNothingWhenNothingWasAppended) {
  WriteTemplates();
  Take();
  Flush();
  Flush();
  EXPECT_TRUE(Take().empty());
}

TEST_F(IpfixEncoder, StampsMessagesWithTheTimeItIsGiven) {
  WriteTemplates();
  EXPECT_EQ(Take().at(0).export_time, 1'750'000'010U);
}

TEST_F(IpfixEncoder, KeepsMessagesWithinTheirSizeAndWithoutEmptySets) {
  FlowRecord icmp = SampleRecord();
  icmp.protocol = 1;
  WriteTemplates();
  Take();
  for (int i = 0; i < 500; ++i) {
    FlowRecord flow = SampleRecord();
    flow.history.Assign(std::string(static_cast<std::size_t>(i % 33), 'd'));
    Append(flow);
    Append(icmp, i % 3);
  }
  Flush();
  std::size_t records = 0;
  for (const WireMessage& message : Take()) {  // the reader refuses empty sets
    EXPECT_LE(message.octets, 1420U);
    records += message.records.size();
  }
  EXPECT_EQ(records, 500U + 167 + 2 * 166);
}

TEST_F(IpfixEncoder, KeepsMessagesWithinTheirNumberOfRecords) {
  IpfixOptions options = Generic();
  options.max_message_octets = 65000;
  options.max_message_records = 64;
  Make(options);
  WriteTemplates();
  Take();
  Append(SampleRecord(), 130);
  Flush();
  const auto messages = Take();
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[0].records.size(), 64U);
  EXPECT_EQ(messages[2].records.size(), 2U);
}

TEST_F(IpfixEncoder, DescribesElementsOfOthersInDomainZero) {
  WriteTemplates();
  bool named = false;
  for (const WireMessage& message : Take()) {
    for (const auto& record : message.records) {
      EXPECT_EQ(message.domain, 0U);
      named = named || (Number(record, 0, 303) == 1001 &&
                        test_support::Text(record, 0, 341) == "tcpHistory");
    }
  }
  EXPECT_TRUE(named);
}

TEST_F(IpfixEncoder, TellsHowManyFlowRecordsAMessageHas) {
  WriteTemplates();
  flow_records_.clear();
  Append(SampleRecord(), 2);
  Flush();
  EXPECT_EQ(flow_records_, std::vector<std::uint32_t>{2});
}

}  // namespace
}  // namespace exporter
