// SPDX-License-Identifier: Apache-2.0
// How many packets and octets a second, lately.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>

#include "exporter/run_snapshot.h"

namespace exporter {

// Keeps totals, one a step, and makes rates of their differences. Used by one
// thread.
class RateMeter {
 public:
  using Time = std::chrono::steady_clock::time_point;
  static constexpr std::chrono::seconds kStep{2};
  static constexpr std::size_t kSteps = 90;  // three minutes

  // Totals since the start. Does nothing before a step is over.
  void Observe(Time now, std::uint64_t packets, std::uint64_t octets);
  [[nodiscard]] RateHistory Rates() const;

 private:
  struct Total {
    Time at;
    std::uint64_t packets = 0;
    std::uint64_t octets = 0;
  };
  std::deque<Total> totals_;  // the oldest first
};

}  // namespace exporter
