// SPDX-License-Identifier: Apache-2.0
// Octets of a record in memory, put in a row for the wire.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace exporter {

// Which octets of a place, in which order: decided once, so that they are moved
// sixteen at a time where the processor can, whatever fields they belong to.
class OctetMoves {
 public:
  // A move reads this many octets, and writes as many.
  static constexpr std::size_t kAtOnce = 16;
  // Octets behind the row that Apply() may overwrite.
  static constexpr std::size_t kSpoiled = kAtOnce - 1;

  OctetMoves() = default;
  // Octet i of the row is the one at offsets[i] of a place of `place_octets`,
  // which are kAtOnce at least.
  OctetMoves(std::span<const std::uint16_t> offsets, std::size_t place_octets);

  // Of the row.
  [[nodiscard]] std::size_t Length() const { return length_; }
  // Writes the row from `place` to `to`.
  void Apply(const std::uint8_t* place, std::uint8_t* to) const;
  // The same on any processor.
  void ApplyPlainly(const std::uint8_t* place, std::uint8_t* to) const;

 private:
  // What it writes behind its own octets is left to those after it.
  struct Move {
    alignas(kAtOnce) std::array<std::uint8_t, kAtOnce> pick;  // of those read
    std::uint16_t from;
    std::uint16_t to;
  };

  // As many of the first as one move can bring.
  static std::size_t CountTogether(std::span<const std::uint16_t> offsets,
                                   std::size_t from);

  std::vector<Move> moves_;
  std::size_t length_ = 0;
};

}  // namespace exporter
