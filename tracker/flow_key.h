// SPDX-License-Identifier: Apache-2.0
// What makes two packets parts of the same flow.
//
// A key is canonical where the extractor is bidirectional: the smaller endpoint
// comes first, so both directions give one key and one look-up finds the flow.
// Which way a packet went is an Orientation beside the key, never a second key.
//
// Keys have no padding (asserted), so they are compared and hashed as octets,
// and always compared in full: a hash alone never names a flow.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <type_traits>

#include "tracker/address.h"

namespace tracker {

// Which of the key's two endpoints sent the packet.
enum class Orientation : std::uint8_t { kFirstToSecond, kSecondToFirst };

constexpr Orientation Opposite(Orientation orientation) {
  return orientation == Orientation::kFirstToSecond
             ? Orientation::kSecondToFirst
             : Orientation::kFirstToSecond;
}

// Index of the sender into the key's addresses and ports.
constexpr std::size_t SenderOf(Orientation orientation) {
  return orientation == Orientation::kFirstToSecond ? 0 : 1;
}

// The two ends of a conversation as roles, independent of the key's order.
enum class Side : std::uint8_t { kInitiator, kResponder };

constexpr Side Other(Side side) {
  return side == Side::kInitiator ? Side::kResponder : Side::kInitiator;
}

// An IPv4 FlowKey in no tunnel, as most are, in two words.
struct ShortFlowKey {
  std::uint64_t addresses = 0;  // each as it lies in a header, the first low
  std::uint64_t numbers = 0;    // FlowKey::Numbers()

  bool operator==(const ShortFlowKey&) const = default;
};

struct FlowKey {
  std::array<IpAddress, 2> address;  // of IPv4, in mapped form
  // 0 where the protocol has none; for ICMP as icmp.h says.
  std::array<std::uint16_t, 2> port{};
  std::uint8_t protocol = 0;
  std::uint8_t ip_version = 0;
  std::uint16_t vlan_id = 0;  // 0 unless the extractor was told to use it
  // Of the overlay network, kind << 24 | id; 0 unless the extractor was told to
  // use it.
  std::uint32_t tunnel_id = 0;

  bool operator==(const FlowKey& other) const {
    return address[0] == other.address[0] && address[1] == other.address[1] &&
           Numbers() == other.Numbers() && tunnel_id == other.tunnel_id;
  }

  // In place: the words of a key are loaded in pairs when it is copied, which
  // waits until all of them are stored.
  void Assign(const ShortFlowKey& from) {
    address[0].SetV4(static_cast<std::uint32_t>(from.addresses));
    address[1].SetV4(static_cast<std::uint32_t>(from.addresses >> 32));
    SetNumbers(from.numbers);
    tunnel_id = 0;
  }
  [[nodiscard]] bool IsShort() const {
    return ip_version == 4 && tunnel_id == 0;
  }
  // The IPv4 part.
  [[nodiscard]] ShortFlowKey Short() const {
    return {address[0].V4Octets() | std::uint64_t{address[1].V4Octets()} << 32,
            Numbers()};
  }

  // Ports, protocol, IP version and VLAN as one word. What is written as a word
  // is best read as one: a wide load waits for narrow stores.
  [[nodiscard]] std::uint64_t Numbers() const {
    std::uint64_t word = 0;
    std::memcpy(&word, reinterpret_cast<const std::byte*>(this) + kNumbersAt,
                sizeof(word));
    return word;
  }
  void SetNumbers(const std::array<std::uint16_t, 2>& ports,
                  std::uint8_t ip_protocol, std::uint8_t version,
                  std::uint64_t vlan) {
    SetNumbers(NumbersOf(ports[0] | std::uint32_t{ports[1]} << 16, ip_protocol,
                         version, vlan));
  }
  // `ports`: the first is the low half.
  static std::uint64_t NumbersOf(std::uint32_t ports, std::uint8_t ip_protocol,
                                 std::uint8_t version, std::uint64_t vlan) {
    return std::uint64_t{ports} | std::uint64_t{ip_protocol} << 32 |
           std::uint64_t{version} << 40 | vlan << 48;
  }
  void SetNumbers(std::uint64_t word) {
    std::memcpy(reinterpret_cast<std::byte*>(this) + kNumbersAt, &word,
                sizeof(word));
  }

 private:
  static constexpr std::size_t kNumbersAt = 2 * sizeof(IpAddress);
};

static_assert(offsetof(FlowKey, port) == 2 * sizeof(IpAddress) &&
              offsetof(FlowKey, tunnel_id) ==
                  2 * sizeof(IpAddress) + sizeof(std::uint64_t));

struct IpPairKey {
  std::array<IpAddress, 2> address;
  std::uint32_t ip_version = 0;

  bool operator==(const IpPairKey&) const = default;
};

struct MacPairKey {
  std::array<MacAddress, 2> address{};

  bool operator==(const MacPairKey&) const = default;
};

// A keyed hash of the octets of a key. The seed is drawn once per process from
// the operating system: who is on the mirrored wire cannot choose keys that
// collide.
class KeyHasher {
 public:
  using Seed = std::array<std::uint64_t, 4>;

  KeyHasher();  // a random seed
  explicit KeyHasher(const Seed& seed) : seed_(seed) {}

  template <typename Key>
  std::uint64_t operator()(const Key& key) const {
    static_assert(std::has_unique_object_representations_v<Key>);
    constexpr std::size_t kPairs = (sizeof(Key) + 15) / 16;
    std::array<std::uint64_t, kPairs * 2> words{};
    std::memcpy(words.data(), &key, sizeof(Key));
    std::uint64_t hash = seed_[0];
    for (std::size_t i = 0; i < words.size(); i += 2) {
      hash = Add(hash, words[i], words[i + 1]);
    }
    return Finish(hash, sizeof(Key));
  }
  // In as few words as hold all of the key; of IPv4, that is three.
  std::uint64_t operator()(const FlowKey& key) const {
    std::uint64_t hash = seed_[0];
    if (key.ip_version == 4) {
      const ShortFlowKey short_key = key.Short();
      hash = Add(hash, short_key.addresses, short_key.numbers);
    } else {
      hash = Add(hash, key.address[0].Half(0), key.address[0].Half(1));
      hash = Add(hash, key.address[1].Half(0), key.address[1].Half(1));
      hash = Add(hash, key.Numbers(), sizeof(FlowKey));
    }
    return Finish(hash, key.tunnel_id);
  }
  // The same.
  std::uint64_t operator()(const ShortFlowKey& key) const {
    return Finish(Add(seed_[0], key.addresses, key.numbers), 0);
  }

 private:
  [[nodiscard]] std::uint64_t Add(std::uint64_t hash, std::uint64_t first,
                                  std::uint64_t second) const {
    return Fold(first ^ seed_[1] ^ hash, second ^ seed_[2]);
  }
  [[nodiscard]] std::uint64_t Finish(std::uint64_t hash,
                                     std::uint64_t last) const {
    return Fold(hash ^ seed_[3], last ^ seed_[1]);
  }
  // Both halves of the 128-bit product depend on every bit of both factors.
  static std::uint64_t Fold(std::uint64_t a, std::uint64_t b) {
    __extension__ using Wide = unsigned __int128;
    const Wide product = static_cast<Wide>(a) * b;
    return static_cast<std::uint64_t>(product) ^
           static_cast<std::uint64_t>(product >> 64);
  }

  Seed seed_;
};

}  // namespace tracker
