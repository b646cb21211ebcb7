// SPDX-License-Identifier: Apache-2.0
// Values that many share, each kept once.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "tracker/flow_index.h"
#include "tracker/flow_key.h"
#include "tracker/pool.h"

namespace tracker {

// Each Take() gives a share, under a number that stands for the value until the
// share is dropped. The hash is keyed: who is on the wire chooses the values.
// T::Mixed() is a cheap one beside it, of 64 bits, of which the highest differ.
template <typename T>
class Interned {
 public:
  static_assert(std::has_unique_object_representations_v<T>);
  using Index = std::uint32_t;

  // Room for so many shares.
  Interned(std::size_t capacity, const KeyHasher& hasher)
      : hasher_(hasher), shared_(capacity), index_(capacity) {
    recent_.fill(kNoSlot);
  }
  // Room for more; the numbers stay.
  void Grow(std::size_t capacity) {
    shared_.Grow(capacity);
    index_.Reserve(capacity);
    for (Index at = 0; at < shared_.Fresh(); ++at) {
      if (shared_[at].shares > 0) {
        index_.Insert(hasher_(shared_[at].value), at);
      }
    }
  }

  // There is room.
  [[gnu::always_inline]] Index Take(const T& value) {
    // Between two routers, it is one of a few again and again.
    const Index recent = recent_[PlaceOf(value)];
    if (recent != kNoSlot && shared_[recent].value == value) {
      ++shared_[recent].shares;
      return recent;
    }
    return TakeAnother(value);
  }
  void Drop(Index at) {
    --shared_[at].shares;
    if (shared_[at].shares == 0) {
      Index& recent = recent_[PlaceOf(shared_[at].value)];
      recent = at == recent ? kNoSlot : recent;
      index_.Erase(hasher_(shared_[at].value), at);
      shared_.Return(at);
    }
  }
  // A share of another value instead.
  void Change(Index& at, const T& value) {
    Drop(at);
    at = Take(value);
  }
  // No share is left.
  void Clear(std::size_t capacity) {
    shared_.Clear();
    recent_.fill(kNoSlot);
    index_.Reserve(capacity);
  }

  const T& operator[](Index at) const { return shared_[at].value; }

 private:
  struct Shared {
    T value;
    std::uint32_t shares = 0;
  };

  static constexpr unsigned kRecentBits = 8;

  // In recent_. Whoever chose values that all have one place would gain nothing
  // but that they are looked for.
  static std::size_t PlaceOf(const T& value) {
    return value.Mixed() >> (64 - kRecentBits);
  }
  // By value, so that it stays in registers where it is not called.
  [[gnu::noinline]] Index TakeAnother(T value) {
    const std::uint64_t hash = hasher_(value);
    Index at = index_.Find(
        hash, [&](Index index) { return shared_[index].value == value; });
    if (at == kNoSlot) {
      at = shared_.Lend();
      shared_[at].value = value;
      index_.Insert(hash, at);
    }
    ++shared_[at].shares;
    recent_[PlaceOf(value)] = at;
    return at;
  }

  KeyHasher hasher_;
  Pool<Shared> shared_;
  FlowIndex index_;
  // Taken last of those with one place; they have a share. Or kNoSlot.
  std::array<Index, 1 << kRecentBits> recent_{};
};

}  // namespace tracker
