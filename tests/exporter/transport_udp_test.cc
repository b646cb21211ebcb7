// SPDX-License-Identifier: Apache-2.0
// The UDP transport against a socket in this process, on loopback.
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <sys/socket.h>

#include "exporter/descriptor.h"
#include "exporter/receiver_queue.h"
#include "exporter/transport.h"
#include "tests/support/loopback.h"

namespace exporter {
namespace {

using testing::ElementsAreArray;
using Sizes = std::vector<std::size_t>;

class UdpTransport : public testing::Test {
 protected:
  UdpTransport() {
    EXPECT_NE(port_, 0);
    Make({});
  }

  void Make(const UdpPaceOptions& pace) {
    CollectorUrl url;
    url.host = "127.0.0.1";
    url.port = std::to_string(port_);
    transport_ = MakeUdpTransport(url, pace);
    EXPECT_FALSE(transport_->Open());
  }

  // Messages of these sizes, filled with 1, 2, 3, ...; of one record each.
  static MessageBatch Batch(const Sizes& sizes) {
    MessageBatch batch(sizes.size());
    std::uint8_t number = 0;
    for (const std::size_t size : sizes) {
      const std::vector<std::uint8_t> octets(size, ++number);
      batch.Add({.octets = octets, .flow_records = 1});
    }
    return batch;
  }

  // The sizes of what has arrived by now; the loopback delivers at once.
  Sizes Arrived() {
    Sizes sizes;
    std::vector<std::uint8_t> octets(65536);
    ssize_t got = 0;
    while ((got = recv(listener_.Get(), octets.data(), octets.size(),
                       MSG_DONTWAIT)) >= 0) {
      octets.resize(static_cast<std::size_t>(got));
      sizes.push_back(octets.size());
      EXPECT_EQ(octets,
                std::vector<std::uint8_t>(
                    octets.size(), static_cast<std::uint8_t>(sizes.size())));
      octets.resize(65536);
    }
    return sizes;
  }

  void DeliversAsTheyAre(const Sizes& sizes) {
    MessageBatch batch = Batch(sizes);
    EXPECT_FALSE(transport_->Send(batch));
    EXPECT_TRUE(batch.Empty());
    EXPECT_THAT(Arrived(), ElementsAreArray(sizes));
    EXPECT_FALSE(transport_->LateError());
  }

