// SPDX-License-Identifier: Apache-2.0
#include "exporter/community_id.h"

#include <array>
#include <compare>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

// The functions of 1.1.1, which later versions have, too: what replaced them
// takes twice as long to set itself up as to digest one block.
#define OPENSSL_API_COMPAT 10101
#include <openssl/sha.h>

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

// What is hashed: seed, addresses, protocol, a zero, ports. It always fits into
// one block of SHA-1 with the end that FIPS 180-4 section 5.1.1 puts to it.
class Input {
 public:
  void Add16(std::uint16_t value) {
    Add8(static_cast<std::uint8_t>(value >> 8));
    Add8(static_cast<std::uint8_t>(value));
  }
  void Add8(std::uint8_t value) {
    block_[length_] = value;
    ++length_;
  }
  void AddAddress(const IpAddress& address, std::uint8_t ip_version) {
    if (ip_version == 4) {
      std::memcpy(&block_[length_], &address.octets[12], 4);
      length_ += 4;
    } else {
      std::memcpy(&block_[length_], address.octets.data(), 16);
      length_ += 16;
    }
  }
  // Nothing is added afterwards.
  const std::uint8_t* Block() {
    const std::size_t bits = length_ * 8;
    block_[length_] = 0x80;
    block_[SHA_CBLOCK - 2] = static_cast<std::uint8_t>(bits >> 8);
    block_[SHA_CBLOCK - 1] = static_cast<std::uint8_t>(bits);
    return block_.data();
  }

 private:
  std::array<std::uint8_t, SHA_CBLOCK> block_{};
  std::size_t length_ = 0;
};

bool HasPorts(std::uint8_t protocol) {
  return protocol == tracker::kTcp || protocol == tracker::kUdp ||
         protocol == tracker::kSctp || protocol == tracker::kIcmp ||
         protocol == tracker::kIcmpV6;
}

Input InputFor(const templates::FlowRecord& record) {
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
  Input input;
  input.Add16(0);  // seed
  input.AddAddress(source.address, record.ip_version);
  input.AddAddress(destination.address, record.ip_version);
  input.Add8(record.protocol);
  input.Add8(0);
  if (HasPorts(record.protocol)) {
    input.Add16(source.port);
    input.Add16(destination.port);
  }
  return input;
}

using Digest = std::array<std::uint32_t, 5>;

// The input itself: a copy would wait, too.
Digest Sha1(Input&& input) {
  SHA_CTX state;
  SHA1_Init(&state);
  SHA1_Transform(&state, input.Block());
  return {state.h0, state.h1, state.h2, state.h3, state.h4};
}

// The highest bits of a word as letters of RFC 4648 section 4, six each.
template <std::size_t kLetters>
void WriteLetters(std::uint64_t bits, char* to) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  for (std::size_t i = 0; i < kLetters; ++i) {
    to[i] = kAlphabet[bits >> (58 - 6 * i) & 63];
  }
}

// 160 bits are 27 letters, the last of which has four, and a filler.
void WriteBase64(const Digest& digest, char* to) {
  const auto [a, b, c, d, e] = digest;
  const std::uint64_t first = std::uint64_t{a} << 32 | b;
  const std::uint64_t middle = std::uint64_t{c} << 32 | d;
  WriteLetters<10>(first, to);
  WriteLetters<10>(first << 60 | middle >> 4, to + 10);
  WriteLetters<7>(middle << 56 | std::uint64_t{e} << 24, to + 20);
  to[27] = '=';
}

}  // namespace

// In place: a copy would wait for the single letters to reach the memory.
void AssignCommunityId(templates::FlowRecord& record) {
  auto& id = record.community_id;
  id.Assign("1:");
  WriteBase64(Sha1(InputFor(record)), id.octets.data() + id.length);
  id.length = 2 + 28;
}

}  // namespace exporter
