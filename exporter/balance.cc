// SPDX-License-Identifier: Apache-2.0
#include "exporter/balance.h"

#include <cstdint>

namespace exporter {

std::size_t ShareOf(const tracker::FlowKey& key, std::size_t collectors) {
  // A seed of its own, and always the same: a collector that was away finds its
  // flows where they were. (The digits of pi, for want of a reason for others.)
  static const tracker::KeyHasher hasher(
      {0x243f6a8885a308d3, 0x13198a2e03707344, 0xa4093822299f31d0,
       0x082efa98ec4e6c89});
  // The upper half of the hash as a fraction of 1, times the collectors.
  const std::uint64_t fraction = hasher(key) >> 32;
  return static_cast<std::size_t>(fraction * collectors >> 32);
}

}  // namespace exporter
