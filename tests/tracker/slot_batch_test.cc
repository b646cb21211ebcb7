// SPDX-License-Identifier: Apache-2.0
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
