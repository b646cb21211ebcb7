// SPDX-License-Identifier: Apache-2.0
// A collector's session with a spool, over a transport that does what the test
// says.
#include <algorithm>
#include <memory>
#include <optional>
#include <vector>

#include <gmock/gmock.h>

#include "exporter/collector.h"
#include "exporter/ipfix_encoder.h"
#include "exporter/ipfix_framing.h"
#include "exporter/record_file.h"
#include "tests/support/message_reader.h"
#include "tests/support/returning_transport.h"
#include "tests/support/sample_record.h"
#include "tests/support/scratch_directory.h"

namespace exporter {
namespace {

using std::chrono::seconds;
using test_support::ReturningTransport;
using test_support::WireMessage;
using test_support::World;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::Pair;
using tracker::Timestamp;

class CollectorWithSpool : public testing::Test {
 protected:
  CollectorWithSpool() { Start(); }

  void Start(std::uint64_t most_octets = 64 << 20, std::uint16_t domain = 1) {
    CollectorDefaults defaults;
    defaults.pen = templates::kDocumentationPen;
    CollectorUrl url = ParseCollectorUrl("tcp://h?mtu=1420", defaults);
    const IpfixOptions encoding{.profile = {},
                                .observation_domain = domain,
                                .pen = defaults.pen,
                                .max_message_octets = 1420};
    collector_.emplace(url, MakeIpfixEncoder(encoding),
                       std::make_unique<ReturningTransport>(world_));
    SpoolOptions options;
    options.directory = scratch_.File("spool");
    options.most_octets = most_octets;
    collector_->SetSpool(std::make_unique<Spool>(
        options, MakeIpfixFraming(MakeIpfixEncoder(encoding))));
  }
  // As a run that ends, and the next one.
  void Restart() {
    collector_->Finish(now_);
    EXPECT_EQ(collector_->Counts().Queued(), 0U);
    collector_.reset();
    Start();
  }
  void Add(int times) {
    for (int i = 0; i < times; ++i) {
      templates::FlowRecord record = test_support::SampleRecord();
      record.flow_id = ++last_id_;
      collector_->Add(record, now_);
    }
  }
  void Away() {
    world_.open = false;
    world_.open_error = std::make_error_code(std::errc::connection_refused);
    Later();
  }
  void Back() {
    world_.open_error = {};
    Later();
  }
  void Later() {
    now_ += seconds{100};
    collector_->Tick(now_);
  }
  static void AddFlowIds(const WireMessage& message,
                         std::vector<std::uint64_t>& ids) {
    if (message.domain == 0) {
      return;
    }
    for (const test_support::WireRecord& record : message.records) {
      ids.push_back(test_support::Number(record, 0, 148));
    }
  }
  [[nodiscard]] std::vector<std::uint64_t> FlowIds() const {
    std::vector<std::uint64_t> ids;
    for (const auto& connection : world_.connections) {
      for (const WireMessage& message : connection) {
        AddFlowIds(message, ids);
      }
    }
    return ids;
  }
  [[nodiscard]] std::vector<std::uint64_t> AllIds() const {
    std::vector<std::uint64_t> ids(last_id_);
    std::generate(ids.begin(), ids.end(), [id = 0U]() mutable { return ++id; });
    return ids;
  }

