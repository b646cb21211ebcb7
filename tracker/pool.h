// SPDX-License-Identifier: Apache-2.0
// A fixed number of objects of one type, lent and taken back.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>
#include <vector>

#include "tracker/slab.h"

namespace tracker {

// What was never lent costs address space only. What was returned last is lent
// first, because it is still in the cache.
template <typename T>
class Pool {
 public:
  static_assert(std::is_trivially_copyable_v<T> &&
                std::is_trivially_destructible_v<T>);
  using Index = std::uint32_t;
  static constexpr Index kNone = 0xffffffff;

  explicit Pool(std::size_t capacity) { Grow(capacity); }

  // Room for more of them; what is lent keeps its index.
  void Grow(std::size_t capacity) {
    Slab<T> slab(capacity);
    for (Index at = 0; at < fresh_; ++at) {
      slab.Construct(at, slab_[at]);
    }
    slab_ = std::move(slab);
    returned_.reserve(capacity);
  }

  // A new T, or kNone when all are lent.
  Index Lend() {
    Index index = fresh_;
    if (!returned_.empty()) {
      index = returned_.back();
      returned_.pop_back();
    } else if (fresh_ < slab_.Capacity()) {
      ++fresh_;
    } else {
      return kNone;
    }
    slab_.Construct(index);
    return index;
  }
  // `index` becomes kNone; nothing happens if it is.
  void Return(Index& index) {
    if (index != kNone) {
      returned_.push_back(std::exchange(index, kNone));
    }
  }

  // Those before it were lent at some time.
  [[nodiscard]] Index Fresh() const { return fresh_; }

  // None is lent any more.
  void Clear() {
    returned_.clear();
    fresh_ = 0;
  }

  T& operator[](Index index) { return slab_[index]; }
  const T& operator[](Index index) const { return slab_[index]; }
  [[gnu::always_inline]] void Prefetch(Index index) const {
    slab_.Prefetch(index);
  }

 private:
  Slab<T> slab_;
  std::vector<Index> returned_;
  Index fresh_ = 0;  // from here on, none was ever lent
};

}  // namespace tracker
