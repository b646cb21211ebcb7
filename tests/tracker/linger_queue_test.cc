// SPDX-License-Identifier: Apache-2.0
#include "tracker/linger_queue.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <random>
#include <span>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

namespace tests {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using tracker::kNoSlot;
using tracker::LingerQueue;
using tracker::SlotIndex;
using tracker::Timestamp;

constexpr Timestamp kStart{std::chrono::seconds{1767225600}};

std::vector<SlotIndex> Due(const LingerQueue& queue, tracker::Duration cutoff,
                           std::size_t most = 1000) {
  std::vector<SlotIndex> room(most);
  const auto due = queue.Due(kStart + cutoff, room);
  return {due.begin(), due.end()};
}

TEST(LingerQueue, WhoClosedAtTheCutoffOrBeforeIsDueInThatOrder) {
  LingerQueue queue(8);
  queue.Add(3, kStart + 1s);
  queue.Add(1, kStart + 2s);
  queue.Add(2, kStart + 3s);

  EXPECT_THAT(Due(queue, 1s - 1ns), IsEmpty());
  EXPECT_THAT(Due(queue, 2s), ElementsAre(3, 1));
  EXPECT_EQ(queue.Front(), 3U);
}

TEST(LingerQueue, NoMoreAreDueThanThereIsRoomFor) {
  LingerQueue queue(8);
  queue.Add(3, kStart);
  queue.Add(1, kStart);
  queue.Add(2, kStart);

  EXPECT_THAT(Due(queue, 1s, 2), ElementsAre(3, 1));
}

TEST(LingerQueue, WhoClosedBeforeTheOthersComesBeforeThem) {
  LingerQueue queue(8);
  queue.Add(1, kStart + 1s);
  queue.Add(2, kStart + 1000s);

  queue.Add(3, kStart + 2s);

  EXPECT_THAT(Due(queue, 2s), ElementsAre(1, 3));
  EXPECT_THAT(Due(queue, 1000s), ElementsAre(1, 3, 2));
}

TEST(LingerQueue, LosesWhoIsRemovedAmongThoseOfOneTime) {
  LingerQueue queue(8);
  for (SlotIndex slot = 1; slot <= 5; ++slot) {
    queue.Add(slot, kStart);
  }

  queue.Remove(1, kStart);
  queue.Remove(3, kStart);
  queue.Remove(5, kStart);

  EXPECT_EQ(queue.Front(), 2U);
  EXPECT_THAT(Due(queue, 0s), ElementsAre(2, 4));
}

TEST(LingerQueue, IsEmptyWhenAllHaveLeft) {
  LingerQueue queue(8);
  queue.Add(1, kStart);

  queue.Remove(1, kStart);

  EXPECT_EQ(queue.Front(), kNoSlot);
  EXPECT_THAT(Due(queue, 1s), IsEmpty());
}

class LingerQueueModel : public testing::TestWithParam<std::uint32_t> {};

TEST_P(LingerQueueModel, HasWhatAPlainListHas) {
  constexpr SlotIndex kSlots = 300;
  std::mt19937 random(GetParam());
  const auto below = [&](std::uint32_t limit) {
    return static_cast<std::uint32_t>(random()) % limit;
  };
  LingerQueue queue(kSlots);
  std::vector<std::pair<Timestamp, SlotIndex>> model;
  Timestamp now = kStart;
  for (int step = 0; step < 20'000; ++step) {
    now += below(3) * 1ms;
    const SlotIndex slot = below(kSlots);
    const auto there =
        std::find_if(model.begin(), model.end(),
                     [&](const auto& place) { return place.second == slot; });
    if (there != model.end()) {
      queue.Remove(slot, there->first);
      model.erase(there);
    } else {
      const Timestamp closed = now - (below(20) == 0 ? 1s : 0s);
      queue.Add(slot, closed);
      model.insert(std::upper_bound(model.begin(), model.end(),
                                    std::pair{closed, kNoSlot}),
                   {closed, slot});
    }
    ASSERT_EQ(queue.Front(), model.empty() ? kNoSlot : model.front().second);
    if (step % 100 == 0) {
      const Timestamp cutoff = now - below(1000) * 1ms;
      std::vector<SlotIndex> due;
      for (const auto& [closed, who] : model) {
        if (closed <= cutoff) {
          due.push_back(who);
        }
      }
      ASSERT_EQ(Due(queue, cutoff - kStart), due) << "step " << step;
    }
  }
  std::vector<std::pair<Timestamp, SlotIndex>> all;
  queue.ForEach([&](SlotIndex slot, Timestamp closed) {
    all.emplace_back(closed, slot);
  });
  EXPECT_EQ(all, model);
}

INSTANTIATE_TEST_SUITE_P(Random, LingerQueueModel, testing::Range(1U, 6U));

}  // namespace
}  // namespace tests
