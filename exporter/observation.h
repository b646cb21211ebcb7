// SPDX-License-Identifier: Apache-2.0
// What shows whether a mirror delivers what its owner believes it does.
#pragma once

#include <cstdint>

#include "tracker/flow.h"

namespace exporter {

// Counters of one thread over some time, and the sum of several that capture
// the same interface.
struct Observation {
  Observation& operator+=(const Observation& other);
  // A record's interval of a conversation.
  void Count(const tracker::FlowStats& flow);

  // It was looked for long enough that no frame means something.
  bool settled = false;
  std::uint64_t frames = 0;
  std::uint64_t dropped_by_kernel = 0;
  std::uint64_t dropped_by_interface = 0;  // every thread that captures counts
  // Jumps of the time of day, and of the capture's times away from it.
  std::uint64_t clock_steps = 0;

  // Of the frames that were looked at:
  std::uint64_t frames_looked_at = 0;
  std::uint64_t group_frames = 0;  // to a broadcast or multicast address
  std::uint64_t long_frames = 0;   // longer than the link can carry
  std::uint64_t packets = 0;       // of IP, whole in their headers
  std::uint64_t duplicates = 0;    // as tracker/duplicate_filter.h says

  // TCP that was under way: only what somebody else sent makes a side
  // acknowledge.
  std::uint64_t conversations = 0;
  std::uint64_t one_sided = 0;    // of these; nothing came from the other side
  std::uint64_t tagged_once = 0;  // a VLAN tag in one direction and not in both
};

}  // namespace exporter
