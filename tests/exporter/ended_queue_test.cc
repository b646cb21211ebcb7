// SPDX-License-Identifier: Apache-2.0
#include "exporter/ended_queue.h"

#include <thread>

#include <gtest/gtest.h>

namespace exporter {
namespace {

void Put(EndedQueue& queue, std::uint64_t id) {
  EndedInterval* place = queue.Reserve();
  while (place == nullptr) {
    queue.WaitForRoom();
    place = queue.Reserve();
  }
  place->stats.id = id;
  queue.Commit();
}

TEST(EndedQueue, GivesBackInOrder) {
  EndedQueue queue(4);
  Put(queue, 1);
  Put(queue, 2);
  ASSERT_NE(queue.Front(), nullptr);
  EXPECT_EQ(queue.Front()->stats.id, 1U);
  queue.Pop();
  EXPECT_EQ(queue.Front()->stats.id, 2U);
}

TEST(EndedQueue, HasNoPlaceWhenFull) {
  EndedQueue queue(2);
  Put(queue, 1);
  Put(queue, 2);
  EXPECT_EQ(queue.Reserve(), nullptr);
  queue.Pop();
  EXPECT_NE(queue.Reserve(), nullptr);
}

TEST(EndedQueue, IsDrainedOnlyWhenClosedAndEmpty) {
  EndedQueue queue(2);
  Put(queue, 1);
  queue.Close();
  EXPECT_FALSE(queue.Drained());
  queue.Pop();
  EXPECT_TRUE(queue.Drained());
}

TEST(EndedQueue, WaitEndsAtItsTimeoutWhenNothingComes) {
  EndedQueue queue(2);
  queue.Wait(std::chrono::milliseconds{1});
  EXPECT_EQ(queue.Front(), nullptr);
}

TEST(EndedQueue, IsWorthWakingForWhenAQuarterIsFull) {
  EndedQueue queue(16);
  for (std::uint64_t id = 1; id <= 3; ++id) {
    Put(queue, id);
    EXPECT_FALSE(queue.WorthWaking());
  }
  Put(queue, 4);
  EXPECT_TRUE(queue.WorthWaking());
}

TEST(EndedQueue, LosesNothingBetweenTwoThreads) {
  constexpr std::uint64_t kCount = 100'000;
  EndedQueue queue(64);
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
      in_order = in_order && ended->stats.id == taken + 1;
      ++taken;
      queue.Pop();
    }
    queue.Wait(std::chrono::milliseconds{100});
  }
  producer.join();

  EXPECT_EQ(taken, kCount);
  EXPECT_TRUE(in_order);
}

}  // namespace
}  // namespace exporter
