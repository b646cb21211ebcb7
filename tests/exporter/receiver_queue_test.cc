// SPDX-License-Identifier: Apache-2.0
// What the kernel tells of a socket of this process, on loopback.
#include "exporter/receiver_queue.h"

#include <optional>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "exporter/descriptor.h"
#include "tests/support/loopback.h"

namespace exporter {
namespace {

Descriptor UdpSocket() {
  return Descriptor(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

class ReceiverQueueOnLoopback : public testing::Test {
 protected:
  void SetUp() override {
    const std::uint16_t port = test_support::BindToLoopback(receiver_);
    ASSERT_TRUE(test_support::ConnectToLoopback(sender_, port));
    if (!ReceiverQueue(sender_.Get()).Look()) {
      GTEST_SKIP() << "this kernel does not tell how full sockets are";
    }
  }
  void Send(std::size_t octets) {
    const std::vector<char> message(octets);
    ASSERT_EQ(send(sender_.Get(), message.data(), message.size(), 0),
              static_cast<ssize_t>(octets));
  }

  Descriptor receiver_ = UdpSocket();
  Descriptor sender_ = UdpSocket();
};

TEST_F(ReceiverQueueOnLoopback, GrowsByMoreThanTheLengthOfEachMessage) {
  ReceiverQueue queue(sender_.Get());
  EXPECT_EQ(queue.Look()->used, 0U);

  Send(1400);
  const std::size_t one = queue.Look()->used;
  Send(1400);

  EXPECT_GT(one, 1400U);
  EXPECT_EQ(queue.Look()->used, 2 * one);
}

TEST_F(ReceiverQueueOnLoopback, IsEmptyAgainWhenAllWasRead) {
  ReceiverQueue queue(sender_.Get());
  Send(1400);
  std::vector<char> message(2000);

  EXPECT_EQ(recv(receiver_.Get(), message.data(), message.size(), 0), 1400);

  EXPECT_EQ(queue.Look()->used, 0U);
}

TEST_F(ReceiverQueueOnLoopback, HasNoRoomLeftWhenMessagesAreLost) {
  ReceiverQueue queue(sender_.Get());
  const std::size_t limit = queue.Look()->limit;

  for (std::size_t sent = 0; sent <= limit; sent += 1400) {
    Send(1400);
  }

  EXPECT_LT(queue.Look()->Free(), 1400U * 2);
}

TEST_F(ReceiverQueueOnLoopback, IsNotThereWhenNobodyListens) {
  ReceiverQueue queue(sender_.Get());

  receiver_.Reset();

  EXPECT_EQ(queue.Look(), std::nullopt);
}

TEST(ReceiverQueue, OfASocketThatIsNotConnectedIsNotThere) {
  const Descriptor sender = UdpSocket();

  EXPECT_EQ(ReceiverQueue(sender.Get()).Look(), std::nullopt);
}

// 192.0.2.1 is nobody's (RFC 5737); without a route to it, there is nothing to
// connect to.
TEST(ReceiverQueue, OfAnotherMachineIsNotThere) {
  const Descriptor sender = UdpSocket();
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(0xc0000201);
  address.sin_port = htons(9995);
  static_cast<void>(connect(sender.Get(),
                            reinterpret_cast<const sockaddr*>(&address),
                            sizeof(address)));

  EXPECT_EQ(ReceiverQueue(sender.Get()).Look(), std::nullopt);
}

}  // namespace
}  // namespace exporter
