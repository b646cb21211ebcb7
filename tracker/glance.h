// SPDX-License-Identifier: Apache-2.0
// What most packets are, as far as a conversation that has begun counts it.
#pragma once

#include <cstdint>

#include "tracker/flow_key.h"
#include "tracker/frame.h"
#include "tracker/packet.h"

namespace tracker {

// A small part of a Packet, so that a burst of them and the flows that they
// belong to fit into the first-level cache together.
struct Glance {
  // Canonical: both directions give the same. One of both, the other has no
  // meaning.
  ShortFlowKey short_key;
  FlowKey long_key;
  bool is_short = false;
  std::uint8_t protocol = 0;
  Orientation orientation = Orientation::kFirstToSecond;
  std::uint8_t ttl = 0;      // or hop limit
  std::uint32_t octets = 0;  // as in Packet
  TcpSegment tcp;            // of UDP, flags are 0 and the rest has no meaning

  void CopyKeyTo(FlowKey& key) const {
    if (is_short) {
      key.Assign(short_key);
    } else {
      key = long_key;
    }
  }
};

// What is counted of the first packet of a side beside.
struct GlanceRest {
  std::uint8_t class_of_service = 0;
  std::uint16_t vlan_id = 0;
};

// Ethernet with at most one tag, IP without options, extensions or fragments,
// TCP or UDP, all of the headers captured. False: it is none of these, and
// `out` has no meaning. Else `out` has what Decode() and the five-tuple make of
// the frame; `vlan_in_key` as in FiveTupleOptions.
bool TakeGlance(const Frame& frame, bool vlan_in_key, Glance& out);
// Of a frame that was glanced at.
GlanceRest RestOf(const Frame& frame);

}  // namespace tracker
