// SPDX-License-Identifier: Apache-2.0
#include "tracker/expiry.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <iterator>
#include <list>
#include <map>
#include <random>
#include <set>
#include <span>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

namespace tests {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using tracker::Duration;
using tracker::ExpiryArray;
using tracker::kNoSlot;
using tracker::RecencyRing;
using tracker::SlotIndex;
using tracker::Timestamp;

constexpr std::size_t kSlots = 20'000;
constexpr Timestamp kStart{std::chrono::seconds{1767225600}};

// A ring and what a tracker would know of its flows.
class Ring {
 public:
  explicit Ring(Duration timeout) : ring_(links_, timeout) {}

  void File(SlotIndex slot, Duration at) {
    seen_[slot] = kStart + at;
    ring_.File(slot, kStart + at);
  }
  // A packet: the ring is not told.
  void See(SlotIndex slot, Duration at) { seen_[slot] = kStart + at; }
  // It is looked after elsewhere; the ring is not told either.
  void Leave(SlotIndex slot) { left_.insert(slot); }
  void Remove(SlotIndex slot) {
    ring_.Remove(slot);
    seen_.erase(slot);
  }
  // Expires at most so many.
  std::vector<SlotIndex> Advance(Duration cutoff, std::size_t most = kSlots) {
    std::vector<SlotIndex> expired;
    fetched.clear();
    fetched_ends.clear();
    ring_.Advance(kStart + cutoff, Flows{*this}, [&](SlotIndex slot) {
      EXPECT_TRUE(fetched_ends.contains(slot));
      Remove(slot);
      expired.push_back(slot);
      return expired.size() < most;
    });
    return expired;
  }
  // What Advance() has to find, by looking at everything.
  [[nodiscard]] std::vector<SlotIndex> Due(Duration cutoff) const {
    std::vector<SlotIndex> due;
    for (const auto& [slot, seen] : seen_) {
      if (seen <= kStart + cutoff) {
        due.push_back(slot);
      }
    }
    return due;
  }
  SlotIndex Oldest() { return ring_.Oldest(OnlySeen{seen_, left_}); }
  [[nodiscard]] const std::map<SlotIndex, Timestamp>& Seen() const {
    return seen_;
  }

  mutable int look_ups = 0;
  // By the last Advance().
  mutable std::set<SlotIndex> fetched;
  mutable std::set<SlotIndex> fetched_ends;

 private:
  struct OnlySeen {
    const std::map<SlotIndex, Timestamp>& seen;
    const std::set<SlotIndex>& left;

    [[nodiscard]] bool HasLeft(SlotIndex slot) const {
      return left.contains(slot);
    }
    [[nodiscard]] Timestamp LastSeen(SlotIndex slot) const {
      return seen.at(slot);
    }
  };
  // What the ring asks when time goes on.
  struct Flows {
    const Ring& ring;

    [[nodiscard]] bool HasLeft(SlotIndex slot) const {
      return ring.left_.contains(slot);
    }
    void Fetch(SlotIndex slot) const { ring.fetched.insert(slot); }
    void FetchEnd(SlotIndex slot) const { ring.fetched_ends.insert(slot); }
    [[nodiscard]] Timestamp LastSeen(SlotIndex slot) const {
      ++ring.look_ups;
      EXPECT_TRUE(ring.fetched.contains(slot));
      return ring.seen_.at(slot);
    }
  };

