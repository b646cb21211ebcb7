// SPDX-License-Identifier: Apache-2.0
// One collector's session, over a transport that does what the test says.
#include "exporter/collector.h"

#include <algorithm>
#include <iterator>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "exporter/ipfix_encoder.h"
#include "exporter/netflow5_encoder.h"
#include "tests/support/message_reader.h"
#include "tests/support/sample_record.h"

namespace exporter {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using test_support::Number;
using test_support::SampleRecord;
using test_support::WireMessage;
using tracker::Timestamp;

constexpr Timestamp kStart{seconds{1'750'000'000}};

std::error_code Error(std::errc error) { return std::make_error_code(error); }

// What a collector at the other end would see, and how the world fails.
struct World {
  std::vector<WireMessage> received;      // on all connections
  std::vector<std::size_t> connected_at;  // received.size() at each connection
  std::error_code open_error;
  std::error_code send_error;  // for the next message
  std::error_code late_error;  // for the next LateError()
  std::error_code close_error;
  bool error_closes = true;
  bool peer_closes = false;  // seen at the next look
  std::size_t largest_batch = 1;
  int sends = 0;
  int looks_for_late_errors = 0;
};

class FakeTransport final : public Transport {
 public:
  explicit FakeTransport(World& world) : world_(world) {}

  std::error_code Open() override {
    if (!world_.open_error) {
      open_ = true;
      reader_ = {};  // a new connection knows no templates
      world_.connected_at.push_back(world_.received.size());
    }
    return world_.open_error;
  }
  [[nodiscard]] bool IsOpen() override {
    open_ = open_ && !std::exchange(world_.peer_closes, false);
    return open_;
  }
  [[nodiscard]] std::size_t LargestBatch() const override {
    return world_.largest_batch;
  }
  std::error_code Send(MessageBatch& batch) override {
    ++world_.sends;
    if (!IsOpen()) {
      return Error(std::errc::connection_reset);
    }
    for (; !batch.Empty(); batch.Pop(1)) {
      if (world_.send_error) {
        open_ = !world_.error_closes;
        return std::exchange(world_.send_error, {});
      }
      world_.received.push_back(reader_.Read(batch.Front()));
    }
    return {};
  }
  std::error_code LateError() override {
    ++world_.looks_for_late_errors;
    return std::exchange(world_.late_error, {});
  }
  std::error_code Close() override {
    open_ = false;
    return world_.close_error;
  }

 private:
  World& world_;
  test_support::MessageReader reader_;
  bool open_ = false;
};

class CollectorSession : public testing::Test {
 protected:
  void Make(const std::string& url) {
    CollectorDefaults defaults;
    defaults.pen = templates::kDocumentationPen;
    const CollectorUrl parsed = ParseCollectorUrl(url, defaults);
    collector_ = std::make_unique<Collector>(
        parsed, MakeIpfixEncoder({.profile = parsed.profile}),
        std::make_unique<FakeTransport>(world_));
  }
  // With statistics.
  void MakeWith(const std::string& url, bool live) {
    CollectorDefaults defaults;
    defaults.pen = templates::kDocumentationPen;
    const CollectorUrl parsed = ParseCollectorUrl(url, defaults);
    collector_ = std::make_unique<Collector>(
        parsed, MakeIpfixEncoder({.profile = parsed.profile}),
        std::make_unique<FakeTransport>(world_), false,
        StatisticsSource{.metering = [this] { return metering_; },
                         .live = live});
  }
  // Statistics records, in the order in which they arrived.
  [[nodiscard]] std::vector<test_support::WireRecord> Statistics() const {
    std::vector<test_support::WireRecord> found;
    for (const WireMessage& message : world_.received) {
      std::copy_if(message.records.begin(), message.records.end(),
                   std::back_inserter(found), [](const auto& record) {
                     return record.contains({0, 41});
                   });
    }
    return found;
  }
  // Numbers in the records that name interfaces, in their order.
  [[nodiscard]] std::vector<std::uint64_t> NamedInterfaces() const {
    std::vector<std::uint64_t> numbers;
    for (const WireMessage& message : world_.received) {
      for (const test_support::WireRecord& record : message.records) {
        if (record.contains({0, 82})) {
          numbers.push_back(Number(record, 0, 10));
        }
      }
    }
    return numbers;
  }
  void Add(int times, Timestamp at = kStart) {
    for (int i = 0; i < times; ++i) {
      collector_->Add(SampleRecord(), at);
    }
  }
  // Records that arrived in domain 1, where the flows are.
  [[nodiscard]] std::size_t Arrived() const {
    std::size_t count = 0;
    for (const WireMessage& message : world_.received) {
      count += message.domain == 1 ? message.records.size() : 0;
    }
    return count;
  }
  // Messages that define flow templates.
  [[nodiscard]] std::size_t TemplateRounds() const {
    std::size_t count = 0;
    for (const WireMessage& message : world_.received) {
      count += message.domain == 1 && !message.templates.empty() &&
                       message.templates.front() == 256
                   ? 1
                   : 0;
    }
    return count;
  }
  [[nodiscard]] std::uint64_t Dropped() const {
    std::uint64_t sum = 0;
    for (const auto& [reason, count] : collector_->Counts().dropped) {
      sum += count;
    }
    return sum;
  }

  World world_;
  MeteringCounts metering_;
  std::unique_ptr<Collector> collector_;
};

TEST_F(CollectorSession, NamesAnInterfaceAgainWhenItHasAnotherNumber) {
  metering_.interfaces = {{3, "eth1"}, {4, "eth2"}};
  MakeWith("tcp://h?interface-names", true);
  collector_->Tick(kStart);
  collector_->Tick(kStart + milliseconds{200});
  EXPECT_EQ(NamedInterfaces(), (std::vector<std::uint64_t>{3, 4}));

  metering_.interfaces[0].index = 7;
  collector_->Tick(kStart + milliseconds{400});
  collector_->Tick(kStart + milliseconds{600});

  EXPECT_EQ(NamedInterfaces(), (std::vector<std::uint64_t>{3, 4, 7, 4}));
}

TEST_F(CollectorSession, NamesInterfacesOnEveryConnection) {
  metering_.interfaces = {{3, "eth1"}};
  MakeWith("tcp://h?interface-names", true);
  collector_->Tick(kStart);
  world_.peer_closes = true;
  collector_->Tick(kStart + seconds{1});
  EXPECT_EQ(NamedInterfaces(), (std::vector<std::uint64_t>{3, 3}));
}

TEST_F(CollectorSession, CountsWhatTheProtocolHasNoPlaceForAsDropped) {
  CollectorDefaults defaults;
  collector_ = std::make_unique<Collector>(
      ParseCollectorUrl("udp://h?version=5", defaults), MakeNetflow5Encoder({}),
      std::make_unique<FakeTransport>(world_));
  templates::FlowRecord record = SampleRecord();
  record.ip_version = 6;

  collector_->Add(record, kStart);
  collector_->Finish(kStart);

  const DeliveryCounts counts = collector_->Counts();
  EXPECT_EQ(counts.made, 2U);  // one for each direction
  EXPECT_EQ(counts.sent, 0U);
  EXPECT_EQ(
      counts.dropped,
      (std::map<std::string, std::uint64_t>{{"NetFlow v5 has no IPv6", 2}}));
  EXPECT_EQ(world_.sends, 0);
}

TEST_F(CollectorSession, SaysOnceWhatAnOldProtocolCannot) {
  Make("udp://h");
  EXPECT_EQ(collector_->Notice(), "");
  Make("udp://h?version=9");
  EXPECT_EQ(collector_->Notice().find("collector 'udp://h?version=9': NetFlow "
                                      "v9 has a record for each direction and "
                                      "no "),
            0U);
  Make("udp://h?version=5");
  EXPECT_NE(collector_->Notice().find("records of IPv6 are dropped"),
            std::string::npos);
}

TEST_F(CollectorSession, DeliversEveryRecordByTheEnd) {
  Make("udp://h");
  Add(100);
  collector_->Finish(kStart);
  EXPECT_EQ(Arrived(), 100U);
  EXPECT_EQ(collector_->Counts().made, 100U);
  EXPECT_EQ(collector_->Counts().sent, 100U);
}

TEST_F(CollectorSession, SendsTemplatesBeforeTheFirstRecord) {
  Make("tcp://h");
  Add(1);  // the reader refuses data before its template
  collector_->Finish(kStart);
  EXPECT_EQ(TemplateRounds(), 1U);
}

TEST_F(CollectorSession, SendsTemplatesEvenWithoutAFlow) {
  Make("file:x");
  collector_->Finish(kStart);
  EXPECT_EQ(TemplateRounds(), 1U);
}

TEST_F(CollectorSession, RepeatsTemplatesOverUdpAsOftenAsConfigured) {
  Make("udp://h?refresh=60");
  Add(1);
  Add(1, kStart + seconds{59});
  EXPECT_EQ(TemplateRounds(), 1U);
  Add(1, kStart + seconds{60});
  EXPECT_EQ(TemplateRounds(), 2U);
}

TEST_F(CollectorSession, RepeatsTemplatesOnASilentLink) {
  Make("udp://h?refresh=60");
  collector_->Tick(kStart);
  collector_->Tick(kStart + seconds{61});
  EXPECT_EQ(TemplateRounds(), 2U);
}

TEST_F(CollectorSession, CountsWhatWasSentBeforeTheStatistics) {
  MakeWith("udp://h", false);
  metering_ = {.ignored_packets = 5, .dropped_packets = 6, .lost_records = 7};
  Add(3);
  collector_->Finish(kStart);

  const auto statistics = Statistics();
  ASSERT_EQ(statistics.size(), 1U);
  std::size_t octets = 0;
  for (const WireMessage& message : world_.received) {
    octets += message.octets;
  }
  EXPECT_EQ(Number(statistics[0], 0, 41), world_.received.size() - 1);
  EXPECT_EQ(Number(statistics[0], 0, 40),
            octets - world_.received.back().octets);
  EXPECT_EQ(Number(statistics[0], 0, 42), 3U);
  EXPECT_EQ(Number(statistics[0], 0, 164), 5U);
  EXPECT_EQ(Number(statistics[0], 0, 135), 6U);
  EXPECT_EQ(Number(statistics[0], 0, 166), 7U);
}

TEST_F(CollectorSession, CountsWhatItDroppedAmongWhatWasNotSent) {
  MakeWith("udp://h", false);
  metering_.lost_records = 7;
  Add(3);
  world_.late_error = Error(std::errc::connection_refused);
  collector_->Tick(kStart + seconds{2});
  world_.late_error = Error(std::errc::connection_refused);
  collector_->Finish(kStart + seconds{2});

  const auto statistics = Statistics();
  ASSERT_EQ(statistics.size(), 1U);
  EXPECT_EQ(Number(statistics[0], 0, 166), 7U + Dropped());
}

TEST_F(CollectorSession, CountsWhatFoundNoRoomBeforeItAmongWhatWasNotSent) {
  MakeWith("udp://h", false);
  Add(3);
  collector_->SetLostBefore(4);
  collector_->Finish(kStart);

  ASSERT_EQ(Statistics().size(), 1U);
  EXPECT_EQ(Number(Statistics()[0], 0, 166), 4U);
}

// What is read again must come out again.
TEST_F(CollectorSession, CountsACaptureOnlyAtItsEnd) {
  MakeWith("udp://h?refresh=60", false);
  Add(1);
  Add(1, kStart + seconds{61});
  EXPECT_EQ(Statistics().size(), 0U);
  collector_->Finish(kStart + seconds{61});
  EXPECT_EQ(Statistics().size(), 1U);
}

TEST_F(CollectorSession, CountsAnInterfaceAtTheStartAtEachRefreshAndAtTheEnd) {
  for (const char* url : {"udp://h?refresh=60", "tcp://h?refresh=60"}) {
    world_ = {};
    MakeWith(url, true);
    Add(1);
    EXPECT_EQ(Statistics().size(), 1U);
    collector_->Tick(kStart + seconds{59});
    EXPECT_EQ(Statistics().size(), 1U);
    collector_->Tick(kStart + seconds{60});
    EXPECT_EQ(Statistics().size(), 2U);
    collector_->Finish(kStart + seconds{61});
    EXPECT_EQ(Statistics().size(), 3U);
  }
}

TEST_F(CollectorSession, StatisticsDoNotHideThatTheEndWasLost) {
  MakeWith("tcp://h", false);
  Add(3);
  world_.close_error = Error(std::errc::connection_reset);
  collector_->Finish(kStart);
  EXPECT_EQ(collector_->Counts().sent, 0U);
  EXPECT_EQ(Dropped(), 3U);
}

TEST_F(CollectorSession, SendsTemplatesOnlyOnceOverTcp) {
  Make("tcp://h?refresh=60");
  Add(1);
  Add(1, kStart + seconds{3600});
  EXPECT_EQ(TemplateRounds(), 1U);
}

TEST_F(CollectorSession, ARecordWaitsNoLongerThanASecondForOthers) {
  Make("udp://h");
  Add(1);
  collector_->Tick(kStart + milliseconds{999});
  EXPECT_EQ(Arrived(), 0U);
  collector_->Tick(kStart + milliseconds{1000});
  EXPECT_EQ(Arrived(), 1U);
}

TEST_F(CollectorSession, SplitsAConversationForACollectorOfOneDirection) {
  Make("udp://h?uniflow");
  Add(1);
  collector_->Finish(kStart);
  EXPECT_EQ(Arrived(), 2U);
  EXPECT_EQ(collector_->Counts().made, 2U);
}

TEST_F(CollectorSession, MakesNoRecordOfADirectionWithoutPackets) {
  Make("udp://h?uniflow");
  templates::FlowRecord record = SampleRecord();
  record.packets = 0;
  collector_->Add(record, kStart);
  collector_->Finish(kStart);
  EXPECT_EQ(Arrived(), 1U);
}

TEST_F(CollectorSession, CountsWhatIsLostByReason) {
  Make("udp://h");
  world_.error_closes = false;
  Add(1);
  world_.send_error = Error(std::errc::no_buffer_space);
  collector_->Finish(kStart);
  EXPECT_EQ(Dropped(), 1U);
  EXPECT_EQ(collector_->Counts().sent, 0U);
}

TEST_F(CollectorSession, ALateErrorTakesBackTheMessageBefore) {
  Make("udp://h");
  Add(1);
  collector_->Tick(kStart + seconds{2});
  EXPECT_EQ(collector_->Counts().sent, 1U);
  world_.late_error = Error(std::errc::connection_refused);
  collector_->Finish(kStart + seconds{3});
  EXPECT_EQ(collector_->Counts().sent, 0U);
  EXPECT_EQ(Dropped(), 1U);
}

// Nobody listens: the answer to one template must not stop the next.
TEST_F(CollectorSession, ALateErrorDuringTemplatesStopsNothing) {
  Make("udp://h");
  world_.late_error = Error(std::errc::connection_refused);
  Add(1);
  EXPECT_EQ(TemplateRounds(), 1U);
}

TEST_F(CollectorSession, ReconnectsWithTemplatesFirst) {
  Make("tcp://h");
  Add(1);
  world_.send_error = Error(std::errc::broken_pipe);
  collector_->Tick(kStart + seconds{2});  // the first record is lost
  Add(1, kStart + seconds{4});
  collector_->Finish(kStart + seconds{5});
  EXPECT_EQ(world_.connected_at.size(), 2U);
  EXPECT_EQ(TemplateRounds(), 2U);
  EXPECT_EQ(Arrived(), 1U);
  EXPECT_EQ(Dropped(), 1U);
}

// The record that broke the connection's message had already begun the next.
TEST_F(CollectorSession, KeepsWhatWasBegunWhenTheConnectionBroke) {
  Make("tcp://h");
  Add(1);
  collector_->Tick(kStart + seconds{2});
  world_.send_error = Error(std::errc::broken_pipe);
  Add(20, kStart + seconds{3});  // more than a message holds
  collector_->Finish(kStart + seconds{4});
  EXPECT_EQ(Arrived() + Dropped(), 21U);
  EXPECT_GE(Arrived(), 2U);
}

TEST_F(CollectorSession, NoticesThatThePeerClosedBeforeItBeginsAMessage) {
  Make("tcp://h");
  Add(1);
  collector_->Tick(kStart + seconds{2});
  world_.peer_closes = true;
  Add(1, kStart + seconds{4});
  collector_->Finish(kStart + seconds{5});
  EXPECT_EQ(TemplateRounds(), 2U);
  EXPECT_EQ(Arrived(), 2U);
  EXPECT_EQ(Dropped(), 0U);
}

// Accepted, then refused, for ever: not a reconnect for every record.
TEST_F(CollectorSession, WaitsLongerWhenConnectionsOpenButTakeNothing) {
  Make("tcp://h");
  for (int second = 0; second < 100; ++second) {
    world_.send_error = Error(std::errc::connection_reset);
    Add(1, kStart + seconds{second});
    collector_->Tick(kStart + seconds{second});
  }
  EXPECT_LE(world_.connected_at.size(), 10U);
}

TEST_F(CollectorSession, WaitsLongerWhenConnectionsAreAcceptedAndClosed) {
  Make("tcp://h");
  for (int second = 0; second < 100; ++second) {
    Add(1, kStart + seconds{second});
    world_.peer_closes = true;
    collector_->Tick(kStart + seconds{second + 1});
  }
  EXPECT_LE(world_.connected_at.size(), 10U);
}

TEST_F(CollectorSession, WaitsLongerAfterEachFailedAttempt) {
  Make("tcp://h");
  world_.open_error = Error(std::errc::connection_refused);
  collector_->Tick(kStart);
  collector_->Tick(kStart);
  collector_->Tick(kStart + seconds{1});
  world_.open_error = {};
  collector_->Tick(kStart + milliseconds{2900});
  EXPECT_TRUE(world_.connected_at.empty());
  collector_->Tick(kStart + seconds{3});
  EXPECT_EQ(world_.connected_at.size(), 1U);
}

TEST_F(CollectorSession, SendsAsManyMessagesAtOnceAsTheTransportLikes) {
  world_.largest_batch = 4;
  Make("udp://h");
  Add(1);  // with the templates
  const std::size_t before = world_.received.size();
  world_.sends = 0;
  world_.looks_for_late_errors = 0;
  Add(1000);
  EXPECT_EQ((world_.received.size() - before) % 4, 0U);
  EXPECT_EQ(static_cast<std::size_t>(world_.sends),
            (world_.received.size() - before) / 4);
  EXPECT_EQ(world_.looks_for_late_errors, world_.sends);
  EXPECT_GT(world_.sends, 10);
}

TEST_F(CollectorSession, AWholeMessageLeavesAtTheEndOfTheBurst) {
  world_.largest_batch = 32;
  Make("udp://h");
  Add(20);  // more than a message holds
  EXPECT_EQ(Arrived(), 0U);
  collector_->EndBurst(kStart);
  EXPECT_GT(Arrived(), 0U);
  EXPECT_LT(Arrived(), 20U);
}

TEST_F(CollectorSession, AWholeMessageLeavesWithTheNextTick) {
  world_.largest_batch = 32;
  Make("udp://h");
  Add(20);
  collector_->Tick(kStart);
  EXPECT_GT(Arrived(), 0U);
}

TEST_F(CollectorSession, RecordsInABatchAreNotCountedAsSentYet) {
  world_.largest_batch = 32;
  Make("udp://h");
  Add(20);
  EXPECT_EQ(collector_->Counts().made, 20U);
  EXPECT_EQ(collector_->Counts().sent, 0U);
  EXPECT_EQ(Dropped(), 0U);
}

TEST_F(CollectorSession, MessagesKeepTheirOrderAroundRepeatedTemplates) {
  world_.largest_batch = 32;
  Make("udp://h?refresh=60");
  Add(100);
  Add(100, kStart + seconds{60});
  collector_->Finish(kStart + seconds{60});
  std::uint32_t expected = 0;
  for (const WireMessage& message : world_.received) {
    if (message.domain == 1) {
      EXPECT_EQ(message.sequence, expected);
      expected += static_cast<std::uint32_t>(message.records.size());
    }
  }
  EXPECT_EQ(expected, 200U);
  EXPECT_EQ(TemplateRounds(), 2U);
}

TEST_F(CollectorSession, OneMessageOfABatchThatFailsTakesNoOtherWithIt) {
  world_.largest_batch = 32;
  world_.error_closes = false;
  Make("udp://h");
  Add(100);
  world_.send_error = Error(std::errc::no_buffer_space);
  collector_->Finish(kStart);
  EXPECT_GT(Dropped(), 0U);
  EXPECT_LT(Dropped(), 20U);
  EXPECT_EQ(Arrived(), 100U - Dropped());
  EXPECT_EQ(collector_->Counts().sent, Arrived());
}

TEST_F(CollectorSession, ALateErrorTakesBackTheBatchBefore) {
  world_.largest_batch = 32;
  Make("udp://h");
  Add(100);
  collector_->EndBurst(kStart);
  EXPECT_GT(collector_->Counts().sent, 50U);
  world_.late_error = Error(std::errc::connection_refused);
  collector_->Finish(kStart);
  EXPECT_EQ(collector_->Counts().sent + Dropped(), 100U);
  EXPECT_LT(collector_->Counts().sent, 20U);
}

// They were numbered for the session that is over.
TEST_F(CollectorSession, WhatABrokenConnectionLeftIsNotSentOnTheNext) {
  world_.largest_batch = 32;
  Make("tcp://h");
  Add(20);
  collector_->Tick(kStart + seconds{2});
  const std::size_t arrived = Arrived();
  Add(20, kStart + seconds{3});  // whole messages wait
  world_.peer_closes = true;
  collector_->Tick(kStart + seconds{5});
  Add(1, kStart + seconds{6});
  collector_->Finish(kStart + seconds{7});
  EXPECT_EQ(world_.connected_at.size(), 2U);
  EXPECT_EQ(TemplateRounds(), 2U);
  EXPECT_EQ(Arrived(), arrived + 1);
  EXPECT_EQ(collector_->Counts().sent, Arrived());
  EXPECT_EQ(Dropped(), 41U - Arrived());
}

TEST_F(CollectorSession, TriesTemplatesThatFailedAgainBeforeTheRecord) {
  world_.largest_batch = 32;
  world_.error_closes = false;
  Make("udp://h");
  world_.send_error = Error(std::errc::no_buffer_space);
  Add(1);
  collector_->Tick(kStart);
  EXPECT_EQ(TemplateRounds(), 1U);
  collector_->Finish(kStart);
  EXPECT_EQ(Arrived(), 1U);
}

TEST_F(CollectorSession, AnErrorAtTheEndIsCounted) {
  Make("file:x");
  Add(1);
  world_.close_error = Error(std::errc::no_space_on_device);
  collector_->Finish(kStart);
  EXPECT_EQ(collector_->Counts().sent, 0U);
  EXPECT_EQ(Dropped(), 1U);
}

}  // namespace
}  // namespace exporter
