// SPDX-License-Identifier: Apache-2.0
// What a receiver on loopback sees of source, TTL and interface.
#include "exporter/socket.h"

#include <array>
#include <cstdint>
#include <cstring>
#include <memory>
#include <string>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

#include "exporter/descriptor.h"
#include "exporter/setup_error.h"
#include "exporter/transport.h"
#include "tests/support/loopback.h"

namespace exporter {
namespace {

constexpr std::array<std::uint8_t, 16> kMessage{};

std::string Text(const sockaddr_in& address) {
  std::array<char, INET_ADDRSTRLEN> text{};
  inet_ntop(AF_INET, &address.sin_addr, text.data(), text.size());
  return text.data();
}

class Sockets : public testing::Test {
 protected:
  // `parameters` as in a URL.
  static CollectorUrl Url(const std::string& scheme, const Descriptor& listener,
                          const std::string& parameters) {
    const std::uint16_t port = test_support::BindToLoopback(listener);
    EXPECT_NE(port, 0);
    return ParseCollectorUrl(
        scheme + "://127.0.0.1:" + std::to_string(port) + '?' + parameters, {});
  }

  // Sends a message and reads with it where it came from and its TTL.
  void SendByUdp(const std::string& parameters) {
    const Descriptor listener(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    const int on = 1;
    setsockopt(listener.Get(), IPPROTO_IP, IP_RECVTTL, &on, sizeof(on));
    const auto transport =
        MakeUdpTransport(Url("udp", listener, parameters), {});
    ASSERT_FALSE(transport->Open());
    MessageBatch batch(1);
    batch.Add({.octets = kMessage, .flow_records = 1});
    ASSERT_FALSE(transport->Send(batch));

    sockaddr_in from{};
    std::array<char, CMSG_SPACE(sizeof(int))> control{};
    std::array<std::uint8_t, 64> octets{};
    iovec part{octets.data(), octets.size()};
    msghdr header{};
    header.msg_name = &from;
    header.msg_namelen = sizeof(from);
    header.msg_iov = &part;
    header.msg_iovlen = 1;
    header.msg_control = control.data();
    header.msg_controllen = control.size();
    ASSERT_EQ(recvmsg(listener.Get(), &header, MSG_DONTWAIT),
              static_cast<ssize_t>(kMessage.size()));
    ASSERT_NE(CMSG_FIRSTHDR(&header), nullptr);
    std::memcpy(&ttl_, CMSG_DATA(CMSG_FIRSTHDR(&header)), sizeof(ttl_));
    source_ = Text(from);
  }

  // What is said about a URL that this host cannot serve.
  static std::string Refusal(const std::string& parameters) {
    const Descriptor listener(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
    try {
      MakeUdpTransport(Url("udp", listener, parameters), {});
    } catch (const SetupError& error) {
      return error.what();
    }
    return "";
  }

  std::string source_;
  int ttl_ = 0;
};

TEST_F(Sockets, SendByUdpFromTheSourceThatIsGiven) {
  SendByUdp("source=127.0.0.2");
  EXPECT_EQ(source_, "127.0.0.2");
}

TEST_F(Sockets, SendByUdpWithTheTtlThatIsGiven) {
  SendByUdp("ttl=7");
  EXPECT_EQ(ttl_, 7);
  EXPECT_EQ(source_, "127.0.0.1");
}

TEST_F(Sockets, SendByUdpThroughTheInterfaceThatIsGiven) {
  SendByUdp("interface=lo&source=127.0.0.3&ttl=255");
  EXPECT_EQ(source_, "127.0.0.3");
  EXPECT_EQ(ttl_, 255);
}

TEST_F(Sockets, HaveTheirSourceOverTcp) {
  const Descriptor listener(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const CollectorUrl url =
      Url("tcp", listener, "source=127.0.0.4&interface=lo");
  ASSERT_EQ(listen(listener.Get(), 1), 0);
  const auto transport = MakeTcpTransport(url);
  ASSERT_FALSE(transport->Open());

  sockaddr_in from{};
  socklen_t length = sizeof(from);
  const Descriptor peer(
      accept(listener.Get(), reinterpret_cast<sockaddr*>(&from), &length));
  EXPECT_TRUE(peer.Valid());
  EXPECT_EQ(Text(from), "127.0.0.4");
}

TEST_F(Sockets, OverIpv6HaveTheHopLimitThatIsGiven) {
  CollectorUrl url;
  url.ttl = 5;
  const Descriptor made(socket(AF_INET6, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ASSERT_EQ(Prepare(made.Get(), AF_INET6, url), 0);
  int hops = 0;
  socklen_t length = sizeof(hops);
  getsockopt(made.Get(), IPPROTO_IPV6, IPV6_UNICAST_HOPS, &hops, &length);
  EXPECT_EQ(hops, 5);
}

TEST_F(Sockets, NameTheSourceThatThisHostDoesNotHave) {
  const std::string refusal = Refusal("source=192.0.2.99");
  EXPECT_NE(refusal.find("source: cannot send from '192.0.2.99': Cannot assign "
                         "requested address; give an address that `ip "
                         "address` lists"),
            std::string::npos)
      << refusal;
}

TEST_F(Sockets, NameTheSourceThatIsNoAddress) {
  EXPECT_NE(Refusal("source=eth0").find("source: 'eth0' is not an address"),
            std::string::npos);
}

TEST_F(Sockets, NameTheSourceOfTheOtherIpVersion) {
  EXPECT_NE(
      Refusal("source=::1").find("to an address of the kind of source '::1'"),
      std::string::npos);
}

TEST_F(Sockets, NameTheInterfaceThatIsNotThere) {
  EXPECT_NE(Refusal("interface=nosuch0")
                .find("interface: cannot send by 'nosuch0': No such device"),
            std::string::npos);
}

}  // namespace
}  // namespace exporter
