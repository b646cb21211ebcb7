// SPDX-License-Identifier: Apache-2.0
#include "tracker/flow_index.h"

#include <algorithm>
#include <bit>
#include <vector>

namespace tracker {
namespace {

constexpr std::size_t kFirstBuckets = 1024;

// Of which three of four may be used.
std::size_t BucketsFor(std::size_t flows) {
  return std::bit_ceil(std::max(flows + flows / 3 + 1, kFirstBuckets));
}

}  // namespace

void FlowIndex::Reserve(std::size_t max_flows) {
  buckets_ = PageArray<Bucket>(BucketsFor(max_flows));
  mask_ = kFirstBuckets - 1;
  used_ = 0;
}

void FlowIndex::Put(Bucket bucket) {
  std::size_t at = Home(bucket.tag);
  while (buckets_[at].Used()) {
    at = (at + 1) & mask_;
  }
  buckets_[at] = bucket;
}

void FlowIndex::Insert(std::uint64_t hash, SlotIndex slot) {
  ++used_;
  if (used_ > (mask_ + 1) / 4 * 3) {
    Double();
  }
  Put({Tag(hash), slot + 1});
}

// In place: a bucket's new home is the old one or as far into the new half, so
// whoever is put there in the old order passes only those that stay. Those that
// had probed across the end come last.
void FlowIndex::Double() {
  const std::size_t before = mask_ + 1;
  mask_ = before * 2 - 1;
  buckets_.Populate(before, before);
  std::vector<Bucket> first;
  std::size_t at = 0;
  for (; buckets_[at].Used(); ++at) {
    first.push_back(buckets_[at]);
    buckets_[at] = {};
  }
  for (; at < before; ++at) {
    if (buckets_[at].Used()) {
      const Bucket bucket = buckets_[at];
      buckets_[at] = {};
      Put(bucket);
    }
  }
  for (const Bucket& bucket : first) {
    Put(bucket);
  }
}

void FlowIndex::Erase(std::uint64_t hash, SlotIndex slot) {
  --used_;
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
