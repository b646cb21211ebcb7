// SPDX-License-Identifier: Apache-2.0
// One frame of each kind that the short ways through the decoder take.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <random>
#include <vector>

#include "tests/tracker/decoded.h"

namespace tests {

inline std::vector<PacketBuilder> UsualFrames() {
  std::vector<PacketBuilder> frames;
  for (const PacketBuilder& link : {Eth(), Eth().Vlan(7)}) {
    auto with_ip = [&](auto add) {
      frames.push_back(add(PacketBuilder(link).Ipv4(kClient, kServer)));
      frames.push_back(add(PacketBuilder(link).Ipv6(kClient6, kServer6)));
    };
    with_ip([](auto ip) { return ip.Tcp(40000, 443).Flags(2).Options(16); });
    with_ip([](auto ip) {
      return ip.Ttl(3).ClassOfService(8).Tcp(1, 2).Flags(16).Payload(30);
    });
    with_ip([](auto ip) { return ip.Udp(53, 40000).Payload(12).PadTo(120); });
    frames.push_back(PacketBuilder(link).Ipv4(kClient, kServer).Icmp(8, 1));
    frames.push_back(PacketBuilder(link).Ipv6(kClient6, kServer6).IcmpV6(3, 4));
  }
  return frames;
}

// Turns two bits of the headers round.
inline void Damage(CapturedFrame& frame, std::mt19937& random) {
  for (int change = 0; change < 2; ++change) {
    const std::size_t headers = std::min<std::size_t>(frame.octets.size(), 78);
    frame.octets[random() % headers] ^=
        static_cast<std::uint8_t>(1U << random() % 8);
  }
}

}  // namespace tests
