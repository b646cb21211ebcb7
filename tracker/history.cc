// SPDX-License-Identifier: Apache-2.0
#include "tracker/history.h"

#include "tracker/rare_stats.h"

namespace tracker {

// False when there is no room.
bool History::AppendOwn(std::uint32_t code) {
  for (std::uint32_t& word : words_) {
    if (const std::size_t count = Count(word); count < kOfWord) {
      word |= code << (count * kBits);
      return true;
    }
  }
  return false;
}

void History::Append(std::uint32_t code, const RareLoan& rare) {
  if (!AppendOwn(code) && rare.Read().history.length < kCapacity - kOwn) {
    Rest& rest = rare.Write().history;
    rest.letters[rest.length] = kAlphabet[code];
    ++rest.length;
  }
}

void History::AddLogScaled(Side side, char letter, std::uint32_t count,
                           const RareLoan& rare) {
  while (count % 10 == 0 && count > 0) {
    count /= 10;
  }
  if (count == 1) {
    Add(side, letter, rare);
  }
}

void History::RewriteLoneSynAck() {
  words_[0] = kFlip | Code(Side::kResponder, 'h') << kBits;
}

HistoryText History::Letters(const Rest& rest) const {
  HistoryText text;
  for (std::uint32_t word : words_) {
    constexpr std::uint32_t kMask = (1U << kBits) - 1;
    for (; word != 0; word >>= kBits) {
      text.octets[text.length] = kAlphabet[word & kMask];
      ++text.length;
    }
  }
  if (rest.length > 0) {
    text.length += std::string_view(rest.letters.data(), rest.length)
                       .copy(text.octets.data() + text.length, rest.length);
  }
  return text;
}

}  // namespace tracker
