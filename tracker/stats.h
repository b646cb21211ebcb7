// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tracker/decode.h"
#include "tracker/flow.h"

namespace tracker {

// Counters since the tracker was made.
//   packets offered = packets_tracked + sum(unmatched, without kOk)
//                     + what the extractor holds
//   flows_created   = live flows + sum(ended)
struct TrackerStats {
  std::uint64_t packets_tracked = 0;
  std::uint64_t flows_created = 0;
  std::array<std::uint64_t, kEndReasons> ended{};         // by EndReason
  std::array<std::uint64_t, kDecodeResults> unmatched{};  // by DecodeResult
  std::uint64_t intervals_reported = 0;                   // active timeouts

  [[nodiscard]] std::uint64_t Ended(EndReason reason) const {
    return ended[static_cast<std::size_t>(reason)];
  }
  [[nodiscard]] std::uint64_t Unmatched(DecodeResult reason) const {
    return unmatched[static_cast<std::size_t>(reason)];
  }
};

}  // namespace tracker
