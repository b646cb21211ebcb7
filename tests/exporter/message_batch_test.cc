// SPDX-License-Identifier: Apache-2.0
#include "exporter/message_batch.h"

#include <span>
#include <system_error>
#include <vector>

#include <gmock/gmock.h>

namespace exporter {
namespace {

using testing::Each;
using testing::ElementsAre;

void Add(MessageBatch& batch, const std::vector<std::uint8_t>& octets,
         std::uint32_t flow_records = 1) {
  batch.Add({.octets = octets, .flow_records = flow_records});
}

TEST(MessageBatch, IsEmptyAtFirst) {
  const MessageBatch batch(2);

  EXPECT_TRUE(batch.Empty());
  EXPECT_TRUE(batch.Octets().empty());
  EXPECT_EQ(batch.FlowRecords(), 0U);
}

TEST(MessageBatch, HoldsItsMessagesOneBehindTheOther) {
  MessageBatch batch(2);
  Add(batch, {1, 2});
  Add(batch, {3});

  EXPECT_THAT(batch.Octets(), ElementsAre(1, 2, 3));
  EXPECT_THAT(batch.Front(), ElementsAre(1, 2));
}

TEST(MessageBatch, CountsTheRecordsThatAreLeft) {
  MessageBatch batch(2);
  Add(batch, {1, 2}, 5);
  Add(batch, {3}, 7);

  batch.Pop(1);

  EXPECT_EQ(batch.FlowRecords(), 7U);
  EXPECT_EQ(batch.Entries().size(), 1U);
  EXPECT_THAT(batch.Front(), ElementsAre(3));
}

TEST(MessageBatch, HasRoomForSoManyMessages) {
  MessageBatch batch(2);
  Add(batch, {1});
  Add(batch, {2});

  EXPECT_FALSE(batch.HasRoomFor({}));
}

TEST(MessageBatch, HasRoomForTheLargestMessageOnlyWhenEmpty) {
  MessageBatch batch(2);
  const std::vector<std::uint8_t> largest(65535, 9);
  EXPECT_TRUE(batch.HasRoomFor({.octets = largest}));
  Add(batch, {1, 2});
  EXPECT_FALSE(batch.HasRoomFor({.octets = largest}));
  batch.Pop(1);
  ASSERT_TRUE(batch.HasRoomFor({.octets = largest}));
  Add(batch, largest);
  EXPECT_THAT(batch.Front(), Each(9));
}

TEST(MessageBatch, IsFullWithTheMostMessages) {
  MessageBatch batch(2);
  Add(batch, {1});
  EXPECT_FALSE(batch.Full());
  Add(batch, {2});
  EXPECT_TRUE(batch.Full());
}

TEST(MessageBatch, KeepsTheMessageThatDidNotGoAndThoseBehindIt) {
  MessageBatch batch(3);
  Add(batch, {1});
  Add(batch, {2});
  Add(batch, {3});

  const auto refuse_the_second = [](std::span<const std::uint8_t> message) {
    return message.front() == 2 ? std::make_error_code(std::errc::io_error)
                                : std::error_code{};
  };
  EXPECT_EQ(batch.PopEach(refuse_the_second), std::errc::io_error);
  EXPECT_THAT(batch.Octets(), ElementsAre(2, 3));

  EXPECT_FALSE(
      batch.PopEach([](auto /*message*/) { return std::error_code{}; }));
  EXPECT_TRUE(batch.Empty());
}

}  // namespace
}  // namespace exporter
