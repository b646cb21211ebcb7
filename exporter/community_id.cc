// SPDX-License-Identifier: Apache-2.0
#include "exporter/community_id.h"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <utility>

// The functions of 1.1.1, which later versions have, too: what replaced them
// takes twice as long to set itself up as to digest one block.
#define OPENSSL_API_COMPAT 10101
#include <openssl/sha.h>

#include "exporter/base64_letters.h"
#include "tracker/address.h"
#include "tracker/icmp.h"
#include "tracker/packet.h"

namespace exporter {
namespace {

using tracker::IpAddress;

// A register of 16 octets.
using Pair [[gnu::vector_size(16)]] = std::uint64_t;

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  auto operator<=>(const Endpoint& other) const = default;
};

// What is hashed: seed, addresses, protocol, a zero, ports. It always fits into
// one block of SHA-1 with the end that FIPS 180-4 section 5.1.1 puts to it.
//
// SHA-1 loads it by 16 octets, and would wait for what was stored by fewer.
class Block {
 public:
  // Octets that follow each other, the first one lowest; the 64 of the block
  // are eight of them.
  using Words = std::array<std::uint64_t, SHA_CBLOCK / 8>;

  explicit Block(const Words& words) {
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      pairs_[i] = Pair{words[2 * i], words[2 * i + 1]};
    }
  }
  [[nodiscard]] const std::uint8_t* Octets() const {
    return reinterpret_cast<const std::uint8_t*>(pairs_.data());
  }

 private:
  std::array<Pair, SHA_CBLOCK / sizeof(Pair)> pairs_{};
};

bool HasPorts(std::uint8_t protocol) {
  return protocol == tracker::kTcp || protocol == tracker::kUdp ||
         protocol == tracker::kSctp || protocol == tracker::kIcmp ||
         protocol == tracker::kIcmpV6;
}

// Protocol, zero, ports, and the end.
std::uint64_t LastWord(std::uint8_t protocol, const Endpoint& source,
                       const Endpoint& destination) {
  constexpr std::uint64_t kEnd = 0x80;
  if (!HasPorts(protocol)) {
    return protocol | kEnd << 16;
  }
  return protocol | std::uint64_t{__builtin_bswap16(source.port)} << 16 |
         std::uint64_t{__builtin_bswap16(destination.port)} << 32 | kEnd << 48;
}

// Each word is behind the two octets of the seed.
Block BlockOf(const templates::FlowRecord& record, const Endpoint& source,
              const Endpoint& destination) {
  const std::uint64_t last = LastWord(record.protocol, source, destination);
  const std::uint64_t bits = HasPorts(record.protocol) ? 32 : 0;
  const auto length = [&](std::uint64_t octets) {
    return __builtin_bswap64(octets * 8 + bits);
  };
  if (record.ip_version == 4) {
    const std::uint64_t from = source.address.V4Octets();
    const std::uint64_t to = destination.address.V4Octets();
    return Block({from << 16 | to << 48, to >> 16 | last << 16, last >> 48, 0,
                  0, 0, 0, length(12)});
  }
  const std::array<std::uint64_t, 4> half = {
      source.address.Half(0), source.address.Half(1),
      destination.address.Half(0), destination.address.Half(1)};
  return Block({half[0] << 16, half[0] >> 48 | half[1] << 16,
                half[1] >> 48 | half[2] << 16, half[2] >> 48 | half[3] << 16,
                half[3] >> 48 | last << 16, last >> 48, 0, length(36)});
}

Block BlockFor(const templates::FlowRecord& record) {
  Endpoint source{{record.source_address}, record.source_port};
  Endpoint destination{{record.destination_address}, record.destination_port};
  bool one_way = false;
  if (record.protocol == tracker::kIcmp ||
      record.protocol == tracker::kIcmpV6) {
    const auto type = static_cast<std::uint8_t>(record.icmp_type_code >> 8);
    const auto code = static_cast<std::uint8_t>(record.icmp_type_code);
    const auto counterpart = tracker::IcmpCounterpart(record.protocol, type);
    one_way = !counterpart;
    source.port = type;
    destination.port = counterpart.value_or(code);
  }
  if (!one_way && destination < source) {
    std::swap(source, destination);
  }
  return BlockOf(record, source, destination);
}

// Of 32 bits each.
using Digest = std::array<std::uint64_t, 5>;

Digest Sha1(const Block& block) {
  SHA_CTX state;
  SHA1_Init(&state);
  SHA1_Transform(&state, block.Octets());
  return {state.h0, state.h1, state.h2, state.h3, state.h4};
}

}  // namespace

// "1:", and 160 bits as 27 letters, the last of which has four, and a filler.
// All of it is made in two registers, as letters behind three that stand for
// zero: what reads single octets of it would else have to wait, too.
void AssignCommunityId(templates::FlowRecord& record) {
  using Text = decltype(record.community_id);
  static_assert(sizeof(Text) == 2 * sizeof(Letters) &&
                offsetof(Text, length) == 0 && offsetof(Text, octets) == 1);
  constexpr std::uint8_t kLength = 2 + 28;
  constexpr Letters kBegin = {kLength - 'A', '1' - 'A', ':' - 'A'};
  constexpr Letters kEnd = {0, 0, 0, 0, 0, 0, 0,         0,
                            0, 0, 0, 0, 0, 0, '=' - 'A', 0 - 'A'};
  const auto [a, b, c, d, e] = Sha1(BlockFor(record));
  const std::array<Letters, 2> text = {
      Base64Letters(a >> 2, a << 46 | b << 14 | c >> 18) + kBegin,
      Base64Letters(c << 30 | d >> 2, d << 46 | e << 14) + kEnd};
  std::memcpy(static_cast<void*>(&record.community_id), text.data(),
              sizeof(text));
}

}  // namespace exporter
