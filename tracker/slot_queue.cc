// SPDX-License-Identifier: Apache-2.0
#include "tracker/slot_queue.h"

namespace tracker {

std::span<const SlotIndex> SlotQueue::All() {
  CloseHoles();
  return end_ == 0 ? std::span<const SlotIndex>()
                   : std::span<const SlotIndex>(&places_[0], end_);
}

void SlotQueue::Clear() {
  for (std::size_t at = begin_; at < end_; ++at) {
    places_[at] = kNoSlot;
  }
  begin_ = end_ = passed_ = count_ = 0;
}

// No branch: who has left is anybody's guess. A hole is written, too, and then
// again by who comes behind it.
void SlotQueue::CloseHoles() {
  std::size_t filled = 0;
  std::size_t passed = 0;
  for (std::size_t at = begin_; at < end_; ++at) {
    const SlotIndex slot = places_[at];
    places_[filled] = slot;
    filled += slot == kNoSlot ? 0 : 1;
    passed = at < passed_ ? filled : passed;
  }
  begin_ = 0;
  passed_ = passed;
  end_ = filled;
  for (std::size_t at = 0; at < end_; ++at) {
    positions_[places_[at]] = static_cast<Position>(at);
  }
}

}  // namespace tracker
