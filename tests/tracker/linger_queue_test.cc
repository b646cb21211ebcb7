// SPDX-License-Identifier: Apache-2.0
#include "tracker/linger_queue.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <span>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "tests/tracker/random_stream.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using tracker::LingerQueue;
using tracker::SlotIndex;
using tracker::Timestamp;

constexpr Timestamp kStart{std::chrono::seconds{1767225600}};
constexpr auto kEveryone = [](const LingerQueue::Closed&) { return true; };

std::vector<SlotIndex> SlotsOf(std::span<const LingerQueue::Closed> closed) {
  std::vector<SlotIndex> slots;
  for (const LingerQueue::Closed& one : closed) {
    slots.push_back(one.slot);
  }
  return slots;
}

// Of which nobody has left.
class Queue {
 public:
  Queue& Add(SlotIndex slot, tracker::Duration since) {
    queue.Add({kStart + since, slot, slot}, kEveryone);
    return *this;
  }
  [[nodiscard]] std::vector<SlotIndex> Due(tracker::Duration cutoff,
                                           std::size_t most = 1000) const {
    return SlotsOf(queue.Due(kStart + cutoff, most));
  }

  LingerQueue queue{8};
};

TEST(LingerQueue, WhoClosedAtTheCutoffOrBeforeIsDueInThatOrder) {
  Queue queue;
  queue.Add(3, 1s).Add(1, 2s).Add(2, 3s);

  EXPECT_THAT(queue.Due(1s - 1ns), IsEmpty());
  EXPECT_THAT(queue.Due(2s), ElementsAre(3, 1));
  EXPECT_THAT(SlotsOf(queue.queue.All()), ElementsAre(3, 1, 2));
}

TEST(LingerQueue, NoMoreAreDueThanAreAskedFor) {
  Queue queue;
  queue.Add(3, 0s).Add(1, 0s).Add(2, 0s);

  EXPECT_THAT(queue.Due(1s, 2), ElementsAre(3, 1));
}

TEST(LingerQueue, WhoClosedBeforeTheOthersComesBeforeThem) {
  Queue queue;
  queue.Add(1, 1s).Add(2, 1000s).Add(3, 2s);

  EXPECT_THAT(queue.Due(2s), ElementsAre(1, 3));
  EXPECT_THAT(queue.Due(1000s), ElementsAre(1, 3, 2));
}

TEST(LingerQueue, IsEmptyWhenAllWereDropped) {
  Queue queue;
  queue.Add(1, 0s);

  queue.queue.DropFirst();

  EXPECT_THAT(queue.queue.All(), IsEmpty());
  EXPECT_THAT(queue.Due(1s), IsEmpty());
}

TEST(LingerQueue, FrontIsTheFirstThatIsStillThere) {
  Queue queue;
  queue.Add(1, 1s).Add(2, 2s).Add(3, 3s);

  EXPECT_EQ(queue.queue.Front([](const LingerQueue::Closed& closed) {
    return closed.slot == 2;
  }),
            2U);
  EXPECT_THAT(SlotsOf(queue.queue.All()), ElementsAre(2, 3));
  EXPECT_EQ(queue.queue.Front([](const LingerQueue::Closed&) { return false; }),
            tracker::kNoSlot);
  EXPECT_THAT(queue.queue.All(), IsEmpty());
}

TEST(LingerQueue, KeepsWhoIsStillThere) {
  Queue queue;
  queue.Add(1, 1s).Add(2, 2s).Add(3, 3s);

  queue.queue.Keep(
      [](const LingerQueue::Closed& closed) { return closed.slot != 2; });

  EXPECT_THAT(queue.Due(3s), ElementsAre(1, 3));
}

// Any number of them, as long as not too many are still there.
TEST(LingerQueue, HasRoomForThoseThatAreStillThere) {
  Queue queue;
  const auto is_last = [](SlotIndex last) {
    return [last](const LingerQueue::Closed& closed) {
      return closed.slot + 8 > last;
    };
  };
  for (SlotIndex slot = 0; slot < 100'000; ++slot) {
    queue.queue.Add({kStart, slot, slot}, is_last(slot));
  }

  queue.queue.Keep(is_last(99'999));

  EXPECT_EQ(queue.queue.All().size(), 8U);
}

TEST(LingerQueue, WhoWasFiledTooLateAndHasLeftIsNotKept) {
  Queue queue;
  queue.Add(1, 1s).Add(2, 1000s);
  const auto all_but_the_second = [](const LingerQueue::Closed& closed) {
    return closed.slot != 2;
  };

  queue.queue.Add({kStart + 2s, 3, 3}, all_but_the_second);

  EXPECT_THAT(SlotsOf(queue.queue.All()), ElementsAre(1, 3));
}

// The same, told by looking at everything.
class PlainList {
 public:
  void Add(Timestamp since, SlotIndex slot) {
    list_.insert(
        std::find_if(list_.begin(), list_.end(),
                     [&](const auto& one) { return one.first > since; }),
        {since, slot});
  }
  void DropFirst() { list_.erase(list_.begin()); }
  [[nodiscard]] std::size_t Size() const { return list_.size(); }
  [[nodiscard]] std::vector<SlotIndex> Due(Timestamp cutoff) const {
    std::vector<SlotIndex> due;
    for (const auto& [since, slot] : list_) {
      if (since <= cutoff) {
        due.push_back(slot);
      }
    }
    return due;
  }

 private:
  std::vector<std::pair<Timestamp, SlotIndex>> list_;
};

class LingerQueueModel : public testing::TestWithParam<std::uint32_t> {};

TEST_P(LingerQueueModel, HasWhatAPlainListHas) {
  constexpr std::size_t kMost = 500;
  Random random(GetParam());
  LingerQueue queue(kMost);
  PlainList model;
  Timestamp now = kStart;
  for (SlotIndex slot = 0; slot < 20'000; ++slot) {
    now += random.Below(3) * 1ms;
    const Timestamp since = now - (random.Percent(5) ? 1s : 0s);
    queue.Add({since, slot, slot}, kEveryone);
    model.Add(since, slot);
    if (model.Size() == kMost || random.Percent(1)) {
      for (auto left = random.Below(kMost); left > 0 && model.Size() > 0;
           --left) {
        queue.DropFirst();
        model.DropFirst();
      }
    }
    const Timestamp cutoff = now - random.Below(1000) * 1ms;
    if (slot % 100 == 0) {
      ASSERT_EQ(SlotsOf(queue.Due(cutoff, kMost)), model.Due(cutoff)) << slot;
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Random, LingerQueueModel, testing::Range(1U, 6U));

}  // namespace
}  // namespace tests
