// SPDX-License-Identifier: Apache-2.0
// Closed flows in the order in which they closed, until their linger is over.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tracker/flow_index.h"
#include "tracker/pages.h"
#include "tracker/time.h"

namespace tracker {

// An array by time. Who leaves before its linger is over, because it is
// replaced or pushed out, is not taken out: whoever comes upon it sees that it
// has left. So a flow that closes, or leaves, costs nothing but its place at
// the end.
class LingerQueue {
 public:
  struct Closed {
    Timestamp since;
    SlotIndex slot = kNoSlot;
    std::uint32_t id = 0;  // the low half: its slot may be another's by now
  };

  LingerQueue() = default;
  // For at most so many that have not left. Throws std::bad_alloc.
  explicit LingerQueue(std::size_t most)
      : room_(2 * most + kFew), all_(room_) {}

  // Seldom, others have closed after `closed`. Those for which `is_still()` is
  // false may be forgotten.
  template <typename IsStill>
  void Add(const Closed& closed, IsStill&& is_still) {
    if (end_ == room_) {
      Keep(is_still);
    } else if (begin_ >= end_ - begin_ + kFew) {
      Keep([](const Closed&) { return true; });
    }
    // One that was filed under a later time by mistake would be in the way.
    while (begin_ < end_ && all_[end_ - 1].since > closed.since &&
           !is_still(all_[end_ - 1])) {
      --end_;
    }
    std::size_t at = end_;
    for (; at > begin_ && all_[at - 1].since > closed.since; --at) {
      all_[at] = all_[at - 1];
    }
    all_[at] = closed;
    ++end_;
  }
  // Forgets the others.
  template <typename IsStill>
  void Keep(IsStill&& is_still) {
    std::size_t kept = 0;
    for (std::size_t at = begin_; at < end_; ++at) {
      if (is_still(all_[at])) {
        all_[kept] = all_[at];
        ++kept;
      }
    }
    begin_ = 0;
    end_ = kept;
  }
  // Forgets the first; there is one.
  void DropFirst() { ++begin_; }
  void Clear() { begin_ = end_ = 0; }

  // The first that is still there, or kNoSlot. Forgets those before it.
  template <typename IsStill>
  SlotIndex Front(IsStill&& is_still) {
    while (begin_ < end_ && !is_still(all_[begin_])) {
      ++begin_;
    }
    return begin_ < end_ ? all_[begin_].slot : kNoSlot;
  }
  // In their order, until the next Add() or Keep().
  [[nodiscard]] std::span<const Closed> All() const {
    return begin_ == end_ ? std::span<const Closed>()
                          : std::span(&all_[begin_], end_ - begin_);
  }
  // The first of those that closed at `cutoff` or before, at most so many.
  [[nodiscard]] std::span<const Closed> Due(Timestamp cutoff,
                                            std::size_t most) const {
    const std::span<const Closed> first =
        All().first(std::min(most, end_ - begin_));
    const auto later = std::find_if(
        first.begin(), first.end(),
        [&](const Closed& closed) { return closed.since > cutoff; });
    return first.first(static_cast<std::size_t>(later - first.begin()));
  }

 private:
  // So many places are not worth being moved to.
  static constexpr std::size_t kFew = 1024;

  std::size_t room_ = 0;
  PageArray<Closed> all_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
};

}  // namespace tracker
