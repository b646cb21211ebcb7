// SPDX-License-Identifier: Apache-2.0
#include "exporter/traffic_watch.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"

namespace exporter {
namespace {

using std::chrono::seconds;
using tests::CapturedFrame;
using tests::Eth;
using tracker::IpAddress;
using tracker::Timestamp;

constexpr Timestamp kStart{seconds{1'700'000'000}};

CapturedFrame At(Timestamp time, CapturedFrame frame) {
  frame.time = time;
  return frame;
}

// Of 128 octets of IP.
CapturedFrame Packet(const std::string& source, const std::string& destination,
                     std::uint16_t source_port = 40000,
                     std::uint16_t destination_port = 443) {
  return Eth()
      .Ipv4(source, destination)
      .Udp(source_port, destination_port)
      .Payload(std::size_t{100})
      .At(kStart);
}

void Watch(TrafficWatch& watch, const CapturedFrame& frame) {
  const tracker::Frame view = frame.View();
  watch.Watch({&view, 1});
}

TEST(TrafficWatch, CountsWhatWasOnTheWire) {
  TrafficWatch watch(false);
  CapturedFrame cut = At(kStart, Packet("10.0.0.1", "10.0.0.2"));
  cut.wire_length = 1500;

  Watch(watch, cut);
  Watch(watch, cut);

  EXPECT_EQ(watch.Report().octets_seen, 3000U);
}

TEST(TrafficWatch, BothDirectionsAreOneConversationAndCountForBothHosts) {
  TrafficWatch watch(false);

  Watch(watch, At(kStart, Packet("10.0.0.2", "10.0.0.1", 40000, 443)));
  Watch(watch, At(kStart, Packet("10.0.0.1", "10.0.0.2", 443, 40000)));
  Watch(watch, At(kStart, Packet("10.0.0.2", "10.0.0.1", 40001, 443)));

  const TrafficReport report = watch.Report();
  ASSERT_EQ(report.conversations.size(), 1U);
  EXPECT_EQ(report.conversations[0].key.low, IpAddress::V4(10, 0, 0, 1));
  EXPECT_EQ(report.conversations[0].key.high, IpAddress::V4(10, 0, 0, 2));
  EXPECT_EQ(report.conversations[0].key.port, 443);
  EXPECT_EQ(report.conversations[0].octets, 3 * 128U);
  ASSERT_EQ(report.hosts.size(), 2U);
  EXPECT_EQ(report.hosts[0].octets, 3 * 128U);
  EXPECT_EQ(report.hosts[1].octets, 3 * 128U);
}

TEST(TrafficWatch, ForgetsWhatIsOlderThanAMinute) {
  TrafficWatch watch(false);
  Watch(watch, At(kStart, Packet("10.0.0.1", "10.0.0.2")));
  Watch(watch, At(kStart + seconds{30}, Packet("10.0.0.1", "10.0.0.2")));

  watch.Advance(kStart + seconds{54});
  EXPECT_EQ(watch.Report().conversations.at(0).octets, 2 * 128U);

  watch.Advance(kStart + seconds{60});
  EXPECT_EQ(watch.Report().conversations.at(0).octets, 128U);

  watch.Advance(kStart + seconds{91});
  EXPECT_TRUE(watch.Report().conversations.empty());
  EXPECT_TRUE(watch.Report().hosts.empty());
}

TEST(TrafficWatch, ACaptureThatBeginsAgainFarBackIsSeen) {
  TrafficWatch watch(false);
  Watch(watch, At(kStart, Packet("10.0.0.1", "10.0.0.2")));

  const Timestamp before = kStart - std::chrono::hours{1};
  Watch(watch, At(before, Packet("10.0.0.3", "10.0.0.4")));
  watch.Advance(before + seconds{5});

  ASSERT_EQ(watch.Report().conversations.size(), 1U);
  EXPECT_EQ(watch.Report().conversations[0].key.low,
            IpAddress::V4(10, 0, 0, 3));
}

TEST(TrafficWatch, FindsTheLargestAmongFarMoreThanItRemembers) {
  constexpr int kRounds = 4000;
  TrafficWatch watch(false);
  for (int i = 0; i < kRounds; ++i) {
    // Slow enough that each packet is looked at.
    const Timestamp time = kStart + std::chrono::milliseconds{i};
    const std::string mouse =
        "10." + std::to_string(i / 250) + '.' + std::to_string(i % 250) + ".1";
    Watch(watch, At(time, Packet(mouse, "192.0.2.1", 40000, 53)));
    if (i % 20 == 0) {
      Watch(watch, At(time, Packet("192.0.2.7", "192.0.2.8", 40000, 80)));
    }
  }

  const TrafficReport report = watch.Report();
  ASSERT_FALSE(report.conversations.empty());
  EXPECT_EQ(report.interval, 1U);
  EXPECT_EQ(report.conversations[0].key.port, 80);
  EXPECT_EQ(report.conversations[0].octets, kRounds / 20 * 128U);
  ASSERT_FALSE(report.hosts.empty());
  EXPECT_EQ(report.hosts[0].key.address, IpAddress::V4(192, 0, 2, 1));
  EXPECT_EQ(report.hosts[0].octets, kRounds * 128U);
  EXPECT_LE(report.conversations.size(), TrafficWatch::kReported);
}

TEST(TrafficWatch, LooksAtAShareOfManyPacketsAndScalesIt) {
  constexpr std::uint64_t kPackets = 400'000;  // in two seconds
  TrafficWatch watch(false);
  // In a rhythm that every second, third or fourth packet would fall into.
  const CapturedFrame one = Packet("10.0.0.1", "10.0.0.2");
  const CapturedFrame other = Packet("10.0.0.3", "10.0.0.4");
  for (std::uint64_t i = 0; i < kPackets; ++i) {
    tracker::Frame view = i % 4 == 0 ? one.View() : other.View();
    view.time = kStart + std::chrono::microseconds{5 * i};
    watch.Watch({&view, 1});
  }

  const TrafficReport report = watch.Report();
  ASSERT_EQ(report.conversations.size(), 2U);
  EXPECT_GT(report.interval, 4U);
  // The generator has a fixed seed: no luck in it.
  EXPECT_NEAR(static_cast<double>(report.conversations[0].octets),
              0.75 * kPackets * 128, 0.05 * kPackets * 128);
  EXPECT_NEAR(static_cast<double>(report.conversations[1].octets),
              0.25 * kPackets * 128, 0.05 * kPackets * 128);
}

TEST(TrafficWatch, LooksIntoTunnelsWhenAsked) {
  const CapturedFrame frame = Eth()
                                  .Ipv4("10.0.0.1", "10.0.0.2")
                                  .Ipv6("2001:db8::1", "2001:db8::2")
                                  .Tcp(40000, 443)
                                  .At(kStart);
  TrafficWatch outer(false);
  TrafficWatch inner(true);

  Watch(outer, frame);
  Watch(inner, frame);

  EXPECT_EQ(outer.Report().conversations.at(0).key.ip_version, 4);
  EXPECT_EQ(inner.Report().conversations.at(0).key.ip_version, 6);
}

TEST(TrafficWatch, ThreadsAreAddedUp) {
  TrafficReport one;
  one.octets_seen = 10;
  one.hosts = {{{IpAddress::V4(10, 0, 0, 1), 4}, 5},
               {{IpAddress::V4(10, 0, 0, 2), 4}, 4}};
  TrafficReport other;
  other.octets_seen = 7;
  other.interval = 3;
  other.hosts = {{{IpAddress::V4(10, 0, 0, 2), 4}, 4},
                 {{IpAddress::V4(10, 0, 0, 3), 4}, 1}};

  const TrafficReport all = Together({one, other}, 2);

  EXPECT_EQ(all.octets_seen, 17U);
  EXPECT_EQ(all.interval, 3U);
  ASSERT_EQ(all.hosts.size(), 2U);
  EXPECT_EQ(all.hosts[0].key.address, IpAddress::V4(10, 0, 0, 2));
  EXPECT_EQ(all.hosts[0].octets, 8U);
  EXPECT_EQ(all.hosts[1].octets, 5U);
}

}  // namespace
}  // namespace exporter
