// SPDX-License-Identifier: Apache-2.0
// The only clock of the program, so that tests can bring their own.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <limits>

#include "tracker/time.h"

namespace exporter {

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  // The time of day.
  [[nodiscard]] virtual tracker::Timestamp Now() const = 0;
  // How far the system's time of day is before a clock that nobody sets: it
  // changes when the time of day is set.
  [[nodiscard]] virtual tracker::Duration AheadOfSteady() const { return {}; }
};

// The system's time of day, except that it never steps back: when that is set
// back, this one goes on at its pace. Timeouts, flushes and retries keep
// coming.
class SystemClock final : public Clock {
 public:
  [[nodiscard]] tracker::Timestamp Now() const override {
    const auto steady = std::chrono::steady_clock::now().time_since_epoch();
    const std::int64_t ahead = Ahead(steady).count();
    std::int64_t most = most_ahead_.load(std::memory_order_relaxed);
    while (most < ahead && !most_ahead_.compare_exchange_weak(
                               most, ahead, std::memory_order_relaxed)) {
    }
    return tracker::Timestamp{steady +
                              std::chrono::nanoseconds{std::max(most, ahead)}};
  }

  [[nodiscard]] tracker::Duration AheadOfSteady() const override {
    return Ahead(std::chrono::steady_clock::now().time_since_epoch());
  }

 private:
  static std::chrono::nanoseconds Ahead(std::chrono::nanoseconds steady) {
    return std::chrono::system_clock::now().time_since_epoch() - steady;
  }

  // Of the system's clock over the steady one, in nanoseconds; any thread.
  mutable std::atomic<std::int64_t> most_ahead_{
      std::numeric_limits<std::int64_t>::min()};
};

}  // namespace exporter
