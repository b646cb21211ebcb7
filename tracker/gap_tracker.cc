// SPDX-License-Identifier: Apache-2.0
#include "tracker/gap_tracker.h"

#include <algorithm>

namespace tracker {

void StreamBlocks::Insert(std::uint32_t begin, std::uint32_t end) {
  // [first, last) are the blocks that touch the new one.
  std::size_t first = 0;
  while (first < count_ && Distance(blocks_[first].end, begin) < 0) {
    ++first;
  }
  std::size_t last = first;
  while (last < count_ && Distance(blocks_[last].begin, end) <= 0) {
    if (Distance(blocks_[last].begin, begin) < 0) {
      begin = blocks_[last].begin;
    }
    if (Distance(blocks_[last].end, end) > 0) {
      end = blocks_[last].end;
    }
    ++last;
  }
  auto* const at = blocks_.data();
  if (last == first) {
    std::copy_backward(at + first, at + count_, at + count_ + 1);
    ++count_;
  } else {
    std::copy(at + last, at + count_, at + first + 1);
    count_ -= static_cast<std::uint32_t>(last - first - 1);
  }
  blocks_[first] = {begin, end};
  if (count_ > kBlocks) {
    --count_;
    blocks_[count_ - 1].end = blocks_[count_].end;
  }
}

std::uint32_t StreamBlocks::Advance(std::uint32_t sequence) {
  std::size_t passed = 0;
  while (passed < count_ && Distance(blocks_[passed].begin, sequence) <= 0) {
    if (Distance(blocks_[passed].end, sequence) > 0) {
      sequence = blocks_[passed].end;
    }
    ++passed;
  }
  std::copy(blocks_.data() + passed, blocks_.data() + count_, blocks_.data());
  count_ -= static_cast<std::uint32_t>(passed);
  return sequence;
}

std::uint64_t StreamBlocks::Octets() const {
  std::uint64_t octets = 0;
  for (std::size_t i = 0; i < count_; ++i) {
    octets += blocks_[i].end - blocks_[i].begin;
  }
  return octets;
}

}  // namespace tracker
