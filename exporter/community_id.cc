// SPDX-License-Identifier: Apache-2.0
#include "exporter/community_id.h"

#include <algorithm>
#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include "exporter/base64_letters.h"
#include "exporter/sha1_blocks.h"
#include "tracker/address.h"
#include "tracker/icmp.h"
#include "tracker/packet.h"

namespace exporter {
namespace {

using tracker::IpAddress;

struct Endpoint {
  IpAddress address;
  std::uint16_t port = 0;

  auto operator<=>(const Endpoint& other) const = default;
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

// What is hashed: seed, addresses, protocol, a zero, ports. It always fits into
// one block of SHA-1. Each word is behind the two octets of the seed.
Sha1Block BlockOf(const templates::FlowRecord& record, const Endpoint& source,
                  const Endpoint& destination) {
  const std::uint64_t last = LastWord(record.protocol, source, destination);
  const std::uint64_t bits = HasPorts(record.protocol) ? 32 : 0;
  const auto length = [&](std::uint64_t octets) {
    return __builtin_bswap64(octets * 8 + bits);
  };
  if (record.ip_version == 4) {
    const std::uint64_t from = source.address.V4Octets();
    const std::uint64_t to = destination.address.V4Octets();
    return Sha1Block({from << 16 | to << 48, to >> 16 | last << 16, last >> 48,
                      0, 0, 0, 0, length(12)});
  }
  const std::array<std::uint64_t, 4> half = {
      source.address.Half(0), source.address.Half(1),
      destination.address.Half(0), destination.address.Half(1)};
  return Sha1Block({half[0] << 16, half[0] >> 48 | half[1] << 16,
                    half[1] >> 48 | half[2] << 16,
                    half[2] >> 48 | half[3] << 16, half[3] >> 48 | last << 16,
                    last >> 48, 0, length(36)});
}

Sha1Block BlockFor(const templates::FlowRecord& record) {
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

// "1:", and 160 bits as 27 letters, the last of which has four, and a filler.
// All of it is made in two registers, as letters behind three that stand for
// zero: what reads single octets of it would else have to wait, too.
void Spell(const Sha1Digest& digest, templates::FlowRecord& record) {
  using Text = decltype(record.community_id);
  static_assert(sizeof(Text) == 2 * sizeof(Letters) &&
                offsetof(Text, length) == 0 && offsetof(Text, octets) == 1);
  constexpr std::uint8_t kLength = 2 + 28;
  constexpr Letters kBegin = {kLength - 'A', '1' - 'A', ':' - 'A'};
  constexpr Letters kEnd = {0, 0, 0, 0, 0, 0, 0,         0,
                            0, 0, 0, 0, 0, 0, '=' - 'A', 0 - 'A'};
  const auto [a, b, c, d, e] = std::array<std::uint64_t, 5>{
      digest[0], digest[1], digest[2], digest[3], digest[4]};
  const std::array<Letters, 2> text = {
      Base64Letters(a >> 2, a << 46 | b << 14 | c >> 18) + kBegin,
      Base64Letters(c << 30 | d >> 2, d << 46 | e << 14) + kEnd};
  std::memcpy(static_cast<void*>(&record.community_id), text.data(),
              sizeof(text));
}

}  // namespace

void AssignCommunityIds(std::span<templates::FlowRecord> records) {
  constexpr std::size_t kAtOnce = kCommunityIdsAtOnce;
  while (!records.empty()) {
    const auto some = records.first(std::min(records.size(), kAtOnce));
    records = records.subspan(some.size());
    std::array<Sha1Block, kAtOnce> blocks;
    std::array<Sha1Digest, kAtOnce> digests{};
    for (std::size_t i = 0; i < some.size(); ++i) {
      blocks[i] = BlockFor(some[i]);
    }
    Sha1(std::span(blocks).first(some.size()),
         std::span(digests).first(some.size()));
    for (std::size_t i = 0; i < some.size(); ++i) {
      Spell(digests[i], some[i]);
    }
  }
}

}  // namespace exporter
