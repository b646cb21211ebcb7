// SPDX-License-Identifier: Apache-2.0
// An output with a thread of its own, so that one that is slow, or waits for a
// collector, does not hold up the others.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>

#include "exporter/clock.h"
#include "exporter/output.h"
#include "exporter/published.h"
#include "exporter/ring.h"

namespace exporter {

struct OutputThreadOptions {
  std::size_t records = 1 << 15;  // that may wait; a power of two
  // Time passes without records, too; and nobody waits for this output: a
  // record that finds no room is dropped ("queue full"). Else Add() waits.
  bool live = false;
  // After CaptureEnded(), Add() waits so long while nothing is taken.
  std::chrono::milliseconds patience{10'000};
};

// Add() and Finish() belong to one thread, which is not that of `output`. The
// thread begins with the first of them; Finish() ends it.
class OutputThread final : public Output {
 public:
  // Refers to `clock` for its lifetime.
  OutputThread(std::unique_ptr<Output> output, const Clock& clock,
               OutputThreadOptions options);
  ~OutputThread() override;

  void Add(const templates::FlowRecord& record,
           tracker::Timestamp now) override;
  // It knows the time, and the end of a burst, by itself, once it runs.
  void Tick(tracker::Timestamp /*now*/) override { Start(); }
  void CaptureEnded() override { capture_ended_ = true; }
  void Finish(tracker::Timestamp now) override;
  bool FinishSoon(tracker::Timestamp now) override;

  // A record that waits here counts as made.
  [[nodiscard]] DeliveryCounts Counts() const override;
  [[nodiscard]] std::string Name() const override { return output_->Name(); }
  [[nodiscard]] std::string Notice() const override {
    return output_->Notice();
  }
  [[nodiscard]] std::uint64_t RecordsFor(
      const templates::FlowRecord& record) const override {
    return output_->RecordsFor(record);
  }

 private:
  struct Item {
    templates::FlowRecord record;
    tracker::Timestamp now;
  };

  void Start();
  void Run();
  // What is in the ring, a share of it if more comes.
  void Take();

  std::unique_ptr<Output> output_;
  const Clock& clock_;
  bool live_;
  std::chrono::milliseconds patience_;
  bool capture_ended_ = false;
  bool patience_spent_ = false;  // it took nothing for so long
  Doorbell doorbell_;
  Ring<Item> ring_;
  std::thread thread_;
  std::atomic<bool> finished_{false};
  tracker::Timestamp now_{};  // of the thread
  Published<DeliveryCounts> counts_;
  // By the caller of Add(), in records as the output counts them.
  std::uint64_t added_ = 0;
  std::atomic<std::uint64_t> dropped_{0};  // read by the thread, too
};

}  // namespace exporter
