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

// RFC 9293 section 3.1.
void Tcp(const Cursor& cursor, std::size_t ip_offset, std::size_t end,
         Packet& packet) {
  if (end < 20) {
    return;
  }
  const std::size_t header = std::max<std::size_t>(
      static_cast<std::size_t>(cursor.U8(12) >> 4) * 4, 20);
  packet.tcp.sequence = cursor.U32(4);
  packet.tcp.acknowledgment = cursor.U32(8);
  packet.tcp.flags = cursor.U8(13);
  packet.tcp.window = cursor.U16(14);
  packet.tcp.complete = true;
  // What the IP length leaves for the payload, not what was captured of it.
  const std::size_t headers = cursor.Offset() - ip_offset + header;
  packet.tcp.payload_octets =
      packet.octets > headers
          ? packet.octets - static_cast<std::uint32_t>(headers)
          : 0;
  Payload(cursor, end, header, packet);
}

}  // namespace

void Transport(const Cursor& cursor, std::size_t ip_offset, std::size_t end,
               Packet& packet) {
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
    Tcp(cursor, ip_offset, end, packet);
  } else {
    // UDP and UDP-Lite (RFC 768, 3828): 8; SCTP and DCCP common header: 12.
    const bool udp = packet.protocol == kUdp || packet.protocol == kUdpLite;
    Payload(cursor, end, udp ? 8 : 12, packet);
  }
}

}  // namespace tracker::layers
