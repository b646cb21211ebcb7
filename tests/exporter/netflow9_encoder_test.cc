// SPDX-License-Identifier: Apache-2.0
#include "exporter/netflow9_encoder.h"

#include <array>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "tests/support/netflow_reader.h"
#include "tests/support/sample_record.h"

namespace exporter {
namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using templates::FlowRecord;
using test_support::NetflowMessage;
using test_support::NetflowRecord;
using test_support::SampleRecord;
using test_support::Value;
using testing::ElementsAre;

constexpr std::uint16_t kOctets = 1;
constexpr std::uint16_t kPackets = 2;
constexpr std::uint16_t kLast = 21;
constexpr std::uint16_t kFirst = 22;

constexpr Timestamp kNow{std::chrono::seconds{1'750'000'010}};
constexpr std::uint64_t kDay = milliseconds{hours{24}}.count();
// The range of 32 bits of milliseconds.
constexpr std::uint64_t kRange = 0xffffffff;

// As the program hands them over: without what came back.
FlowRecord OneDirection() {
  FlowRecord record = SampleRecord();
  record.reverse_packets = 0;
  return record;
}

FlowRecord Ipv6() {
  FlowRecord record = OneDirection();
  record.ip_version = 6;
  record.source_address = {0x20, 1, 0xd, 0xb8, 0, 0, 0, 0,
                           0,    0, 0,   0,    0, 0, 0, 9};
  return record;
}

// The same, so many milliseconds later.
FlowRecord Later(FlowRecord record, std::uint64_t ms) {
  record.start_ms += ms;
  record.end_ms += ms;
  return record;
}

class Netflow9Encoder : public testing::Test {
 protected:
  Netflow9Encoder() { Make({}); }
  void Make(const Netflow9Options& options) {
    encoder_ = MakeNetflow9Encoder(options);
    encoder_->Restart();
    encoder_->WriteTemplates(kNow, Sink());
    definitions_ = Take();
  }
  void Append(const FlowRecord& record, int times = 1, Timestamp now = kNow) {
    for (int i = 0; i < times; ++i) {
      encoder_->Append(record, now, Sink());
    }
  }
  // What was written so far, the message under construction too.
  std::vector<NetflowMessage> Flush() {
    encoder_->Flush(Sink());
    return Take();
  }
  NetflowMessage MessageOf(const FlowRecord& record, Timestamp now = kNow) {
    Append(record, 1, now);
    return Flush().at(0);
  }
  MessageSink Sink() {
    return [this](const Message& message) {
      messages_.push_back(reader_.Read(message.octets));
      EXPECT_EQ(message.flow_records, messages_.back().records.size());
    };
  }
  std::vector<NetflowMessage> Take() { return std::exchange(messages_, {}); }

  static std::size_t Records(const std::vector<NetflowMessage>& messages) {
    std::size_t count = 0;
    for (const NetflowMessage& message : messages) {
      count += message.records.size();
    }
    return count;
  }

  test_support::Netflow9Reader reader_;
  std::vector<NetflowMessage> messages_;
  std::vector<NetflowMessage> definitions_;
  std::unique_ptr<Encoder> encoder_;
};

TEST_F(Netflow9Encoder, WritesWhatTheRecordSays) {
  const NetflowRecord record = MessageOf(OneDirection()).records.at(0);
  EXPECT_EQ(Value(record, kOctets), 1000U);
  EXPECT_EQ(Value(record, kPackets), 10U);
  EXPECT_EQ(Value(record, 8), 0xc0000201U);
  EXPECT_EQ(Value(record, 12), 0xc6336407U);
  EXPECT_EQ(Value(record, 7), 40000U);
  EXPECT_EQ(Value(record, 11), 443U);
  EXPECT_EQ(Value(record, 4), 6U);
  EXPECT_EQ(Value(record, 5), 0x10U);
  EXPECT_EQ(Value(record, 6), 0x1bU);
  EXPECT_EQ(Value(record, 10), 3U);
  EXPECT_EQ(Value(record, 56), 0x020000000001U);
  EXPECT_EQ(Value(record, 58), 100U);
  EXPECT_EQ(Value(record, 60), 4U);
}

TEST_F(Netflow9Encoder, SaysThatOnePacketOfSoManyWasTaken) {
  Make({.source_id = 9, .sampling_interval = 100});
  ASSERT_EQ(definitions_.back().options.size(), 1U);
  const NetflowRecord said = definitions_.back().options.front();
  EXPECT_EQ(Value(said, test_support::kScope), 9U);
  EXPECT_EQ(Value(said, 34), 100U);
  EXPECT_EQ(said.count(35), 0U);  // beside which nfcapd 1.7.1 takes no notice
}

TEST_F(Netflow9Encoder, SaysTheSamplingInSmallMessagesToo) {
  Make({.max_message_octets = 512, .sampling_interval = 100});
  EXPECT_THAT(definitions_, testing::Each(testing::Field(
                                &NetflowMessage::octets, testing::Le(512U))));
  EXPECT_EQ(definitions_.back().options.size(), 1U);
}

TEST_F(Netflow9Encoder, SaysNothingOfSamplingWhenEveryPacketCounts) {
  EXPECT_THAT(definitions_, testing::Each(testing::Field(
                                &NetflowMessage::options, testing::IsEmpty())));
}

TEST_F(Netflow9Encoder, WritesIpv6) {
  const NetflowRecord record = MessageOf(Ipv6()).records.at(0);
  EXPECT_EQ(record.at(27).size(), 16U);
  EXPECT_EQ(record.at(27).back(), 9);
  EXPECT_EQ(record.count(8), 0U);
  EXPECT_EQ(encoder_->Refusal(Ipv6()), "");
}

TEST_F(Netflow9Encoder, WritesTypeAndCodeOfIcmp) {
  FlowRecord record = OneDirection();
  record.protocol = 1;
  record.icmp_type_code = 0x0301;
  EXPECT_EQ(Value(MessageOf(record).records.at(0), 32), 0x0301U);
}

// In IPFIX they have a number of their own.
TEST_F(Netflow9Encoder, WritesTypeAndCodeOfIcmpv6InTheSameField) {
  FlowRecord record = Ipv6();
  record.protocol = 58;
  record.icmp_type_code = 0x8000;
  EXPECT_EQ(Value(MessageOf(record).records.at(0), 32), 0x8000U);
}

TEST_F(Netflow9Encoder, GivesTimesToTheMillisecond) {
  const NetflowMessage message = MessageOf(OneDirection());
  const NetflowRecord& record = message.records.at(0);
  EXPECT_EQ(message.TimeOf(record, kFirst), 1'750'000'000'123U);
  EXPECT_EQ(message.TimeOf(record, kLast), 1'750'000'005'678U);
}

TEST_F(Netflow9Encoder, IsNotBeforeItsPackets) {
  const NetflowMessage message =
      MessageOf(OneDirection(), Timestamp{milliseconds{1'750'000'000'000}});
  EXPECT_EQ(message.time_ms, 1'750'000'006'000U);
  EXPECT_LE(Value(message.records.at(0), kLast), message.uptime_ms);
}

// A part of a second would be lost, and the boot would seem to move.
TEST_F(Netflow9Encoder, RoundsTheTimeOfTheMessageUp) {
  const NetflowMessage message =
      MessageOf(OneDirection(), Timestamp{milliseconds{1'750'000'010'001}});
  EXPECT_EQ(message.time_ms, 1'750'000'011'000U);
}

TEST_F(Netflow9Encoder, KeepsTheBootWhereItIs) {
  const NetflowMessage first = MessageOf(OneDirection());
  const NetflowMessage second =
      MessageOf(Later(OneDirection(), 40 * kDay), kNow + hours{40 * 24});
  EXPECT_EQ(first.time_ms - first.uptime_ms, second.time_ms - second.uptime_ms);
  EXPECT_EQ(first.time_ms - first.uptime_ms,
            definitions_.at(0).time_ms - definitions_.at(0).uptime_ms);
}

TEST_F(Netflow9Encoder, MovesTheBootBeforeTheUptimeWraps) {
  Append(OneDirection(), 2);
  Append(Later(OneDirection(), 50 * kDay), 1, kNow + hours{50 * 24});
  const std::vector<NetflowMessage> messages = Flush();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].TimeOf(messages[0].records.at(1), kFirst),
            1'750'000'000'123U);
  EXPECT_EQ(messages[1].TimeOf(messages[1].records.at(0), kFirst),
            1'750'000'000'123U + 50 * kDay);
  EXPECT_EQ(messages[1].TimeOf(messages[1].records.at(0), kLast),
            1'750'000'005'678U + 50 * kDay);
}

// The second file of two may be the older one.
TEST_F(Netflow9Encoder, MovesTheBootBackForOlderRecords) {
  Append(OneDirection());
  FlowRecord older = OneDirection();
  older.start_ms -= 365 * kDay;
  older.end_ms -= 365 * kDay;
  Append(older, 1, kNow - hours{365 * 24});
  const std::vector<NetflowMessage> messages = Flush();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[1].TimeOf(messages[1].records.at(0), kFirst),
            1'750'000'000'123U - 365 * kDay);
}

