// SPDX-License-Identifier: Apache-2.0
#include "tracker/well_known_ports.h"

#include <array>
#include <cstddef>

#include "tracker/packet.h"

namespace tracker {
namespace {

// A bit for each port up to the highest: what a new flow asks is answered
// without a search, and of a client's port mostly without a look.
using PortSet = std::array<std::uint64_t, 20000 / 64 + 1>;

template <std::size_t kCount>
constexpr PortSet SetOf(const std::array<std::uint16_t, kCount>& ports) {
  PortSet set{};
  for (const std::uint16_t port : ports) {
    set[port / 64] |= std::uint64_t{1} << port % 64;
  }
  return set;
}

constexpr bool Has(const PortSet& set, std::uint16_t port) {
  const std::size_t word = port / 64;
  return word < set.size() && (set[word] >> port % 64 & 1) != 0;
}

constexpr PortSet kTcpPorts = SetOf(std::to_array<std::uint16_t>(
    {21,   22,   25,   53,   79,   80,   81,   88,   135,  139,
     143,  389,  443,  445,  465,  502,  514,  563,  585,  587,
     614,  631,  636,  989,  990,  992,  993,  995,  1080, 1434,
     1883, 2811, 3128, 3268, 3306, 3389, 5222, 5223, 5269, 5432,
     6379, 6666, 6667, 6668, 6669, 8000, 8080, 8888, 20000}));
constexpr PortSet kUdpPorts = SetOf(std::to_array<std::uint16_t>(
    {53,   67,   88,   123,  137,  161,  162,  389,  443,  514,  1812, 2123,
     2152, 3389, 3544, 4011, 4754, 4789, 5060, 5072, 5353, 5355, 6081}));

}  // namespace

bool IsLikelyServerPort(std::uint8_t protocol, std::uint16_t port) {
  switch (protocol) {
    case kTcp:
      return Has(kTcpPorts, port);
    case kUdp:
      return Has(kUdpPorts, port);
    default:
      return false;
  }
}

}  // namespace tracker
