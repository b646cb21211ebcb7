// SPDX-License-Identifier: Apache-2.0
// Slots in the order in which they came, of which any may leave.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "tracker/flow_index.h"
#include "tracker/pages.h"

namespace tracker {

// An array, and where in it each of them is. Who leaves, leaves a hole: no
// neighbour hears of it, and whoever goes along the queue knows well ahead who
// comes. The holes are closed when they are more than what they surround.
class SlotQueue {
 public:
  SlotQueue() = default;
  // For slots below `slots`, of which at most `most` are there at a time.
  // Throws std::bad_alloc.
  SlotQueue(std::size_t slots, std::size_t most)
      : places_(2 * most + kFew), positions_(slots) {}

  // The slot is not there, and will be the last one.
  void Append(SlotIndex slot) {
    if (end_ >= 2 * count_ + kFew) {
      CloseHoles();
    }
    positions_[slot] = static_cast<Position>(end_);
    places_[end_] = slot;
    ++end_;
    ++count_;
  }
  // The slot is there.
  void Remove(SlotIndex slot) {
    places_[positions_[slot]] = kNoSlot;
    --count_;
    begin_ = BehindHoles(begin_);
  }
  void Clear();

  // The first, or kNoSlot.
  [[nodiscard]] SlotIndex Front() const { return From(begin_); }
  // The same, of those that Pass() did not pass.
  SlotIndex FrontNotPassed() {
    passed_ = BehindHoles(std::max(passed_, begin_));
    return From(passed_);
  }
  // The slot is FrontNotPassed(), and is not to be any more.
  void Pass(SlotIndex slot) { passed_ = std::size_t{positions_[slot]} + 1; }
  // Who comes behind a slot that is there, or kNoSlot.
  [[nodiscard]] SlotIndex Next(SlotIndex slot) const {
    return From(std::size_t{positions_[slot]} + 1);
  }
  // Of a slot that was there at some time.
  [[nodiscard]] bool Has(SlotIndex slot) const {
    return places_[positions_[slot]] == slot;
  }
  // All of them, until the next call that is not const.
  std::span<const SlotIndex> All();

  // What Remove() of the slot asks for is on its way: first where it is, and
  // then, once that has come, its place.
  [[gnu::always_inline]] void PrefetchPosition(SlotIndex slot) const {
    positions_.Prefetch(slot);
  }
  [[gnu::always_inline]] void PrefetchPlace(SlotIndex slot) const {
    places_.Prefetch(positions_[slot]);
  }

 private:
  using Position = std::uint32_t;
  // So many places are not worth being looked through.
  static constexpr std::size_t kFew = 1024;

  // The first place from there on that is no hole, or the end.
  [[nodiscard]] std::size_t BehindHoles(std::size_t at) const {
    while (at < end_ && places_[at] == kNoSlot) {
      ++at;
    }
    return at;
  }
  [[nodiscard]] SlotIndex From(std::size_t at) const {
    at = BehindHoles(at);
    return at < end_ ? places_[at] : kNoSlot;
  }
  void CloseHoles();

  PageArray<SlotIndex> places_;
  PageArray<Position> positions_;  // by slot
  std::size_t begin_ = 0;          // before it there are only holes
  std::size_t passed_ = 0;         // those before it were passed
  std::size_t end_ = 0;
  std::size_t count_ = 0;
};

}  // namespace tracker
