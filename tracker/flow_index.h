// SPDX-License-Identifier: Apache-2.0
// From a key's hash to the slot that holds its flow: open addressing with
// linear probing.
//
// A bucket is the slot and 32 bits of the hash. The low bits of that tag are
// the home bucket and the rest tells most strangers apart without touching the
// slot; the caller's predicate compares the whole key. At most three of four
// buckets are used, so an empty one always ends a probe. The index doubles as
// flows come, by the tags alone: few flows are found in few cache lines,
// however many there may be.
#pragma once

#include <cstddef>
#include <cstdint>

#include "tracker/pages.h"

namespace tracker {

using SlotIndex = std::uint32_t;
inline constexpr SlotIndex kNoSlot = 0xffffffff;

class FlowIndex {
 public:
  explicit FlowIndex(std::size_t max_flows) { Reserve(max_flows); }

  // Empties the index and makes room for `max_flows` entries.
  void Reserve(std::size_t max_flows);

  [[gnu::always_inline]] void Prefetch(std::uint64_t hash) const {
    __builtin_prefetch(&buckets_[Home(Tag(hash))]);
  }

  // A slot whose tag fits, and its bucket: a hint, not an answer.
  struct Hint {
    SlotIndex slot = kNoSlot;
    std::uint32_t bucket = 0;
  };
  [[nodiscard]] Hint Guess(std::uint64_t hash) const {
    const std::uint32_t tag = Tag(hash);
    for (std::size_t at = Home(tag); buckets_[at].Used();
         at = (at + 1) & mask_) {
      if (buckets_[at].tag == tag) {
        return {buckets_[at].Slot(), static_cast<std::uint32_t>(at)};
      }
    }
    return {};
  }
  // Whether the bucket still has that slot.
  [[nodiscard]] bool Holds(std::uint64_t hash, const Hint& hint) const {
    const Bucket& bucket = buckets_[hint.bucket];
    return hint.slot != kNoSlot && bucket.tag == Tag(hash) &&
           bucket.slot_plus_one == hint.slot + 1;
  }
  // As below; in one step if the hint still holds.
  template <typename IsSame>
  [[nodiscard]] SlotIndex Find(std::uint64_t hash, const Hint& hint,
                               IsSame&& is_same) const {
    return Holds(hash, hint) && is_same(hint.slot) ? hint.slot
                                                   : Find(hash, is_same);
  }

  // The slot with this hash for which `is_same(slot)`, or kNoSlot.
  template <typename IsSame>
  [[nodiscard]] SlotIndex Find(std::uint64_t hash, IsSame&& is_same) const {
    const std::uint32_t tag = Tag(hash);
    for (std::size_t at = Home(tag); buckets_[at].Used();
         at = (at + 1) & mask_) {
      if (buckets_[at].tag == tag && is_same(buckets_[at].Slot())) {
        return buckets_[at].Slot();
      }
    }
    return kNoSlot;
  }

  // The caller knows that the key is not there and that there is room.
  void Insert(std::uint64_t hash, SlotIndex slot);
  // The caller knows that (hash, slot) is there.
  void Erase(std::uint64_t hash, SlotIndex slot);

 private:
  // All zero while it is empty.
  struct Bucket {
    std::uint32_t tag;
    std::uint32_t slot_plus_one;

    [[nodiscard]] bool Used() const { return slot_plus_one != 0; }
    [[nodiscard]] SlotIndex Slot() const { return slot_plus_one - 1; }
  };

  static std::uint32_t Tag(std::uint64_t hash) {
    return static_cast<std::uint32_t>(hash >> 32);
  }
  [[nodiscard]] std::size_t Home(std::uint32_t tag) const {
    return tag & mask_;
  }
  void Put(Bucket bucket);
  void Double();

  PageArray<Bucket> buckets_;  // room for the most; mask_ + 1 are in use
  std::size_t mask_ = 0;
  std::size_t used_ = 0;
};

}  // namespace tracker
