// SPDX-License-Identifier: Apache-2.0
#include "exporter/ended_queue.h"

#include <algorithm>
#include <array>
#include <atomic>
#include <chrono>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace exporter {
namespace {

void Put(EndedQueue& queue, std::uint64_t id) {
  EndedInterval* place = queue.Reserve();
  while (place == nullptr) {
    queue.WaitForRoom(std::chrono::seconds{10});
    place = queue.Reserve();
  }
  place->flow.stats.SetId(id);
  queue.Commit();
}

TEST(EndedQueue, GivesBackInOrder) {
  Doorbell doorbell;
  EndedQueue queue(4, doorbell);
  Put(queue, 1);
  Put(queue, 2);
  ASSERT_NE(queue.Front(), nullptr);
  EXPECT_EQ(queue.Front()->flow.stats.id, 1U);
  queue.Pop();
  EXPECT_EQ(queue.Front()->flow.stats.id, 2U);
}

TEST(EndedQueue, HasNoPlaceWhenFull) {
  Doorbell doorbell;
  EndedQueue queue(2, doorbell);
  Put(queue, 1);
  Put(queue, 2);
  EXPECT_EQ(queue.Reserve(), nullptr);
  queue.Pop();
  EXPECT_NE(queue.Reserve(), nullptr);
}

TEST(EndedQueue, IsDrainedOnlyWhenClosedAndEmpty) {
  Doorbell doorbell;
  EndedQueue queue(2, doorbell);
  Put(queue, 1);
  queue.Close();
  EXPECT_FALSE(queue.Drained());
  queue.Pop();
  EXPECT_TRUE(queue.Drained());
}

TEST(EndedQueue, WaitingEndsAtItsTimeoutWhenNothingComes) {
  Doorbell doorbell;
  const EndedQueue queue(2, doorbell);
  doorbell.Wait(std::chrono::milliseconds{1}, [&] { return queue.Ready(); });
  EXPECT_FALSE(queue.Ready());
}

TEST(EndedQueue, WaitsForRoomUntilHalfOfThePlacesAreFree) {
  constexpr std::chrono::milliseconds kLongest{20};
  const auto now = [] { return std::chrono::steady_clock::now(); };
  Doorbell doorbell;
  EndedQueue queue(4, doorbell);
  for (std::uint64_t id = 1; id <= 4; ++id) {
    Put(queue, id);
  }
  queue.Pop();
  const auto one_free = now();
  queue.WaitForRoom(kLongest);
  EXPECT_GE(now() - one_free, kLongest);

  queue.Pop();
  const auto two_free = now();
  queue.WaitForRoom(std::chrono::hours{1});
  EXPECT_LT(now() - two_free, std::chrono::minutes{1});
}

TEST(EndedQueue, GivesTheConsumerSomeAtOnce) {
  Doorbell doorbell;
  EndedQueue queue(1024, doorbell);
  for (std::uint64_t id = 1; id <= 15; ++id) {
    Put(queue, id);
    EXPECT_FALSE(queue.Ready());
    EXPECT_EQ(queue.Front(), nullptr);
  }
  Put(queue, 16);
  EXPECT_TRUE(queue.Ready());
  EXPECT_NE(queue.Front(), nullptr);
}

TEST(EndedQueue, GivesTheConsumerWhatIsPublished) {
  Doorbell doorbell;
  EndedQueue queue(1024, doorbell);
  Put(queue, 1);
  EXPECT_FALSE(queue.Ready());
  queue.Publish();
  EXPECT_TRUE(queue.Ready());
}

TEST(EndedQueue, GivesTheConsumerAllOfItWhenItIsClosedOrWaitsForRoom) {
  Doorbell doorbell;
  EndedQueue closed(1024, doorbell);
  Put(closed, 1);
  closed.Close();
  EXPECT_NE(closed.Front(), nullptr);
  EXPECT_FALSE(closed.Drained());

  EndedQueue waits(1024, doorbell);
  Put(waits, 1);
  waits.WaitForRoom(std::chrono::milliseconds{1});
  EXPECT_NE(waits.Front(), nullptr);
}

TEST(EndedQueue, WakesTheConsumerWhenAQuarterIsFull) {
  Doorbell doorbell;
  EndedQueue queue(16, doorbell);
  std::atomic<bool> last{false};
  std::atomic<bool> woken{false};
  std::thread consumer([&] {
    doorbell.Wait(std::chrono::minutes{1}, [&] { return last.load(); });
    woken.store(last.load());
  });
  while (!doorbell.SomebodySleeps()) {
    std::this_thread::yield();
  }
  for (std::uint64_t id = 1; id <= 3; ++id) {
    Put(queue, id);
    queue.Publish();
    EXPECT_TRUE(doorbell.SomebodySleeps());
  }
  last.store(true);
  const auto before = std::chrono::steady_clock::now();
  Put(queue, 4);
  queue.Publish();
  consumer.join();
  EXPECT_TRUE(woken.load());
  EXPECT_LT(std::chrono::steady_clock::now() - before,
            std::chrono::seconds{30});
}

// How many records wake a consumer who sleeps.
std::uint64_t RecordsThatWake(EndedQueue& queue, Doorbell& doorbell) {
  std::thread consumer([&] {
    int looks = 0;
    doorbell.Wait(std::chrono::minutes{1}, [&] { return ++looks > 1; });
  });
  while (!doorbell.SomebodySleeps()) {
    std::this_thread::yield();
  }
  std::uint64_t records = 0;
  while (doorbell.SomebodySleeps() && records < 10'000) {
    Put(queue, ++records);
    queue.Publish();
  }
  consumer.join();
  return records;
}

TEST(EndedQueue, OfManyPlacesWakesTheConsumerSoon) {
  Doorbell doorbell;
  EndedQueue queue(1 << 13, doorbell);
  EXPECT_EQ(RecordsThatWake(queue, doorbell), 256U);
}

TEST(EndedQueue, WhoseConsumerMayBeLateWakesHimWhenAQuarterIsFull) {
  Doorbell doorbell;
  EndedQueue queue(1 << 13, doorbell, EndedQueue::kLate);
  EXPECT_EQ(RecordsThatWake(queue, doorbell), (1U << 13) / 4);
}

TEST(EndedQueue, LosesNothingBetweenTwoThreads) {
  constexpr std::uint64_t kCount = 100'000;
  Doorbell doorbell;
  EndedQueue queue(64, doorbell);
  std::thread producer([&] {
    for (std::uint64_t id = 1; id <= kCount; ++id) {
      Put(queue, id);
    }
    queue.Close();
  });

  std::uint64_t taken = 0;
  bool in_order = true;
  while (!queue.Drained()) {
    while (const EndedInterval* ended = queue.Front()) {
      in_order = in_order && ended->flow.stats.id == taken + 1;
      ++taken;
      queue.Pop();
    }
    doorbell.Wait(std::chrono::milliseconds{100},
                  [&] { return queue.Ready() || queue.Drained(); });
  }
  producer.join();

  EXPECT_EQ(taken, kCount);
  EXPECT_TRUE(in_order);
}

TEST(EndedQueue, LosesNothingWhenOneConsumerServesSeveral) {
  constexpr std::uint64_t kCount = 20'000;
  Doorbell doorbell;
  std::array<EndedQueue, 3> queues{EndedQueue(16, doorbell),
                                   EndedQueue(16, doorbell),
                                   EndedQueue(16, doorbell)};
  std::vector<std::thread> producers;
  producers.reserve(queues.size());
  for (EndedQueue& queue : queues) {
    producers.emplace_back([&queue] {
      for (std::uint64_t id = 1; id <= kCount; ++id) {
        Put(queue, id);
      }
      queue.Close();
    });
  }
  const auto ready = [](const EndedQueue& queue) { return queue.Ready(); };
  const auto drained = [](const EndedQueue& queue) { return queue.Drained(); };

  std::array<std::uint64_t, 3> taken{};
  while (!std::all_of(queues.begin(), queues.end(), drained)) {
    for (std::size_t i = 0; i < queues.size(); ++i) {
      for (; queues[i].Front() != nullptr; queues[i].Pop()) {
        ++taken[i];
      }
    }
    doorbell.Wait(std::chrono::milliseconds{100}, [&] {
      return std::any_of(queues.begin(), queues.end(), ready) ||
             std::all_of(queues.begin(), queues.end(), drained);
    });
  }
  for (std::thread& producer : producers) {
    producer.join();
  }

  EXPECT_THAT(taken, testing::Each(kCount));
}

}  // namespace
}  // namespace exporter
