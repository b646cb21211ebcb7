// SPDX-License-Identifier: Apache-2.0
// Ports that servers usually have: the evidence of direction that is left when
// the start of a conversation was not seen.
#pragma once

#include <cstdint>

namespace tracker {

// Zeek's likely_server_ports with its default scripts; false for protocols
// other than TCP and UDP.
bool IsLikelyServerPort(std::uint8_t protocol, std::uint16_t port);

}  // namespace tracker
