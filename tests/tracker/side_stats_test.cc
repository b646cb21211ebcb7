// SPDX-License-Identifier: Apache-2.0
// The counters of one direction, which are fields of fewer bits than a word.
#include <chrono>
#include <cstdint>

#include <gtest/gtest.h>

#include "tracker/flow.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using tracker::FlowStats;
using tracker::kAck;
using tracker::kFin;
using tracker::kPsh;
using tracker::kSyn;
using tracker::Packet;
using tracker::SideStats;
using tracker::Timestamp;

constexpr Timestamp kTime{std::chrono::seconds{1767225600}};

Packet PacketAt(Timestamp time, std::uint32_t octets = 100) {
  Packet packet;
  packet.time = time;
  packet.octets = octets;
  packet.ttl = 64;
  return packet;
}
Packet WithFlags(int flags) {
  Packet packet = PacketAt(kTime);
  packet.tcp.flags = static_cast<std::uint8_t>(flags);
  return packet;
}

TEST(SideStats, CountBeyondThirtyTwoBits) {
  SideStats side;
  side.Count(PacketAt(kTime, 0xffffffff));
  side.packets = 0xffffffff;

  side.Count(PacketAt(kTime, 1));
  EXPECT_EQ(side.packets, 0x1'0000'0000U);
  EXPECT_EQ(side.octets, 0x1'0000'0000U);

  side.Count(PacketAt(kTime, 0xffffffff));
  EXPECT_EQ(side.packets, 0x1'0000'0001U);
  EXPECT_EQ(side.octets, 0x1'ffff'ffffU);
}

TEST(SideStats, CountToTheirLastBitWithoutTouchingOthers) {
  SideStats side;
  side.class_of_service = 0xff;
  side.octets = (std::uint64_t{1} << 56) - 2;
  side.packets = (std::uint64_t{1} << 46) - 2;
  side.seen = 1;

  Packet packet = PacketAt(kTime, 1);
  packet.ttl = 255;
  side.Count(packet);

  EXPECT_EQ(side.octets, (std::uint64_t{1} << 56) - 1);
  EXPECT_EQ(side.packets, (std::uint64_t{1} << 46) - 1);
  EXPECT_EQ(side.class_of_service, 0xffU);
  EXPECT_EQ(side.ttl_maximum, 255U);
  EXPECT_EQ(side.seen, 1U);
  EXPECT_EQ(side.began, 0U);
}

TEST(SideStats, OfBothSidesAddUpBeyondThirtyTwoBits) {
  FlowStats flow;
  for (SideStats& side : flow.sides) {
    side.packets = (std::uint64_t{1} << 46) - 1;
    side.octets = (std::uint64_t{1} << 56) - 1;
  }

  EXPECT_EQ(flow.Packets(), (std::uint64_t{1} << 47) - 2);
  EXPECT_EQ(flow.Octets(), (std::uint64_t{1} << 57) - 2);
}

TEST(SideStats, KeepMicrosecondsOfTheEarliestAndTheLatestPacket) {
  SideStats side;

  side.Count(PacketAt(kTime + 5s + 1999ns));
  side.Count(PacketAt(kTime + 7s + 999ns));
  side.Count(PacketAt(kTime + 2s + 1000ns));
  side.Count(PacketAt(kTime + 6s));

  EXPECT_EQ(side.FirstSeen(), kTime + 2s + 1us);
  EXPECT_EQ(side.LastSeen(), kTime + 7s);
}

TEST(SideStats, KnowTheLatestTimeThatThereIs) {
  SideStats side;

  side.Count(PacketAt(Timestamp::max()));

  const auto latest =
      std::chrono::floor<std::chrono::microseconds>(Timestamp::max());
  EXPECT_EQ(side.FirstSeen(), latest);
  EXPECT_EQ(side.LastSeen(), latest);
}

TEST(SideStats, TakeATimeBefore1970ForTheStartOfTheEpoch) {
  SideStats side;

  side.Count(PacketAt(Timestamp{-1s}));
  side.Count(PacketAt(kTime));

  EXPECT_EQ(side.FirstSeen(), Timestamp{});
  EXPECT_EQ(side.LastSeen(), kTime);
}

TEST(SideStats, AnswerOnlyTheFirstPacketOfTheFlow) {
  SideStats side;

  EXPECT_TRUE(side.Count(PacketAt(kTime)));
  EXPECT_FALSE(side.Count(PacketAt(kTime)));
  side.Restart();
  EXPECT_FALSE(side.Count(PacketAt(kTime)));
}

TEST(SideStats, HaveTheFlagsOfTheirInterval) {
  SideStats side;
  side.Count(WithFlags(kSyn));
  EXPECT_EQ(side.TcpFlags(), kSyn);
  EXPECT_EQ(side.later_tcp_flags, 0U);
  side.Count(WithFlags(kAck));
  side.Count(WithFlags(kAck | kPsh));
  EXPECT_EQ(side.TcpFlags(), kSyn | kAck | kPsh);
  EXPECT_EQ(side.later_tcp_flags, std::uint64_t{kAck | kPsh});

  side.Restart();
  EXPECT_EQ(side.TcpFlags(), 0);
  side.Count(WithFlags(kFin | kAck));

  EXPECT_EQ(side.TcpFlags(), kFin | kAck);
  EXPECT_EQ(side.initial_tcp_flags, std::uint64_t{kSyn});
}

TEST(SideStats, OfAnotherIntervalAreItsOwn) {
  SideStats side;
  Packet packet = PacketAt(kTime);
  packet.class_of_service = 1;
  side.Count(packet);
  side.Restart();
  EXPECT_EQ(side.packets, 0U);
  EXPECT_EQ(side.first_seen_us, 0U);

  packet = PacketAt(kTime + 60s, 40);
  packet.class_of_service = 2;
  packet.ttl = 100;
  side.Count(packet);

  EXPECT_EQ(side.packets, 1U);
  EXPECT_EQ(side.octets, 40U);
  EXPECT_EQ(side.class_of_service, 2U);
  EXPECT_EQ(side.ttl_minimum, 100U);
  EXPECT_EQ(side.ttl_maximum, 100U);
  EXPECT_EQ(side.FirstSeen(), kTime + 60s);
  EXPECT_EQ(side.LastSeen(), kTime + 60s);
}

TEST(SideStats, HaveAsRangeOfTtlWhatCame) {
  SideStats side;
  for (const int ttl : {64, 0, 255, 63}) {
    Packet packet = PacketAt(kTime);
    packet.ttl = static_cast<std::uint8_t>(ttl);
    side.Count(packet);
  }

  EXPECT_EQ(side.ttl_minimum, 0U);
  EXPECT_EQ(side.ttl_maximum, 255U);
}

}  // namespace
}  // namespace tests
