// SPDX-License-Identifier: Apache-2.0
#include "exporter/sha1_blocks.h"

#include <algorithm>
#include <cstring>
#include <utility>

// The functions of 1.1.1, which later versions have, too: what replaced them
// takes twice as long to set itself up as to digest one block.
#define OPENSSL_API_COMPAT 10101
#include <openssl/sha.h>

namespace exporter {
namespace {

static_assert(SHA_CBLOCK == Sha1Block::kOctets);

#ifdef __x86_64__
// The processor's instructions for SHA-1, which the library uses, are at one
// block after the other, and were a quarter of the export thread's work.
// Sixteen side by side, in registers of sixteen words, take a third of that.
constexpr std::size_t kLanes = kSha1AtOnce;
using Lanes [[gnu::vector_size(sizeof(std::uint32_t) * kLanes)]] =
    std::uint32_t;
// Below it, the library is as fast.
constexpr std::size_t kWorthIt = 5;

constexpr std::size_t kWords = Sha1Block::kOctets / sizeof(std::uint32_t);
constexpr Sha1Digest kInitial = {0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476,
                                 0xc3d2e1f0};

// Of section 6.1.2, for a block in each lane.
struct State {
  std::array<Lanes, kWords> schedule;  // the last so many words of it
  std::array<Lanes, kInitial.size()> sums;
};

template <unsigned kBits>
[[gnu::target("avx512f"), gnu::always_inline]] inline Lanes Rotate(
    const Lanes& lanes) {
  return lanes << kBits | lanes >> (32 - kBits);
}

template <std::size_t kRound>
[[gnu::target("avx512f"), gnu::always_inline]] inline void DoRound(
    State& state) {
  auto& w = state.schedule;
  auto& [a, b, c, d, e] = state.sums;
  if constexpr (kRound >= kWords) {
    w[kRound % kWords] =
        Rotate<1>(w[(kRound - 3) % kWords] ^ w[(kRound - 8) % kWords] ^
                  w[(kRound - 14) % kWords] ^ w[kRound % kWords]);
  }
  Lanes sum = Rotate<5>(a) + e + w[kRound % kWords];
  if constexpr (kRound < 20) {
    sum += ((b & c) | (~b & d)) + 0x5a827999U;
  } else if constexpr (kRound < 40) {
    sum += (b ^ c ^ d) + 0x6ed9eba1U;
  } else if constexpr (kRound < 60) {
    sum += ((b & c) | (b & d) | (c & d)) + 0x8f1bbcdcU;
  } else {
    sum += (b ^ c ^ d) + 0xca62c1d6U;
  }
  e = d;
  d = c;
  c = Rotate<30>(b);
  b = a;
  a = sum;
}

template <std::size_t... kRounds>
[[gnu::target("avx512f"), gnu::always_inline]] inline void DoRounds(
    State& state, std::index_sequence<kRounds...> /*rounds*/) {
  (DoRound<kRounds>(state), ...);
}

// kLanes of them at most.
[[gnu::target("avx512f")]] void ByAvx512(std::span<const Sha1Block> blocks,
                                         std::span<Sha1Digest> digests) {
  std::array<std::array<std::uint32_t, kLanes>, kWords> words{};
  for (std::size_t lane = 0; lane < blocks.size(); ++lane) {
    for (std::size_t i = 0; i < kWords; ++i) {
      std::uint32_t word = 0;
      std::memcpy(&word, blocks[lane].Octets() + i * sizeof(word),
                  sizeof(word));
      words[i][lane] = __builtin_bswap32(word);
    }
  }
  State state{};
  std::memcpy(state.schedule.data(), words.data(), sizeof(words));
  for (std::size_t i = 0; i < kInitial.size(); ++i) {
    state.sums[i] = Lanes{} + kInitial[i];
  }
  DoRounds(state, std::make_index_sequence<80>());
  for (std::size_t i = 0; i < kInitial.size(); ++i) {
    state.sums[i] += kInitial[i];
  }
  for (std::size_t lane = 0; lane < blocks.size(); ++lane) {
    for (std::size_t i = 0; i < kInitial.size(); ++i) {
      digests[lane][i] = state.sums[i][lane];
    }
  }
}
#endif

}  // namespace

void Sha1(std::span<const Sha1Block> blocks, std::span<Sha1Digest> digests) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("avx512f")) {
    while (blocks.size() >= kWorthIt) {
      const std::size_t some = std::min(blocks.size(), kLanes);
      ByAvx512(blocks.first(some), digests.first(some));
      blocks = blocks.subspan(some);
      digests = digests.subspan(some);
    }
  }
#endif
  PlainSha1(blocks, digests);
}

void PlainSha1(std::span<const Sha1Block> blocks,
               std::span<Sha1Digest> digests) {
  for (std::size_t i = 0; i < blocks.size(); ++i) {
    SHA_CTX state;
    SHA1_Init(&state);
    SHA1_Transform(&state, blocks[i].Octets());
    digests[i] = {state.h0, state.h1, state.h2, state.h3, state.h4};
  }
}

}  // namespace exporter
