// SPDX-License-Identifier: Apache-2.0
// Integers as they are on the wire.
#pragma once

#include <bit>
#include <cstdint>
#include <cstring>
#include <type_traits>

namespace exporter {

// Writes `value` to `to` in network byte order; returns where it ends.
template <typename Integer>
std::uint8_t* PutNetworkOrder(Integer value, std::uint8_t* to) {
  static_assert(std::is_unsigned_v<Integer>);
  static_assert(std::endian::native == std::endian::little);
  if constexpr (sizeof(Integer) == 2) {
    value = __builtin_bswap16(value);
  } else if constexpr (sizeof(Integer) == 4) {
    value = __builtin_bswap32(value);
  } else if constexpr (sizeof(Integer) == 8) {
    value = __builtin_bswap64(value);
  }
  std::memcpy(to, &value, sizeof(value));
  return to + sizeof(value);
}

}  // namespace exporter
