// SPDX-License-Identifier: Apache-2.0
// What a tracker tells of a flow, by endpoint and comparable.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <ostream>
#include <string>

#include "tests/tracker/snapshot.h"
#include "tracker/tracker.h"

namespace tests {

struct SideRecord {
  std::uint64_t packets = 0;
  std::uint64_t octets = 0;
  std::uint64_t missing_octets = 0;
  std::uint64_t retransmitted_packets = 0;
  tracker::Timestamp first_seen;
  tracker::Timestamp last_seen;
  std::uint8_t tcp_flags = 0;
  std::uint64_t initial_tcp_flags = 0;
  std::uint64_t later_tcp_flags = 0;
  std::uint64_t class_of_service = 0;
  std::uint64_t ttl_minimum = 0;
  std::uint64_t ttl_maximum = 0;
  std::uint16_t icmp_type_code = 0;
  std::uint16_t vlan_id = 0;
  bool seen = false;

  bool operator==(const SideRecord&) const = default;
};

// What one Interval or Ended event tells.
struct Record {
  tracker::FlowKey key;
  tracker::EndReason reason = tracker::EndReason::kActiveTimeout;
  std::uint64_t id = 0;
  tracker::Orientation initiator = tracker::Orientation::kFirstToSecond;
  std::array<SideRecord, 2> sides;  // by Side
  std::array<tracker::MacAddress, 2> macs{};
  std::string history;
  std::string state;
  std::uint32_t handshake_server_time = 0;
  std::uint32_t handshake_client_time = 0;
  bool direction_known = false;

  [[nodiscard]] std::uint64_t Packets() const {
    return sides[0].packets + sides[1].packets;
  }
  [[nodiscard]] std::uint64_t Octets() const {
    return sides[0].octets + sides[1].octets;
  }
  // The side of an endpoint of the key.
  [[nodiscard]] std::size_t SideAt(std::size_t endpoint) const {
    const bool same = initiator == tracker::Orientation::kFirstToSecond;
    return same ? endpoint : 1 - endpoint;
  }

  bool operator==(const Record&) const = default;
};

inline void PrintTo(const Record& record, std::ostream* out) {
  *out << "flow " << record.id << " " << Name(record.reason) << " ports "
       << record.key.port[0] << " " << record.key.port[1] << " initiator "
       << static_cast<int>(record.initiator) << " " << record.history << " "
       << record.state;
  for (const SideRecord& side : record.sides) {
    *out << "\n    packets " << side.packets << " octets " << side.octets
         << " missing " << side.missing_octets << " again "
         << side.retransmitted_packets << " from "
         << side.first_seen.time_since_epoch().count() << " to "
         << side.last_seen.time_since_epoch().count() << " flags "
         << int{side.tcp_flags} << "=" << side.initial_tcp_flags << "|"
         << side.later_tcp_flags << " tos " << side.class_of_service << " ttl "
         << side.ttl_minimum << "-" << side.ttl_maximum << " icmp "
         << side.icmp_type_code << " vlan " << side.vlan_id;
  }
}

inline Record RecordOf(const tracker::FlowKey& key, const Snapshot& stats,
                       tracker::EndReason reason) {
  Record record{.key = key,
                .reason = reason,
                .id = stats.id,
                .initiator = stats.initiator,
                .sides = {},
                .macs = {stats.initiator_mac, stats.responder_mac},
                .history = stats.Letters(),
                .state = std::string(stats.State()),
                .direction_known = stats.direction_known};
  if (stats.IsTcp()) {
    record.handshake_server_time = stats.tcp.HandshakeServerTime();
    record.handshake_client_time = stats.tcp.HandshakeClientTime();
  }
  for (std::size_t i = 0; i < 2; ++i) {
    const tracker::SideStats& side = stats.sides[i];
    const tracker::RareStats::Direction& rare = stats.rare.directions[i];
    record.sides[i] = {.packets = side.packets,
                       .octets = side.octets,
                       .missing_octets = rare.missing_octets,
                       .retransmitted_packets = rare.retransmitted_packets,
                       .first_seen = side.FirstSeen(),
                       .last_seen = side.LastSeen(),
                       .tcp_flags = side.TcpFlags(),
                       .initial_tcp_flags = side.initial_tcp_flags,
                       .later_tcp_flags = side.later_tcp_flags,
                       .class_of_service = side.class_of_service,
                       .ttl_minimum = side.ttl_minimum,
                       .ttl_maximum = side.ttl_maximum,
                       .icmp_type_code = stats.IsIcmp()
                                             ? stats.icmp_type_code[i]
                                             : std::uint16_t{0},
                       .vlan_id = stats.vlan_id[i],
                       .seen = side.seen != 0};
  }
  return record;
}

}  // namespace tests
