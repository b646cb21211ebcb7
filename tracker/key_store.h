// SPDX-License-Identifier: Apache-2.0
// How a tracker keeps the keys of its flows.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>

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

// Most are IPv4, and need no more than its octets. The addresses of the others
// are apart.
template <>
class KeyStore<FlowKey> {
 public:
  struct Kept {
    // IPv4: as in a header. Else the first is where they are in the pool.
    std::array<std::uint32_t, 2> address{};
    // As in FlowKey.
    std::array<std::uint16_t, 2> port{};
    std::uint8_t protocol = 0;
    std::uint8_t ip_version = 0;
    std::uint16_t vlan_id = 0;
    std::uint32_t tunnel_id = 0;

    [[nodiscard]] std::uint64_t Numbers() const {
      std::uint64_t word = 0;
      std::memcpy(&word,
                  reinterpret_cast<const std::byte*>(this) + sizeof(address),
                  sizeof(word));
      return word;
    }
  };

  explicit KeyStore(std::size_t capacity) : pairs_(capacity) {}
  void Grow(std::size_t capacity) { pairs_.Grow(capacity); }

  Kept Keep(const FlowKey& key) {
    Kept kept{.address = {},
              .port = key.port,
              .protocol = key.protocol,
              .ip_version = key.ip_version,
              .vlan_id = key.vlan_id,
              .tunnel_id = key.tunnel_id};
    if (kept.ip_version == 4) {
      kept.address = {key.address[0].V4Octets(), key.address[1].V4Octets()};
    } else {
      kept.address[0] = pairs_.Lend();
      pairs_[kept.address[0]] = key.address;
    }
    return kept;
  }
  void Forget(Kept& kept) {
    if (kept.ip_version != 4) {
      pairs_.Return(kept.address[0]);
    }
  }
  void ForgetAll() { pairs_.Clear(); }
  [[nodiscard]] FlowKey Restore(const Kept& kept) const {
    return {.address = kept.ip_version == 4
                           ? Pair{IpAddress::V4(kept.address[0]),
                                  IpAddress::V4(kept.address[1])}
                           : pairs_[kept.address[0]],
            .port = kept.port,
            .protocol = kept.protocol,
            .ip_version = kept.ip_version,
            .vlan_id = kept.vlan_id,
            .tunnel_id = kept.tunnel_id};
  }
  [[nodiscard]] bool Same(const Kept& kept, const FlowKey& key) const {
    if (kept.Numbers() != key.Numbers() || kept.tunnel_id != key.tunnel_id) {
      return false;
    }
    return key.ip_version == 4
               ? kept.address[0] == key.address[0].V4Octets() &&
                     kept.address[1] == key.address[1].V4Octets()
               : pairs_[kept.address[0]] == key.address;
  }
  static bool IsApart(const FlowKey& key) { return key.ip_version != 4; }
  void Prefetch(const Kept& kept) const {
    if (kept.ip_version != 4) {
      pairs_.Prefetch(kept.address[0]);
    }
  }

 private:
  using Pair = std::array<IpAddress, 2>;

  Pool<Pair> pairs_;
};

}  // namespace tracker
