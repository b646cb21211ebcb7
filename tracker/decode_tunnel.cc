// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <optional>

#include "tracker/decode_layers.h"

namespace tracker::layers {
namespace {

// IANA protocol numbers.
enum TunnelProtocol : std::uint8_t {
  kIpInIp = 4,  // RFC 2003
  kIpv6InIp = 41,
  kGre = 47,
  kL2tpV3 = 115,
};

// UDP ports. Where an entropy hash is the source port, only the destination
// tells.
enum TunnelPort : std::uint16_t {
  kL2tp = 1701,
  kGtpU = 2152,
  kTeredo = 3544,
  kVxlan = 4789,
  kVxlanGpe = 4790,
  kAyiya = 5072,
  kGeneve = 6081,
  kVxlanLinux = 8472,  // what Linux used before the assignment, and still does
};

// Kinds of overlay network in layer2SegmentId; IANA names no other.
constexpr std::uint64_t kSegmentVxlan = std::uint64_t{1} << 56;
constexpr std::uint64_t kSegmentNvgre = std::uint64_t{2} << 56;

constexpr std::uint16_t kTransparentEthernet = 0x6558;
constexpr std::uint16_t kErspan = 0x88be;  // types I and II
constexpr std::uint16_t kErspanIII = 0x22eb;
constexpr std::uint16_t kPppInGre = 0x880b;

// A header that is read only as far as the packet was captured.
class Header {
 public:
  Header(const Cursor& cursor, std::size_t end) : cursor_(cursor), end_(end) {}

  [[nodiscard]] bool Has(std::size_t count) const { return end_ >= count; }
  [[nodiscard]] std::uint8_t U8(std::size_t at) const { return cursor_.U8(at); }
  [[nodiscard]] std::uint16_t U16(std::size_t at) const {
    return cursor_.U16(at);
  }
  [[nodiscard]] std::uint32_t U24(std::size_t at) const {
    return cursor_.U32(at) >> 8;
  }
  [[nodiscard]] bool BeginsIp(std::size_t at) const {
    return Has(at + 1) && (U8(at) >> 4 == 4 || U8(at) >> 4 == 6);
  }

