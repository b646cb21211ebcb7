// SPDX-License-Identifier: Apache-2.0
// Addresses as octets in network order.
#pragma once

#include <array>
#include <bit>
#include <compare>
#include <cstddef>
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
    IpAddress address;
    address.SetV4(octets);
    return address;
  }
  void SetV4(std::uint32_t octets_as_they_lie) {
    constexpr std::uint64_t kMapped = 0xffff0000;
    SetHalves(0, kMapped | std::uint64_t{octets_as_they_lie} << 32);
  }

  // The last four octets, in network order: of an address in mapped form, the
  // IPv4 address.
  [[nodiscard]] std::uint32_t V4Octets() const {
    std::uint32_t value = 0;
    std::memcpy(&value, &octets[12], sizeof(value));
    return value;
  }

  bool operator==(const IpAddress& other) const {
    return Half(0) == other.Half(0) && Half(1) == other.Half(1);
  }
  __extension__ using Wide = unsigned __int128;
  // As it is written.
  [[nodiscard]] Wide Number() const {
    return static_cast<Wide>(__builtin_bswap64(Half(0))) << 64 |
           __builtin_bswap64(Half(1));
  }
  std::strong_ordering operator<=>(const IpAddress& other) const {
    return Number() <=> other.Number();
  }

  // Octets 0 to 7 and 8 to 15 as they lie in memory. What is written as halves
  // is best read as halves: a wider load waits for both stores.
  [[nodiscard]] std::uint64_t Half(std::size_t index) const {
    static_assert(std::endian::native == std::endian::little);
    std::uint64_t half = 0;
    std::memcpy(&half, octets.data() + index * sizeof(half), sizeof(half));
    return half;
  }
  void SetHalves(std::uint64_t first, std::uint64_t second) {
    std::memcpy(octets.data(), &first, sizeof(first));
    std::memcpy(octets.data() + sizeof(first), &second, sizeof(second));
  }
};

// The first where `mask` is 0, the second where all its bits are set: no
// branch, as which direction of a conversation comes next is anybody's guess.
constexpr std::uint64_t Choose(std::uint64_t mask, std::uint64_t one,
                               std::uint64_t two) {
  return one ^ ((one ^ two) & mask);
}
inline IpAddress Choose(std::uint64_t mask, const IpAddress& one,
                        const IpAddress& two) {
  IpAddress chosen;
  chosen.SetHalves(Choose(mask, one.Half(0), two.Half(0)),
                   Choose(mask, one.Half(1), two.Half(1)));
  return chosen;
}

// 1 if this end of a conversation is the greater one, else 0. No branch, as in
// Choose().
inline std::uint64_t IsGreater(const IpAddress& address, std::uint16_t port,
                               const IpAddress& other,
                               std::uint16_t other_port) {
  IpAddress::Wide difference = 0;
  const std::uint64_t greater =
      __builtin_sub_overflow(other.Number(), address.Number(), &difference) ? 1
                                                                            : 0;
  const std::uint64_t same = difference == 0 ? 1 : 0;
  const std::uint64_t greater_port = port > other_port ? 1 : 0;
  return greater | (same & greater_port);
}

}  // namespace tracker
