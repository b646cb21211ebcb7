// SPDX-License-Identifier: Apache-2.0
// The clock of NetFlow v5 and v9: 32 bits of milliseconds since the exporter
// booted. A message says the time of day and this clock, from which a collector
// learns when the boot was.
#pragma once

#include <cstdint>

#include "tracker/time.h"

namespace exporter {

// Since 1970 UTC; 0 for what is before.
std::uint64_t Milliseconds(tracker::Timestamp time);

// The time to be said by a message about packets from `first_ms` to `last_ms`:
// `now_ms`, but not before the last, and that of the last when the first is too
// long ago for the clock, as in captures with a gap. All since 1970 UTC.
std::uint64_t MessageTime(std::uint64_t now_ms, std::uint64_t first_ms,
                          std::uint64_t last_ms);

// Times are milliseconds since 1970 UTC. The boot is made up: captures have
// times of their own. It stays as long as it can, and moves when a time is not
// within the 49 days that 32 bits hold.
class Uptime {
 public:
  // Whether both can be said with the boot where it is; first <= last.
  [[nodiscard]] bool Holds(std::uint64_t first_ms, std::uint64_t last_ms) const;
  // Moves the boot so that both can be said, `last_ms` before `first_ms` when
  // they are too far apart; and what comes in the weeks behind them.
  void Boot(std::uint64_t first_ms, std::uint64_t last_ms);
  // Since the boot; what is out of its range becomes the nearest in it.
  [[nodiscard]] std::uint32_t At(std::uint64_t time_ms) const;

 private:
  std::uint64_t boot_ms_ = 0;
};

}  // namespace exporter
