// SPDX-License-Identifier: Apache-2.0
#include "exporter/observation.h"

#include <algorithm>

namespace exporter {
namespace {

using tracker::SideStats;

constexpr std::uint8_t kSyn = 0x02;
constexpr std::uint8_t kAck = 0x10;

// Not the answers to a flood with forged senders, which nobody acknowledges.
bool AcknowledgesSomebody(const SideStats& side) {
  constexpr std::uint64_t kSegments = 3;
  return side.packets >= kSegments && (side.later_tcp_flags & kAck) != 0 &&
         (side.later_tcp_flags & kSyn) == 0;
}

}  // namespace

Observation& Observation::operator+=(const Observation& other) {
  settled = settled || other.settled;
  frames += other.frames;
  dropped_by_kernel += other.dropped_by_kernel;
  dropped_by_interface =
      std::max(dropped_by_interface, other.dropped_by_interface);
  clock_steps += other.clock_steps;
  frames_looked_at += other.frames_looked_at;
  group_frames += other.group_frames;
  long_frames += other.long_frames;
  packets += other.packets;
  duplicates += other.duplicates;
  conversations += other.conversations;
  one_sided += other.one_sided;
  tagged_once += other.tagged_once;
  return *this;
}

void Observation::Count(const tracker::FlowStats& flow) {
  const auto& [initiator, responder] = flow.sides;
  if (!flow.IsTcp() ||
      !(AcknowledgesSomebody(initiator) || AcknowledgesSomebody(responder))) {
    return;
  }
  ++conversations;
  if (initiator.seen == 0 || responder.seen == 0) {
    ++one_sided;
  } else if ((flow.vlan_id[0] == 0) != (flow.vlan_id[1] == 0)) {
    ++tagged_once;
  }
}

}  // namespace exporter
