// SPDX-License-Identifier: Apache-2.0
// The header fields that are tracked, decoded: host byte order, no pointer into
// the frame.
#pragma once

#include <cstdint>

#include "tracker/address.h"
#include "tracker/time.h"

namespace tracker {

// IANA protocol numbers that are treated specially.
enum IpProtocol : std::uint8_t {
  kIcmp = 1,
  kTcp = 6,
  kUdp = 17,
  kDccp = 33,
  kIcmpV6 = 58,
  kSctp = 132,
  kUdpLite = 136,
};

// TCP header flags (RFC 9293 section 3.1).
enum TcpFlag : std::uint8_t {
  kFin = 0x01,
  kSyn = 0x02,
  kRst = 0x04,
  kPsh = 0x08,
  kAck = 0x10,
  kEce = 0x40,  // RFC 3168 section 6.1
  kCwr = 0x80,
};

struct TcpSegment {
  std::uint32_t sequence = 0;
  std::uint32_t acknowledgment = 0;
  std::uint32_t payload_octets = 0;  // on the wire, by the IP length
  std::uint16_t window = 0;          // as sent, without the scale option
  std::uint8_t flags = 0;            // TcpFlag
  bool continuation = false;         // a later fragment of a segment
  bool complete = false;  // the fixed header was captured and makes sense

  // A SYN with nothing else to tell.
  [[nodiscard]] bool OnlyOpens() const {
    return (flags & (kSyn | kFin | kRst | kAck)) == kSyn &&
           payload_octets == 0 && window != 0;
  }

  bool operator==(const TcpSegment&) const = default;
};

// Fields that a decoder assigns together stand together.
struct Packet {
  Timestamp time;

  // Network layer.
  IpAddress source;
  IpAddress destination;
  std::uint32_t octets = 0;  // IPv4 total length, or IPv6 payload length + 40
  std::uint32_t network_offset = 0;  // of the IP header in the frame
  // On the wire, behind the IP header and its extensions.
  std::uint32_t network_payload_octets = 0;
  std::uint8_t ip_version = 0;        // 4, 6; 0: no IP in the frame
  std::uint8_t protocol = 0;          // behind IPv6 extension headers and AH
  std::uint8_t class_of_service = 0;  // IPv4 TOS, IPv6 traffic class
  std::uint8_t ttl = 0;               // or hop limit

  // Transport layer; 0 where the protocol has no ports or they were cut off.
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  TcpSegment tcp;

  // Transport payload inside the captured octets of the frame. Padding of the
  // link layer is not payload.
  std::uint32_t payload_offset = 0;
  std::uint32_t payload_captured = 0;

  // Link layer.
  std::uint32_t interface = 0;  // as in Frame
  MacAddress destination_mac{};
  MacAddress source_mac{};
  bool has_mac = false;
  std::uint16_t vlan_id = 0;        // outermost 802.1Q VID; 0: untagged
  std::uint16_t inner_vlan_id = 0;  // VID of the second tag

  // What fragments of one datagram have in common beside the addresses, and
  // where this one belongs; octets.
  std::uint32_t fragment_id = 0;
  std::uint8_t fragment_protocol = 0;  // as the fragment itself announces it
  bool fragment = false;               // any fragment of a datagram
  bool later_fragment = false;         // one whose transport header is unknown
  std::uint16_t fragment_offset = 0;
  std::uint16_t fragment_extension_octets = 0;  // before the transport header

  // The overlay network that a tunnel carried it in, as in the element
  // layer2SegmentId: kind << 56 | id. 0: none.
  std::uint64_t segment_id = 0;

  // As in FlowHead.
  [[nodiscard]] std::uint16_t IcmpTypeCode() const {
    return static_cast<std::uint16_t>(icmp_type << 8 | icmp_code);
  }

  bool operator==(const Packet&) const = default;
};

}  // namespace tracker
