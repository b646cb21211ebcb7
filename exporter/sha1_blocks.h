// SPDX-License-Identifier: Apache-2.0
// SHA-1 (FIPS 180-4) of messages that fit into one block, many at a time.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace exporter {

// A message and what section 5.1.1 puts to its end.
//
// Both ways to digest it load more octets at once than it is made of, and would
// wait for what was stored by fewer.
class Sha1Block {
 public:
  static constexpr std::size_t kOctets = 64;
  // Octets that follow each other, the first one lowest.
  using Words = std::array<std::uint64_t, kOctets / 8>;

  Sha1Block() = default;
  explicit Sha1Block(const Words& words) {
    for (std::size_t i = 0; i < pairs_.size(); ++i) {
      pairs_[i] = Pair{words[2 * i], words[2 * i + 1]};
    }
  }
  [[nodiscard]] const std::uint8_t* Octets() const {
    return reinterpret_cast<const std::uint8_t*>(pairs_.data());
  }

 private:
  // A register of 16 octets.
  using Pair [[gnu::vector_size(16)]] = std::uint64_t;

  std::array<Pair, kOctets / sizeof(Pair)> pairs_{};
};

// So many at once cost the least each.
inline constexpr std::size_t kSha1AtOnce = 16;

using Sha1Digest = std::array<std::uint32_t, 5>;  // in host byte order

// There is a digest for each block.
void Sha1(std::span<const Sha1Block> blocks, std::span<Sha1Digest> digests);
// The same on any processor.
void PlainSha1(std::span<const Sha1Block> blocks,
               std::span<Sha1Digest> digests);

}  // namespace exporter
