// SPDX-License-Identifier: Apache-2.0
#include "tracker/flow_index.h"

#include <cstdint>
#include <random>
#include <unordered_map>
#include <vector>

#include <gtest/gtest.h>

namespace tests {
namespace {

using tracker::FlowIndex;
using tracker::kNoSlot;
using tracker::SlotIndex;

bool Any(SlotIndex /*slot*/) { return true; }

TEST(FlowIndex, FindsWhatWasInserted) {
  FlowIndex index(4);
  index.Insert(0x1234'0000'0000, 3);

  EXPECT_EQ(index.Find(0x1234'0000'0000, Any), 3U);
}

TEST(FlowIndex, FindsNothingUnderAnotherHash) {
  FlowIndex index(4);
  index.Insert(0x1234'0000'0000, 3);

  EXPECT_EQ(index.Find(0x1235'0000'0000, Any), kNoSlot);
}

TEST(FlowIndex, AsksWhichOfTwoWithOneHashIsMeant) {
  FlowIndex index(4);
  index.Insert(7, 1);
  index.Insert(7, 2);

  EXPECT_EQ(index.Find(7, [](SlotIndex slot) { return slot == 2; }), 2U);
  EXPECT_EQ(index.Find(7, [](SlotIndex slot) { return slot == 3; }), kNoSlot);
}

TEST(FlowIndex, ErasingOneOfTwoWithOneHashLeavesTheOther) {
  FlowIndex index(4);
  index.Insert(7, 1);
  index.Insert(7, 2);

  index.Erase(7, 1);

  EXPECT_EQ(index.Find(7, Any), 2U);
}

TEST(FlowIndex, AHintThatHoldsNoMoreMisleadsNobody) {
  FlowIndex index(4);
  index.Insert(7, 1);
  const FlowIndex::Hint hint = index.Guess(7);

  index.Erase(7, 1);
  EXPECT_EQ(index.Find(7, hint, Any), kNoSlot);

  index.Insert(7, 2);
  EXPECT_EQ(index.Find(7, hint, Any), 2U);

  EXPECT_EQ(index.Find(7, index.Guess(7), [](SlotIndex) { return false; }),
            kNoSlot);
}

TEST(FlowIndex, ReserveEmptiesIt) {
  FlowIndex index(4);
  index.Insert(7, 1);

  index.Reserve(8);

  EXPECT_EQ(index.Find(7, Any), kNoSlot);
}

TEST(FlowIndex, GuessIsASlotWithTheHash) {
  FlowIndex index(4);
  index.Insert(7, 1);

  EXPECT_EQ(index.Guess(7).slot, 1U);
}

// The index against std::unordered_map, full most of the time. Keys are few
// and their hashes fewer, so that probes are long and wrap round.
class FlowIndexModel : public testing::TestWithParam<std::uint32_t> {};

TEST_P(FlowIndexModel, FindsWhatAHashMapFinds) {
  constexpr std::size_t kSlots = 100;
  constexpr std::uint32_t kKeys = 300;
  std::mt19937 random(GetParam());
  const auto below = [&](std::uint32_t limit) {
    return static_cast<std::uint32_t>(random()) % limit;
  };
  const auto hash = [](std::uint32_t key) {
    return std::uint64_t{key * 2654435761U >> 24} << 32;
  };
  FlowIndex index(kSlots);
  std::unordered_map<std::uint32_t, SlotIndex> model;
  std::vector<std::uint32_t> key_of(kSlots);
  std::vector<SlotIndex> free;
  for (SlotIndex slot = 0; slot < kSlots; ++slot) {
    free.push_back(slot);
  }

  for (int step = 0; step < 50'000; ++step) {
    const std::uint32_t key = below(kKeys);
    const auto known = model.find(key);
    const SlotIndex expected = known == model.end() ? kNoSlot : known->second;
    ASSERT_EQ(index.Find(hash(key),
                         [&](SlotIndex slot) { return key_of[slot] == key; }),
              expected)
        << "step " << step;
    if (expected != kNoSlot && below(2) == 0) {
      index.Erase(hash(key), expected);
      model.erase(key);
      free.push_back(expected);
    } else if (expected == kNoSlot && !free.empty()) {
      key_of[free.back()] = key;
      index.Insert(hash(key), free.back());
      model.emplace(key, free.back());
      free.pop_back();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Random, FlowIndexModel, testing::Range(1U, 11U));

}  // namespace
}  // namespace tests
