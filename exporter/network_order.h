// SPDX-License-Identifier: Apache-2.0
// Integers as they are on the wire.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

namespace exporter {

// Writes `value` to `to` in network byte order; returns where it ends.
template <typename Integer>
std::uint8_t* PutNetworkOrder(Integer value, std::uint8_t* to) {
  static_assert(std::is_unsigned_v<Integer>);
  for (std::size_t i = sizeof(Integer); i > 0; --i) {
    *to++ = static_cast<std::uint8_t>(value >> (8 * (i - 1)));
  }
  return to;
}

}  // namespace exporter
