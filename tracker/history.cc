// SPDX-License-Identifier: Apache-2.0
#include "tracker/history.h"

namespace tracker {

void History::Add(Side side, char letter) {
  constexpr char kUpper = 'A' - 'a';
  Append(side == Side::kInitiator ? static_cast<char>(letter + kUpper)
                                  : letter);
}

bool History::MarkSeen(Side side, char letter) {
  std::uint32_t& seen = seen_[static_cast<std::size_t>(side)];
  if ((seen & Bit(letter)) != 0) {
    return false;
  }
  seen |= Bit(letter);
  return true;
}

void History::AddLogScaled(Side side, char letter, std::uint32_t count) {
  while (count % 10 == 0 && count > 0) {
    count /= 10;
  }
  if (count == 1) {
    Add(side, letter);
  }
}

void History::RewriteLoneSynAck() {
  letters_[0] = '^';
  letters_[1] = 'h';
  length_ = 2;
}

}  // namespace tracker
