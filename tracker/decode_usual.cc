// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cstring>

#include "tracker/decode_layers.h"

// Zeroing a whole Packet first costs more than all the rest, so each function
// here assigns every field of its layer, once.
namespace tracker::layers {
namespace {

constexpr std::size_t kIpv4Header = 20;
constexpr std::size_t kIpv6Header = 40;

// As it stands in the header.
IpAddress Ipv4At(const std::uint8_t* from) {
  std::uint32_t octets = 0;
  std::memcpy(&octets, from, sizeof(octets));
  return IpAddress::V4(octets);
}

void AssignFragment(std::uint32_t id, std::uint8_t protocol, Packet& packet) {
  packet.fragment_id = id;
  packet.fragment_protocol = protocol;
  packet.fragment = false;
  packet.later_fragment = false;
  packet.fragment_offset = 0;
  packet.fragment_extension_octets = 0;
}

// Without options, not a fragment, not offloaded.
bool UsualIpv4(const std::uint8_t* ip, std::size_t captured, Packet& packet) {
  constexpr std::uint16_t kFragment = 0x3fff;  // more fragments, offset
  if (captured < kIpv4Header || ip[0] != 0x45 ||
      (Load16(ip + 6) & kFragment) != 0) {
    return false;
  }
  packet.source = Ipv4At(ip + 12);
  packet.destination = Ipv4At(ip + 16);
  packet.octets = Load16(ip + 2);
  packet.ip_version = 4;
  packet.protocol = ip[9];
  packet.class_of_service = ip[1];
  packet.ttl = ip[8];
  AssignFragment(Load16(ip + 4), ip[9], packet);
  return packet.octets > kIpv4Header;
}

// Without extension headers and jumbo payload.
bool UsualIpv6(const std::uint8_t* ip, std::size_t captured, Packet& packet) {
  if (captured < kIpv6Header || ip[0] >> 4 != 6) {
    return false;
  }
  packet.source = Ipv6At(ip + 8);
  packet.destination = Ipv6At(ip + 24);
  packet.octets = kIpv6Header + Load16(ip + 4);
  packet.ip_version = 6;
  packet.protocol = ip[6];
  packet.class_of_service = static_cast<std::uint8_t>(Load16(ip) >> 4);
  packet.ttl = ip[7];
  AssignFragment(0, 0, packet);
  return packet.octets > kIpv6Header;
}

void AssignPorts(const std::uint8_t* header, Packet& packet) {
  packet.source_port = Load16(header);
  packet.destination_port = Load16(header + 2);
  packet.icmp_type = 0;
  packet.icmp_code = 0;
}

bool UsualTcp(const std::uint8_t* header, std::size_t length, Packet& packet) {
  constexpr std::size_t kFixed = 20;
  if (length < kFixed || length > packet.network_payload_octets) {
    return false;
  }
  AssignPorts(header, packet);
  packet.tcp.sequence = Load32(header + 4);
  packet.tcp.acknowledgment = Load32(header + 8);
  packet.tcp.payload_octets =
      static_cast<std::uint32_t>(packet.network_payload_octets - length);
  packet.tcp.window = Load16(header + 14);
  packet.tcp.flags = header[13];
  packet.tcp.continuation = false;
  packet.tcp.complete = true;
  return true;
}

bool UsualDatagram(const std::uint8_t* header, Packet& packet) {
  if (packet.protocol == kUdp) {
    AssignPorts(header, packet);
  } else if (packet.protocol == kIcmp || packet.protocol == kIcmpV6) {
    packet.source_port = 0;
    packet.destination_port = 0;
    packet.icmp_type = header[0];
    packet.icmp_code = header[1];
  } else {
    return false;
  }
  packet.tcp = TcpSegment{};
  return true;
}

// `at`: where the transport header is in the frame; `end` octets of it and its
// payload were captured.
bool UsualTransport(const std::uint8_t* data, std::size_t at, std::size_t end,
                    Packet& packet) {
  const std::uint8_t* const header = data + at;
  std::size_t length = 8;  // UDP, ICMP
  if (packet.protocol == kTcp) {
    constexpr std::size_t kFixed = 20;
    if (end < kFixed) {
      return false;
    }
    length = static_cast<std::size_t>(header[12] >> 4) * 4;
    if (!UsualTcp(header, length, packet)) {
      return false;
    }
  } else if (end < length || !UsualDatagram(header, packet)) {
    return false;
  }
  const std::size_t skip = std::min(end, length);
  packet.payload_offset = static_cast<std::uint32_t>(at + skip);
  packet.payload_captured = static_cast<std::uint32_t>(end - skip);
  return true;
}

}  // namespace

bool Usual(const Frame& frame, Packet& packet) {
  const std::uint8_t* const data = frame.captured.data();
  const std::size_t captured = frame.captured.size();
  constexpr std::size_t kTagged = 14 + 4;
  if (frame.link != LinkType::kEthernet || captured < kTagged) {
    return false;
  }
  std::size_t at = 14;
  std::uint16_t type = Load16(data + 12);
  packet.vlan_id = 0;
  if (type == kVlan) {
    packet.vlan_id = static_cast<std::uint16_t>(Load16(data + 14) & 0x0fff);
    type = Load16(data + 16);
    at = kTagged;
  }
  std::size_t header = kIpv4Header;
  if (type == kIpv4) {
    if (!UsualIpv4(data + at, captured - at, packet)) {
      return false;
    }
  } else if (type == kIpv6) {
    header = kIpv6Header;
    if (!UsualIpv6(data + at, captured - at, packet)) {
      return false;
    }
  } else {
    return false;
  }
  packet.time = frame.time;
  packet.network_offset = static_cast<std::uint32_t>(at);
  packet.network_payload_octets =
      static_cast<std::uint32_t>(packet.octets - header);
  packet.interface = frame.interface;
  std::memcpy(packet.destination_mac.data(), data, 6);
  std::memcpy(packet.source_mac.data(), data + 6, 6);
  packet.has_mac = true;
  packet.inner_vlan_id = 0;
  packet.segment_id = 0;
  const std::size_t end =
      std::min<std::size_t>(captured - at, packet.octets) - header;
  return UsualTransport(data, at + header, end, packet);
}

}  // namespace tracker::layers
