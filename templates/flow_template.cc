// SPDX-License-Identifier: Apache-2.0
#include "templates/flow_template.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

namespace templates {
namespace {

// IANA protocol numbers.
constexpr std::uint8_t kIcmp = 1;
constexpr std::uint8_t kTcp = 6;
constexpr std::uint8_t kIcmpV6 = 58;

constexpr std::uint16_t kFirstTemplateId = 256;  // RFC 7011 section 3.4.1

// When a field is part of a template.
enum Need : std::uint16_t {
  kAlways = 0,
  kBiflow = 1,
  kV4 = 2,
  kV6 = 4,
  kTcpOnly = 8,
  kIcmpOnly = 16,
  kNotIcmp = 32,
  kOverlay = 64,
  kCertOn = 128,
  kOwnOn = 256,
};

struct Field {
  std::string_view name;
  int needs;  // all of these
};

constexpr std::array kLayout = {
    Field{"reverseOctetDeltaCount", kBiflow},
    Field{"reversePacketDeltaCount", kBiflow},
    Field{"reverseFlowStartMilliseconds", kBiflow},
    Field{"reverseFlowEndMilliseconds", kBiflow},
    Field{"reverseIpClassOfService", kBiflow},
    Field{"reverseTcpControlBits", kBiflow | kTcpOnly},
    Field{"reverseMinimumTTL", kBiflow},
    Field{"reverseMaximumTTL", kBiflow},
    Field{"flowStartMilliseconds", kAlways},
    Field{"flowEndMilliseconds", kAlways},
    Field{"flowDurationMilliseconds", kAlways},
    Field{"sourceIPv4Address", kV4},
    Field{"destinationIPv4Address", kV4},
    Field{"sourceIPv6Address", kV6},
    Field{"destinationIPv6Address", kV6},
    Field{"icmpTypeCodeIPv4", kV4 | kIcmpOnly},
    Field{"icmpTypeCodeIPv6", kV6 | kIcmpOnly},
    Field{"sourceTransportPort", kAlways},
    Field{"destinationTransportPort", kAlways},
    Field{"protocolIdentifier", kAlways},
    Field{"ipVersion", kAlways},
    Field{"ipClassOfService", kAlways},
    Field{"minimumTTL", kAlways},
    Field{"maximumTTL", kAlways},
    Field{"tcpControlBits", kTcpOnly},
    Field{"flowEndReason", kAlways},
    Field{"biflowDirection", kBiflow},
    Field{"ingressInterface", kAlways},
    Field{"egressInterface", kAlways},
    Field{"vlanId", kAlways},
    Field{"dot1qCustomerVlanId", kAlways},
    Field{"sourceMacAddress", kAlways},
    Field{"destinationMacAddress", kAlways},
    Field{"octetDeltaCount", kAlways},
    Field{"packetDeltaCount", kAlways},
    Field{"flowId", kAlways},
    Field{"layer2SegmentId", kOverlay},
    Field{"reverseFlowDeltaMilliseconds", kBiflow | kCertOn},
    Field{"initialTCPFlags", kTcpOnly | kCertOn},
    Field{"unionTCPFlags", kTcpOnly | kCertOn},
    Field{"reverseInitialTCPFlags", kBiflow | kTcpOnly | kCertOn},
    Field{"reverseUnionTCPFlags", kBiflow | kTcpOnly | kCertOn},
    Field{"flowEndCause", kOwnOn},
    Field{"handshakeServerTime", kTcpOnly | kOwnOn},
    Field{"handshakeClientTime", kTcpOnly | kOwnOn},
    Field{"tcpRetransmittedPackets", kTcpOnly | kOwnOn},
    Field{"reverseTcpRetransmittedPackets", kBiflow | kTcpOnly | kOwnOn},
    Field{"tcpMissingOctets", kTcpOnly | kOwnOn},
    Field{"reverseTcpMissingOctets", kBiflow | kTcpOnly | kOwnOn},
    Field{"connectionState", kOwnOn},
    Field{"tcpHistory", kNotIcmp | kOwnOn},
    Field{"communityId", kOwnOn},
};

int Given(const Shape& shape, const Profile& profile) {
  return (shape.biflow ? kBiflow : 0) | (shape.ip_version == 4 ? kV4 : kV6) |
         (shape.transport == Transport::kTcp ? kTcpOnly : 0) |
         (shape.transport == Transport::kIcmp ? kIcmpOnly : kNotIcmp) |
         (shape.overlay ? kOverlay : 0) |
         (profile.cert_elements ? kCertOn : 0) |
         (profile.own_elements ? kOwnOn : 0);
}

}  // namespace

FlowRecord ReverseOf(const FlowRecord& record) {
  FlowRecord reverse = record;
  std::swap(reverse.source_address, reverse.destination_address);
  std::swap(reverse.source_mac, reverse.destination_mac);
  if (record.protocol == kIcmp || record.protocol == kIcmpV6) {
    reverse.icmp_type_code = record.reverse_icmp_type_code;
    reverse.destination_port = record.reverse_icmp_type_code;
  } else {
    std::swap(reverse.source_port, reverse.destination_port);
  }
  reverse.start_ms = record.reverse_start_ms;
  reverse.end_ms = record.reverse_end_ms;
  reverse.duration_ms = static_cast<std::uint32_t>(
      std::min<std::uint64_t>(reverse.end_ms - reverse.start_ms, 0xffffffff));
  reverse.octets = record.reverse_octets;
  reverse.packets = record.reverse_packets;
  reverse.class_of_service = record.reverse_class_of_service;
  reverse.tcp_flags = record.reverse_tcp_flags;
  reverse.initial_tcp_flags = record.reverse_initial_tcp_flags;
  reverse.later_tcp_flags = record.reverse_later_tcp_flags;
  reverse.ttl_minimum = record.reverse_ttl_minimum;
  reverse.ttl_maximum = record.reverse_ttl_maximum;
  reverse.vlan_id = record.reverse_vlan_id;
  reverse.inner_vlan_id = record.reverse_inner_vlan_id;
  reverse.retransmitted_packets = record.reverse_retransmitted_packets;
  reverse.missing_octets = record.reverse_missing_octets;
  reverse.reverse_octets = 0;
  reverse.reverse_packets = 0;
  return reverse;
}

Shape ShapeOf(const FlowRecord& record) {
  Transport transport = Transport::kOther;
  if (record.protocol == kTcp) {
    transport = Transport::kTcp;
  } else if (record.protocol == kIcmp || record.protocol == kIcmpV6) {
    transport = Transport::kIcmp;
  }
  return {.ip_version = record.ip_version,
          .transport = transport,
          .biflow = record.reverse_packets > 0,
          .overlay = record.segment_id != 0};
}

// IndexOf() and ShapeAt() count in this order: overlay, version, transport,
// directions.
constexpr std::size_t kTransports = 3;
constexpr std::size_t kPlainShapes = kShapes / 2;

std::size_t IndexOf(const Shape& shape) {
  const std::size_t version = shape.ip_version == 4 ? 0 : 1;
  const auto transport = static_cast<std::size_t>(shape.transport);
  return (shape.overlay ? kPlainShapes : 0) +
         (version * kTransports + transport) * 2 + (shape.biflow ? 1 : 0);
}

Shape ShapeAt(std::size_t index) {
  const std::size_t plain = index % kPlainShapes;
  return {.ip_version =
              static_cast<std::uint8_t>(plain / 2 / kTransports == 0 ? 4 : 6),
          .transport = static_cast<Transport>(plain / 2 % kTransports),
          .biflow = plain % 2 == 1,
          .overlay = index >= kPlainShapes};
}

std::array<FlowTemplate, kShapes> MakeTemplates(const Profile& profile) {
  std::array<FlowTemplate, kShapes> templates;
  for (std::size_t i = 0; i < kShapes; ++i) {
    const Shape shape = ShapeAt(i);
    if ((shape.biflow && !profile.biflow) ||
        (shape.overlay && !profile.overlays)) {
      continue;
    }
    const int given = Given(shape, profile);
    templates[i].id = static_cast<std::uint16_t>(kFirstTemplateId + i);
    for (const Field& field : kLayout) {
      if ((field.needs & given) == field.needs) {
        templates[i].fields.push_back(&ElementNamed(field.name));
      }
    }
  }
  return templates;
}

}  // namespace templates
