// SPDX-License-Identifier: Apache-2.0
#include "exporter/record.h"

#include <algorithm>
#include <limits>

namespace exporter {
namespace {

using tracker::EndReason;
using tracker::RareStats;
using tracker::Side;
using tracker::SideStats;

// IANA, ipfix-flow-end-reason.
enum FlowEndReason : std::uint8_t {
  kIdle = 1,
  kActive = 2,
  kEndOfFlow = 3,
  kForced = 4,
  kLackOfResources = 5,
};

FlowEndReason IanaReason(EndReason reason) {
  switch (reason) {
    case EndReason::kIdleTimeout:
      return kIdle;
    case EndReason::kActiveTimeout:
      return kActive;
    case EndReason::kFin:
    case EndReason::kRst:
    case EndReason::kReplaced:
      return kEndOfFlow;
    case EndReason::kEvicted:
      return kLackOfResources;
    case EndReason::kShutdown:
      return kForced;
  }
  return kForced;
}

constexpr std::uint64_t kMicrosecondsPerMillisecond = 1000;

std::uint32_t Between(std::uint64_t from, std::uint64_t to) {
  constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
  return to > from ? static_cast<std::uint32_t>(std::min(to - from, kMost)) : 0;
}

void FillForward(const SideStats& side, const RareStats::Direction& rare,
                 templates::FlowRecord& record) {
  record.octets = side.octets;
  record.packets = side.packets;
  record.start_ms = side.first_seen_us / kMicrosecondsPerMillisecond;
  record.end_ms = side.last_seen_us / kMicrosecondsPerMillisecond;
  record.class_of_service = side.class_of_service;
  record.tcp_flags = side.TcpFlags();
  record.initial_tcp_flags = side.initial_tcp_flags;
  record.later_tcp_flags = side.later_tcp_flags;
  record.ttl_minimum = side.ttl_minimum;
  record.ttl_maximum = side.ttl_maximum;
  record.retransmitted_packets = rare.retransmitted_packets;
  record.missing_octets = rare.missing_octets;
}

void FillReverse(const SideStats& side, const RareStats::Direction& rare,
                 templates::FlowRecord& record) {
  record.reverse_octets = side.octets;
  record.reverse_packets = side.packets;
  record.reverse_start_ms = side.first_seen_us / kMicrosecondsPerMillisecond;
  record.reverse_end_ms = side.last_seen_us / kMicrosecondsPerMillisecond;
  record.reverse_class_of_service = side.class_of_service;
  record.reverse_tcp_flags = side.TcpFlags();
  record.reverse_initial_tcp_flags = side.initial_tcp_flags;
  record.reverse_later_tcp_flags = side.later_tcp_flags;
  record.reverse_ttl_minimum = side.ttl_minimum;
  record.reverse_ttl_maximum = side.ttl_maximum;
  record.reverse_retransmitted_packets = rare.retransmitted_packets;
  record.reverse_missing_octets = rare.missing_octets;
}

void FillKey(const EndedInterval& ended, const RareStats& rare,
             templates::FlowRecord& record) {
  const tracker::FlowStats& stats = ended.flow.stats;
  const std::size_t source = stats.Endpoint(Side::kInitiator);
  const std::size_t destination = stats.Endpoint(Side::kResponder);
  record.source_address = ended.flow.key.address[source].octets;
  record.destination_address = ended.flow.key.address[destination].octets;
  record.source_port = ended.flow.key.port[source];
  record.destination_port = ended.flow.key.port[destination];
  record.protocol = ended.flow.key.protocol;
  record.ip_version = ended.flow.key.ip_version;
  record.source_mac = stats.initiator_mac;
  record.destination_mac = stats.responder_mac;
  const std::size_t tagged = stats.Of(Side::kInitiator).seen != 0 ? 0 : 1;
  record.vlan_id = stats.vlan_id[tagged];
  record.inner_vlan_id = rare.directions[tagged].inner_vlan_id;
  record.reverse_vlan_id = stats.vlan_id[1];
  record.reverse_inner_vlan_id = rare.directions[1].inner_vlan_id;
  record.segment_id = rare.segment_id;
  record.ingress_interface = stats.interface;
  if (stats.IsIcmp()) {
    record.icmp_type_code = stats.icmp_type_code[0];
    record.reverse_icmp_type_code = stats.icmp_type_code[1];
    // Where collectors look that do not know elements 32 and 139.
    record.source_port = 0;
    record.destination_port = record.icmp_type_code;
  }
}

}  // namespace

templates::FlowRecord MakeRecord(const EndedInterval& ended) {
  const tracker::FlowStats& stats = ended.flow.stats;
  const SideStats& forward = stats.Of(Side::kInitiator);
  const SideStats& reverse = stats.Of(Side::kResponder);
  const RareStats& rare = ended.Rare();
  templates::FlowRecord record;
  FillKey(ended, rare, record);
  if (forward.packets > 0) {
    FillForward(forward, rare.directions[0], record);
  }
  if (reverse.packets > 0) {
    FillReverse(reverse, rare.directions[1], record);
  }
  // An interval in which only the responder spoke still needs a start.
  if (forward.packets == 0) {
    record.start_ms = record.reverse_start_ms;
    record.end_ms = record.reverse_end_ms;
  } else if (reverse.packets > 0) {
    record.reverse_delta_ms = Between(record.start_ms, record.reverse_start_ms);
  }
  record.duration_ms = Between(record.start_ms, record.end_ms);
  record.flow_id = stats.id;
  record.end_reason = IanaReason(ended.reason);
  record.end_cause = static_cast<std::uint8_t>(ended.reason);
  if (stats.IsTcp()) {
    record.handshake_server_us = stats.tcp.HandshakeServerTime();
    record.handshake_client_us = stats.tcp.HandshakeClientTime();
  }
  record.biflow_direction = stats.direction_known ? 1 : 0;
  const tracker::HistoryText letters = stats.history.Letters(rare.history);
  record.connection_state.Assign(
      tracker::ConnectionState(stats, letters.View()));
  record.history = {static_cast<std::uint8_t>(letters.length), letters.octets};
  return record;
}

}  // namespace exporter