  Descriptor listener_{socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)};
  std::uint16_t port_ = test_support::BindToLoopback(listener_);
  std::unique_ptr<Transport> transport_;
};

TEST_F(UdpTransport, DeliversMessagesOfEqualSizeEachInItsDatagram) {
  DeliversAsTheyAre(Sizes(transport_->LargestBatch(), 1400));
}

TEST_F(UdpTransport, DeliversMessagesOfAnySizesInTheirOrder) {
  DeliversAsTheyAre({100});
  DeliversAsTheyAre({100, 200, 200, 200, 50, 50, 50, 60, 10, 300, 300, 299});
  DeliversAsTheyAre({300, 200, 100, 200, 300});
}

// More than one datagram of the kernel's holds: 65507 octets.
TEST_F(UdpTransport, DeliversALargeBatchThatNoSingleCallCanTakeAsOne) {
  DeliversAsTheyAre({32768, 32768});
  DeliversAsTheyAre({21845, 21845, 21845});
}

TEST_F(UdpTransport, NamesTheMessageThatIsTooLargeAndKeepsTheRest) {
  MessageBatch batch = Batch({65510, 20});
  EXPECT_EQ(transport_->Send(batch), std::errc::message_size);
  EXPECT_EQ(batch.Front().size(), 65510U);
  EXPECT_EQ(batch.FlowRecords(), 2U);
}

TEST_F(UdpTransport, SendsWhatIsBeforeTheMessageThatIsTooLarge) {
  MessageBatch batch = Batch({20, 65510});
  EXPECT_EQ(transport_->Send(batch), std::errc::message_size);
  EXPECT_EQ(batch.FlowRecords(), 1U);
  EXPECT_THAT(Arrived(), ElementsAreArray({20}));
  EXPECT_FALSE(transport_->LateError());
}

TEST_F(UdpTransport, LearnsLateThatNobodyListens) {
  listener_.Reset();
  MessageBatch batch = Batch({100});
  EXPECT_FALSE(transport_->Send(batch));
  EXPECT_EQ(transport_->LateError(), std::errc::connection_refused);
  EXPECT_FALSE(transport_->LateError());
}

// The error of one stops the next before it goes; none is taken for the other.
TEST_F(UdpTransport, TriesEveryMessageAlthoughNobodyListens) {
  listener_.Reset();
  MessageBatch equal = Batch(Sizes(32, 1400));
  EXPECT_FALSE(transport_->Send(equal));
  EXPECT_EQ(transport_->LateError(), std::errc::connection_refused);
  MessageBatch growing = Batch({100, 200, 300, 400});
  EXPECT_FALSE(transport_->Send(growing));
  EXPECT_EQ(transport_->LateError(), std::errc::connection_refused);
}

TEST_F(UdpTransport, DeliversTheMessageThatBroughtAnOlderErrorToLight) {
  listener_.Reset();
  MessageBatch lost = Batch({100});
  EXPECT_FALSE(transport_->Send(lost));
  listener_ = Descriptor(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(test_support::BindToLoopback(listener_, port_), port_);

  MessageBatch batch = Batch({100, 200});
  EXPECT_FALSE(transport_->Send(batch));

  EXPECT_THAT(Arrived(), ElementsAreArray({100, 200}));
  EXPECT_EQ(transport_->LateError(), std::errc::connection_refused);
}

TEST_F(UdpTransport, PacedKeepsToItsRateBeyondTheFirstBurst) {
  Make({.messages_per_second = 1000});
  const std::size_t batch_size = transport_->LargestBatch();
  const auto start = std::chrono::steady_clock::now();
  std::size_t messages = 0;
  while (messages < 128) {
    MessageBatch batch = Batch(Sizes(batch_size, 20));
    EXPECT_FALSE(transport_->Send(batch));
    messages += batch_size;
    EXPECT_EQ(Arrived().size(), batch_size);
  }
  EXPECT_GE(std::chrono::steady_clock::now() - start,
            std::chrono::milliseconds{messages - 32});
}

// --- As fast as a collector on this machine reads.

class UdpTransportThatLooks : public UdpTransport {
 protected:
  UdpTransportThatLooks() {
    const Descriptor sender(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    EXPECT_TRUE(test_support::ConnectToLoopback(sender, port_));
    if (!ReceiverQueue(sender.Get()).Look()) {
      skip_ = true;  // such as a kernel without udp_diag
    }
  }
  void SetUp() override {
    if (skip_) {
      GTEST_SKIP() << "this kernel does not tell how full sockets are";
    }
  }

  void SendBatches(int count) {
    for (int i = 0; i < count; ++i) {
      MessageBatch batch = Batch(Sizes(transport_->LargestBatch(), 1400));
      EXPECT_FALSE(transport_->Send(batch));
    }
  }

 private:
  bool skip_ = false;
};

TEST_F(UdpTransportThatLooks, LosesNothingToASlowCollectorOnThisMachine) {
  constexpr int kBatches = 60;
  Make({.patience = std::chrono::seconds{10}});
  const std::size_t expected = kBatches * transport_->LargestBatch();
  std::size_t arrived = 0;
  std::thread collector([&] {
    std::vector<std::uint8_t> octets(2000);
    while (recv(listener_.Get(), octets.data(), octets.size(), 0) > 20) {
      ++arrived;
      if (arrived % 50 == 0) {
        std::this_thread::sleep_for(std::chrono::milliseconds{3});
      }
    }
  });

  SendBatches(kBatches);
  MessageBatch end = Batch({20});
  EXPECT_FALSE(transport_->Send(end));
  collector.join();

  EXPECT_EQ(arrived, expected);
}

TEST_F(UdpTransportThatLooks, WaitsOnceForACollectorThatDoesNotRead) {
  constexpr std::chrono::milliseconds kPatience{100};
  Make({.patience = kPatience});
  const auto start = std::chrono::steady_clock::now();

  SendBatches(100);

  const auto lasted = std::chrono::steady_clock::now() - start;
  EXPECT_GE(lasted, kPatience);
  EXPECT_LT(lasted, 20 * kPatience);
}

}  // namespace
}  // namespace exporter
