// SPDX-License-Identifier: Apache-2.0
#include "exporter/base64_letters.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <random>
#include <string>

#include <gtest/gtest.h>
#include <openssl/evp.h>

namespace tests {
namespace {

using exporter::Letters;

std::string TextOf(const Letters& letters) {
  std::array<char, sizeof(letters)> text{};
  std::memcpy(text.data(), &letters, sizeof(letters));
  return {text.data(), text.size()};
}

std::string LibraryLetters(std::uint64_t first, std::uint64_t second) {
  std::array<unsigned char, 12> octets{};
  for (unsigned i = 0; i < 6; ++i) {
    octets[i] = static_cast<unsigned char>(first >> (40 - 8 * i));
    octets[6 + i] = static_cast<unsigned char>(second >> (40 - 8 * i));
  }
  std::array<unsigned char, 17> letters{};
  EVP_EncodeBlock(letters.data(), octets.data(), octets.size());
  return {letters.begin(), letters.end() - 1};
}

void ExpectLibraryLetters(std::uint64_t first, std::uint64_t second) {
  const std::string expected = LibraryLetters(first, second);
  EXPECT_EQ(TextOf(exporter::Base64Letters(first, second)), expected);
  EXPECT_EQ(TextOf(exporter::PlainBase64Letters(first, second)), expected);
}

TEST(Base64Letters, AreThoseOfTheLibraryForEveryNumberInEveryPlace) {
  for (std::uint64_t six = 0; six < 64; ++six) {
    for (unsigned place = 0; place < 8; ++place) {
      ExpectLibraryLetters(six << (6 * place), 0);
      ExpectLibraryLetters(0, six << (6 * place));
    }
  }
}

TEST(Base64Letters, AreThoseOfTheLibraryWhateverIsAboveThe48Bits) {
  std::mt19937_64 random(1);
  for (int round = 0; round < 10'000; ++round) {
    ExpectLibraryLetters(random(), random());
  }
}

}  // namespace
}  // namespace tests
