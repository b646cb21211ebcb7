// SPDX-License-Identifier: Apache-2.0
// A conversation in letters, in Zeek's alphabet: upper case is the initiator,
// lower case the responder, at the time of writing; ^ is a flip of roles.
//
//   s SYN    h SYN+ACK   a pure ACK   d payload   f FIN   r RST
//   i FIN+RST   q other odd flags   t retransmission   w zero window
//   g octets missing from the capture   ^ flip
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tracker/flow_key.h"

namespace tracker {

class History {
 public:
  // Letters beyond it are dropped; the first 32 tell how a connection went.
  static constexpr std::size_t kCapacity = 32;

  // `letter` is lower case; the side decides about its case.
  void Add(Side side, char letter);
  // The first time for this side only.
  void AddOnce(Side side, char letter) {
    if (MarkSeen(side, letter)) {
      Add(side, letter);
    }
  }
  // Answers whether it is the first time for this side.
  bool MarkSeen(Side side, char letter);
  // At the 1st, 10th, 100th, ... occurrence; `count` includes this one.
  void AddLogScaled(Side side, char letter, std::uint32_t count);
  void AddFlip() { Append('^'); }
  // "H" becomes "^h": the SYN-ACK turned out to come from the responder.
  void RewriteLoneSynAck();

  // Whether it was marked. Does not move when roles flip.
  [[nodiscard]] bool Has(Side side, char letter) const {
    return (seen_[static_cast<std::size_t>(side)] & Bit(letter)) != 0;
  }
  [[nodiscard]] std::string_view Letters() const {
    return {letters_.data(), length_};
  }

  bool operator==(const History&) const = default;

 private:
  static std::uint32_t Bit(char letter) { return 1U << (letter - 'a'); }
  void Append(char letter) {
    if (length_ < kCapacity) {
      letters_[length_] = letter;
      ++length_;
    }
  }

  std::array<std::uint32_t, 2> seen_{};  // by Side, one bit per letter
  std::array<char, kCapacity> letters_{};
  std::uint8_t length_ = 0;
};

}  // namespace tracker
