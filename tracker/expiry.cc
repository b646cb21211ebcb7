// SPDX-License-Identifier: Apache-2.0
#include "tracker/expiry.h"

#include <algorithm>

namespace tracker {
namespace {

constexpr int kMinShift = 10;  // 1 microsecond: below it, ticks are just noise

}  // namespace

RecencyRing::RecencyRing(ExpiryArray& links, Duration timeout)
    : links_(links), lists_(kTicks), shift_(kMinShift) {
  while ((timeout.count() >> shift_) > kTicks / 4) {
    ++shift_;
  }
}

void RecencyRing::File(SlotIndex slot, Timestamp last_seen) {
  const Tick seen = TickOf(last_seen);
  if (count_ == 0 || seen < first_) {
    first_ = seen;
  }
  // Beyond the horizon it is filed too early, which is always safe: Advance()
  // files it again when it gets there.
  const Tick last = first_ + kTicks - 1;
  ExpiryLinks& link = links_[slot];
  link.filed_as = seen > last ? last << shift_ : Nanoseconds(last_seen);
  List& list = ListAt(link.filed_as);
  if (list.head == kNoSlot) {
    list.sorted = true;
  }

  SlotIndex before = list.tail;
  for (int step = 0; before != kNoSlot && step < kSortSteps &&
                     links_[before].filed_as > link.filed_as;
       ++step) {
    before = links_[before].ring_previous;
  }
  if (before != kNoSlot && links_[before].filed_as > link.filed_as) {
    list.sorted = false;
  }
  const SlotIndex after =
      before == kNoSlot ? list.head : links_[before].ring_next;
  link.ring_previous = before;
  link.ring_next = after;
  (before == kNoSlot ? list.head : links_[before].ring_next) = slot;
  (after == kNoSlot ? list.tail : links_[after].ring_previous) = slot;
  ++count_;
}

void RecencyRing::Remove(SlotIndex slot) {
  ExpiryLinks& link = links_[slot];
  if (link.filed_as == kNever) {
    return;
  }
  List& list = ListAt(link.filed_as);
  (link.ring_previous == kNoSlot ? list.head
                                 : links_[link.ring_previous].ring_next) =
      link.ring_next;
  (link.ring_next == kNoSlot ? list.tail
                             : links_[link.ring_next].ring_previous) =
      link.ring_previous;
  link.filed_as = kNever;
  --count_;
}

}  // namespace tracker
