// SPDX-License-Identifier: Apache-2.0
#include "tracker/flow_index.h"

#include <algorithm>
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

TEST(FlowIndex, GuessesByTheHashAlone) {
  FlowIndex index(4);
  EXPECT_EQ(index.Guess(7), kNoSlot);

  index.Insert(7, 1);
  EXPECT_EQ(index.Guess(7), 1U);

  index.Erase(7, 1);
  EXPECT_EQ(index.Guess(7), kNoSlot);
}

TEST(FlowIndex, ReserveEmptiesIt) {
  FlowIndex index(4);
  index.Insert(7, 1);

  index.Reserve(8);

  EXPECT_EQ(index.Find(7, Any), kNoSlot);
}

// The index against std::unordered_map. Keys are few and their hashes fewer,
// all of them near the end of the index, so that probes are long and wrap
// round.
class FlowIndexModel : public testing::TestWithParam<std::uint32_t> {};

TEST_P(FlowIndexModel, FindsWhatAHashMapFinds) {
  constexpr std::size_t kSlots = 100;
  constexpr std::uint32_t kKeys = 300;
  constexpr std::uint32_t kLines = 128;
  std::mt19937 random(GetParam());
  const auto below = [&](std::uint32_t limit) {
    return static_cast<std::uint32_t>(random()) % limit;
  };
  const auto hash = [](std::uint32_t key) {
    return std::uint64_t{kLines - 4 + (key * 2654435761U >> 29)} << 32;
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

// Grown from its first lines to sixteen times as many, and half emptied on the
// way. One of four hashes has its home among the last few lines, however many
// there are, or would have had it when they were fewer.
TEST_P(FlowIndexModel, FindsWhatAHashMapFindsWhileItDoubles) {
  constexpr std::uint32_t kSlots = 10'000;
  constexpr std::uint32_t kFirstLines = 128;
  std::mt19937 random(GetParam());
  const auto hash_of_new = [&] {
    auto tag = static_cast<std::uint32_t>(random());
    switch (random() % 8) {
      case 0:
        tag = (tag & ~(kFirstLines - 1)) | (kFirstLines - 1 - tag % 2);
        break;
      case 1:
        tag = 0xffffffff - tag % 8;
        break;
      default:
        break;
    }
    return std::uint64_t{tag} << 32 | random();
  };
  FlowIndex index(kSlots);
  std::vector<std::uint64_t> hashes(kSlots);  // by slot, of those that are in
  std::vector<SlotIndex> used;
  std::vector<SlotIndex> free;
  for (SlotIndex slot = 0; slot < kSlots; ++slot) {
    free.push_back(slot);
  }
  std::shuffle(free.begin(), free.end(), random);
  const auto erase_one = [&] {
    std::swap(used[random() % used.size()], used.back());
    const SlotIndex slot = used.back();
    index.Erase(hashes[slot], slot);
    const auto is_it = [&](SlotIndex at) { return at == slot; };
    ASSERT_EQ(index.Find(hashes[slot], is_it), kNoSlot);
    free.push_back(slot);
    used.pop_back();
  };
  const auto check = [&] {
    for (const SlotIndex slot : used) {
      const auto is_it = [&](SlotIndex at) { return at == slot; };
      ASSERT_EQ(index.Find(hashes[slot], is_it), slot) << "of " << used.size();
    }
  };

  std::size_t next_check = 1;
  while (!free.empty()) {
    const SlotIndex slot = free.back();
    free.pop_back();
    hashes[slot] = hash_of_new();
    index.Insert(hashes[slot], slot);
    used.push_back(slot);
    if (random() % 4 == 0) {
      ASSERT_NO_FATAL_FAILURE(erase_one());
    }
    // After each doubling: three of four places and one.
    if (used.size() > next_check) {
      ASSERT_NO_FATAL_FAILURE(check());
      next_check = next_check < 769 ? 769 : next_check * 2 - 1;
    }
  }
  ASSERT_NO_FATAL_FAILURE(check());
  while (!used.empty()) {
    ASSERT_NO_FATAL_FAILURE(erase_one());
    if (used.size() % 5000 == 0) {
      ASSERT_NO_FATAL_FAILURE(check());
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Random, FlowIndexModel, testing::Range(1U, 11U));

}  // namespace
}  // namespace tests
