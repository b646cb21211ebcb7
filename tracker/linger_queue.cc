// SPDX-License-Identifier: Apache-2.0
#include "tracker/linger_queue.h"

#include <algorithm>

namespace tracker {

void LingerQueue::Add(SlotIndex slot, Timestamp closed) {
  if (end_ >= 2 * count_ + kFew) {
    CloseHoles();
  }
  std::size_t at = end_;
  for (; at > begin_ && places_[at - 1].closed > closed; --at) {
    places_[at] = places_[at - 1];
  }
  places_[at] = {closed, slot};
  ++end_;
  ++count_;
}

void LingerQueue::Remove(SlotIndex slot, Timestamp closed) {
  PlaceOf(slot, closed).slot = kNoSlot;
  --count_;
  while (begin_ < end_ && places_[begin_].slot == kNoSlot) {
    ++begin_;
  }
}

LingerQueue::Place& LingerQueue::PlaceOf(SlotIndex slot, Timestamp closed) {
  if (places_[begin_].slot == slot) {
    return places_[begin_];
  }
  const std::span<Place> places(&places_[begin_], end_ - begin_);
  auto place = std::lower_bound(
      places.begin(), places.end(), closed,
      [](const Place& before, Timestamp time) { return before.closed < time; });
  while (place->slot != slot) {
    ++place;
  }
  return *place;
}

std::span<const SlotIndex> LingerQueue::Due(Timestamp cutoff,
                                            std::span<SlotIndex> slots) const {
  std::size_t count = 0;
  for (std::size_t at = begin_;
       at < end_ && count < slots.size() && places_[at].closed <= cutoff;
       ++at) {
    if (places_[at].slot != kNoSlot) {
      slots[count] = places_[at].slot;
      ++count;
    }
  }
  return slots.first(count);
}

void LingerQueue::CloseHoles() {
  std::size_t filled = 0;
  for (std::size_t at = begin_; at < end_; ++at) {
    if (places_[at].slot != kNoSlot) {
      places_[filled] = places_[at];
      ++filled;
    }
  }
  begin_ = 0;
  end_ = filled;
}

}  // namespace tracker
