// SPDX-License-Identifier: Apache-2.0
#include "tracker/flow_index.h"

#include <algorithm>
#include <bit>

namespace tracker {

void FlowIndex::Reserve(std::size_t max_flows) {
  const std::size_t buckets =
      std::bit_ceil(std::max<std::size_t>(max_flows, 8) * 2);
  buckets_ = PageArray<Bucket>(buckets);
  mask_ = buckets - 1;
}

void FlowIndex::Insert(std::uint64_t hash, SlotIndex slot) {
  const std::uint32_t tag = Tag(hash);
  std::size_t at = Home(tag);
  while (buckets_[at].Used()) {
    at = (at + 1) & mask_;
  }
  buckets_[at] = {tag, slot + 1};
}

void FlowIndex::Erase(std::uint64_t hash, SlotIndex slot) {
  std::size_t hole = Home(Tag(hash));
  while (buckets_[hole].Slot() != slot) {
    hole = (hole + 1) & mask_;
  }
  // Close the gap: what probed across the hole moves into it.
  for (std::size_t at = (hole + 1) & mask_; buckets_[at].Used();
       at = (at + 1) & mask_) {
    const std::size_t probed = (at - Home(buckets_[at].tag)) & mask_;
    const std::size_t distance = (at - hole) & mask_;
    if (probed >= distance) {
      buckets_[hole] = buckets_[at];
      hole = at;
    }
  }
  buckets_[hole] = {};
}

}  // namespace tracker
