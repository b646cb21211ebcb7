// SPDX-License-Identifier: Apache-2.0
// Closed flows in the order in which they closed, until their linger is over.
#pragma once

#include <cstddef>
#include <span>

#include "tracker/flow_index.h"
#include "tracker/pages.h"
#include "tracker/time.h"

namespace tracker {

// An array by time. Nearly all leave at its front; who leaves earlier, because
// it is replaced, is looked for, and leaves a hole. So nothing is written
// beside the array when a flow closes, and who is due is known without a look
// at it.
class LingerQueue {
 public:
  LingerQueue() = default;
  // For at most so many at a time. Throws std::bad_alloc.
  explicit LingerQueue(std::size_t most) : places_(2 * most + kFew) {}

  // The slot is not there. Seldom, others have closed after `closed`.
  void Add(SlotIndex slot, Timestamp closed);
  // The slot is there, and was added with that time.
  void Remove(SlotIndex slot, Timestamp closed);
  void Clear() { begin_ = end_ = count_ = 0; }

  // The first, or kNoSlot.
  [[nodiscard]] SlotIndex Front() const {
    return begin_ < end_ ? places_[begin_].slot : kNoSlot;
  }
  // The first of those that closed at `cutoff` or before, so far as there are
  // so many, into `slots`: those that were found.
  std::span<const SlotIndex> Due(Timestamp cutoff,
                                 std::span<SlotIndex> slots) const;
  // Calls visit(slot, closed) for each, in their order.
  template <typename Visit>
  void ForEach(Visit&& visit) const {
    for (std::size_t at = begin_; at < end_; ++at) {
      if (places_[at].slot != kNoSlot) {
        visit(places_[at].slot, places_[at].closed);
      }
    }
  }

 private:
  struct Place {
    Timestamp closed;
    SlotIndex slot;  // kNoSlot: a hole
  };
  // So many places are not worth being looked through.
  static constexpr std::size_t kFew = 1024;

  // Of a slot that is there.
  Place& PlaceOf(SlotIndex slot, Timestamp closed);
  void CloseHoles();

  PageArray<Place> places_;
  std::size_t begin_ = 0;  // no hole, if it is not the end
  std::size_t end_ = 0;
  std::size_t count_ = 0;
};

}  // namespace tracker
