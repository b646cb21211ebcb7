// SPDX-License-Identifier: Apache-2.0
// Which ICMP types ask, and which answer them.
#pragma once

#include <cstdint>
#include <optional>

#include "tracker/flow_key.h"

namespace tracker {

// The type that answers `type`, or that it answers (RFC 792, 950, 1256, 4443,
// 2710, 4861, 4620, 6275). None: an error, or another message that expects no
// answer. `protocol` is kIcmp or kIcmpV6.
std::optional<std::uint8_t> IcmpCounterpart(std::uint8_t protocol,
                                            std::uint8_t type);

// Whether `type` is the asking one of a pair.
bool IsIcmpRequest(std::uint8_t protocol, std::uint8_t type);

// What FlowKey has in place of ports: so that request and answer are the two
// directions of one flow, and everything else a flow of its own that only its
// sender takes part in.
struct IcmpPorts {
  std::uint16_t source = 0;
  std::uint16_t destination = 0;
};
IcmpPorts IcmpPortsOf(std::uint8_t protocol, std::uint8_t type,
                      std::uint8_t code);

}  // namespace tracker
