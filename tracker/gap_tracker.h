// SPDX-License-Identifier: Apache-2.0
// Which octets of a TCP stream were seen, as far as they do not follow each
// other. Most streams need none of this: it is allocated, from a pool of fixed
// size, when a segment leaves a hole before it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tracker/pool.h"

namespace tracker {

// From b to a in sequence space (RFC 9293 section 3.4).
constexpr std::int32_t Distance(std::uint32_t a, std::uint32_t b) {
  return static_cast<std::int32_t>(a - b);
}

// Segments behind a hole, in sequence numbers that wrap (RFC 9293 section
// 3.4): disjoint, ascending, all of them behind what was seen without a hole.
class StreamBlocks {
 public:
  static constexpr std::size_t kBlocks = 8;

  // [begin, end). When there is no place, the last two become one: that hole
  // will not be counted.
  void Insert(std::uint32_t begin, std::uint32_t end);
  // The stream was seen, or given up, to `sequence`: forgets what is before it
  // and returns where the octets from there on without a hole end.
  std::uint32_t Advance(std::uint32_t sequence);
  // Calls visit(octets) for each hole in [from, to).
  template <typename Visit>
  void ForEachHole(std::uint32_t from, std::uint32_t to, Visit&& visit) const {
    for (std::size_t i = 0; i < count_; ++i) {
      const Block& block = blocks_[i];
      if (Distance(block.begin, to) >= 0) {
        break;
      }
      if (Distance(block.begin, from) > 0) {
        visit(block.begin - from);
      }
      if (Distance(block.end, from) > 0) {
        from = block.end;
      }
    }
    if (Distance(to, from) > 0) {
      visit(to - from);
    }
  }
  [[nodiscard]] bool Empty() const { return count_ == 0; }
  [[nodiscard]] std::uint64_t Octets() const;

 private:
  struct Block {
    std::uint32_t begin = 0;
    std::uint32_t end = 0;
  };

  std::array<Block, kBlocks + 1> blocks_{};  // one more while inserting
  std::uint32_t count_ = 0;
};

// At most as many directions as it has places have holes at a time.
using BlockPool = Pool<StreamBlocks>;

}  // namespace tracker
