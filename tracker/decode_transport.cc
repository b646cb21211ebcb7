// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tracker/decode_layers.h"

namespace tracker::layers {
namespace {

// The payload begins `header` octets behind the cursor, or where the captured
// octets of the packet end.
void Payload(const Cursor& cursor, std::size_t end, std::size_t header,
             Packet& packet) {
  const std::size_t skip = std::min(end, header);
  packet.payload_offset = static_cast<std::uint32_t>(cursor.Offset() + skip);
  packet.payload_captured = static_cast<std::uint32_t>(end - skip);
}

// RFC 9293 section 3.1. A header that says to be shorter than it is, or longer
// than its packet, has ports and nothing else that can be believed.
void Tcp(const Cursor& cursor, std::size_t end, Packet& packet) {
  constexpr std::size_t kFixed = 20;
  if (end < kFixed) {
    return;
  }
  const std::size_t header = static_cast<std::size_t>(cursor.U8(12) >> 4) * 4;
  const std::size_t octets = packet.network_payload_octets;
  if (header < kFixed || (header > octets && !packet.fragment)) {
    return;
  }
  packet.tcp.sequence = cursor.U32(4);
  packet.tcp.acknowledgment = cursor.U32(8);
  packet.tcp.flags = cursor.U8(13);
  packet.tcp.window = cursor.U16(14);
  packet.tcp.complete = true;
  // What the IP length leaves for the payload, not what was captured of it.
  packet.tcp.payload_octets =
      static_cast<std::uint32_t>(octets > header ? octets - header : 0);
  Payload(cursor, end, header, packet);
}

}  // namespace

void Transport(const Cursor& cursor, std::size_t end, Packet& packet) {
  switch (packet.protocol) {
    case kIcmp:
    case kIcmpV6:
      if (end >= 2) {
        packet.icmp_type = cursor.U8(0);
        packet.icmp_code = cursor.U8(1);
      }
      Payload(cursor, end, 8, packet);
      return;
    case kTcp:
    case kUdp:
    case kUdpLite:
    case kSctp:
    case kDccp:
      break;
    default:
      Payload(cursor, end, 0, packet);
      return;
  }
  if (end < 4) {
    return;
  }
  packet.source_port = cursor.U16(0);
  packet.destination_port = cursor.U16(2);
  if (packet.protocol == kTcp) {
    Tcp(cursor, end, packet);
  } else {
    // UDP and UDP-Lite (RFC 768, 3828): 8; SCTP and DCCP common header: 12.
    const bool udp = packet.protocol == kUdp || packet.protocol == kUdpLite;
    Payload(cursor, end, udp ? 8 : 12, packet);
  }
}

}  // namespace tracker::layers
