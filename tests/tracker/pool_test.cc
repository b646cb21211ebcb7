// SPDX-License-Identifier: Apache-2.0
// What a pool of stream blocks needs of it is in gap_tracker_test.cc.
#include "tracker/pool.h"

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tracker/random_stream.h"

namespace tests {
namespace {

struct Object {
  std::uint64_t number = 7;
  std::array<std::uint64_t, 9> others{};  // larger than a cache line
};
using Objects = tracker::Pool<Object>;

TEST(Pool, LendsFirstWhatWasReturnedLast) {
  Objects pool(3);
  Objects::Index first = pool.Lend();
  Objects::Index second = pool.Lend();
  const Objects::Index place = first;

  pool.Return(second);
  pool.Return(first);

  EXPECT_EQ(pool.Lend(), place);
}

TEST(Pool, LendsWhatItsDefaultsSayAlsoAfterClear) {
  Objects pool(1);
  pool[pool.Lend()].number = 1;

  pool.Clear();

  EXPECT_EQ(pool[pool.Lend()].number, 7U);
}

TEST(Pool, HasAllOfItsPlacesAfterClear) {
  Objects pool(3);
  Objects::Index returned = pool.Lend();
  pool.Lend();
  pool.Return(returned);

  pool.Clear();

  EXPECT_NE(pool.Lend(), Objects::kNone);
  EXPECT_NE(pool.Lend(), Objects::kNone);
  EXPECT_NE(pool.Lend(), Objects::kNone);
  EXPECT_EQ(pool.Lend(), Objects::kNone);
}

TEST(Pool, OfNothingLendsNothingUntilItGrows) {
  Objects pool(0);
  EXPECT_EQ(pool.Lend(), Objects::kNone);

  pool.Grow(1);

  EXPECT_NE(pool.Lend(), Objects::kNone);
  EXPECT_EQ(pool.Lend(), Objects::kNone);
}

// Objects that are lent, returned, and cleared at random, while the pool grows,
// against a map.
class PoolModel : public testing::TestWithParam<std::uint32_t> {};

TEST_P(PoolModel, KeepsWhatIsLentWhereItIs) {
  Random random(GetParam());
  std::size_t capacity = 10;
  Objects pool(capacity);
  std::unordered_map<Objects::Index, std::uint64_t> model;
  std::vector<Objects::Index> lent;
  const auto lend = [&](std::uint64_t number) {
    const Objects::Index index = pool.Lend();
    ASSERT_EQ(index == Objects::kNone, lent.size() == capacity);
    if (index != Objects::kNone) {
      ASSERT_TRUE(model.emplace(index, number).second) << "is lent already";
      ASSERT_EQ(pool[index].number, 7U) << "is not new";
      pool[index].number = number;
      lent.push_back(index);
    }
  };

  for (std::uint32_t step = 0; step < 5000; ++step) {
    if (random.Percent(55)) {
      ASSERT_NO_FATAL_FAILURE(lend(100 + step));
    } else if (!lent.empty()) {
      std::swap(lent[random.Below(static_cast<std::uint32_t>(lent.size()))],
                lent.back());
      model.erase(lent.back());
      pool.Return(lent.back());
      lent.pop_back();
    }
    if (step % 500 == 499) {
      capacity += random.Below(20);
      pool.Grow(capacity);
    }
    if (step == 3333) {
      pool.Clear();
      model.clear();
      lent.clear();
    }
    for (const auto& [index, number] : model) {
      ASSERT_EQ(pool[index].number, number) << "step " << step;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Random, PoolModel, testing::Range(1U, 6U));

}  // namespace
}  // namespace tests