  ExpiryArray links_{kSlots};
  std::map<SlotIndex, Timestamp> seen_;
  std::set<SlotIndex> left_;
  RecencyRing ring_;
};

TEST(RecencyRing, SlotExpiresAtItsLastSeenTime) {
  Ring ring(60s);
  ring.File(1, 10s);

  EXPECT_THAT(ring.Advance(10s - 1ns), IsEmpty());
  EXPECT_THAT(ring.Advance(10s), ElementsAre(1));
}

TEST(RecencyRing, SlotSeenSinceExpiresAtItsNewTime) {
  Ring ring(60s);
  ring.File(1, 0s);
  ring.See(1, 30s);

  EXPECT_THAT(ring.Advance(0s), IsEmpty());
  EXPECT_THAT(ring.Advance(30s - 1ns), IsEmpty());
  EXPECT_THAT(ring.Advance(30s), ElementsAre(1));
}

TEST(RecencyRing, SlotFiledBehindTheOthersExpiresOnTime) {
  Ring ring(60s);
  ring.File(1, 50s);
  ring.File(2, 1s);

  EXPECT_THAT(ring.Advance(1s), ElementsAre(2));
}

TEST(RecencyRing, SlotFarBeyondTheHorizonExpiresOnTime) {
  Ring ring(1s);
  ring.File(1, 0s);
  ring.File(2, 1000h);

  EXPECT_THAT(ring.Advance(10s), ElementsAre(1));
  EXPECT_THAT(ring.Advance(1000h - 1ns), IsEmpty());
  EXPECT_THAT(ring.Advance(1000h), ElementsAre(2));
}

TEST(RecencyRing, SlotsOfOneTickExpireToTheNanosecond) {
  Ring ring(60s);
  ring.File(1, 3ns);
  ring.File(2, 1ns);
  ring.File(3, 2ns);

  EXPECT_THAT(ring.Advance(2ns), ElementsAre(2, 3));
  EXPECT_THAT(ring.Advance(3ns), ElementsAre(1));
}

TEST(RecencyRing, SweepLooksAtNothingThatIsNotDue) {
  Ring ring(60s);
  for (SlotIndex slot = 0; slot < 10'000; ++slot) {
    ring.File(slot, 10s + slot * 1ms);
  }

  ring.Advance(9s);

  EXPECT_EQ(ring.look_ups, 0);
}

TEST(RecencyRing, SweepLooksOnlyAtWhatIsDue) {
  Ring ring(60s);
  for (SlotIndex slot = 0; slot < 10'000; ++slot) {
    ring.File(slot, slot * 10ms);
  }

  const auto expired = ring.Advance(999ms);

  EXPECT_EQ(expired.size(), 100U);
  EXPECT_EQ(ring.look_ups, 100);
}

TEST(RecencyRing, BusySlotIsLookedAtOncePerTimeoutNotPerSweep) {
  Ring ring(60s);
  ring.File(1, 0s);
  for (int second = 1; second <= 600; ++second) {
    ring.See(1, std::chrono::seconds{second});
    ring.Advance(std::chrono::seconds{second - 60});
  }

  EXPECT_LE(ring.look_ups, 10);
}

TEST(RecencyRing, OldestIsTheLeastRecentlySeen) {
  Ring ring(60s);
  ring.File(1, 1s);
  ring.File(2, 2s);
  ring.File(3, 3s);
  ring.See(1, 4s);

  EXPECT_EQ(ring.Oldest(), 2U);
}

TEST(RecencyRing, OldestOfNoneIsNoSlot) {
  Ring ring(60s);

  EXPECT_EQ(ring.Oldest(), kNoSlot);
}

TEST(RecencyRing, RemovedSlotDoesNotExpire) {
  Ring ring(60s);
  ring.File(1, 1s);
  ring.File(2, 1s);
  ring.File(3, 1s);
  ring.Remove(2);

  EXPECT_THAT(ring.Advance(1s), ElementsAre(1, 3));
}

TEST(RecencyRing, SlotThatLeftDoesNotExpireAndIsNotAskedForAgain) {
  Ring ring(60s);
  ring.File(1, 1s);
  ring.File(2, 1s);
  ring.Leave(1);

  EXPECT_THAT(ring.Advance(1s), ElementsAre(2));
  ring.Advance(2s);
  EXPECT_THAT(ring.fetched, IsEmpty());
}

TEST(RecencyRing, SlotThatLeftIsNotTheOldest) {
  Ring ring(60s);
  ring.File(1, 1s);
  ring.File(2, 2s);
  ring.Leave(1);

  EXPECT_EQ(ring.Oldest(), 2U);
}

TEST(RecencyRing, OnlySlotThatLeftIsNotTheOldest) {
  Ring ring(60s);
  ring.File(1, 1s);
  ring.Leave(1);

  EXPECT_EQ(ring.Oldest(), kNoSlot);
}

TEST(RecencyRing, SlotThatLeftCanBeRemovedBeforeOrAfterTheRingHeardOfIt) {
  Ring ring(60s);
  for (SlotIndex slot = 1; slot <= 4; ++slot) {
    ring.File(slot, 1s);
  }
  ring.Leave(2);
  ring.Leave(3);

  ring.Remove(2);
  EXPECT_THAT(ring.Advance(1s), ElementsAre(1, 4));
  ring.Remove(3);

  EXPECT_EQ(ring.Oldest(), kNoSlot);
}

TEST(RecencyRing, CanBeUsedAgainWhenItWasEmpty) {
  Ring ring(60s);
  ring.File(1, 1000s);
  ring.Advance(1000s);

  ring.File(1, 0s);

  EXPECT_THAT(ring.Advance(0s), ElementsAre(1));
}

TEST(RecencyRing, SlotsOfOneTickExpireInTheirOrderHoweverManyBatches) {
  Ring ring(60s);
  std::vector<SlotIndex> expected;
  for (SlotIndex slot = 0; slot < 100; ++slot) {
    ring.File(slot, 1s);
    expected.push_back(slot);
  }

  EXPECT_EQ(ring.Advance(1s), expected);
  EXPECT_THAT(ring.Advance(2s), IsEmpty());
}

TEST(RecencyRing, SlotsSeenSinceWithinTheirTickStayInIt) {
  Ring ring(60s);
  std::vector<SlotIndex> early;
  std::vector<SlotIndex> late;
  for (SlotIndex slot = 0; slot < 100; ++slot) {
    ring.File(slot, 0ns);
    if (slot % 3 == 0) {
      ring.See(slot, 20ns);
      late.push_back(slot);
    } else {
      early.push_back(slot);
    }
  }

  EXPECT_EQ(ring.Advance(10ns), early);
  EXPECT_EQ(ring.Advance(20ns), late);
}

TEST(RecencyRing, GoesOnWhereItWasStopped) {
  Ring ring(60s);
  for (SlotIndex slot = 0; slot < 100; ++slot) {
    ring.File(slot, slot < 50 ? 1s : 2s);
  }

  std::vector<SlotIndex> expired;
  for (int turn = 0; turn < 15; ++turn) {
    for (const SlotIndex slot : ring.Advance(2s, 7)) {
      expired.push_back(slot);
    }
  }

  EXPECT_EQ(expired.size(), 100U);
  EXPECT_TRUE(std::is_sorted(expired.begin(), expired.end()));
  EXPECT_TRUE(ring.Seen().empty());
}

TEST(RecencyRing, FetchesNothingOfLaterTicks) {
  Ring ring(60s);
  ring.File(1, 1s);
  ring.File(2, 30s);

  ring.Advance(2s);

  EXPECT_THAT(ring.fetched, ElementsAre(1));
}

// The ring against a list that looks at everything, with random operations.
// Times move as a tracker's do: forward, mostly by little.
class RecencyRingModel : public testing::TestWithParam<std::uint32_t> {};

TEST_P(RecencyRingModel, ExpiresWhatANaiveListExpires) {
  constexpr Duration kTimeout = 60s;
  std::mt19937 random(GetParam());
  const auto below = [&](std::uint32_t limit) {
    return static_cast<std::uint32_t>(random()) % limit;
  };
  Ring ring(kTimeout);
  Duration now = 0s;
  for (int step = 0; step < 20'000; ++step) {
    now += below(1000) == 0 ? Duration{below(3600) * 1s}
                            : Duration{below(20) * 1ms};
    const SlotIndex slot = below(300);
    const bool filed = ring.Seen().contains(slot);
    switch (below(8)) {
      case 0:
        if (filed) {
          ring.Remove(slot);
        }
        break;
      case 1: {
        const std::vector<SlotIndex> due = ring.Due(now - kTimeout);
        auto expired = ring.Advance(now - kTimeout);
        std::sort(expired.begin(), expired.end());
        ASSERT_EQ(expired, due) << "step " << step;
        break;
      }
      default:
        if (filed) {
          ring.See(slot, now);
        } else {
          ring.File(slot, now - below(2) * 1s);
        }
        break;
    }
  }
}

// Within a tick, a slot is filed past 32 younger ones at most.
class WalkedList {
 public:
  void File(SlotIndex slot, Duration at) {
    auto place = list_.end();
    for (int step = 0;
         step < 32 && place != list_.begin() && std::prev(place)->second > at;
         ++step) {
      --place;
    }
    list_.insert(place, {slot, at});
  }
  void Remove(SlotIndex slot) {
    list_.remove_if([&](const auto& filed) { return filed.first == slot; });
  }
  [[nodiscard]] std::vector<SlotIndex> Slots() const {
    std::vector<SlotIndex> slots;
    for (const auto& [slot, at] : list_) {
      slots.push_back(slot);
    }
    return slots;
  }

