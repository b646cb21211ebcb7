// SPDX-License-Identifier: Apache-2.0
// How a tracker keeps the keys of its flows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "tracker/flow_key.h"
#include "tracker/pool.h"

namespace tracker {

// As they are.
template <typename Key>
class KeyStore {
 public:
  using Kept = Key;

  // Room for so many.
  explicit KeyStore(std::size_t /*capacity*/) {}
  void Grow(std::size_t /*capacity*/) {}

  Kept Keep(const Key& key) { return key; }
  void Forget(Kept& /*kept*/) {}
  void ForgetAll() {}
  void Restore(const Kept& kept, Key& key) const { key = kept; }
  [[nodiscard]] std::uint64_t HashOf(const Kept& kept,
                                     const KeyHasher& hasher) const {
    return hasher(kept);
  }
  [[nodiscard]] bool Same(const Kept& kept, const Key& key) const {
    return kept == key;
  }
  // Whether Same() looks elsewhere for it, and that this be on its way.
  static bool IsApart(const Key& /*key*/) { return false; }
  void Prefetch(const Kept& /*kept*/) const {}
};

// Most are short. What the others have beside is apart.
template <>
class KeyStore<FlowKey> {
 public:
  // Apart: with kApart in its numbers, and where it is in the pool for its
  // addresses.
  using Kept = ShortFlowKey;

  explicit KeyStore(std::size_t capacity) : apart_(capacity) {}
  void Grow(std::size_t capacity) { apart_.Grow(capacity); }

  Kept Keep(const FlowKey& key) {
    if (key.IsShort()) {
      return key.Short();
    }
    const Pool<Apart>::Index at = apart_.Lend();
    apart_[at] = {key.address, key.tunnel_id};
    return {at, key.Numbers() | kApart};
  }
  void Forget(Kept& kept) {
    if (IsApart(kept)) {
      Pool<Apart>::Index at = PlaceOf(kept);
      apart_.Return(at);
    }
  }
  void ForgetAll() { apart_.Clear(); }
  void Restore(const Kept& kept, FlowKey& key) const {
    if (!IsApart(kept)) {
      key.Assign(kept);
      return;
    }
    key.SetNumbers(kept.numbers & ~kApart);
    const Apart& apart = apart_[PlaceOf(kept)];
    key.address = apart.address;
    key.tunnel_id = apart.tunnel_id;
  }
  [[nodiscard]] std::uint64_t HashOf(const Kept& kept,
                                     const KeyHasher& hasher) const {
    if (!IsApart(kept)) {
      return hasher(kept);
    }
    FlowKey key;
    Restore(kept, key);
    return hasher(key);
  }
  [[nodiscard]] bool Same(const Kept& kept, const FlowKey& key) const {
    if (key.IsShort()) {
      return Same(kept, key.Short());
    }
    if (kept.numbers != (key.Numbers() | kApart)) {
      return false;
    }
    const Apart& apart = apart_[PlaceOf(kept)];
    return apart.address == key.address && apart.tunnel_id == key.tunnel_id;
  }
  [[nodiscard]] static bool Same(const Kept& kept, const ShortFlowKey& key) {
    return kept == key;
  }
  static bool IsApart(const FlowKey& key) { return !key.IsShort(); }
  void Prefetch(const Kept& kept) const {
    if (IsApart(kept)) {
      apart_.Prefetch(PlaceOf(kept));
    }
  }

 private:
  struct Apart {
    std::array<IpAddress, 2> address;
    std::uint32_t tunnel_id = 0;
  };
  // The highest bit of the IP version, which has four.
  static constexpr std::uint64_t kApart = std::uint64_t{0x80} << 40;

  static bool IsApart(const Kept& kept) { return (kept.numbers & kApart) != 0; }
  static Pool<Apart>::Index PlaceOf(const Kept& kept) {
    return static_cast<Pool<Apart>::Index>(kept.addresses);
  }

  Pool<Apart> apart_;
};

}  // namespace tracker
