// SPDX-License-Identifier: Apache-2.0
#include "exporter/octet_moves.h"

#include <algorithm>
#include <numeric>
#include <random>

#include <gtest/gtest.h>

namespace exporter {
namespace {

using Octets = std::vector<std::uint8_t>;
using Offsets = std::vector<std::uint16_t>;

constexpr std::uint8_t kUntouched = 0xee;

// What a row of these is, in room that ends where Apply() may last write.
struct Moved {
  Octets row;
  Octets behind;
};
Moved Move(const Offsets& offsets, const Octets& place, bool plainly) {
  const OctetMoves moves(offsets, place.size());
  EXPECT_EQ(moves.Length(), offsets.size());
  Octets room(offsets.size() + OctetMoves::kSpoiled + 1, kUntouched);
  if (plainly) {
    moves.ApplyPlainly(place.data(), room.data());
  } else {
    moves.Apply(place.data(), room.data());
  }
  const auto end = room.begin() + static_cast<std::ptrdiff_t>(offsets.size());
  return {{room.begin(), end}, {end, room.end()}};
}

void ExpectMoved(const Offsets& offsets, const Octets& place) {
  Octets expected;
  std::transform(offsets.begin(), offsets.end(), std::back_inserter(expected),
                 [&](std::uint16_t offset) { return place[offset]; });
  for (const bool plainly : {false, true}) {
    const Moved moved = Move(offsets, place, plainly);
    EXPECT_EQ(moved.row, expected);
    EXPECT_EQ(moved.behind.back(), kUntouched) << "beyond what it may spoil";
  }
}

Octets Counting(std::size_t octets) {
  Octets place(octets);
  std::iota(place.begin(), place.end(), std::uint8_t{0});
  return place;
}

TEST(OctetMoves, OfNothingWriteNothing) {
  const Moved moved = Move({}, Counting(16), false);
  EXPECT_EQ(moved.behind, Octets(OctetMoves::kSpoiled + 1, kUntouched));
}

TEST(OctetMoves, TurnAnIntegerAround) {
  ExpectMoved({7, 6, 5, 4, 3, 2, 1, 0}, Counting(16));
}

TEST(OctetMoves, ReachTheLastOctetWithoutReadingBehindIt) {
  ExpectMoved({39}, Counting(40));
  ExpectMoved({39, 0, 39}, Counting(40));
}

TEST(OctetMoves, BringWhatIsFarApart) {
  ExpectMoved({0, 200, 100, 0, 201, 16, 15}, Counting(202));
}

TEST(OctetMoves, PutAnyOctetsInAnyOrder) {
  std::mt19937 random(42);
  const Octets place = Counting(250);
  for (int round = 0; round < 200; ++round) {
    Offsets offsets(random() % 100);
    // Often in runs, up and down, as fields are.
    std::uint16_t at = 0;
    for (std::uint16_t& offset : offsets) {
      const auto kind = random() % 8;
      const std::size_t next = kind == 0  ? random()
                               : kind < 5 ? at + std::size_t{1}
                                          : at + std::size_t{249};
      at = static_cast<std::uint16_t>(next % place.size());
      offset = at;
    }
    ExpectMoved(offsets, place);
  }
}

}  // namespace
}  // namespace exporter
