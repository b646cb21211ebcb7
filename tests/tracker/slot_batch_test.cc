// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

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

TEST(SlotBatch, OfNothingIsEmpty) {
  SlotBatch batch;

  EXPECT_EQ(batch.Gather(kNoSlot, [](SlotIndex) { return kNoSlot; }), kNoSlot);
  EXPECT_TRUE(batch.Slots().empty());
}

}  // namespace
}  // namespace tests
