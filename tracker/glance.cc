// SPDX-License-Identifier: Apache-2.0
#include "tracker/glance.h"

#include <algorithm>
#include <cstddef>

#include "tracker/decode_layers.h"

// Each field is assigned once, and nothing else: this is done for every packet.
namespace tracker {
namespace {

using layers::Load16;
using layers::Load32;

constexpr std::size_t kEthernetHeader = 14;
constexpr std::size_t kTag = 4;
constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;
constexpr std::size_t kTcpHeader = 20;
constexpr std::size_t kUdpHeader = 8;

// Both: the smaller end comes first, as in BasicFiveTuple. `from` is where the
// addresses stand, the source first, and `ports` is the transport header.
void AssignIpv4Ends(const std::uint8_t* from, const std::uint8_t* ports,
                    std::uint8_t protocol, std::uint16_t vlan, Glance& out) {
  const std::uint8_t* const to = from + 4;
  const std::uint64_t source =
      std::uint64_t{Load32(from)} << 16 | Load16(ports);
  const std::uint64_t destination =
      std::uint64_t{Load32(to)} << 16 | Load16(ports + 2);
  const std::uint64_t turned = source > destination ? 1 : 0;
  const std::uint64_t first = Choose(0 - turned, source, destination);
  const std::uint64_t second = Choose(0 - turned, destination, source);
  const auto address = [](std::uint64_t end) {
    return std::uint64_t{
        __builtin_bswap32(static_cast<std::uint32_t>(end >> 16))};
  };
  out.is_short = true;
  out.orientation = static_cast<Orientation>(turned);
  out.short_key.addresses = address(first) | address(second) << 32;
  out.short_key.numbers = FlowKey::NumbersOf(
      static_cast<std::uint32_t>((first & 0xffff) | second << 16), protocol, 4,
      vlan);
}

void AssignIpv6Ends(const std::uint8_t* from, const std::uint8_t* ports,
                    std::uint8_t protocol, std::uint16_t vlan, Glance& out) {
  const IpAddress source = layers::Ipv6At(from);
  const IpAddress destination = layers::Ipv6At(from + 16);
  const std::uint16_t source_port = Load16(ports);
  const std::uint16_t destination_port = Load16(ports + 2);
  const std::uint64_t turned =
      source > destination ||
              (source == destination && source_port > destination_port)
          ? 1
          : 0;
  const std::uint64_t mask = 0 - turned;
  out.is_short = false;
  out.orientation = static_cast<Orientation>(turned);
  FlowKey& key = out.long_key;
  key.address = {Choose(mask, source, destination),
                 Choose(mask, destination, source)};
  key.SetNumbers(
      {static_cast<std::uint16_t>(Choose(mask, source_port, destination_port)),
       static_cast<std::uint16_t>(Choose(mask, destination_port, source_port))},
      protocol, 6, vlan);
  key.tunnel_id = 0;
}

// `octets` of IP payload on the wire, and `captured` from the header on.
bool GlanceTcp(const std::uint8_t* header, std::uint32_t octets,
               std::size_t captured, TcpSegment& out) {
  if (captured < kTcpHeader) {
    return false;
  }
  const std::uint32_t length = (header[12] >> 4) * 4U;
  if (length < kTcpHeader || length > octets ||
      (header[13] & (kSyn | kFin | kRst | kAck)) != kAck) {
    return false;
  }
  out.sequence = Load32(header + 4);
  out.acknowledgment = Load32(header + 8);
  out.payload_octets = octets - length;
  out.window = Load16(header + 14);
  out.flags = header[13];
  out.continuation = false;
  out.complete = true;
  return true;
}

}  // namespace

bool TakeGlance(const Frame& frame, bool vlan_in_key, Glance& out) {
  const std::uint8_t* at = frame.captured.data();
  std::size_t captured = frame.captured.size();
  constexpr std::size_t kLeast = kEthernetHeader + kTag + kIpv4Header;
  if (frame.link != LinkType::kEthernet || captured < kLeast + kUdpHeader) {
    return false;
  }
  std::uint16_t type = Load16(at + 12);
  std::uint16_t vlan = 0;
  std::size_t link = kEthernetHeader;
  if (type == layers::kVlan) {
    vlan = vlan_in_key ? Load16(at + 14) & 0x0fff : 0;
    type = Load16(at + 16);
    link += kTag;
  }
  at += link;
  captured -= link;

  std::size_t header = kIpv4Header;
  std::uint8_t protocol = 0;
  if (type == layers::kIpv4) {
    constexpr std::uint16_t kFragment = 0x3fff;  // more fragments, offset
    if (at[0] != 0x45 || (Load16(at + 6) & kFragment) != 0) {
      return false;
    }
    out.octets = Load16(at + 2);
    out.ttl = at[8];
    protocol = at[9];
  } else if (type == layers::kIpv6) {
    header = kIpv6Header;
    if (captured < kIpv6Header + kUdpHeader || at[0] >> 4 != 6) {
      return false;
    }
    out.octets = kIpv6Header + Load16(at + 4);
    out.ttl = at[7];
    protocol = at[6];
  } else {
    return false;
  }
  if (out.octets < header + kUdpHeader) {
    return false;
  }
  const std::size_t end = std::min<std::size_t>(captured, out.octets) - header;
  out.tcp.flags = 0;
  if (protocol == kTcp
          ? !GlanceTcp(at + header,
                       static_cast<std::uint32_t>(out.octets - header), end,
                       out.tcp)
          : protocol != kUdp) {
    return false;
  }
  out.protocol = protocol;
  if (header == kIpv4Header) {
    AssignIpv4Ends(at + 12, at + kIpv4Header, protocol, vlan, out);
  } else {
    AssignIpv6Ends(at + 8, at + kIpv6Header, protocol, vlan, out);
  }
  return true;
}

}  // namespace tracker
