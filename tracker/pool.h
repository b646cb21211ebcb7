// SPDX-License-Identifier: Apache-2.0
// A fixed number of objects of one type, lent and taken back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include "tracker/free_places.h"
#include "tracker/slab.h"

namespace tracker {

// What was never lent costs address space only.
template <typename T>
class Pool {
 public:
  static_assert(std::is_trivially_copyable_v<T> &&
                std::is_trivially_destructible_v<T>);
  using Index = FreePlaces::Index;
  static constexpr Index kNone = 0xffffffff;

  explicit Pool(std::size_t capacity) { Grow(capacity); }

  // Room for more of them; what is lent keeps its index.
  void Grow(std::size_t capacity) {
    Slab<T> slab(capacity);
    for (Index at = 0; at < Fresh(); ++at) {
      slab.Construct(at, slab_[at]);
    }
    slab_ = std::move(slab);
    free_.Reserve(capacity);
  }

  // A new T, or kNone when all are lent.
  Index Lend() {
    const bool fresh = free_.OnlyFresh();
    if (fresh && Fresh() == slab_.Capacity()) {
      return kNone;
    }
    const Index index = free_.Take();
    if (fresh) {
      slab_.PopulateAhead(index);
    }
    slab_.Construct(index);
    return index;
  }
  // `index` becomes kNone; nothing happens if it is.
  void Return(Index& index) {
    if (index != kNone) {
      free_.GiveBack(std::exchange(index, kNone));
    }
  }

  // Those before it were lent at some time.
  [[nodiscard]] Index Fresh() const { return free_.Fresh(); }

  // None is lent any more.
  void Clear() { free_.Reset(0); }

  T& operator[](Index index) { return slab_[index]; }
  const T& operator[](Index index) const { return slab_[index]; }
  [[gnu::always_inline]] void Prefetch(Index index) const {
    slab_.Prefetch(index);
  }

 private:
  Slab<T> slab_;
  FreePlaces free_;
};

}  // namespace tracker
