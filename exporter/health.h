// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

namespace exporter {

// Whether the threads work, by the rounds that the service manager's Watchdog
// judges by, too. Used by one thread.
class Health {
 public:
  using Time = std::chrono::steady_clock::time_point;
  // A thread publishes five times a second; a busy machine may hold it up.
  static constexpr std::chrono::seconds kPatience{10};

  // Of each capture thread, then of the export thread.
  void Observe(Time now, const std::vector<std::uint64_t>& rounds);
  // A sentence for each thread that has stood still for longer than kPatience.
  [[nodiscard]] std::vector<std::string> Troubles(Time now) const;

 private:
  struct Thread {
    std::uint64_t rounds = 0;
    Time since;
  };
  std::vector<Thread> threads_;
};

}  // namespace exporter
