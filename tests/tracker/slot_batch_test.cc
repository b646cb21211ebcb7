// SPDX-License-Identifier: Apache-2.0
#include <algorithm>

#include <gmock/gmock.h>

#include "tracker/expiry.h"

namespace tests {
namespace {

using tracker::kNoSlot;
using tracker::SlotBatch;
using tracker::SlotIndex;

TEST(SlotBatch, TellsWhoComesBehindIt) {
  const auto next = [](SlotIndex slot) {
    return slot < 50 ? slot + 1 : kNoSlot;
  };
  SlotBatch first;
  SlotBatch second;

  const SlotIndex behind = first.Gather(1, next);
  EXPECT_EQ(second.Gather(behind, next), kNoSlot);

  EXPECT_EQ(first.Slots().front(), 1U);
  EXPECT_EQ(behind, first.Slots().back() + 1);
  EXPECT_EQ(first.Slots().size() + second.Slots().size(), 50U);
}

TEST(SlotBatch, GrowsOneByOne) {
  const auto next = [](SlotIndex slot) {
    return slot < 3 ? slot + 1 : kNoSlot;
  };
  SlotBatch batch;

  SlotIndex behind = 1;
  for (std::size_t most = 1; most <= 5; ++most) {
    behind = batch.Gather(behind, next, most);
    EXPECT_EQ(batch.Slots().size(), std::min<std::size_t>(most, 3));
  }

  EXPECT_EQ(behind, kNoSlot);
  EXPECT_THAT(batch.Slots(), testing::ElementsAre(1, 2, 3));
}

TEST(SlotBatch, LeavesOutWhatIsDroppedAndKeepsTheOrder) {
  SlotBatch batch;
  batch.Gather(1, [](SlotIndex slot) { return slot < 7 ? slot + 1 : kNoSlot; });

  batch.Drop([](SlotIndex slot) { return slot % 3 == 0; });

  EXPECT_THAT(batch.Slots(), testing::ElementsAre(1, 2, 4, 5, 7));
}

TEST(SlotBatch, OfNothingIsEmpty) {
  SlotBatch batch;

  EXPECT_EQ(batch.Gather(kNoSlot, [](SlotIndex) { return kNoSlot; }), kNoSlot);
  EXPECT_TRUE(batch.Slots().empty());
}

}  // namespace
}  // namespace tests
