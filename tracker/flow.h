// SPDX-License-Identifier: Apache-2.0
// What is known of one flow.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tracker/flow_key.h"
#include "tracker/history.h"
#include "tracker/packet.h"
#include "tracker/tcp_connection.h"
#include "tracker/time.h"

namespace tracker {

// Why a flow, or one reported interval of it, ended. The values are those of
// the element flowEndCause and never change.
enum class EndReason : std::uint8_t {
  kFin = 1,            // both sides closed
  kRst = 2,            // one side reset
  kIdleTimeout = 3,    // no packet for the idle timeout
  kEvicted = 4,        // pushed out by max_flows
  kActiveTimeout = 5,  // an interval was reported; the flow goes on
  kShutdown = 6,       // Finish()
  kReplaced = 7,       // a SYN began a new connection with the same key
};
inline constexpr std::size_t kEndReasons = 8;  // array size, by value

// "fin", "rst", "idle_timeout", ...; a name never changes.
constexpr std::string_view Name(EndReason reason) {
  constexpr std::array<std::string_view, kEndReasons> kNames = {
      "",         "fin",     "rst", "idle_timeout", "evicted", "active_timeout",
      "shutdown", "replaced"};
  return kNames[static_cast<std::size_t>(reason)];
}

// One direction of the present interval.
struct SideStats {
  std::uint64_t packets = 0;
  std::uint64_t octets = 0;  // of IP, never padding of the link layer
  // Of its TCP stream: acknowledged by the other side, but never seen.
  std::uint64_t missing_octets = 0;
  std::uint32_t retransmitted_packets = 0;  // segments with nothing new
  Timestamp first_seen;        // earliest and latest time of a packet, as the
  Timestamp last_seen;         // capture says; not set while packets == 0
  std::uint8_t tcp_flags = 0;  // union over the interval
  std::uint8_t initial_tcp_flags = 0;  // of the side's first packet in the flow
  std::uint8_t later_tcp_flags = 0;    // union of the others in the interval
  std::uint8_t class_of_service = 0;   // of the first packet in the interval
  std::uint8_t ttl_minimum = 0;
  std::uint8_t ttl_maximum = 0;
  bool seen = false;  // it sent a packet, in this interval or an earlier one
  std::uint8_t icmp_type = 0;  // of the side's first packet in the flow
  std::uint8_t icmp_code = 0;
  std::uint16_t vlan_id = 0;  // of the side's first packet in the flow
  std::uint16_t inner_vlan_id = 0;
};

struct FlowStats {
  // Index with a Side. Initiator: the sender of the first packet, or who the
  // direction evidence names, if the tracker is configured to use it.
  std::array<SideStats, 2> sides;
  std::uint64_t id = 0;  // 1, 2, ... in order of creation
  Orientation initiator = Orientation::kFirstToSecond;
  std::uint8_t protocol = 0;
  // There is better evidence for the initiator than the order of arrival.
  bool direction_known = false;
  // Both sides closed or one reset; what comes now are stragglers.
  bool closed = false;

  TcpConnection tcp;
  History history;

  MacAddress initiator_mac{};  // as in the first packet; zero without MACs
  MacAddress responder_mac{};
  std::uint64_t segment_id = 0;  // of the first packet; as in Packet
  std::uint32_t interface = 0;

  // By the tracker's clock: what the idle timeout (or, once closed, the linger)
  // and the active timeout count from.
  Timestamp idle_since;
  Timestamp interval_start;

  [[nodiscard]] const SideStats& Of(Side side) const {
    return sides[static_cast<std::size_t>(side)];
  }
  [[nodiscard]] std::uint64_t Packets() const {
    return sides[0].packets + sides[1].packets;
  }
  [[nodiscard]] std::uint64_t Octets() const {
    return sides[0].octets + sides[1].octets;
  }
  // Index into the key's address and port for a side.
  [[nodiscard]] std::size_t Endpoint(Side side) const {
    return (side == Side::kInitiator) ==
                   (initiator == Orientation::kFirstToSecond)
               ? 0
               : 1;
  }
};

// How the conversation went, in Zeek's terms: "SF", "S0", "REJ", ...
std::string_view ConnectionState(const FlowStats& stats);

}  // namespace tracker
