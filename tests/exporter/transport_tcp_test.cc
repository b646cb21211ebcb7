// SPDX-License-Identifier: Apache-2.0
// The TCP transport against a peer in this process, on loopback.
#include <array>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <thread>

#include <gmock/gmock.h>
#include <sys/socket.h>

#include "exporter/descriptor.h"
#include "exporter/transport.h"
#include "tests/support/loopback.h"

namespace exporter {
namespace {

using testing::AnyOf;

constexpr std::array<std::uint8_t, 16> kMessage{};

class TcpTransport : public testing::Test {
 protected:
  TcpTransport() {
    const std::uint16_t port = test_support::BindToLoopback(listener_);
    EXPECT_NE(port, 0);
    EXPECT_EQ(listen(listener_.Get(), 1), 0);
    CollectorUrl url;
    url.scheme = Scheme::kTcp;
    url.host = "127.0.0.1";
    url.port = std::to_string(port);
    transport_ = MakeTcpTransport(url);
  }

  void Connect() {
    ASSERT_FALSE(transport_->Open());
    peer_ = Descriptor(accept(listener_.Get(), nullptr, nullptr));
    ASSERT_TRUE(peer_.Valid());
  }

  std::error_code Send() {
    MessageBatch batch(1);
    batch.Add({.octets = kMessage, .flow_records = 1});
    return transport_->Send(batch);
  }

  // Until the news has arrived, which on loopback takes no time.
  void WaitForLoss() {
    for (int i = 0; i < 1000 && transport_->IsOpen(); ++i) {
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    ASSERT_FALSE(transport_->IsOpen());
  }

  Descriptor listener_{socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)};
  Descriptor peer_;
  std::unique_ptr<Transport> transport_;
};

TEST_F(TcpTransport, IsNotConnectedBeforeItIsOpened) {
  EXPECT_FALSE(transport_->IsOpen());
  EXPECT_EQ(Send(), std::errc::not_connected);
}

TEST_F(TcpTransport, DeliversWhatIsSent) {
  Connect();
  ASSERT_FALSE(Send());
  std::array<std::uint8_t, 32> got{};
  EXPECT_EQ(recv(peer_.Get(), got.data(), got.size(), 0),
            static_cast<ssize_t>(kMessage.size()));
  EXPECT_FALSE(transport_->Close());
}

TEST_F(TcpTransport, NamesAPeerThatClosed) {
  Connect();
  peer_.Reset();
  WaitForLoss();
  EXPECT_EQ(Send(), std::errc::connection_reset);
  EXPECT_EQ(Send(), std::errc::connection_reset);
}

// Nobody asked IsOpen() between the loss and the message.
TEST_F(TcpTransport, NamesAPeerThatClosedWithDataUnread) {
  Connect();
  ASSERT_FALSE(Send());
  peer_.Reset();
  std::error_code error;
  for (int i = 0; i < 1000 && !error; ++i) {
    error = Send();
    std::this_thread::sleep_for(std::chrono::milliseconds{1});
  }
  EXPECT_THAT(error,
              AnyOf(std::errc::connection_reset, std::errc::broken_pipe));
  EXPECT_FALSE(transport_->IsOpen());
}

TEST_F(TcpTransport, NamesAPeerThatRefuses) {
  listener_.Reset();
  EXPECT_EQ(transport_->Open(), std::errc::connection_refused);
  EXPECT_EQ(Send(), std::errc::connection_refused);
}

TEST_F(TcpTransport, OpensAgainAfterALoss) {
  Connect();
  peer_.Reset();
  WaitForLoss();
  Connect();
  EXPECT_TRUE(transport_->IsOpen());
  EXPECT_FALSE(Send());
}

}  // namespace
}  // namespace exporter
