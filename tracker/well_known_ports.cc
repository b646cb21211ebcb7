// SPDX-License-Identifier: Apache-2.0
#include "tracker/well_known_ports.h"

#include <algorithm>
#include <array>

#include "tracker/packet.h"

namespace tracker {
namespace {

// Sorted.
constexpr std::array<std::uint16_t, 49> kTcpPorts = {
    21,   22,   25,   53,   79,   80,   81,   88,   135,  139,
    143,  389,  443,  445,  465,  502,  514,  563,  585,  587,
    614,  631,  636,  989,  990,  992,  993,  995,  1080, 1434,
    1883, 2811, 3128, 3268, 3306, 3389, 5222, 5223, 5269, 5432,
    6379, 6666, 6667, 6668, 6669, 8000, 8080, 8888, 20000};
constexpr std::array<std::uint16_t, 23> kUdpPorts = {
    53,   67,   88,   123,  137,  161,  162,  389,  443,  514,  1812, 2123,
    2152, 3389, 3544, 4011, 4754, 4789, 5060, 5072, 5353, 5355, 6081};

}  // namespace

bool IsLikelyServerPort(std::uint8_t protocol, std::uint16_t port) {
  switch (protocol) {
    case kTcp:
      return std::binary_search(kTcpPorts.begin(), kTcpPorts.end(), port);
    case kUdp:
      return std::binary_search(kUdpPorts.begin(), kUdpPorts.end(), port);
    default:
      return false;
  }
}

}  // namespace tracker
