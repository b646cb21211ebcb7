// SPDX-License-Identifier: Apache-2.0
#include "exporter/netflow5_encoder.h"

#include <array>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

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

constexpr std::uint16_t kOctets = 1;
constexpr std::uint16_t kPackets = 2;
constexpr std::uint16_t kLast = 21;
constexpr std::uint16_t kFirst = 22;

constexpr Timestamp kNow{milliseconds{1'750'000'010'250}};
constexpr std::uint64_t kDay = milliseconds{hours{24}}.count();

class Netflow5Encoder : public testing::Test {
 protected:
  void Make(const Netflow5Options& options) {
    encoder_ = MakeNetflow5Encoder(options);
  }
  void Append(const FlowRecord& record, int times = 1, Timestamp now = kNow) {
    for (int i = 0; i < times; ++i) {
      encoder_->Append(record, now, Sink());
    }
  }
  std::vector<NetflowMessage> Flush() {
    encoder_->Flush(Sink());
    return std::exchange(messages_, {});
  }
  NetflowMessage MessageOf(const FlowRecord& record, Timestamp now = kNow) {
    Append(record, 1, now);
    return Flush().at(0);
  }
  MessageSink Sink() {
    return [this](const Message& message) {
      messages_.push_back(test_support::ReadNetflow5(message.octets));
      EXPECT_EQ(message.flow_records, messages_.back().records.size());
    };
  }

  std::vector<NetflowMessage> messages_;
  std::unique_ptr<Encoder> encoder_ = MakeNetflow5Encoder({});
};

TEST_F(Netflow5Encoder, WritesWhatTheRecordSays) {
  const NetflowRecord record = MessageOf(SampleRecord()).records.at(0);
  EXPECT_EQ(Value(record, 8), 0xc0000201U);
  EXPECT_EQ(Value(record, 12), 0xc6336407U);
  EXPECT_EQ(Value(record, 7), 40000U);
  EXPECT_EQ(Value(record, 11), 443U);
  EXPECT_EQ(Value(record, kPackets), 10U);
  EXPECT_EQ(Value(record, kOctets), 1000U);
  EXPECT_EQ(Value(record, 10), 3U);
  EXPECT_EQ(Value(record, 14), 0U);
  EXPECT_EQ(Value(record, 6), 0x1bU);
  EXPECT_EQ(Value(record, 4), 6U);
  EXPECT_EQ(Value(record, 5), 0x10U);
}

TEST_F(Netflow5Encoder, SaysInTheHeaderThatOnePacketOfSoManyWasTaken) {
  EXPECT_EQ(MessageOf(SampleRecord()).sampling, 0U);
  Make({.sampling_interval = 16383});
  constexpr std::uint16_t kSystematic = 1 << 14;
  EXPECT_EQ(MessageOf(SampleRecord()).sampling, kSystematic | 16383U);
}

TEST_F(Netflow5Encoder, LeavesEmptyWhatAMirrorDoesNotKnow) {
  const NetflowRecord record = MessageOf(SampleRecord()).records.at(0);
  constexpr std::array<std::uint16_t, 5> kUnknown = {15, 16, 17, 9, 13};
  for (const std::uint16_t field : kUnknown) {
    EXPECT_EQ(Value(record, field), 0U);
  }
}

TEST_F(Netflow5Encoder, HasTypeAndCodeOfIcmpInTheDestinationPort) {
  FlowRecord record = SampleRecord();
  record.protocol = 1;
  record.source_port = 0;
  record.destination_port = 0x0301;
  EXPECT_EQ(Value(MessageOf(record).records.at(0), 11), 0x0301U);
}

TEST_F(Netflow5Encoder, GivesTimesToTheMillisecond) {
  const NetflowMessage message = MessageOf(SampleRecord());
  const NetflowRecord& record = message.records.at(0);
  EXPECT_EQ(message.time_ms, 1'750'000'010'250U);
  EXPECT_EQ(message.TimeOf(record, kFirst), 1'750'000'000'123U);
  EXPECT_EQ(message.TimeOf(record, kLast), 1'750'000'005'678U);
}

