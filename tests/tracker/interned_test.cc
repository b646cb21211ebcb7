// SPDX-License-Identifier: Apache-2.0
#include "tracker/interned.h"

#include <cstddef>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tracker/random_stream.h"

namespace tests {
namespace {

struct Number {
  std::uint64_t value = 0;

  // Of four in a row, two have one.
  [[nodiscard]] std::uint64_t Mixed() const { return value / 2 << 62; }
  bool operator==(const Number&) const = default;
};

using Numbers = tracker::Interned<Number>;

Numbers NumbersFor(std::size_t capacity) {
  return {capacity, tracker::KeyHasher({1, 2, 3, 4})};
}

TEST(Interned, GivesOneNumberForEqualValues) {
  Numbers numbers = NumbersFor(3);

  const auto first = numbers.Take({7});
  const auto other = numbers.Take({8});
  const auto again = numbers.Take({7});

  EXPECT_EQ(again, first);
  EXPECT_NE(other, first);
  EXPECT_EQ(numbers[first].value, 7U);
  EXPECT_EQ(numbers[other].value, 8U);
}

TEST(Interned, KeepsAValueUntilItsLastShareIsDropped) {
  Numbers numbers = NumbersFor(2);
  const auto first = numbers.Take({7});
  numbers.Take({7});

  numbers.Drop(first);

  EXPECT_EQ(numbers[first].value, 7U);
  EXPECT_EQ(numbers.Take({7}), first);
}

TEST(Interned, HasRoomAgainForWhatNobodyShares) {
  Numbers numbers = NumbersFor(1);
  for (std::uint64_t value = 0; value < 1000; ++value) {
    const auto at = numbers.Take({value});
    ASSERT_EQ(numbers[at].value, value);
    numbers.Drop(at);
  }
}

TEST(Interned, ChangesAShareAlsoWhenThereIsNoRoomForAnother) {
  Numbers numbers = NumbersFor(1);
  auto at = numbers.Take({7});

  numbers.Change(at, {8});

  EXPECT_EQ(numbers[at].value, 8U);
}

TEST(Interned, LeavesTheOtherSharesWhenOneChanges) {
  Numbers numbers = NumbersFor(2);
  const auto stays = numbers.Take({7});
  auto changes = numbers.Take({7});

  numbers.Change(changes, {8});

  EXPECT_EQ(numbers[stays].value, 7U);
  EXPECT_EQ(numbers[changes].value, 8U);
}

TEST(Interned, HasNothingAfterClear) {
  Numbers numbers = NumbersFor(2);
  numbers.Take({7});
  numbers.Take({8});

  numbers.Clear(2);

  EXPECT_EQ(numbers[numbers.Take({9})].value, 9U);
  EXPECT_EQ(numbers[numbers.Take({7})].value, 7U);
}

TEST(Interned, AgreesWithACountOfSharesThroughChanceAndGrowth) {
  Random random(5);
  std::size_t capacity = 64;
  Numbers numbers = NumbersFor(capacity);
  std::vector<Numbers::Index> shares;
  std::vector<std::uint64_t> values;
  for (int step = 0; step < 20'000; ++step) {
    if (step % 5000 == 4999) {
      capacity *= 2;
      numbers.Grow(capacity);
    }
    if (shares.size() < capacity && (shares.empty() || random.Percent(55))) {
      values.push_back(random.Below(40));
      shares.push_back(numbers.Take({values.back()}));
    } else {
      const std::size_t at =
          random.Below(static_cast<std::uint32_t>(shares.size()));
      numbers.Drop(shares[at]);
      shares[at] = shares.back();
      values[at] = values.back();
      shares.pop_back();
      values.pop_back();
    }
    for (std::size_t i = 0; i < shares.size(); i += 7) {
      ASSERT_EQ(numbers[shares[i]].value, values[i]) << step;
    }
  }
}

}  // namespace
}  // namespace tests