 private:
  const Cursor& cursor_;
  std::size_t end_;
};

// What is inside, and how many octets before it.
struct Inside {
  std::size_t skip = 0;
  Walk walk;
  std::uint64_t segment = 0;
};

constexpr Walk kIpInside{Next::kIp};
constexpr Walk kEthernetInside{Next::kEthernet};
constexpr Walk kPppInside{Next::kPpp};

Walk WalkOf(std::uint16_t ether_type) {
  return ether_type == kTransparentEthernet
             ? kEthernetInside
             : Walk{Next::kEtherType, ether_type};
}

std::optional<Inside> PlainIp(const Header& header) {
  return header.BeginsIp(0) ? std::optional(Inside{0, kIpInside})
                            : std::nullopt;
}

// RFC 2637 section 4.1: PPTP.
std::optional<Inside> EnhancedGre(const Header& header) {
  constexpr std::uint16_t kSequence = 0x1000;
  constexpr std::uint16_t kAcknowledgment = 0x0080;
  if (!header.Has(8) || header.U16(2) != kPppInGre || header.U16(4) == 0) {
    return std::nullopt;  // an acknowledgment alone
  }
  const std::uint16_t flags = header.U16(0);
  return Inside{8U + ((flags & kSequence) != 0 ? 4U : 0U) +
                    ((flags & kAcknowledgment) != 0 ? 4U : 0U),
                kPppInside};
}

// draft-foschiano-erspan: type I has no header of its own and no sequence
// number in GRE, type II has eight octets, type III twelve or twenty.
std::optional<Inside> Erspan(const Header& header, std::uint16_t type,
                             std::size_t gre, bool sequence) {
  if (type == kErspan) {
    return Inside{gre + (sequence ? 8 : 0), kEthernetInside};
  }
  if (!header.Has(gre + 12)) {
    return std::nullopt;
  }
  constexpr int kFrameTypeIp = 2;
  const std::uint16_t last = header.U16(gre + 10);
  return Inside{
      gre + ((last & 1) != 0 ? 20 : 12),
      (last >> 10 & 0x1f) == kFrameTypeIp ? kIpInside : kEthernetInside};
}

// RFC 2784 and 2890; NVGRE is RFC 7637.
std::optional<Inside> Gre(const Header& header) {
  constexpr std::uint16_t kChecksum = 0x8000;
  constexpr std::uint16_t kRouting = 0x4000;
  constexpr std::uint16_t kKey = 0x2000;
  constexpr std::uint16_t kSequence = 0x1000;
  if (!header.Has(4)) {
    return std::nullopt;
  }
  const std::uint16_t flags = header.U16(0);
  if ((flags & 7) == 1) {
    return EnhancedGre(header);
  }
  if ((flags & 7) != 0 || (flags & kRouting) != 0) {
    return std::nullopt;
  }
  const auto given = [&](std::uint16_t flag) { return (flags & flag) != 0; };
  const std::size_t length = 4U + (given(kChecksum) ? 4U : 0U) +
                             (given(kKey) ? 4U : 0U) +
                             (given(kSequence) ? 4U : 0U);
  const std::uint16_t type = header.U16(2);
  if (type == kErspan || type == kErspanIII) {
    return Erspan(header, type, length, given(kSequence));
  }
  Inside inside{length, WalkOf(type)};
  if (type == kTransparentEthernet && header.Has(8) && given(kKey) &&
      !given(kChecksum) && !given(kSequence)) {
    inside.segment = kSegmentNvgre | header.U24(4);
  }
  return inside;
}

// RFC 7348, and draft-ietf-nvo3-vxlan-gpe.
std::optional<Inside> Vxlan(const Header& header, bool generic) {
  constexpr std::uint8_t kValidNetwork = 0x08;
  constexpr std::uint8_t kNextProtocol = 0x04;
  if (!header.Has(8) || (header.U8(0) & kValidNetwork) == 0) {
    return std::nullopt;
  }
  Inside inside{8, kEthernetInside, kSegmentVxlan | header.U24(4)};
  if (generic && (header.U8(0) & kNextProtocol) != 0) {
    switch (header.U8(3)) {
      case 1:
      case 2:
        inside.walk = kIpInside;
        break;
      case 3:
        break;
      default:
        return std::nullopt;
    }
  }
  return inside;
}

// RFC 8926 section 3.4. IANA has no kind for its networks: the number alone.
std::optional<Inside> Geneve(const Header& header) {
  constexpr std::uint8_t kControl = 0x80;
  if (!header.Has(8) || header.U8(0) >> 6 != 0 ||
      (header.U8(1) & kControl) != 0) {
    return std::nullopt;
  }
  return Inside{8U + (header.U8(0) & 0x3fU) * 4, WalkOf(header.U16(2)),
                header.U24(4)};
}

// 3GPP TS 29.281 section 5: only G-PDUs carry packets.
std::optional<Inside> GtpU(const Header& header) {
  constexpr std::uint8_t kGpdu = 255;
  constexpr std::uint8_t kExtension = 0x04;
  if (!header.Has(8) || header.U8(0) >> 5 != 1 || (header.U8(0) & 0x10) == 0 ||
      header.U8(1) != kGpdu) {
    return std::nullopt;
  }
  std::size_t length = 8;
  if ((header.U8(0) & 7) != 0) {
    length = 12;
    if (!header.Has(length)) {
      return std::nullopt;
    }
    int type = (header.U8(0) & kExtension) != 0 ? header.U8(11) : 0;
    for (int layer = 0; type != 0; ++layer) {
      if (layer == kMaxLayers || !header.Has(length + 1) ||
          header.U8(length) == 0) {
        return std::nullopt;
      }
      length += std::size_t{header.U8(length)} * 4;
      if (!header.Has(length)) {
        return std::nullopt;
      }
      type = header.U8(length - 1);
    }
  }
  return header.BeginsIp(length) ? std::optional(Inside{length, kIpInside})
                                 : std::nullopt;
}

// RFC 4380 section 5.1.1.
std::optional<Inside> Teredo(const Header& header) {
  std::size_t length = 0;
  if (header.Has(4) && header.U16(0) == 0x0001) {  // authentication
    length += 13U + header.U8(2) + header.U8(3);
  }
  if (header.Has(length + 2) && header.U16(length) == 0x0000) {  // origin
    length += 8;
  }
  if (!header.Has(length + 1) || header.U8(length) >> 4 != 6) {
    return std::nullopt;
  }
  return Inside{length, kIpInside};
}

// draft-massar-v6ops-ayiya: identity, signature, then the packet.
std::optional<Inside> Ayiya(const Header& header) {
  constexpr int kForward = 1;
  if (!header.Has(8) || (header.U8(2) & 0xf) != kForward) {
    return std::nullopt;
  }
  const std::size_t length = 8U + (std::size_t{1} << (header.U8(0) >> 4)) +
                             (std::size_t{header.U8(1)} >> 4) * 4;
  return header.BeginsIp(length) ? std::optional(Inside{length, kIpInside})
                                 : std::nullopt;
}

// RFC 3931 section 4.1: how long cookie and sublayer are, only the two ends
// know. The first place is taken where an Ethernet header announces the IP
// packet that follows it.
std::optional<Inside> L2tpV3(const Header& header, std::size_t session) {
  constexpr std::array<std::size_t, 4> kOptional = {4, 0, 8, 12};
  if (!header.Has(session + 4) ||
      (header.U24(session) == 0 && header.U8(session + 3) == 0)) {
    return std::nullopt;  // session 0 is the control connection
  }
  for (const std::size_t optional : kOptional) {
    const std::size_t skip = session + 4 + optional;
    if (!header.Has(skip + 15)) {
      continue;
    }
    const std::uint16_t type = header.U16(skip + 12);
    const int nibble = header.U8(skip + 14) >> 4;
    if ((type == kIpv4 && nibble == 4) || (type == kIpv6 && nibble == 6) ||
        type == kVlan) {
      return Inside{skip, kEthernetInside};
    }
  }
  return std::nullopt;
}

// RFC 2661 section 3.1.
std::optional<Inside> L2tp(const Header& header) {
  constexpr std::uint16_t kControl = 0x8000;
  constexpr std::uint16_t kLength = 0x4000;
  constexpr std::uint16_t kSequence = 0x0800;
  constexpr std::uint16_t kOffset = 0x0200;
  if (!header.Has(8) || (header.U16(0) & kControl) != 0) {
    return std::nullopt;
  }
  const std::uint16_t flags = header.U16(0);
  if ((flags & 0xf) == 3) {
    return L2tpV3(header, 4);
  }
  if ((flags & 0xf) != 2) {
    return std::nullopt;
  }
  std::size_t length = 6U + ((flags & kLength) != 0 ? 2U : 0U) +
                       ((flags & kSequence) != 0 ? 4U : 0U);
  if ((flags & kOffset) != 0) {
    if (!header.Has(length + 2)) {
      return std::nullopt;
    }
    length += 2U + header.U16(length);
  }
  return Inside{length, kPppInside};
}

std::optional<Inside> InUdp(const Header& header, const Packet& packet) {
  switch (packet.destination_port) {
    case kVxlan:
    case kVxlanLinux:
      return Vxlan(header, false);
    case kVxlanGpe:
      return Vxlan(header, true);
    case kGeneve:
      return Geneve(header);
    default:
      break;
  }
  const auto port = [&](std::uint16_t number) {
    return packet.destination_port == number || packet.source_port == number;
  };
  if (port(kGtpU)) {
    return GtpU(header);
  }
  if (port(kTeredo)) {
    return Teredo(header);
  }
  if (port(kAyiya)) {
    return Ayiya(header);
  }
  return port(kL2tp) ? L2tp(header) : std::nullopt;
}

}  // namespace

bool Tunnel(Cursor& cursor, std::size_t end, const Packet& packet, Walk& walk,
            std::uint64_t& segment) {
  std::optional<Inside> inside;
  constexpr std::size_t kUdpHeader = 8;
  switch (packet.protocol) {
    case kIpInIp:
    case kIpv6InIp:
      inside = PlainIp(Header(cursor, end));
      break;
    case kGre:
      inside = Gre(Header(cursor, end));
      break;
    case kL2tpV3:
      inside = L2tpV3(Header(cursor, end), 0);
      break;
    case kUdp:
      if (end < kUdpHeader) {
        return false;
      }
      cursor.Skip(kUdpHeader);
      end -= kUdpHeader;
      inside = InUdp(Header(cursor, end), packet);
      break;
    default:
      return false;
  }
  if (!inside || inside->skip > end) {
    return false;
  }
  cursor.Skip(inside->skip);
  walk = inside->walk;
  if (inside->segment != 0) {
    segment = inside->segment;
  }
  return true;
}

}  // namespace tracker::layers
