// SPDX-License-Identifier: Apache-2.0
#include "exporter/community_id.h"

#include <algorithm>
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

#include "tracker/icmp.h"
#include "tracker/packet.h"

namespace exporter {
namespace {

using Octets16 = std::array<std::uint8_t, 16>;

struct Endpoint {
  Octets16 address;  // IPv4 in the mapped form, so both compare alike
  std::uint16_t port = 0;

  auto operator<=>(const Endpoint& other) const {
    const int order =
        std::memcmp(address.data(), other.address.data(), address.size());
    return order != 0 ? order <=> 0 : port <=> other.port;
  }
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
  void AddAddress(const Octets16& octets, std::uint8_t ip_version) {
    if (ip_version == 4) {
      std::memcpy(&block_[length_], &octets[12], 4);
      length_ += 4;
    } else {
      std::memcpy(&block_[length_], octets.data(), 16);
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
  Endpoint source{record.source_address, record.source_port};
  Endpoint destination{record.destination_address, record.destination_port};
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

// The digest, and a zero that makes its octets a multiple of three.
using Digest = std::array<std::uint8_t, SHA_DIGEST_LENGTH + 1>;

Digest Sha1(Input input) {
  SHA_CTX state;
  SHA1_Init(&state);
  SHA1_Transform(&state, input.Block());
  Digest digest{};
  std::uint8_t* to = digest.data();
  for (const SHA_LONG word :
       {state.h0, state.h1, state.h2, state.h3, state.h4}) {
    for (const int shift : {24, 16, 8, 0}) {
      *to = static_cast<std::uint8_t>(word >> shift);
      ++to;
    }
  }
  return digest;
}

// RFC 4648 section 4.
std::array<char, 28> Base64(const Digest& digest) {
  constexpr std::string_view kAlphabet =
      "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::array<char, 28> text{};
  char* to = text.data();
  for (std::size_t i = 0; i < digest.size(); i += 3) {
    const auto group = static_cast<std::uint32_t>(
        digest[i] << 16 | digest[i + 1] << 8 | digest[i + 2]);
    for (const int shift : {18, 12, 6, 0}) {
      *to = kAlphabet[group >> shift & 63];
      ++to;
    }
  }
  text.back() = '=';  // instead of the zero
  return text;
}

}  // namespace

void AssignCommunityId(templates::FlowRecord& record) {
  const std::array<char, 28> digest = Base64(Sha1(InputFor(record)));
  std::array<char, 2 + digest.size()> id{'1', ':'};
  std::copy(digest.begin(), digest.end(), id.begin() + 2);
  record.community_id.Assign({id.data(), id.size()});
}

}  // namespace exporter