 private:
  std::list<std::pair<SlotIndex, Duration>> list_;
};

TEST_P(RecencyRingModel, FilesWithinATickAsIfItWalkedFromTheEnd) {
  constexpr Duration kTimeout{std::int64_t{2048} << 30};
  constexpr Duration kTick{std::int64_t{1} << 30};
  // The first two whole ones behind kStart.
  const Duration begin = kTick - kStart.time_since_epoch() % kTick;
  std::mt19937 random(GetParam());
  const auto below = [&](std::uint32_t limit) {
    return static_cast<std::uint32_t>(random()) % limit;
  };
  Ring ring(kTimeout);
  std::array<WalkedList, 2> model;
  std::vector<int> ticks(1000, -1);
  // Most at nearly the same time, and others anywhere: walks of all lengths.
  for (int step = 0; step < 20'000; ++step) {
    const SlotIndex slot = below(1000);
    int& tick = ticks[slot];
    if (tick >= 0) {
      if (below(3) == 0) {
        ring.Remove(slot);
        model[static_cast<std::size_t>(tick)].Remove(slot);
        tick = -1;
      }
      continue;
    }
    tick = static_cast<int>(below(2));
    const Duration within{below(4) == 0 ? below(1000) : 500 + below(8)};
    const Duration at = begin + tick * kTick + within;
    ring.File(slot, at);
    model[static_cast<std::size_t>(tick)].File(slot, at);
  }

  std::vector<SlotIndex> expected = model[0].Slots();
  const std::vector<SlotIndex> later = model[1].Slots();
  expected.insert(expected.end(), later.begin(), later.end());
  EXPECT_EQ(ring.Advance(begin + 2 * kTick), expected);
}

TEST_P(RecencyRingModel, OldestIsWithinATickOfTheLeastRecentlySeen) {
  constexpr Duration kTick = 60s / 1000;  // a tick is at most this long
  std::mt19937 random(GetParam());
  const auto below = [&](std::uint32_t limit) {
    return static_cast<std::uint32_t>(random()) % limit;
  };
  Ring ring(60s);
  Duration now = 0s;
  for (int step = 0; step < 20'000; ++step) {
    now += below(20) * 1ms;
    const SlotIndex slot = below(300);
    if (ring.Seen().contains(slot)) {
      ring.See(slot, now);
    } else {
      ring.File(slot, now);
    }
    if (below(4) == 0) {
      Timestamp least = Timestamp::max();
      for (const auto& [candidate, seen] : ring.Seen()) {
        least = std::min(least, seen);
      }
      const SlotIndex oldest = ring.Oldest();
      ASSERT_LE(ring.Seen().at(oldest), least + kTick) << "step " << step;
      ring.Remove(oldest);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Random, RecencyRingModel, testing::Range(1U, 11U));

}  // namespace
}  // namespace tests
