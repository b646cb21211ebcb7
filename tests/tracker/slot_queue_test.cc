// SPDX-License-Identifier: Apache-2.0
#include "tracker/slot_queue.h"

#include <algorithm>
#include <cstdint>
#include <random>
#include <set>
#include <vector>

#include <gmock/gmock.h>

namespace tests {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using tracker::kNoSlot;
using tracker::SlotIndex;
using tracker::SlotQueue;

std::vector<SlotIndex> Walk(const SlotQueue& queue) {
  std::vector<SlotIndex> slots;
  for (SlotIndex slot = queue.Front(); slot != kNoSlot;
       slot = queue.Next(slot)) {
    slots.push_back(slot);
  }
  return slots;
}

TEST(SlotQueue, KeepsTheOrderOfAppending) {
  SlotQueue queue(8, 8);

  queue.Append(3);
  queue.Append(1);
  queue.Append(2);

  EXPECT_THAT(Walk(queue), ElementsAre(3, 1, 2));
  EXPECT_THAT(queue.All(), ElementsAre(3, 1, 2));
}

TEST(SlotQueue, LosesWhoLeavesFromFrontMiddleAndEnd) {
  SlotQueue queue(8, 8);
  for (SlotIndex slot = 1; slot <= 5; ++slot) {
    queue.Append(slot);
  }

  queue.Remove(1);
  queue.Remove(3);
  queue.Remove(5);

  EXPECT_THAT(Walk(queue), ElementsAre(2, 4));
  EXPECT_THAT(queue.All(), ElementsAre(2, 4));
}

TEST(SlotQueue, WhoComesAgainIsTheLast) {
  SlotQueue queue(8, 8);
  queue.Append(1);
  queue.Append(2);

  queue.Remove(1);
  queue.Append(1);

  EXPECT_THAT(Walk(queue), ElementsAre(2, 1));
}

TEST(SlotQueue, IsEmptyWhenAllHaveLeft) {
  SlotQueue queue(8, 8);
  queue.Append(1);

  queue.Remove(1);

  EXPECT_EQ(queue.Front(), kNoSlot);
  EXPECT_THAT(queue.All(), IsEmpty());
}

TEST(SlotQueue, HasNobodyWithoutRoom) {
  SlotQueue queue;

  EXPECT_EQ(queue.Front(), kNoSlot);
  EXPECT_THAT(queue.All(), IsEmpty());
}

TEST(SlotQueue, IsEmptyWhenCleared) {
  SlotQueue queue(8, 8);
  queue.Append(1);
  queue.Append(2);

  queue.Clear();

  EXPECT_FALSE(queue.Has(1));
  EXPECT_FALSE(queue.Has(2));
  queue.Append(2);
  EXPECT_THAT(Walk(queue), ElementsAre(2));
}

TEST(SlotQueue, WhoWasPassedIsStillThereButNoMoreInTheWay) {
  SlotQueue queue(8, 8);
  queue.Append(1);
  queue.Append(2);
  queue.Append(3);

  queue.Pass(queue.FrontNotPassed());
  EXPECT_EQ(queue.FrontNotPassed(), 2U);
  queue.Remove(2);
  EXPECT_EQ(queue.FrontNotPassed(), 3U);
  queue.Pass(3);

  EXPECT_EQ(queue.FrontNotPassed(), kNoSlot);
  EXPECT_THAT(Walk(queue), ElementsAre(1, 3));
}

TEST(SlotQueue, WhoWasPassedAndComesAgainIsNotPassed) {
  SlotQueue queue(8, 8);
  queue.Append(1);
  queue.Append(2);
  queue.Pass(1);
  queue.Pass(2);

  queue.Remove(1);
  queue.Append(1);

  EXPECT_EQ(queue.FrontNotPassed(), 1U);
}

TEST(SlotQueue, KnowsWhoIsThere) {
  SlotQueue queue(8, 8);
  queue.Append(0);
  queue.Append(3);
  queue.Remove(0);

  EXPECT_FALSE(queue.Has(0));
  EXPECT_FALSE(queue.Has(1));
  EXPECT_TRUE(queue.Has(3));
}

// One that stays, while others come and go behind it.
TEST(SlotQueue, TakesAnyNumberOneAfterTheOther) {
  SlotQueue queue(3, 2);
  queue.Append(2);

  for (int turn = 0; turn < 10'000; ++turn) {
    queue.Append(0);
    queue.Remove(0);
  }
  queue.Append(1);

  EXPECT_THAT(Walk(queue), ElementsAre(2, 1));
}

class SlotQueueModel : public testing::TestWithParam<std::uint32_t> {};

TEST_P(SlotQueueModel, HasWhatAPlainListHas) {
  constexpr SlotIndex kSlots = 500;
  std::mt19937 random(GetParam());
  SlotQueue queue(kSlots, kSlots);
  std::vector<SlotIndex> model;
  std::set<SlotIndex> passed;
  for (int step = 0; step < 40'000; ++step) {
    const SlotIndex slot = static_cast<SlotIndex>(random()) % kSlots;
    const auto there = std::find(model.begin(), model.end(), slot);
    ASSERT_EQ(queue.Has(slot), there != model.end()) << "step " << step;
    if (there != model.end()) {
      queue.Remove(slot);
      model.erase(there);
      passed.erase(slot);
    } else {
      queue.Append(slot);
      model.push_back(slot);
    }
    ASSERT_EQ(queue.Front(), model.empty() ? kNoSlot : model.front());
    const auto not_passed =
        std::find_if(model.begin(), model.end(),
                     [&](SlotIndex one) { return !passed.contains(one); });
    ASSERT_EQ(queue.FrontNotPassed(),
              not_passed == model.end() ? kNoSlot : *not_passed);
    if (not_passed != model.end() && random() % 3 == 0) {
      queue.Pass(*not_passed);
      passed.insert(*not_passed);
    }
    if (step % 1000 == 0) {
      ASSERT_EQ(Walk(queue), model) << "step " << step;
      // It closes the holes, too: not always.
      if (step % 5000 == 0) {
        ASSERT_THAT(queue.All(), testing::ElementsAreArray(model));
      }
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Random, SlotQueueModel, testing::Range(1U, 6U));

}  // namespace
}  // namespace tests
