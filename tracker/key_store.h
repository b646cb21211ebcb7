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
  [[nodiscard]] Key Restore(const Kept& kept) const { return kept; }
  [[nodiscard]] bool Same(const Kept& kept, const Key& key) const {
    return kept == key;
  }
  // Whether Same() looks elsewhere for it, and that this be on its way.
  static bool IsApart(const Key& /*key*/) { return false; }
  void Prefetch(const Kept& /*kept*/) const {}
};

// Most are IPv4 in no tunnel, and need no more than their octets. What the
// others have beside is apart.
template <>
class KeyStore<FlowKey> {
 public:
  struct Kept {
    // IPv4: as in a header. Apart: the first is where it is in the pool.
    std::array<std::uint32_t, 2> address{};
    // As FlowKey::Numbers(), and kApart.
    std::uint64_t numbers = 0;
  };

  explicit KeyStore(std::size_t capacity) : apart_(capacity) {}
  void Grow(std::size_t capacity) { apart_.Grow(capacity); }

  Kept Keep(const FlowKey& key) {
    if (!IsApart(key)) {
      return {{key.address[0].V4Octets(), key.address[1].V4Octets()},
              key.Numbers()};
    }
    const Pool<Apart>::Index at = apart_.Lend();
    apart_[at] = {key.address, key.tunnel_id};
    return {{at, 0}, key.Numbers() | kApart};
  }
  void Forget(Kept& kept) {
    if (IsApart(kept)) {
      apart_.Return(kept.address[0]);
    }
  }
  void ForgetAll() { apart_.Clear(); }
  [[nodiscard]] FlowKey Restore(const Kept& kept) const {
    FlowKey key;
    key.SetNumbers(kept.numbers & ~kApart);
    if (IsApart(kept)) {
      const Apart& apart = apart_[kept.address[0]];
      key.address = apart.address;
      key.tunnel_id = apart.tunnel_id;
    } else {
      key.address = {IpAddress::V4(kept.address[0]),
                     IpAddress::V4(kept.address[1])};
    }
    return key;
  }
  [[nodiscard]] bool Same(const Kept& kept, const FlowKey& key) const {
    if (!IsApart(key)) {
      return kept.numbers == key.Numbers() &&
             kept.address[0] == key.address[0].V4Octets() &&
             kept.address[1] == key.address[1].V4Octets();
    }
    if (kept.numbers != (key.Numbers() | kApart)) {
      return false;
    }
    const Apart& apart = apart_[kept.address[0]];
    return apart.address == key.address && apart.tunnel_id == key.tunnel_id;
  }
  static bool IsApart(const FlowKey& key) {
    return key.ip_version != 4 || key.tunnel_id != 0;
  }
  void Prefetch(const Kept& kept) const {
    if (IsApart(kept)) {
      apart_.Prefetch(kept.address[0]);
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

  Pool<Apart> apart_;
};

}  // namespace tracker
