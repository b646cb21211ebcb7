// SPDX-License-Identifier: Apache-2.0
#include "exporter/sha1_blocks.h"

#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <span>
#include <vector>

#include <gtest/gtest.h>
#include <openssl/evp.h>

namespace tests {
namespace {

using exporter::Sha1Block;
using exporter::Sha1Digest;

// The longest that leaves room for the end that a block needs.
constexpr std::size_t kMost = 55;
using Message = std::vector<std::uint8_t>;

Sha1Block BlockOf(const Message& message) {
  std::array<std::uint8_t, Sha1Block::kOctets> octets{};
  std::copy(message.begin(), message.end(), octets.begin());
  octets[message.size()] = 0x80;
  const std::size_t bits = message.size() * 8;
  octets[62] = static_cast<std::uint8_t>(bits >> 8);
  octets[63] = static_cast<std::uint8_t>(bits);
  Sha1Block::Words words;
  std::memcpy(words.data(), octets.data(), octets.size());
  return Sha1Block(words);
}

Sha1Digest LibraryDigest(const Message& message) {
  std::array<unsigned char, 20> octets{};
  EXPECT_EQ(EVP_Digest(message.data(), message.size(), octets.data(), nullptr,
                       EVP_sha1(), nullptr),
            1);
  Sha1Digest digest;
  for (std::size_t i = 0; i < digest.size(); ++i) {
    std::uint32_t word = 0;
    std::memcpy(&word, octets.data() + i * sizeof(word), sizeof(word));
    digest[i] = __builtin_bswap32(word);
  }
  return digest;
}

TEST(Sha1, IsThatOfThePublishedExample) {
  // FIPS 180-4's "abc".
  const std::array blocks = {BlockOf({'a', 'b', 'c'})};
  std::array<Sha1Digest, 1> digests{};
  exporter::Sha1(blocks, digests);
  EXPECT_EQ(digests[0], (Sha1Digest{0xa9993e36, 0x4706816a, 0xba3e2571,
                                    0x7850c26c, 0x9cd0d89d}));
}

TEST(Sha1, IsThatOfTheLibraryHoweverManyThereAreAtOnce) {
  std::mt19937_64 random(1);
  for (std::size_t count = 0; count <= 40; ++count) {
    std::vector<Sha1Block> blocks;
    std::vector<Sha1Digest> expected;
    for (std::size_t i = 0; i < count; ++i) {
      Message message(random() % (kMost + 1));
      for (std::uint8_t& octet : message) {
        octet = static_cast<std::uint8_t>(random());
      }
      blocks.push_back(BlockOf(message));
      expected.push_back(LibraryDigest(message));
    }
    std::vector<Sha1Digest> digests(count);
    exporter::Sha1(blocks, digests);
    EXPECT_EQ(digests, expected) << count;
    std::vector<Sha1Digest> plain(count);
    exporter::PlainSha1(blocks, plain);
    EXPECT_EQ(plain, expected) << count;
  }
}

TEST(Sha1, IsRightWhateverTheOctets) {
  std::mt19937_64 random(2);
  constexpr std::size_t kCount = 16;
  for (int round = 0; round < 500; ++round) {
    std::vector<Sha1Block> blocks(kCount);
    for (Sha1Block& block : blocks) {
      Sha1Block::Words words;
      for (std::uint64_t& word : words) {
        word = random() % 4 == 0 ? 0 - (random() & 1) : random();
      }
      block = Sha1Block(words);
    }
    std::vector<Sha1Digest> digests(kCount);
    exporter::Sha1(blocks, digests);
    std::vector<Sha1Digest> plain(kCount);
    exporter::PlainSha1(blocks, plain);
    ASSERT_EQ(digests, plain) << round;
  }
}

}  // namespace
}  // namespace tests
