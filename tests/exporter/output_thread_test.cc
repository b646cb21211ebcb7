// SPDX-License-Identifier: Apache-2.0
#include "exporter/output_thread.h"

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/sample_record.h"

namespace exporter {
namespace {

using tracker::Timestamp;

constexpr Timestamp kNow{std::chrono::seconds{1'750'000'000}};

// What the output was told; it hangs at a gate until that is opened.
struct Told {
  void WaitAtGate() {
    std::unique_lock lock(mutex);
    opened.wait(lock, [this] { return open; });
  }
  void Open() {
    const std::lock_guard lock(mutex);
    open = true;
    opened.notify_all();
  }

  std::mutex mutex;
  std::condition_variable opened;
  bool open = true;
  std::vector<std::uint64_t> flow_ids;
  std::atomic<int> ticks{0};
  std::atomic<bool> finished{false};
  std::atomic<std::uint64_t> lost_before{0};
};

class GatedOutput final : public Output {
 public:
  explicit GatedOutput(Told& told) : told_(told) {}

  void Add(const templates::FlowRecord& record, Timestamp /*now*/) override {
    told_.WaitAtGate();
    told_.flow_ids.push_back(record.flow_id);
    counts_.made += RecordsFor(record);
    counts_.sent += RecordsFor(record);
  }
  void Tick(Timestamp /*now*/) override { ++told_.ticks; }
  void SetLostBefore(std::uint64_t records) override {
    told_.lost_before = records;
  }
  void Finish(Timestamp /*now*/) override { told_.finished = true; }
  [[nodiscard]] std::uint64_t RecordsFor(
      const templates::FlowRecord& /*record*/) const override {
    return 2;
  }
  [[nodiscard]] DeliveryCounts Counts() const override { return counts_; }
  [[nodiscard]] std::string Name() const override { return "gated"; }

 private:
  Told& told_;
  DeliveryCounts counts_;
};

class OutputOnAThread : public testing::Test {
 protected:
  void Make(OutputThreadOptions options) {
    output_ = std::make_unique<OutputThread>(
        std::make_unique<GatedOutput>(told_), clock_, options);
  }
  void Add(std::uint64_t from, std::uint64_t to) {
    for (std::uint64_t id = from; id <= to; ++id) {
      templates::FlowRecord record = test_support::SampleRecord();
      record.flow_id = id;
      output_->Add(record, kNow);
    }
  }
  static std::vector<std::uint64_t> Ids(std::uint64_t to) {
    std::vector<std::uint64_t> ids;
    for (std::uint64_t id = 1; id <= to; ++id) {
      ids.push_back(id);
    }
    return ids;
  }

  SystemClock clock_;
  Told told_;
  std::unique_ptr<OutputThread> output_;
};

TEST_F(OutputOnAThread, GivesEveryRecordInOrder) {
  Make({.records = 16});
  Add(1, 10'000);
  output_->Finish(kNow);

  EXPECT_EQ(told_.flow_ids, Ids(10'000));
  EXPECT_TRUE(told_.finished);
  EXPECT_EQ(output_->Counts().made, 20'000U);
  EXPECT_EQ(output_->Counts().sent, 20'000U);
  EXPECT_TRUE(output_->Counts().dropped.empty());
}

TEST_F(OutputOnAThread, IsWaitedForOnceTheCaptureHasEnded) {
  Make({.records = 16, .live = true});
  output_->CaptureEnded();
  Add(1, 10'000);
  output_->Finish(kNow);

  EXPECT_EQ(told_.flow_ids, Ids(10'000));
  EXPECT_TRUE(output_->Counts().dropped.empty());
}

TEST_F(OutputOnAThread, IsNotWaitedForForEverIfItTakesNothing) {
  told_.open = false;
  Make(
      {.records = 16, .live = true, .patience = std::chrono::milliseconds{50}});
  output_->CaptureEnded();
  Add(1, 1000);
  told_.Open();
  output_->Finish(kNow);

  EXPECT_EQ(output_->Counts().made, 2000U);
  EXPECT_GE(output_->Counts().dropped.at("queue full"), 1900U);
}

TEST_F(OutputOnAThread, NobodyWaitsForItWhileAnInterfaceIsCaptured) {
  told_.open = false;
  Make({.records = 16, .live = true});

  Add(1, 1000);  // would not come back if it waited
  const DeliveryCounts hanging = output_->Counts();
  told_.Open();
  output_->Finish(kNow);

  const DeliveryCounts counts = output_->Counts();
  EXPECT_EQ(hanging.made, 2000U);
  EXPECT_GE(told_.flow_ids.size(), 16U);
  EXPECT_EQ(counts.made, 2000U);
  EXPECT_EQ(counts.sent, 2 * told_.flow_ids.size());
  EXPECT_EQ(counts.dropped.at("queue full"), counts.made - counts.sent);
  EXPECT_EQ(told_.lost_before, counts.made - counts.sent);
}

TEST_F(OutputOnAThread, ACaptureWaitsSoThatNothingIsLost) {
  told_.open = false;
  Make({.records = 16});
  std::thread later([this] {
    std::this_thread::sleep_for(std::chrono::milliseconds{50});
    told_.Open();
  });

  Add(1, 1000);
  output_->Finish(kNow);
  later.join();

  EXPECT_EQ(told_.flow_ids, Ids(1000));
  EXPECT_TRUE(output_->Counts().dropped.empty());
}

TEST_F(OutputOnAThread, TimePassesWithoutRecords) {
  Make({.records = 16, .live = true});
  output_->Tick(kNow);
  for (int i = 0; i < 1000 && told_.ticks < 2; ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds{10});
  }
  output_->Finish(kNow);

  EXPECT_GE(told_.ticks, 2);
}

TEST_F(OutputOnAThread, IsFinishedAlsoWithoutARecord) {
  Make({.records = 16});
  output_->Finish(kNow);

  EXPECT_TRUE(told_.finished);
}

}  // namespace
}  // namespace exporter