  test_support::ScratchDirectory scratch_;
  World world_;
  Timestamp now_{seconds{1'750'000'000}};
  std::uint64_t last_id_ = 0;
  std::optional<Collector> collector_;
};

TEST_F(CollectorWithSpool, DeliversInOrderWhatCameWhileTheConnectionWasAway) {
  Add(50);
  Away();
  Add(100);
  Later();
  EXPECT_EQ(collector_->Counts().spooled, 150 - FlowIds().size());
  EXPECT_EQ(collector_->Counts().Queued(), 0U);
  Back();
  Add(50);
  collector_->Finish(now_);

  EXPECT_EQ(FlowIds(), AllIds());
  const DeliveryCounts counts = collector_->Counts();
  EXPECT_EQ(counts.made, 200U);
  EXPECT_EQ(counts.sent, 200U);
  EXPECT_EQ(counts.spooled, 0U);
  EXPECT_THAT(counts.dropped, IsEmpty());
}

// RFC 7011 section 3.1: also while new messages wait behind those of the spool.
TEST_F(CollectorWithSpool, EachConnectionCountsItsRecordsFromZero) {
  world_.unread_at_most = 3;
  Add(50);
  Away();
  Add(2000);
  Back();
  Add(500);
  Away();
  Back();
  Add(50);
  collector_->Finish(now_);

  for (const auto& connection : world_.connections) {
    std::uint32_t expected = 0;
    for (const WireMessage& message : connection) {
      if (message.domain == 1) {
        EXPECT_EQ(message.sequence, expected);
        expected += static_cast<std::uint32_t>(message.records.size());
      }
    }
  }
  EXPECT_EQ(FlowIds().size(), last_id_ + collector_->Counts().repeated);
}

TEST_F(CollectorWithSpool, TheNextRunDeliversWhatThisOneCouldNot) {
  Away();
  Add(300);
  collector_->Finish(now_);
  EXPECT_EQ(collector_->Counts().made, 300U);
  EXPECT_EQ(collector_->Counts().spooled, 300U);
  collector_.reset();
  Start();
  EXPECT_EQ(collector_->Counts().earlier.made, 300U);
  EXPECT_EQ(collector_->Counts().earlier.spooled, 300U);
  Back();
  Add(10);
  collector_->Finish(now_);

  EXPECT_EQ(FlowIds(), AllIds());
  const DeliveryCounts counts = collector_->Counts();
  EXPECT_EQ(counts.made, 10U);
  EXPECT_EQ(counts.sent, 10U);
  EXPECT_EQ(counts.earlier.sent, 300U);
  EXPECT_EQ(counts.earlier.Queued(), 0U);
}

TEST_F(CollectorWithSpool, WhatIsUnreadOfAnEarlierRunStaysOnThatAccount) {
  Away();
  Add(300);
  Restart();
  world_.unread_at_most = 5;
  Back();
  Add(5);
  Away();
  const DeliveryCounts away = collector_->Counts();
  EXPECT_GT(away.earlier.spooled, 0U);
  EXPECT_EQ(away.earlier.Queued(), 0U);
  Back();
  collector_->Finish(now_);

  const DeliveryCounts counts = collector_->Counts();
  EXPECT_EQ(counts.earlier.sent, 300U);
  EXPECT_EQ(counts.sent, 5U);
  EXPECT_GT(counts.repeated, 0U);
  EXPECT_EQ(FlowIds().size(), 305 + counts.repeated);
}

TEST_F(CollectorWithSpool, IsBoundedAndCountsWhatItForgets) {
  Start(1 << 20);
  Away();
  Add(20'000);
  Later();
  const DeliveryCounts away = collector_->Counts();
  EXPECT_EQ(away.Queued(), 0U);
  EXPECT_GT(away.spooled, 4000U);
  EXPECT_THAT(away.dropped,
              ElementsAre(Pair("spool full", 20'000 - away.spooled)));
  Back();
  collector_->Finish(now_);
  EXPECT_EQ(FlowIds().size(), away.spooled);
  EXPECT_EQ(FlowIds().back(), 20'000U);
}

TEST_F(CollectorWithSpool, ItsFilesAreIpfixFiles) {
  Away();
  Add(300);
  collector_->Finish(now_);
  std::vector<std::uint64_t> ids;
  for (const auto& entry :
       std::filesystem::directory_iterator(scratch_.File("spool"))) {
    const auto file =
        OpenRecordFile(entry.path().string(), templates::kDocumentationPen);
    templates::FlowRecord record;
    while (file->Next(record)) {
      ids.push_back(record.flow_id);
    }
    EXPECT_EQ(file->Error(), "");
  }
  EXPECT_EQ(ids, AllIds());
}

// Its messages would be read with templates that they were not made for.
TEST_F(CollectorWithSpool, LeavesFilesOfOtherTemplatesAlone) {
  Away();
  Add(300);
  collector_->Finish(now_);
  collector_.reset();
  Start(1 << 20, 2);
  EXPECT_NE(collector_->Notice().find("1 file of records that are laid out "
                                      "otherwise than today's"),
            std::string::npos)
      << collector_->Notice();
  Back();
  collector_->Finish(now_);
  EXPECT_THAT(FlowIds(), IsEmpty());
}

}  // namespace
}  // namespace exporter