TEST_F(Netflow5Encoder, IsNotBeforeItsPackets) {
  const NetflowMessage message =
      MessageOf(SampleRecord(), Timestamp{milliseconds{1'750'000'000'000}});
  EXPECT_EQ(message.time_ms, 1'750'000'005'678U);
  EXPECT_EQ(Value(message.records.at(0), kLast), message.uptime_ms);
}

TEST_F(Netflow5Encoder, MovesTheBootBeforeTheUptimeWraps) {
  Append(SampleRecord());
  FlowRecord later = SampleRecord();
  later.start_ms += 50 * kDay;
  later.end_ms += 50 * kDay;
  Append(later, 1, kNow + hours{50 * 24});
  const std::vector<NetflowMessage> messages = Flush();
  ASSERT_EQ(messages.size(), 2U);
  EXPECT_EQ(messages[0].TimeOf(messages[0].records.at(0), kFirst),
            1'750'000'000'123U);
  EXPECT_EQ(messages[1].TimeOf(messages[1].records.at(0), kFirst),
            1'750'000'000'123U + 50 * kDay);
}

// It ended when the next packet came.
TEST_F(Netflow5Encoder, KeepsTheTimesOfARecordThatIsSentMonthsLater) {
  const NetflowMessage message =
      MessageOf(SampleRecord(), kNow + hours{60 * 24});
  EXPECT_EQ(message.TimeOf(message.records.at(0), kFirst), 1'750'000'000'123U);
  EXPECT_EQ(message.time_ms, 1'750'000'005'678U);
}

TEST_F(Netflow5Encoder, EndsCountersAtTheirLargestNumber) {
  FlowRecord record = SampleRecord();
  record.octets = 5'000'000'000;
  record.packets = 0xffffffff;
  record.ingress_interface = 70'000;
  const NetflowRecord written = MessageOf(record).records.at(0);
  EXPECT_EQ(Value(written, kOctets), 0xffffffffU);
  EXPECT_EQ(Value(written, kPackets), 0xffffffffU);
  EXPECT_EQ(Value(written, 10), 0xffffU);
}

TEST_F(Netflow5Encoder, CountsRecordsInTheSequence) {
  Append(SampleRecord(), 61);
  const std::vector<NetflowMessage> messages = Flush();
  ASSERT_EQ(messages.size(), 3U);
  EXPECT_EQ(messages[0].sequence, 0U);
  EXPECT_EQ(messages[1].sequence, 30U);
  EXPECT_EQ(messages[2].sequence, 60U);
  encoder_->Restart();
  EXPECT_EQ(MessageOf(SampleRecord()).sequence, 0U);
}

TEST_F(Netflow5Encoder, HasThirtyRecordsInAMessageAndNoMore) {
  Append(SampleRecord(), 31);
  const std::vector<NetflowMessage> messages = Flush();
  EXPECT_EQ(messages.at(0).records.size(), 30U);
  EXPECT_EQ(messages.at(0).octets, 1464U);
  EXPECT_EQ(messages.at(1).records.size(), 1U);
}

TEST_F(Netflow5Encoder, KeepsToTheSizeThatIsGiven) {
  Make({.max_message_octets = 512});
  Append(SampleRecord(), 25);
  for (const NetflowMessage& message : Flush()) {
    EXPECT_LE(message.octets, 512U);
  }
}

TEST_F(Netflow5Encoder, NamesItsEngine) {
  Make({.engine = 0x0107});
  EXPECT_EQ(MessageOf(SampleRecord()).source, 0x0107U);
}

TEST_F(Netflow5Encoder, SaysThatIpv6HasNoPlace) {
  FlowRecord record = SampleRecord();
  EXPECT_EQ(encoder_->Refusal(record), "");
  record.ip_version = 6;
  EXPECT_EQ(encoder_->Refusal(record), "NetFlow v5 has no IPv6");
}

TEST_F(Netflow5Encoder, HasNoTemplatesAndFinishesTheMessageInstead) {
  Append(SampleRecord());
  encoder_->WriteTemplates(kNow, Sink());
  EXPECT_EQ(messages_.size(), 1U);
  encoder_->WriteTemplates(kNow, Sink());
  EXPECT_EQ(messages_.size(), 1U);
}

}  // namespace
}  // namespace exporter