// It ended when the next packet came.
TEST_F(Netflow9Encoder, KeepsTheTimesOfARecordThatIsSentMonthsLater) {
  const NetflowMessage message =
      MessageOf(OneDirection(), kNow + hours{60 * 24});
  const NetflowRecord& record = message.records.at(0);
  EXPECT_EQ(message.TimeOf(record, kFirst), 1'750'000'000'123U);
  EXPECT_EQ(message.TimeOf(record, kLast), 1'750'000'005'678U);
  EXPECT_EQ(message.time_ms, 1'750'000'006'000U);
}

TEST_F(Netflow9Encoder, BeginsAFlowOfSixtyDaysAsEarlyAsItCan) {
  FlowRecord record = OneDirection();
  record.start_ms -= 60 * kDay;
  const NetflowMessage message = MessageOf(record);
  EXPECT_EQ(message.TimeOf(message.records.at(0), kFirst),
            message.time_ms - kRange);
  EXPECT_EQ(message.TimeOf(message.records.at(0), kLast), record.end_ms);
}

TEST_F(Netflow9Encoder, RepeatsTemplatesWithTheTimeThatItIs) {
  encoder_->WriteTemplates(kNow + hours{60 * 24}, Sink());
  EXPECT_EQ(Take().at(0).time_ms, 1'750'000'010'000U + 60 * kDay);
}

