// SPDX-License-Identifier: Apache-2.0
// One frame as a capture delivers it.
#pragma once

#include <cstdint>
#include <span>

#include "tracker/time.h"

namespace tracker {

// What the first octet of a frame is.
enum class LinkType : std::uint8_t {
  kEthernet,
  kRawIp,    // IPv4 or IPv6, told apart by the version field
  kBsdNull,  // 4 octets of address family, byte order of the capturing host
  kBsdLoop,  // the same in network byte order
  kPpp,      // RFC 1662, with or without address and control
  kCiscoHdlc,
  kLinuxSll,   // "cooked" capture, version 1
  kLinuxSll2,  // and version 2
  kUnknown,
};

// `captured` is borrowed from the source of the frame, until its next read.
struct Frame {
  Timestamp time;
  std::span<const std::uint8_t> captured;
  std::uint32_t wire_length = 0;  // octets on the wire, >= captured.size()
  std::uint32_t interface = 0;    // ifIndex (RFC 2863) where it was seen
  LinkType link = LinkType::kEthernet;
};

}  // namespace tracker
