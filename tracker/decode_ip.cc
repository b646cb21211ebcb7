// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tracker/decode_layers.h"

namespace tracker::layers {
namespace {

// IPv6 extension headers (RFC 8200 section 4), AH (RFC 4302), and the mobility,
// HIP and Shim6 headers that share their layout (RFC 6564).
enum Extension : std::uint8_t {
  kHopByHop = 0,
  kRouting = 43,
  kFragment = 44,
  kAuthentication = 51,
  kDestination = 60,
  kMobility = 135,
  kHip = 139,
  kShim6 = 140,
};

// RFC 791 section 3.1.
DecodeResult Ipv4(Cursor& cursor, Packet& packet, std::size_t& end) {
  if (!cursor.Has(20)) {
    return DecodeResult::kTruncated;
  }
  const std::size_t header = static_cast<std::size_t>(cursor.U8(0) & 0x0f) * 4;
  std::uint32_t length = cursor.U16(2);
  if (length == 0) {
    length = cursor.WireLeft();  // segmentation offload left it for the card
  }
  if (header < 20 || length < header) {
    return DecodeResult::kBadHeader;
  }
  if (!cursor.Has(header)) {
    return DecodeResult::kTruncated;
  }
  constexpr std::uint16_t kMoreFragments = 0x2000;
  constexpr std::uint16_t kOffset = 0x1fff;
  const std::uint16_t fragment = cursor.U16(6);
  packet.ip_version = 4;
  packet.octets = length;
  packet.class_of_service = cursor.U8(1);
  packet.fragment = (fragment & (kMoreFragments | kOffset)) != 0;
  packet.later_fragment = (fragment & kOffset) != 0;
  packet.fragment_offset = static_cast<std::uint16_t>((fragment & kOffset) * 8);
  packet.fragment_id = cursor.U16(4);
  packet.ttl = cursor.U8(8);
  packet.protocol = cursor.U8(9);
  packet.fragment_protocol = packet.protocol;
  packet.source =
      IpAddress::V4(cursor.U8(12), cursor.U8(13), cursor.U8(14), cursor.U8(15));
  packet.destination =
      IpAddress::V4(cursor.U8(16), cursor.U8(17), cursor.U8(18), cursor.U8(19));
  end = std::min<std::size_t>(cursor.Left(), length) - header;
  cursor.Skip(header);
  return DecodeResult::kOk;
}

// Octets of the extension header `type` at the cursor; 0: not an extension.
std::size_t ExtensionLength(std::uint8_t type, const Cursor& cursor) {
  switch (type) {
    case kHopByHop:
    case kRouting:
    case kDestination:
    case kMobility:
    case kHip:
    case kShim6:
      return (static_cast<std::size_t>(cursor.U8(1)) + 1) * 8;
    case kFragment:
      return 8;
    case kAuthentication:
      return (static_cast<std::size_t>(cursor.U8(1)) + 2) * 4;
    default:
      return 0;
  }
}

bool IsExtension(std::uint8_t protocol, int ip_version) {
  switch (protocol) {
    case kHopByHop:
    case kRouting:
    case kFragment:
    case kDestination:
    case kMobility:
    case kHip:
    case kShim6:
      return ip_version == 6;
    case kAuthentication:
      return true;
    default:
      return false;
  }
}

// Walks the extension headers until the transport protocol is known. A header
// that is cut off ends the walk with the protocol that announced it: the packet
// still counts, with ports 0.
DecodeResult Extensions(Cursor& cursor, Packet& packet, std::size_t& end) {
  std::size_t divided_at = cursor.Offset();  // where a datagram can be cut
  for (int layer = 0; IsExtension(packet.protocol, packet.ip_version) &&
                      !packet.later_fragment;
       ++layer) {
    if (layer == kMaxLayers) {
      return DecodeResult::kTooManyLayers;
    }
    if (end < 8) {
      return DecodeResult::kOk;
    }
    const std::size_t length = ExtensionLength(packet.protocol, cursor);
    if (packet.protocol == kFragment) {
      const std::uint16_t field = cursor.U16(2);
      // Offset 0 and nothing to follow is a whole datagram (RFC 6946).
      packet.fragment = (field & 0xfff9) != 0;
      packet.later_fragment = (field & 0xfff8) != 0;
      packet.fragment_offset = field & 0xfff8;
      packet.fragment_id = cursor.U32(4);
      packet.fragment_protocol = cursor.U8(0);
    }
    if (end < length) {
      return DecodeResult::kOk;
    }
    const bool divides = packet.protocol == kFragment;
    packet.protocol = cursor.U8(0);
    cursor.Skip(length);
    end -= length;
    divided_at = divides ? cursor.Offset() : divided_at;
    packet.fragment_extension_octets =
        static_cast<std::uint16_t>(cursor.Offset() - divided_at);
  }
  return DecodeResult::kOk;
}

// RFC 8200 section 3.
DecodeResult Ipv6(Cursor& cursor, Packet& packet, std::size_t& end) {
  constexpr std::uint32_t kHeader = 40;
  if (!cursor.Has(kHeader)) {
    return DecodeResult::kTruncated;
  }
  packet.octets = kHeader + cursor.U16(4);
  // Payload length 0 with more than 64 KiB on the wire: a jumbogram (RFC 2675)
  // or a segmentation-offload packet of a kernel with large TCP.
  if (packet.octets == kHeader && cursor.WireLeft() > kHeader + 0xffff) {
    packet.octets = cursor.WireLeft();
  }
  packet.ip_version = 6;
  packet.class_of_service = static_cast<std::uint8_t>(cursor.U16(0) >> 4);
  packet.protocol = cursor.U8(6);
  packet.ttl = cursor.U8(7);
  std::copy_n(cursor.Data() + 8, 16, packet.source.octets.begin());
  std::copy_n(cursor.Data() + 24, 16, packet.destination.octets.begin());
  end = std::min<std::size_t>(cursor.Left(), packet.octets) - kHeader;
  cursor.Skip(kHeader);
  return DecodeResult::kOk;
}

}  // namespace

DecodeResult Ip(Cursor& cursor, Packet& packet, std::size_t& end) {
  packet.network_offset = static_cast<std::uint32_t>(cursor.Offset());
  DecodeResult result = cursor.U8(0) >> 4 == 4 ? Ipv4(cursor, packet, end)
                                               : Ipv6(cursor, packet, end);
  if (result == DecodeResult::kOk) {
    result = Extensions(cursor, packet, end);
  }
  const auto headers =
      static_cast<std::uint32_t>(cursor.Offset()) - packet.network_offset;
  packet.network_payload_octets =
      packet.octets > headers ? packet.octets - headers : 0;
  return result;
}

}  // namespace tracker::layers
