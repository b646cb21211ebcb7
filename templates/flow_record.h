// SPDX-License-Identifier: Apache-2.0
// One record in memory: what every template, and every other output, takes its
// values from. Integers in host byte order, addresses in network order.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace templates {

// A string of at most N octets, in place.
template <std::size_t N>
struct ShortString {
  std::uint8_t length = 0;
  std::array<char, N> octets{};

  void Assign(std::string_view text) {
    length = static_cast<std::uint8_t>(text.copy(octets.data(), N));
  }
  [[nodiscard]] std::string_view View() const {
    return {octets.data(), length};
  }
};

// Times are milliseconds since 1970 UTC. Fields that begin with reverse_ are
// about the responder's packets and 0 when there were none. They stand in the
// order of the templates, as far as none needs room before it: what is together
// in both is moved together.
struct FlowRecord {
  std::uint64_t reverse_octets = 0;
  std::uint64_t reverse_packets = 0;
  std::uint64_t reverse_start_ms = 0;
  std::uint64_t reverse_end_ms = 0;
  std::uint8_t reverse_class_of_service = 0;
  std::uint8_t reverse_tcp_flags = 0;
  std::uint8_t reverse_ttl_minimum = 0;
  std::uint8_t reverse_ttl_maximum = 0;
  std::uint32_t reverse_delta_ms = 0;  // first packet to first answer
  std::uint64_t start_ms = 0;          // first and last packet of the initiator
  std::uint64_t end_ms = 0;
  std::uint32_t duration_ms = 0;  // end_ms - start_ms
  // IPv4 in the last four octets (mapped form).
  std::array<std::uint8_t, 16> source_address{};
  std::array<std::uint8_t, 16> destination_address{};
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;  // ICMP: type << 8 | code
  std::uint8_t protocol = 0;
  std::uint8_t ip_version = 0;
  std::uint8_t class_of_service = 0;
  std::uint8_t ttl_minimum = 0;  // or hop limit
  std::uint8_t ttl_maximum = 0;
  std::uint8_t tcp_flags = 0;
  std::uint8_t end_reason = 0;  // flowEndReason, IANA's values
  // 1: source is the initiator; 0: arbitrary
  std::uint8_t biflow_direction = 0;
  std::uint32_t ingress_interface = 0;  // ifIndex
  std::uint32_t egress_interface = 0;   // 0: a mirror does not know it
  std::uint16_t vlan_id = 0;            // 0: untagged
  std::uint16_t inner_vlan_id = 0;
  std::array<std::uint8_t, 6> source_mac{};
  std::array<std::uint8_t, 6> destination_mac{};
  std::uint64_t octets = 0;  // of IP, in this record's interval
  std::uint64_t packets = 0;
  std::uint64_t flow_id = 0;  // the same in every record of one flow
  // Overlay network of a tunnel, kind << 56 | id; 0: none.
  std::uint64_t segment_id = 0;
  std::uint8_t initial_tcp_flags = 0;
  std::uint8_t later_tcp_flags = 0;
  std::uint8_t reverse_initial_tcp_flags = 0;
  std::uint8_t reverse_later_tcp_flags = 0;
  std::uint8_t end_cause = 0;             // flowEndCause, ours
  std::uint16_t icmp_type_code = 0;       // type << 8 | code
  std::uint32_t handshake_server_us = 0;  // SYN to SYN-ACK; 0: not seen
  std::uint32_t handshake_client_us = 0;  // SYN-ACK to ACK
  std::uint32_t retransmitted_packets = 0;
  std::uint32_t reverse_retransmitted_packets = 0;
  // Of the sender's TCP stream: acknowledged, but never seen here.
  std::uint64_t missing_octets = 0;
  std::uint64_t reverse_missing_octets = 0;
  // In no template.
  std::uint16_t reverse_icmp_type_code = 0;
  std::uint16_t reverse_vlan_id = 0;
  std::uint16_t reverse_inner_vlan_id = 0;
  ShortString<7> connection_state;
  ShortString<32> history;
  ShortString<31> community_id;  // empty: not asked for
};

// The responder's half as a record of its own: for collectors that know one
// direction only. Defined for records with reverse_packets > 0.
FlowRecord ReverseOf(const FlowRecord& record);

}  // namespace templates
