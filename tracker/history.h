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

#include "tracker/address.h"
#include "tracker/flow_key.h"

namespace tracker {

class RareLoan;

// The letters as text.
struct HistoryText {
  std::array<char, 32> octets{};
  std::size_t length = 0;

  [[nodiscard]] std::string_view View() const {
    return {octets.data(), length};
  }
};

// Each flow has one: the first letters in five bits each. Those beyond are in
// the flow's rare part.
class History {
 public:
  // Letters beyond it are dropped; the first 32 tell how a connection went.
  static constexpr std::size_t kCapacity = 32;
  static constexpr std::size_t kOwn = 12;

  // Those beyond the first kOwn.
  struct Rest {
    std::array<char, kCapacity - kOwn> letters{};
    std::uint8_t length = 0;
  };

  // `letter` is lower case; the side decides about its case.
  void Add(Side side, char letter, const RareLoan& rare) {
    Append(Code(side, letter), rare);
  }
  // The first time for this side only.
  void AddOnce(Side side, char letter, const RareLoan& rare) {
    if (MarkSeen(side, letter)) {
      Add(side, letter, rare);
    }
  }
  // Answers whether it is the first time for this side.
  bool MarkSeen(Side side, char letter) {
    std::uint16_t& seen = seen_[static_cast<std::size_t>(side)];
    const bool first = (seen & Bit(letter)) == 0;
    seen |= Bit(letter);
    return first;
  }
  // At the 1st, 10th, 100th, ... occurrence; `count` includes this one.
  void AddLogScaled(Side side, char letter, std::uint32_t count,
                    const RareLoan& rare);
  void AddFlip(const RareLoan& rare) { Append(kFlip, rare); }
  // "H" becomes "^h": the SYN-ACK turned out to come from the responder.
  void RewriteLoneSynAck();

  // AddOnce() as long as it needs no rare part; else false, and nothing done.
  [[gnu::always_inline]] bool AddOnceIfRoom(Side side, char letter) {
    if (Has(side, letter)) {
      return true;
    }
    if (!AppendOwn(Code(side, letter))) {
      return false;
    }
    MarkSeen(side, letter);
    return true;
  }
  // AddOnce() when there is no letter yet.
  void Begin(Side side, char letter) {
    words_[0] = Code(side, letter);
    MarkSeen(side, letter);
  }
  // "S" becomes "Sh". False, and nothing done: it is something else.
  bool AnswerLoneSyn() {
    if (words_[0] != Code(Side::kInitiator, 's') || words_[1] != 0 ||
        Has(Side::kResponder, 's')) {
      return false;
    }
    words_[0] |= Code(Side::kResponder, 'h') << kBits;
    MarkSeen(Side::kResponder, 's');
    return true;
  }
  // Whether it was marked. Does not move when roles flip.
  [[nodiscard]] bool Has(Side side, char letter) const {
    return (seen_[static_cast<std::size_t>(side)] & Bit(letter)) != 0;
  }
  // Has() of the one or the other letter, without a decision of the processor.
  [[nodiscard]] bool HasEither(Side side, bool first, char one,
                               char other) const {
    const std::uint64_t bit =
        Choose(0 - static_cast<std::uint64_t>(first), Bit(other), Bit(one));
    return (seen_[static_cast<std::size_t>(side)] & bit) != 0;
  }
  [[nodiscard]] bool IsLoneSynAck() const {
    return words_[0] == Code(Side::kInitiator, 'h') && words_[1] == 0;
  }
  // `rest` is that of the flow's rare part.
  [[nodiscard]] HistoryText Letters(const Rest& rest) const;

  bool operator==(const History&) const = default;

 private:
  // Letters are 1 to 23, by their place here; 0 is none.
  static constexpr std::string_view kAlphabet = ".SsHhAaDdFfRrIiQqTtWwGg^";
  static constexpr std::uint32_t kFlip = 23;
  static constexpr unsigned kBits = 5;
  static constexpr std::size_t kOfWord = 6;

  static constexpr std::array<std::uint8_t, 26> kPlaces = [] {
    std::array<std::uint8_t, 26> places{};
    for (std::size_t at = 2; at < kFlip; at += 2) {
      places[static_cast<std::size_t>(kAlphabet[at] - 'a')] =
          static_cast<std::uint8_t>(at);
    }
    return places;
  }();

  static constexpr std::uint32_t Code(Side side, char letter) {
    return kPlaces[static_cast<std::size_t>(letter - 'a')] -
           (side == Side::kInitiator ? 1U : 0U);
  }
  static constexpr std::uint16_t Bit(char letter) {
    return static_cast<std::uint16_t>(
        1U << (kPlaces[static_cast<std::size_t>(letter - 'a')] / 2));
  }
  // How many are in a word.
  static std::size_t Count(std::uint32_t word) {
    return word == 0
               ? 0
               : (31U - static_cast<unsigned>(__builtin_clz(word))) / kBits + 1;
  }
  bool AppendOwn(std::uint32_t code);
  void Append(std::uint32_t code, const RareLoan& rare);

  std::array<std::uint32_t, kOwn / kOfWord> words_{};
  std::array<std::uint16_t, 2> seen_{};  // by Side, one bit per letter
};

}  // namespace tracker
