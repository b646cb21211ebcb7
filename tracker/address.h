// SPDX-License-Identifier: Apache-2.0
// Addresses as octets in network order.
#pragma once

#include <array>
#include <compare>
#include <cstdint>
#include <cstring>

namespace tracker {

using MacAddress = std::array<std::uint8_t, 6>;

// An IPv6 address, or an IPv4 address in its mapped form ::ffff:a.b.c.d
// (RFC 4291 section 2.5.5.2). The IP version travels beside it: an IPv6 packet
// may carry a mapped address and is still IPv6.
struct IpAddress {
  std::array<std::uint8_t, 16> octets{};

  static constexpr IpAddress V4(std::uint8_t a, std::uint8_t b, std::uint8_t c,
                                std::uint8_t d) {
    return {{0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff, a, b, c, d}};
  }

  // `octets` are in network order, as they stand in a header.
  static IpAddress V4(std::uint32_t octets) {
    IpAddress address = V4(0, 0, 0, 0);
    std::memcpy(&address.octets[12], &octets, sizeof(octets));
    return address;
  }

  auto operator<=>(const IpAddress&) const = default;
};

}  // namespace tracker