TEST_F(Netflow9Encoder, CountsMessagesInTheSequence) {
  ASSERT_EQ(definitions_.size(), 1U);
  EXPECT_EQ(definitions_[0].sequence, 0U);
  Append(OneDirection(), 3);
  EXPECT_EQ(Flush().at(0).sequence, 1U);
  Append(OneDirection());
  EXPECT_EQ(Flush().at(0).sequence, 2U);
  encoder_->WriteTemplates(kNow, Sink());
  EXPECT_EQ(Take().at(0).sequence, 3U);
}

TEST_F(Netflow9Encoder, BeginsTheSequenceAgainAfterARestart) {
  Append(OneDirection());
  Flush();
  encoder_->Restart();
  encoder_->WriteTemplates(kNow, Sink());
  EXPECT_EQ(Take().at(0).sequence, 0U);
}

TEST_F(Netflow9Encoder, FinishesTheMessageBehindNewTemplates) {
  Append(OneDirection());
  encoder_->WriteTemplates(kNow, Sink());
  const std::vector<NetflowMessage> messages = Take();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_FALSE(messages[0].templates.empty());
  EXPECT_EQ(messages[1].records.size(), 1U);
  EXPECT_EQ(messages[1].sequence, messages[0].sequence + 1);
}

TEST_F(Netflow9Encoder, NamesItsSource) {
  Make({.source_id = 55});
  EXPECT_EQ(MessageOf(OneDirection()).source, 55U);
}

TEST_F(Netflow9Encoder, DefinesATemplateForEachKindOfRecord) {
  EXPECT_THAT(definitions_.at(0).templates,
              ElementsAre(256, 258, 260, 262, 264, 266));
}

TEST_F(Netflow9Encoder, HasNoElementOfIpfixAlone) {
  for (const std::uint16_t id : definitions_.at(0).templates) {
    for (const auto& [field, length] : reader_.Template(id)) {
      EXPECT_LT(field, 128);
      EXPECT_LE(length, 16);
      EXPECT_GT(length, 0);
    }
  }
}

// nfdump takes it for the ports of SCTP otherwise.
TEST_F(Netflow9Encoder, HasTypeAndCodeBeforeThePorts) {
  std::vector<std::uint16_t> order;
  for (const auto& [field, length] : reader_.Template(258)) {
    if (field == 32 || field == 7 || field == 11) {
      order.push_back(field);
    }
  }
  EXPECT_THAT(order, ElementsAre(32, 7, 11));
}

TEST_F(Netflow9Encoder, HasTheSameRecordInsideOfAnOverlayNetwork) {
  FlowRecord inside = OneDirection();
  inside.segment_id = 77;
  EXPECT_EQ(MessageOf(inside).records.at(0),
            MessageOf(OneDirection()).records.at(0));
}

// The reader refuses sets that are not padded to four octets.
TEST_F(Netflow9Encoder, PadsEachSetOfAMessageOfSeveral) {
  Append(OneDirection());
  Append(Ipv6());
  Append(OneDirection(), 2);
  const std::vector<NetflowMessage> messages = Flush();
  ASSERT_EQ(messages.size(), 1U);
  EXPECT_EQ(messages[0].records.size(), 4U);
  EXPECT_EQ(messages[0].octets % 4, 0U);
}

TEST_F(Netflow9Encoder, KeepsToTheSizeAndTheCountThatAreGiven) {
  constexpr std::array<std::uint16_t, 3> kSizes = {512, 1420, 9000};
  for (const std::uint16_t most : kSizes) {
    Make({.max_message_octets = most});
    for (int i = 0; i < 100; ++i) {
      Append(i % 3 == 0 ? Ipv6() : OneDirection());
    }
    const std::vector<NetflowMessage> messages = Flush();
    EXPECT_EQ(Records(messages), 100U);
    for (const NetflowMessage& message : messages) {
      EXPECT_LE(message.octets, most);
      EXPECT_LE(message.records.size(), 64U);
    }
    for (const NetflowMessage& message : definitions_) {
      EXPECT_LE(message.octets, most);
    }
  }
}

TEST_F(Netflow9Encoder, WritesNothingWhenNothingWaits) {
  EXPECT_TRUE(Flush().empty());
}

}  // namespace
}  // namespace exporter
