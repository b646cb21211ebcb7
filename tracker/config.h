// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>
#include <cstddef>

#include "tracker/time.h"

namespace tracker {

// What FlowTracker can be told; every field may change at run time.
struct TrackerConfig {
  // A flow with no packet for this long ends (EndReason::kIdleTimeout).
  Duration idle_timeout_tcp = std::chrono::seconds{300};
  Duration idle_timeout_udp = std::chrono::seconds{60};
  Duration idle_timeout_other = std::chrono::seconds{30};
  // A flow is reported when its interval gets this old, and goes on
  // (EndReason::kActiveTimeout). 0: never.
  Duration active_timeout{0};
  // Intervals end at multiples of active_timeout since 1970 UTC instead: at
  // full minutes, for 60 s.
  bool active_align = false;
  // For this long after a close or reset, packets still belong to the closed
  // flow. 0: the flow ends at once, and what comes then is a new one.
  Duration close_linger{0};
  // Track() sweeps by itself when the clock has moved this far.
  Duration sweep_interval = std::chrono::seconds{1};
  // Flows that one sweep ends or reports at most; the others follow with the
  // next packet or sweep. 0: all at once.
  std::size_t sweep_limit = 0;
  // At least 1. One more flow pushes out the least recently seen one.
  std::size_t max_flows = 100'000;
  // Find the initiator by SYN, SYN-ACK and well-known ports, not only by who
  // spoke first.
  bool use_direction_evidence = false;
  // What each flow has is in large pages of memory where the operating system
  // has them: look-ups cost less, and a page costs more when it is first used.
  bool large_pages = false;

  bool operator==(const TrackerConfig&) const = default;
};

}  // namespace tracker
