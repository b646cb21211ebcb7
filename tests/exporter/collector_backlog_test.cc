// SPDX-License-Identifier: Apache-2.0
// What a collector's session keeps while a connection is away, over a transport
// that does what the test says.
#include <memory>
#include <vector>

#include <gmock/gmock.h>

#include "exporter/backlog.h"
#include "exporter/collector.h"
#include "exporter/ipfix_encoder.h"
#include "tests/support/message_reader.h"
#include "tests/support/returning_transport.h"
#include "tests/support/sample_record.h"

namespace exporter {
namespace {

using std::chrono::seconds;
using test_support::ReturningTransport;
using test_support::SampleRecord;
using test_support::WireMessage;
using test_support::World;
using testing::ElementsAre;
using tracker::Timestamp;

constexpr Timestamp kStart{seconds{1'750'000'000}};

class CollectorWithBacklog : public testing::Test {
 protected:
  void Add(int times) {
    for (int i = 0; i < times; ++i) {
      templates::FlowRecord record = SampleRecord();
      record.flow_id = ++last_id_;
      collector_.Add(record, now_);
    }
  }
  // So many that the last message is whole.
  void AddMessages(std::size_t count) {
    for (std::size_t arrived = 0; arrived < count;) {
      const std::size_t before = FlowIds().size();
      Add(1);
      arrived += FlowIds().size() > before ? 1 : 0;
    }
  }
  std::vector<WireMessage>& Connection() { return world_.connections.back(); }
  void Lose() {
    world_.open = false;
    now_ += seconds{100};  // it is time to try again
  }
  static std::vector<std::uint64_t> FlowIdsOn(
      const std::vector<WireMessage>& messages) {
    std::vector<std::uint64_t> ids;
    for (const WireMessage& message : messages) {
      for (const test_support::WireRecord& record : message.records) {
        if (message.domain == 1) {
          ids.push_back(test_support::Number(record, 0, 148));
        }
      }
    }
    return ids;
  }
  [[nodiscard]] std::vector<std::uint64_t> FlowIds() const {
    std::vector<std::uint64_t> all;
    for (const auto& connection : world_.connections) {
      const auto ids = FlowIdsOn(connection);
      all.insert(all.end(), ids.begin(), ids.end());
    }
    return all;
  }
  [[nodiscard]] std::vector<std::uint64_t> AllIds() const {
    std::vector<std::uint64_t> ids;
    for (std::uint64_t id = 1; id <= last_id_; ++id) {
      ids.push_back(id);
    }
    return ids;
  }

  World world_;
  Timestamp now_ = kStart;
  std::uint64_t last_id_ = 0;
  Collector collector_{
      [] {
        CollectorDefaults defaults;
        defaults.pen = templates::kDocumentationPen;
        return ParseCollectorUrl("tcp://h?mtu=1420", defaults);
      }(),
      MakeIpfixEncoder({.profile = {}, .max_message_octets = 1420}),
      std::make_unique<ReturningTransport>(world_)};
};

TEST_F(CollectorWithBacklog, DeliversWhatCameWhileTheConnectionWasAway) {
  AddMessages(2);
  Lose();
  world_.open_error = std::make_error_code(std::errc::connection_refused);
  Add(100);
  now_ += seconds{100};
  world_.open_error = {};
  Add(1);
  collector_.Finish(now_);

  EXPECT_EQ(FlowIds(), AllIds());
  EXPECT_EQ(collector_.Counts().made, last_id_);
  EXPECT_EQ(collector_.Counts().sent, last_id_);
  EXPECT_TRUE(collector_.Counts().dropped.empty());
  EXPECT_EQ(collector_.Counts().repeated, 0U);
}

TEST_F(CollectorWithBacklog, SendsAgainWhatMayBeUnread) {
  world_.unread_at_most = 2;
  AddMessages(5);
  const std::size_t before_loss = FlowIds().size();
  Lose();
  Add(30);
  collector_.Finish(now_);

  const std::vector<std::uint64_t> second = FlowIdsOn(Connection());
  ASSERT_EQ(world_.connections.size(), 2U);
  EXPECT_EQ(second.back(), last_id_);
  EXPECT_LT(second.front(), before_loss);
  EXPECT_EQ(collector_.Counts().sent, last_id_);
  EXPECT_EQ(collector_.Counts().repeated, FlowIds().size() - last_id_);
}

// As RFC 7011 section 3.1 has it for each session.
TEST_F(CollectorWithBacklog, CountsTheRecordsOfEachConnectionFromZero) {
  world_.unread_at_most = 3;
  AddMessages(4);
  Lose();
  AddMessages(1);
  Lose();
  Add(1);
  collector_.Finish(now_);

  for (const auto& connection : world_.connections) {
    std::uint32_t expected = 0;
    for (const WireMessage& message : connection) {
      if (message.domain == 1) {
        EXPECT_EQ(message.sequence, expected);
        expected += static_cast<std::uint32_t>(message.records.size());
      }
    }
    EXPECT_GT(expected, 0U);
  }
}

// Each message would wait as long as the first did.
TEST_F(CollectorWithBacklog, LetsOneThatTakesNothingAloneForHalfAMinute) {
  AddMessages(1);
  world_.send_error = std::make_error_code(std::errc::timed_out);
  Add(100);
  const std::size_t connections = world_.connections.size();
  world_.send_error = {};
  now_ += seconds{31};
  Add(100);
  EXPECT_EQ(world_.connections.size(), connections);
  now_ += seconds{1};
  Add(1);
  collector_.Finish(now_);

  EXPECT_EQ(world_.connections.size(), connections + 1);
  EXPECT_EQ(FlowIds(), AllIds());
}

TEST(Backlog, GivesBackInOrder) {
  Backlog backlog(1000);
  const std::vector<std::uint8_t> octets(10);
  backlog.Add(octets, 3);
  backlog.Add(octets, 4);
  backlog.AddBefore({{octets, 1}, {octets, 2}});
  std::vector<std::uint64_t> order;
  while (!backlog.Empty()) {
    order.push_back(backlog.Take().flow_records);
  }
  EXPECT_THAT(order, ElementsAre(1, 2, 3, 4));
}

TEST(Backlog, ForgetsTheOldestWhenItIsFull) {
  Backlog backlog(30);
  const std::vector<std::uint8_t> octets(10);
  EXPECT_EQ(backlog.Add(octets, 1), 0U);
  EXPECT_EQ(backlog.Add(octets, 2), 0U);
  EXPECT_EQ(backlog.Add(octets, 4), 0U);
  EXPECT_FALSE(backlog.HasRoomFor(1));
  EXPECT_EQ(backlog.Add(std::vector<std::uint8_t>(20), 8), 1U + 2U);
  EXPECT_EQ(backlog.Take().flow_records, 4U);
  EXPECT_EQ(backlog.Take().flow_records, 8U);
}

TEST_F(CollectorWithBacklog, StatisticsComeOnTheConnectionThatHasTheRest) {
  Collector counting(
      ParseCollectorUrl("tcp://h", {}), MakeIpfixEncoder({}),
      std::make_unique<ReturningTransport>(world_), true,
      StatisticsSource{.metering = [] { return MeteringCounts{}; }});
  counting.Add(SampleRecord(), now_);
  world_.open = false;

  counting.Finish(now_);

  ASSERT_EQ(world_.connections.size(), 2U);
  const std::vector<test_support::WireRecord>& last =
      Connection().back().records;
  ASSERT_EQ(last.size(), 1U);
  EXPECT_EQ(test_support::Number(last[0], 0, 42), 1U);
  EXPECT_EQ(test_support::Number(last[0], 0, 166), 0U);
}

}  // namespace
}  // namespace exporter
