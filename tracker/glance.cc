// SPDX-License-Identifier: Apache-2.0
#include "tracker/glance.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstring>

#include "tracker/decode_layers.h"

// Each field is assigned once, and nothing else: this is done for every packet.
namespace tracker {
namespace {

using layers::Load16;
using layers::Load32;

constexpr std::uint32_t kEthernetHeader = 14;
constexpr std::uint32_t kTag = 4;
constexpr std::uint32_t kIpv4Header = 20;
constexpr std::uint32_t kIpv6Header = 40;
constexpr std::uint32_t kTcpHeader = 20;
constexpr std::uint32_t kUdpHeader = 8;

// Both: the smaller end comes first, as in BasicFiveTuple. `from` is where the
// addresses stand, the source first, and `ports` is the transport header.
void AssignIpv4Ends(const std::uint8_t* from, const std::uint8_t* ports,
                    std::uint8_t protocol, std::uint64_t vlan, Glance& out) {
  std::uint64_t addresses = 0;
  std::memcpy(&addresses, from, sizeof(addresses));
  const std::uint64_t ordered = __builtin_bswap64(addresses);
  const std::uint32_t both_ports = Load32(ports);
  const std::uint64_t source = ordered >> 32 << 16 | both_ports >> 16;
  const std::uint64_t destination = ordered << 32 >> 16 | (both_ports & 0xffff);
  const unsigned turned = source > destination ? 1 : 0;
  out.is_short = true;
  out.orientation = static_cast<Orientation>(turned);
  out.short_key.addresses = std::rotl(addresses, static_cast<int>(turned << 5));
  // The first port is the low half.
  out.short_key.numbers = FlowKey::NumbersOf(
      std::rotr(both_ports, static_cast<int>((turned ^ 1) << 4)), protocol, 4,
      vlan);
}

void AssignIpv6Ends(const std::uint8_t* from, const std::uint8_t* ports,
                    std::uint8_t protocol, std::uint64_t vlan, Glance& out) {
  const IpAddress source = layers::Ipv6At(from);
  const IpAddress destination = layers::Ipv6At(from + 16);
  const std::uint16_t source_port = Load16(ports);
  const std::uint16_t destination_port = Load16(ports + 2);
  const std::uint64_t turned =
      IsGreater(source, source_port, destination, destination_port);
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

// What of a header concerns its protocol: all of that of TCP, nothing for UDP,
// and any other is itself unusual.
constexpr std::uint16_t kOtherProtocol = 0x100;
constexpr auto kConcerns = [] {
  std::array<std::uint16_t, 256> concerns{};
  concerns.fill(kOtherProtocol);
  concerns[kTcp] = 0xff;
  concerns[kUdp] = 0;
  return concerns;
}();

// Whether it is a header of TCP that makes sense, or UDP: one decision, which
// most packets pass. `octets` of IP payload on the wire, and `captured` from
// the header on, at least those of UDP.
[[gnu::always_inline]] inline bool GlanceTransport(const std::uint8_t* header,
                                                   std::uint32_t octets,
                                                   std::size_t captured,
                                                   std::uint8_t protocol,
                                                   Glance& out) {
  static constexpr std::array<std::uint8_t, kTcpHeader> kCutOff{};
  const std::uint8_t* const tcp =
      captured < kTcpHeader ? kCutOff.data() : header;
  const std::uint32_t length = (tcp[12] >> 4) * 4U;
  const std::uint32_t payload = octets - length;
  const std::uint32_t concerns = kConcerns[protocol];
  out.protocol = protocol;
  out.tcp.sequence = Load32(tcp + 4);
  out.tcp.acknowledgment = Load32(tcp + 8);
  out.tcp.payload_octets = payload;
  out.tcp.window = Load16(tcp + 14);
  out.tcp.flags = static_cast<std::uint8_t>(tcp[13] & concerns);
  out.tcp.continuation = false;
  out.tcp.complete = true;
  // No branch: a length that is too short makes one of the two negative.
  const std::uint32_t unusual =
      (payload | (length - kTcpHeader)) >> 31 | kOtherProtocol;
  return octets >= kUdpHeader && (unusual & concerns) == 0;
}

// `at` is the header of IP, and so much of it was captured, at least the least
// of IPv4 and UDP.
bool GlanceIpv4(const std::uint8_t* at, std::size_t captured,
                std::uint64_t vlan, Glance& out) {
  constexpr std::uint16_t kFragment = 0x3fff;  // more fragments, offset
  const std::uint32_t octets = Load16(at + 2);
  if (at[0] != 0x45 || (Load16(at + 6) & kFragment) != 0 ||
      octets < kIpv4Header ||
      !GlanceTransport(at + kIpv4Header, octets - kIpv4Header,
                       captured - kIpv4Header, at[9], out)) {
    return false;
  }
  out.octets = octets;
  out.ttl = at[8];
  AssignIpv4Ends(at + 12, at + kIpv4Header, at[9], vlan, out);
  return true;
}

bool GlanceIpv6(const std::uint8_t* at, std::size_t captured,
                std::uint64_t vlan, Glance& out) {
  const std::uint32_t octets = Load16(at + 4);
  if (captured < kIpv6Header + kUdpHeader || at[0] >> 4 != 6 ||
      !GlanceTransport(at + kIpv6Header, octets, captured - kIpv6Header, at[6],
                       out)) {
    return false;
  }
  out.octets = kIpv6Header + octets;
  out.ttl = at[7];
  AssignIpv6Ends(at + 8, at + kIpv6Header, at[6], vlan, out);
  return true;
}

// What is behind Ethernet with at most one tag; so much was captured.
struct Network {
  const std::uint8_t* at;
  std::uint16_t type;
  std::uint64_t vlan_id;  // a narrow one would be stored and loaded as such
};
[[gnu::always_inline]] inline Network NetworkOf(const Frame& frame) {
  const std::uint8_t* const at = frame.captured.data();
  const std::uint16_t type = Load16(at + 12);
  if (type != layers::kVlan) {
    return {at + kEthernetHeader, type, 0};
  }
  return {at + kEthernetHeader + kTag, Load16(at + 16),
          Load16(at + 14) & 0x0fffU};
}

}  // namespace

bool TakeGlance(const Frame& frame, bool vlan_in_key, Glance& out) {
  std::size_t captured = frame.captured.size();
  constexpr std::size_t kLeast =
      kEthernetHeader + kTag + kIpv4Header + kUdpHeader;
  if (frame.link != LinkType::kEthernet || captured < kLeast) {
    return false;
  }
  const auto [at, type, vlan_id] = NetworkOf(frame);
  captured -= static_cast<std::size_t>(at - frame.captured.data());
  const std::uint64_t vlan = vlan_in_key ? vlan_id : 0;
  return type == layers::kIpv4   ? GlanceIpv4(at, captured, vlan, out)
         : type == layers::kIpv6 ? GlanceIpv6(at, captured, vlan, out)
                                 : false;
}

GlanceRest RestOf(const Frame& frame) {
  const auto [at, type, vlan_id] = NetworkOf(frame);
  return {.class_of_service = type == layers::kIpv4
                                  ? at[1]
                                  : static_cast<std::uint8_t>(Load16(at) >> 4),
          .vlan_id = static_cast<std::uint16_t>(vlan_id)};
}

}  // namespace tracker
