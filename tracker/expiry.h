// SPDX-License-Identifier: Apache-2.0
// When flows are due, in O(flows that are due): flows of one idle timeout,
// filed by the tick in which they were last seen, as links beside the flows.
//
// A packet does not touch it. When the time of a tick has come, its flows are
// looked at: those seen since are filed again where they belong now, the others
// are due. So a busy flow is moved once per timeout, not once per packet. The
// oldest flow is the least recently seen one.
//
// Times are what the tracker's clock says, which never runs backwards.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <memory>
#include <span>
#include <vector>

#include "tracker/flow_index.h"
#include "tracker/pages.h"
#include "tracker/time.h"

namespace tracker {

// Trivial, so that links of slots that are never used cost no memory.
struct ExpiryLinks {
  std::int64_t filed_as;  // time under which the ring has the slot, in
                          // nanoseconds since 1970
  SlotIndex ring_previous;
  SlotIndex ring_next;
};

using ExpiryArray = PageArray<ExpiryLinks>;

// The next slots of a list, gathered so that what they need can be fetched for
// all at once. One is found by the other, each a cache miss: so the next batch
// is gathered while the flows of one are dealt with, a slot for a flow.
class SlotBatch {
 public:
  static constexpr std::size_t kMost = 32;

  // From `slot` on, by `next(slot)`, so far as there are `most` of them then.
  // Returns who comes behind them.
  template <typename Next>
  SlotIndex Gather(SlotIndex slot, Next&& next, std::size_t most = kMost) {
    for (; slot != kNoSlot && count_ < most; slot = next(slot)) {
      slots_[count_] = slot;
      ++count_;
    }
    return slot;
  }
  // One more. The links of who comes behind it are on their way.
  template <typename Next>
  SlotIndex GatherOne(SlotIndex slot, Next&& next, const ExpiryArray& links) {
    slot = Gather(slot, next, count_ + 1);
    if (slot != kNoSlot) {
      links.Prefetch(slot);
    }
    return slot;
  }
  // Those that `drops(slot)` are not looked at.
  template <typename If>
  void Drop(If&& drops) {
    const std::span<SlotIndex> all = std::span(slots_).first(count_);
    count_ = static_cast<std::size_t>(
        std::remove_if(all.begin(), all.end(), drops) - all.begin());
  }
  [[nodiscard]] std::span<const SlotIndex> Slots() const {
    return std::span(slots_).first(count_);
  }

 private:
  std::array<SlotIndex, kMost> slots_{};
  std::size_t count_ = 0;
};

class RecencyRing {
 public:
  // Refers to `links` for its lifetime. `timeout` only sets how fine the ticks
  // are: about a 2000th of it.
  RecencyRing(ExpiryArray& links, Duration timeout);

  void File(SlotIndex slot, Timestamp last_seen);
  // It was filed. Nothing happens if it is not any more, because it had left.
  void Remove(SlotIndex slot);

  // Calls `expire(slot)` for each slot whose `flows.LastSeen(slot)` <=
  // `cutoff`; `expire` must Remove() it, and no other, and answers whether to
  // go on. False: it did not, and there may be more. Before,
  // `flows.Fetch(slot)` hears of what will be asked for, and
  // `flows.FetchEnd(slot)` of what will expire. If `flows.HasLeft(slot)`, it is
  // not of this ring any more: it does not expire, and is not filed again.
  template <typename Flows, typename Expire>
  bool Advance(Timestamp cutoff, const Flows& flows, Expire&& expire);

  // The least recently seen slot, or kNoSlot. Exact among flows that were filed
  // close to each other, else within one tick. `flows` as above.
  template <typename Flows>
  SlotIndex Oldest(const Flows& flows);

  // What Remove() of a slot writes to is on its way.
  [[gnu::always_inline]] static void PrefetchNeighbours(
      const ExpiryArray& links, SlotIndex slot) {
    const ExpiryLinks& link = links[slot];
    links.Prefetch(link.ring_previous == kNoSlot ? slot : link.ring_previous);
    links.Prefetch(link.ring_next == kNoSlot ? slot : link.ring_next);
  }

 private:
  struct List {
    SlotIndex head = kNoSlot;
    SlotIndex tail = kNoSlot;
    bool sorted = true;  // by filed_as
  };
  using Tick = std::int64_t;

  // Ticks that a ring can tell apart: four timeouts' worth, so that flows keep
  // their place while a sweep is overdue.
  static constexpr Tick kTicks = 1 << 13;
  // How many younger neighbours a flow is filed past, at most.
  static constexpr int kSortSteps = 32;

  // filed_as of who is not.
  static constexpr std::int64_t kNever =
      std::numeric_limits<std::int64_t>::min();

