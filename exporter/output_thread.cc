// SPDX-License-Identifier: Apache-2.0
#include "exporter/output_thread.h"

#include <chrono>
#include <utility>

namespace exporter {
namespace {

using tracker::Timestamp;

constexpr std::chrono::milliseconds kTick{200};
// As in Delivery: then what is whole goes out.
constexpr std::chrono::milliseconds kLull{5};
constexpr std::chrono::seconds kWait{1};  // or more, again and again
constexpr int kTurn = 1024;

}  // namespace

OutputThread::OutputThread(std::unique_ptr<Output> output, const Clock& clock,
                           OutputThreadOptions options)
    : output_(std::move(output)),
      clock_(clock),
      live_(options.live),
      patience_(options.patience),
      ring_(options.records, doorbell_) {}

OutputThread::~OutputThread() {
  if (thread_.joinable()) {
    ring_.Close();
    thread_.join();
  }
}

void OutputThread::Add(const templates::FlowRecord& record, Timestamp now) {
  Start();
  const std::uint64_t records = output_->RecordsFor(record);
  added_ += records;
  Item* place = ring_.Reserve();
  while (place == nullptr && !live_) {
    ring_.WaitForRoom(kWait);
    place = ring_.Reserve();
  }
  if (place == nullptr && capture_ended_ && !patience_spent_) {
    ring_.WaitForRoom(patience_);
    place = ring_.Reserve();
    patience_spent_ = place == nullptr;
  }
  if (place == nullptr) {
    ring_.WakeConsumer();
    dropped_.fetch_add(records, std::memory_order_relaxed);
    return;
  }
  *place = {record, now};
  ring_.Commit();
  ring_.Publish();
}

void OutputThread::Finish(Timestamp /*now*/) {
  Start();
  ring_.Close();
  thread_.join();
}

bool OutputThread::FinishSoon(Timestamp now) {
  if (!finished_.load()) {
    Start();
    ring_.Close();
    return false;
  }
  Finish(now);
  return true;
}

DeliveryCounts OutputThread::Counts() const {
  DeliveryCounts counts = counts_.Latest();
  counts.made = added_;
  if (const std::uint64_t dropped = dropped_.load(std::memory_order_relaxed);
      dropped > 0) {
    counts.dropped["queue full"] += dropped;
  }
  return counts;
}

// Not in the constructor: the thread inherits which signals are blocked.
void OutputThread::Start() {
  if (!thread_.joinable()) {
    thread_ = std::thread([this] { Run(); });
  }
}

void OutputThread::Take() {
  int left = kTurn;
  for (const Item* item = ring_.Front(); item != nullptr && left > 0;
       item = ring_.Front()) {
    now_ = item->now;
    output_->Add(item->record, now_);
    ring_.Pop();
    --left;
  }
}

void OutputThread::Run() {
  const auto something_to_do = [this] {
    return ring_.Ready() || ring_.Drained();
  };
  now_ = live_ ? clock_.Now() : Timestamp{};
  Timestamp next_tick = now_ + kTick;
  while (!ring_.Drained()) {
    output_->SetLostBefore(dropped_.load(std::memory_order_relaxed));
    Take();
    if (live_ && clock_.Now() >= next_tick) {
      now_ = clock_.Now();
      next_tick = now_ + kTick;
      output_->Tick(now_);
    }
    counts_.Publish(output_->Counts());
    doorbell_.Wait(kLull, something_to_do);
    if (!something_to_do()) {
      output_->EndBurst(now_);
      counts_.Publish(output_->Counts());
      doorbell_.Wait(kTick, something_to_do);
    }
  }
  output_->SetLostBefore(dropped_.load(std::memory_order_relaxed));
  output_->Finish(live_ ? clock_.Now() : now_);
  counts_.Publish(output_->Counts());
  finished_.store(true);
}

}  // namespace exporter
