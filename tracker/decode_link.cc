// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include "tracker/decode_layers.h"

namespace tracker::layers {
namespace {

// What was announced as IP has to begin with its version.
DecodeResult CheckVersion(const Cursor& cursor) {
  if (!cursor.Has(1)) {
    return DecodeResult::kTruncated;
  }
  const int version = cursor.U8(0) >> 4;
  return version == 4 || version == 6 ? DecodeResult::kOk
                                      : DecodeResult::kBadHeader;
}

// IEEE 802.3: a value up to 1500 is a length, and LLC follows (SNAP: RFC 1042).
DecodeResult Llc(Cursor& cursor, Walk& walk) {
  constexpr std::uint32_t kSnap = 0xaaaa03;
  if (!cursor.Has(8) || cursor.U32(0) >> 8 != kSnap) {
    return DecodeResult::kNotIp;
  }
  walk.ether_type = cursor.U16(6);
  cursor.Skip(8);
  return DecodeResult::kOk;
}

DecodeResult Ethernet(Cursor& cursor, Packet& packet, Walk& walk) {
  if (!cursor.Has(14)) {
    return DecodeResult::kTruncated;
  }
  std::copy_n(cursor.Data(), 6, packet.destination_mac.begin());
  std::copy_n(cursor.Data() + 6, 6, packet.source_mac.begin());
  packet.has_mac = true;
  walk = {Next::kEtherType, cursor.U16(12)};
  cursor.Skip(14);
  return walk.ether_type <= 1500 ? Llc(cursor, walk) : DecodeResult::kOk;
}

DecodeResult Vlan(Cursor& cursor, Packet& packet, Walk& walk, int& tags) {
  if (!cursor.Has(4)) {
    return DecodeResult::kTruncated;
  }
  const auto vid = static_cast<std::uint16_t>(cursor.U16(0) & 0x0fff);
  if (tags == 0) {
    packet.vlan_id = vid;
  } else if (tags == 1) {
    packet.inner_vlan_id = vid;
  }
  ++tags;
  walk.ether_type = cursor.U16(2);
  cursor.Skip(4);
  return walk.ether_type <= 1500 ? Llc(cursor, walk) : DecodeResult::kOk;
}

// RFC 3032 section 2.1; behind the bottom of the stack the first nibble tells
// IP from a pseudowire with control word (RFC 4928 section 3).
DecodeResult Mpls(Cursor& cursor, Walk& walk) {
  if (!cursor.Has(4)) {
    return DecodeResult::kTruncated;
  }
  const bool bottom = (cursor.U8(2) & 1) != 0;
  cursor.Skip(4);
  if (!bottom) {
    return DecodeResult::kOk;
  }
  if (!cursor.Has(1)) {
    return DecodeResult::kTruncated;
  }
  const int nibble = cursor.U8(0) >> 4;
  if (nibble == 4 || nibble == 6) {
    walk.next = Next::kIp;
    return DecodeResult::kOk;
  }
  if (nibble != 0) {
    return DecodeResult::kNotIp;
  }
  if (!cursor.Has(4)) {
    return DecodeResult::kTruncated;
  }
  cursor.Skip(4);
  walk.next = Next::kEthernet;
  return DecodeResult::kOk;
}

// RFC 1661 section 6.5: an odd first octet is a compressed protocol field.
DecodeResult Ppp(Cursor& cursor, Walk& walk) {
  if (cursor.Has(2) && cursor.U16(0) == 0xff03) {
    cursor.Skip(2);  // address and control, RFC 1662 section 3.1
  }
  if (!cursor.Has(2)) {
    return DecodeResult::kTruncated;
  }
  std::uint16_t protocol = cursor.U8(0);
  if ((protocol & 1) != 0) {
    cursor.Skip(1);
  } else {
    protocol = cursor.U16(0);
    cursor.Skip(2);
  }
  switch (protocol) {
    case 0x0021:
    case 0x0057:
      walk.next = Next::kIp;
      return DecodeResult::kOk;
    case 0x0281:
    case 0x0283:
      walk.next = Next::kMpls;
      return DecodeResult::kOk;
    default:
      return DecodeResult::kNotIp;
  }
}

DecodeResult BsdFamily(LinkType link, Cursor& cursor) {
  if (!cursor.Has(4)) {
    return DecodeResult::kTruncated;
  }
  std::uint32_t family = cursor.U32(0);
  if (link == LinkType::kBsdNull && family > 0xffff) {
    family = __builtin_bswap32(family);  // written by a little-endian host
  }
  cursor.Skip(4);
  // AF_INET, and AF_INET6 of Linux, NetBSD, FreeBSD and Darwin.
  switch (family) {
    case 2:
    case 10:
    case 24:
    case 28:
    case 30:
      return DecodeResult::kOk;
    default:
      return DecodeResult::kNotIp;
  }
}

// Skips a fixed header of `length` octets whose EtherType is at `type_at`.
DecodeResult Fixed(Cursor& cursor, std::size_t length, std::size_t type_at,
                   Walk& walk) {
  if (!cursor.Has(length)) {
    return DecodeResult::kTruncated;
  }
  walk = {Next::kEtherType, cursor.U16(type_at)};
  cursor.Skip(length);
  return DecodeResult::kOk;
}

// Reads the header that the link type puts first.
DecodeResult First(LinkType link, Cursor& cursor, Packet& packet, Walk& walk) {
  switch (link) {
    case LinkType::kEthernet:
      return Ethernet(cursor, packet, walk);
    case LinkType::kRawIp:
      walk.next = Next::kIp;
      return DecodeResult::kOk;
    case LinkType::kBsdNull:
    case LinkType::kBsdLoop:
      walk.next = Next::kIp;
      return BsdFamily(link, cursor);
    case LinkType::kPpp:
      // RFC 1547 and Cisco framing share the link type with RFC 1662.
      if (cursor.Has(4) &&
          (cursor.U16(0) == 0x0f00 || cursor.U16(0) == 0x8f00)) {
        return Fixed(cursor, 4, 2, walk);
      }
      walk.next = Next::kPpp;
      return DecodeResult::kOk;
    case LinkType::kCiscoHdlc:
      return Fixed(cursor, 4, 2, walk);
    case LinkType::kLinuxSll:
      return Fixed(cursor, 16, 14, walk);
    case LinkType::kLinuxSll2:
      return Fixed(cursor, 20, 0, walk);
    case LinkType::kUnknown:
      return DecodeResult::kUnknownLink;
  }
  return DecodeResult::kUnknownLink;
}

// One tag or shim behind an EtherType.
DecodeResult Shim(Cursor& cursor, Packet& packet, Walk& walk, int& tags) {
  switch (walk.ether_type) {
    case kIpv4:
    case kIpv6:
      walk.next = Next::kIp;
      return DecodeResult::kOk;
    case kVlan:
    case kQinQ:
    case kQinQOld:
      return Vlan(cursor, packet, walk, tags);
    case kMpls:
    case kMplsMulticast:
      walk.next = Next::kMpls;
      return DecodeResult::kOk;
    case kPppoeSession:  // RFC 2516 section 4
      if (!cursor.Has(6)) {
        return DecodeResult::kTruncated;
      }
      cursor.Skip(6);
      walk.next = Next::kPpp;
      return DecodeResult::kOk;
    case kFabricPath:  // two octets of tag, then a whole Ethernet frame
      if (!cursor.Has(2)) {
        return DecodeResult::kTruncated;
      }
      cursor.Skip(2);
      walk.next = Next::kEthernet;
      return DecodeResult::kOk;
    default:
      return DecodeResult::kNotIp;
  }
}

}  // namespace

DecodeResult LinkFrom(Walk walk, Cursor& cursor, Packet& packet) {
  int tags = 0;
  DecodeResult result = DecodeResult::kOk;
  for (int layer = 0; result == DecodeResult::kOk; ++layer) {
    if (walk.next == Next::kIp) {
      return CheckVersion(cursor);
    }
    if (layer == kMaxLayers) {
      return DecodeResult::kTooManyLayers;
    }
    switch (walk.next) {
      case Next::kEtherType:
        result = Shim(cursor, packet, walk, tags);
        break;
      case Next::kEthernet:
        result = Ethernet(cursor, packet, walk);
        break;
      case Next::kPpp:
        result = Ppp(cursor, walk);
        break;
      case Next::kMpls:
        result = Mpls(cursor, walk);
        break;
      case Next::kIp:
        break;
    }
  }
  return result;
}

DecodeResult Link(LinkType link, Cursor& cursor, Packet& packet) {
  Walk walk;
  const DecodeResult result = First(link, cursor, packet, walk);
  return result == DecodeResult::kOk ? LinkFrom(walk, cursor, packet) : result;
}

}  // namespace tracker::layers
