// SPDX-License-Identifier: Apache-2.0
// Values that many share, each kept once.
#pragma once

#include <cstddef>
#include <cstdint>
#include <type_traits>

#include "tracker/flow_index.h"
#include "tracker/flow_key.h"
#include "tracker/pool.h"

namespace tracker {

// Each Take() gives a share, under a number that stands for the value until the
// share is dropped. The hash is keyed: who is on the wire chooses the values.
template <typename T>
class Interned {
 public:
  static_assert(std::has_unique_object_representations_v<T>);
  using Index = std::uint32_t;

  // Room for so many shares.
  Interned(std::size_t capacity, const KeyHasher& hasher)
      : hasher_(hasher), shared_(capacity), index_(capacity) {}
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
  Index Take(const T& value) {
    // On a link between two routers, it is the same again and again.
    if (last_ != kNoSlot && shared_[last_].value == value) {
      ++shared_[last_].shares;
      return last_;
    }
    const std::uint64_t hash = hasher_(value);
    Index at = index_.Find(
        hash, [&](Index index) { return shared_[index].value == value; });
    if (at == kNoSlot) {
      at = shared_.Lend();
      shared_[at].value = value;
      index_.Insert(hash, at);
    }
    ++shared_[at].shares;
    last_ = at;
    return at;
  }
  void Drop(Index at) {
    --shared_[at].shares;
    if (shared_[at].shares == 0) {
      last_ = at == last_ ? kNoSlot : last_;
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
    last_ = kNoSlot;
    index_.Reserve(capacity);
  }

  const T& operator[](Index at) const { return shared_[at].value; }

 private:
  struct Shared {
    T value;
    std::uint32_t shares = 0;
  };

  KeyHasher hasher_;
  Pool<Shared> shared_;
  FlowIndex index_;
  Index last_ = kNoSlot;  // that was taken, and has a share
};

}  // namespace tracker