  // Files it where it belongs now, unless it has left.
  template <typename Flows>
  void FileAgain(SlotIndex slot, Timestamp last_seen, const Flows& flows) {
    Remove(slot);
    if (!flows.HasLeft(slot)) {
      File(slot, last_seen);
    }
  }
  static std::int64_t Nanoseconds(Timestamp time) {
    return time.time_since_epoch().count();
  }
  [[nodiscard]] Tick TickOf(Timestamp time) const {
    return Nanoseconds(time) >> shift_;
  }
  List& ListOf(Tick tick) {
    return lists_[static_cast<std::size_t>(tick) & (kTicks - 1)];
  }
  // Where a slot is that is filed under `nanoseconds`.
  List& ListAt(std::int64_t nanoseconds) {
    return ListOf(nanoseconds >> shift_);
  }
  template <typename Flows>
  void FetchAll(std::span<const SlotIndex> slots, Timestamp cutoff,
                const Flows& flows, std::span<Timestamp> seen);
  // A flow that will be filed, and behind whom.
  struct Place {
    std::int64_t filed_as;
    SlotIndex before;
  };
  // The links that File() will go along are on their way: for all in turns,
  // since one is found by the other. They have a `before`.
  [[gnu::always_inline]] void FetchPlaces(std::span<Place> places) const {
    for (int step = 0; step < kSortSteps && !places.empty(); ++step) {
      std::size_t count = 0;
      for (const Place& place : places) {
        const ExpiryLinks& link = links_[place.before];
        if (link.filed_as > place.filed_as && link.ring_previous != kNoSlot) {
          links_.Prefetch(link.ring_previous);
          places[count] = {place.filed_as, link.ring_previous};
          ++count;
        }
      }
      places = places.first(count);
    }
  }

  ExpiryArray& links_;
  std::vector<List> lists_;
  int shift_ = 0;
  Tick first_ = 0;  // no flow is filed before this tick; kTicks - 1 beyond it,
                    // lists begin again with flows that are filed too early
  std::size_t count_ = 0;
};

// Batches go on from one tick to the next: many have few flows.
template <typename Flows, typename Expire>
bool RecencyRing::Advance(Timestamp cutoff, const Flows& flows,
                          Expire&& expire) {
  const Tick last = TickOf(cutoff);
  if (count_ == 0 || first_ > last) {
    return true;
  }
  // In the last tick; in an earlier one it was filed too early.
  const auto later = [&](SlotIndex slot) {
    const std::int64_t filed_as = links_[slot].filed_as;
    return filed_as > Nanoseconds(cutoff) && &ListAt(filed_as) == &ListOf(last);
  };
  // However far the cutoff jumped, one turn looks at every list.
  Tick tick = std::max(first_, last - kTicks + 1);
  const auto from = [&](SlotIndex slot) {
    while (slot == kNoSlot && tick < last) {
      ++tick;
      slot = ListOf(tick).head;
    }
    const bool over =
        slot != kNoSlot && tick == last && ListOf(last).sorted && later(slot);
    return over ? kNoSlot : slot;
  };
  const auto next_of = [&](SlotIndex at) { return from(links_[at].ring_next); };
  SlotBatch batch;
  SlotIndex next = batch.Gather(from(ListOf(tick).head), next_of);
  while (!batch.Slots().empty()) {
    batch.Drop(later);
    const std::span<const SlotIndex> slots = batch.Slots();
    std::array<Timestamp, SlotBatch::kMost> seen{};
    FetchAll(slots, cutoff, flows, seen);
    SlotBatch behind;
    for (std::size_t i = 0; i < slots.size(); ++i) {
      next = behind.GatherOne(next, next_of, links_);
      first_ = last -
               ((last - (links_[slots[i]].filed_as >> shift_)) & (kTicks - 1));
      if (seen[i] > cutoff || flows.HasLeft(slots[i])) {
        FileAgain(slots[i], seen[i], flows);
      } else if (!expire(slots[i])) {
        return false;
      }
    }
    next = behind.Gather(next, next_of);
    batch = behind;
  }
  first_ = last;
  return true;
}

// What happens to them needs this; and when each was last seen.
template <typename Flows>
void RecencyRing::FetchAll(std::span<const SlotIndex> slots, Timestamp cutoff,
                           const Flows& flows, std::span<Timestamp> seen) {
  for (const SlotIndex slot : slots) {
    flows.Fetch(slot);
  }
  std::array<Place, SlotBatch::kMost> places{};
  std::size_t filed = 0;
  for (std::size_t i = 0; i < slots.size(); ++i) {
    seen[i] = flows.LastSeen(slots[i]);
    if (seen[i] <= cutoff) {
      flows.FetchEnd(slots[i]);
    } else if (const SlotIndex tail = ListOf(TickOf(seen[i])).tail;
               tail != kNoSlot) {
      links_.Prefetch(tail);
      places[filed] = {Nanoseconds(seen[i]), tail};
      ++filed;
    }
  }
  FetchPlaces(std::span(places).first(filed));
}

template <typename Flows>
SlotIndex RecencyRing::Oldest(const Flows& flows) {
  while (count_ > 0) {
    const SlotIndex slot = ListOf(first_).head;
    if (slot == kNoSlot) {
      ++first_;
      continue;
    }
    const Timestamp seen = flows.LastSeen(slot);
    if (!flows.HasLeft(slot) &&
        (count_ == 1 || links_[slot].filed_as == Nanoseconds(seen))) {
      return slot;
    }
    FileAgain(slot, seen, flows);
  }
  return kNoSlot;
}

}  // namespace tracker
