// SPDX-License-Identifier: Apache-2.0
// What is taken from a frame at a glance, held against the whole decoder.
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tracker/decoded.h"
#include "tests/tracker/usual_frames.h"
#include "tracker/extractor.h"

namespace tests {
namespace {

using tracker::DecodeResult;
using tracker::Extracted;
using tracker::FiveTuple;
using tracker::FlowKey;
using tracker::Glance;

// Whether a glance was enough.
bool IsTaken(const tracker::Frame& frame, tracker::FiveTupleOptions options) {
  FiveTuple extractor(options);
  Extracted<FlowKey> whole;
  Glance glance;
  std::memset(static_cast<void*>(&glance), 0xa5, sizeof(glance));
  if (!extractor.TakeGlance(frame, glance)) {
    return false;
  }
  EXPECT_EQ(extractor.Extract(frame, whole), DecodeResult::kOk);
  EXPECT_FALSE(whole.unsettled);
  FlowKey key;
  glance.CopyKeyTo(key);
  EXPECT_EQ(key, whole.key);
  EXPECT_EQ(glance.orientation, whole.orientation);
  EXPECT_EQ(glance.ttl, whole.packet.ttl);
  EXPECT_EQ(glance.octets, whole.packet.octets);
  EXPECT_EQ(glance.tcp.flags, whole.packet.tcp.flags);
  if (glance.protocol == tracker::kTcp) {
    EXPECT_EQ(glance.tcp, whole.packet.tcp);
  }
  const tracker::GlanceRest rest = tracker::RestOf(frame);
  EXPECT_EQ(rest.class_of_service, whole.packet.class_of_service);
  EXPECT_EQ(rest.vlan_id, whole.packet.vlan_id);
  return true;
}

bool IsTaken(const PacketBuilder& frame) {
  return IsTaken(frame.At(kTime).View(), {}) &&
         IsTaken(frame.At(kTime).View(), {.vlan_in_key = true});
}

std::vector<PacketBuilder> FramesInBothDirections() {
  std::vector<PacketBuilder> frames;
  for (const PacketBuilder& link : {Eth(), Eth().Vlan(7)}) {
    const auto ip4 = [&](const char* from, const char* to) {
      return PacketBuilder(link).Ipv4(from, to);
    };
    const auto ip6 = [&](const char* from, const char* to) {
      return PacketBuilder(link).Ipv6(from, to);
    };
    for (const bool turned : {false, true}) {
      const char* from = turned ? kServer : kClient;
      const char* to = turned ? kClient : kServer;
      const char* from6 = turned ? kServer6 : kClient6;
      const char* to6 = turned ? kClient6 : kServer6;
      frames.push_back(ip4(from, to)
                           .ClassOfService(0xb8)
                           .Tcp(40000, 443)
                           .Flags(16)
                           .Payload(9));
      frames.push_back(ip6(from6, to6)
                           .ClassOfService(0x5c)
                           .Tcp(40000, 443)
                           .Flags(24)
                           .Options(12));
      frames.push_back(ip4(from, from).Udp(turned ? 5 : 6, turned ? 6 : 5));
      frames.push_back(ip6(to6, to6).Udp(turned ? 5 : 6, 6).Payload(30));
    }
  }
  return frames;
}

TEST(Glance, TakesWhatMostPacketsAre) {
  for (const PacketBuilder& frame : FramesInBothDirections()) {
    EXPECT_TRUE(IsTaken(PacketBuilder(frame).PadTo(64)));
  }
}

TEST(Glance, TakesTcpWhateverItsFlags) {
  for (int flags = 0; flags < 256; ++flags) {
    EXPECT_TRUE(IsTaken(Eth().Ipv4(kClient, kServer).Tcp(1, 2).Flags(flags)))
        << "flags " << flags;
  }
}

TEST(Glance, LeavesWhatTakesALongerLook) {
  const std::vector<PacketBuilder> rare = {
      Eth().Vlan(1).Vlan(2).Ipv4(kClient, kServer).Udp(1, 2),
      Eth().Ipv4(kClient, kServer).Options(4).Udp(1, 2),
      Eth().Ipv4(kClient, kServer).Fragment(0, true).Udp(1, 2).Payload(40),
      Eth().Ipv4(kClient, kServer).Fragment(64, false).Udp(1, 2),
      Eth().Ipv4(kClient, kServer).TotalLength(0).Udp(1, 2).Payload(40),
      Eth().Ipv4(kClient, kServer).Sctp(1, 2).Payload(40),
      Eth().Ipv4(kClient, kServer).Icmp(8, 0).Payload(40),
      Eth().Ipv4(kClient, kServer).Tcp(1, 2).Flags(16).HeaderWords(4),
      Eth().Ipv6(kClient6, kServer6).Fragment(0, false).Udp(1, 2),
  };
  for (const PacketBuilder& frame : rare) {
    EXPECT_FALSE(IsTaken(frame));
  }
}

TEST(Glance, IsNotForWhereThePacketIsInsideOrMayBeACopy) {
  EXPECT_TRUE(FiveTuple().MayGlance());
  EXPECT_FALSE(FiveTuple({.innermost = true}).MayGlance());
  EXPECT_FALSE(FiveTuple({.drop_duplicates = true}).MayGlance());
}

TEST(Glance, AgreesWithTheDecoderWhereverAFrameIsCut) {
  for (const PacketBuilder& builder : FramesInBothDirections()) {
    const CapturedFrame frame = builder.At(kTime);
    for (std::size_t length = 0; length < frame.octets.size(); ++length) {
      // A copy of that size, so that a sanitizer sees who reads beyond it.
      const Octets cut(
          frame.octets.begin(),
          frame.octets.begin() + static_cast<std::ptrdiff_t>(length));
      tracker::Frame view = frame.View();
      view.captured = cut;
      IsTaken(view, {});
    }
  }
}

TEST(Glance, AgreesWithTheDecoderWhateverTheHeadersSay) {
  std::mt19937 random(1);
  int taken = 0;
  std::vector<PacketBuilder> builders = FramesInBothDirections();
  const std::vector<PacketBuilder> usual = UsualFrames();
  builders.insert(builders.end(), usual.begin(), usual.end());
  for (int round = 0; round < 1000; ++round) {
    for (const PacketBuilder& builder : builders) {
      CapturedFrame frame = builder.At(kTime);
      Damage(frame, random);
      taken += IsTaken(frame.View(), {.vlan_in_key = true}) ? 1 : 0;
    }
  }
  EXPECT_GT(taken, 10000);
}

}  // namespace
}  // namespace tests
