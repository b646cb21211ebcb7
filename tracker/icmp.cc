// SPDX-License-Identifier: Apache-2.0
#include "tracker/icmp.h"

#include <algorithm>
#include <array>

#include "tracker/packet.h"

namespace tracker {
namespace {

struct Pair {
  std::uint8_t protocol;
  std::uint8_t request;
  std::uint8_t answer;
};

constexpr std::array kPairs = {
    Pair{kIcmp, 8, 0},        // echo
    Pair{kIcmp, 10, 9},       // router solicitation and advertisement
    Pair{kIcmp, 13, 14},      // timestamp
    Pair{kIcmp, 15, 16},      // information
    Pair{kIcmp, 17, 18},      // address mask
    Pair{kIcmpV6, 128, 129},  // echo
    Pair{kIcmpV6, 130, 131},  // multicast listener query and report
    Pair{kIcmpV6, 133, 134},  // router solicitation and advertisement
    Pair{kIcmpV6, 135, 136},  // neighbour solicitation and advertisement
    Pair{kIcmpV6, 139, 140},  // node information
    Pair{kIcmpV6, 144, 145},  // home agent address discovery
};

}  // namespace

std::optional<std::uint8_t> IcmpCounterpart(std::uint8_t protocol,
                                            std::uint8_t type) {
  for (const Pair& pair : kPairs) {
    if (pair.protocol == protocol && pair.request == type) {
      return pair.answer;
    }
    if (pair.protocol == protocol && pair.answer == type) {
      return pair.request;
    }
  }
  return std::nullopt;
}

bool IsIcmpRequest(std::uint8_t protocol, std::uint8_t type) {
  return std::any_of(kPairs.begin(), kPairs.end(), [&](const Pair& pair) {
    return pair.protocol == protocol && pair.request == type;
  });
}

IcmpPorts IcmpPortsOf(std::uint8_t protocol, std::uint8_t type,
                      std::uint8_t code) {
  if (const auto counterpart = IcmpCounterpart(protocol, type)) {
    return {type, *counterpart};
  }
  // A destination that is no message of this kind, nor an answer: two hosts
  // that send each other the same error are not taken for one conversation.
  const int request = protocol == kIcmp ? 8 : 128;
  return {static_cast<std::uint16_t>(type << 8 | code),
          static_cast<std::uint16_t>(request << 8 | 0xff)};
}

}  // namespace tracker
