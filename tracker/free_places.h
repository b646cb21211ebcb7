// SPDX-License-Identifier: Apache-2.0
// Which places of an array are free.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

namespace tracker {

// Those that were given back, the last one first, because it is still in the
// cache; then those that were never taken, from the first on.
class FreePlaces {
 public:
  using Index = std::uint32_t;

  // None is taken of those from `first` on.
  void Reset(Index first) {
    given_back_.clear();
    fresh_ = first;
  }
  // From here on, giving back `capacity` of them allocates nothing.
  void Reserve(std::size_t capacity) { given_back_.reserve(capacity); }

  // There is one, which is for the owner to know.
  Index Take() {
    if (given_back_.empty()) {
      return fresh_++;
    }
    const Index place = given_back_.back();
    given_back_.pop_back();
    return place;
  }
  void GiveBack(Index place) { given_back_.push_back(place); }

  // What Take() would answer after `skip` others. There may be no such place.
  [[nodiscard]] std::size_t Next(std::size_t skip) const {
    const std::size_t before = given_back_.size();
    return skip < before ? given_back_[before - 1 - skip]
                         : fresh_ + (skip - before);
  }
  // Those before it were taken at some time.
  [[nodiscard]] Index Fresh() const { return fresh_; }
  // Take() would answer one that was never taken.
  [[nodiscard]] bool OnlyFresh() const { return given_back_.empty(); }

 private:
  Index fresh_ = 0;
  std::vector<Index> given_back_;
};

}  // namespace tracker
