// SPDX-License-Identifier: Apache-2.0
// The short way through the usual headers, held against the general one.
#include <cstdint>
#include <cstring>
#include <random>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tracker/decoded.h"
#include "tests/tracker/usual_frames.h"
#include "tracker/decode_layers.h"

namespace tests {
namespace {

using tracker::DecodeResult;
using tracker::Packet;
namespace layers = tracker::layers;

// No field has a value that a decoder would give it.
Packet Rubbish() {
  Packet packet;
  std::memset(static_cast<void*>(&packet), 0xa5, sizeof(packet));
  return packet;
}

// Whether the short way was taken.
bool IsUsual(const tracker::Frame& frame) {
  Packet usual = Rubbish();
  Packet general = Rubbish();
  const DecodeResult result = layers::General(frame, general);
  if (!layers::Usual(frame, usual)) {
    return false;
  }
  EXPECT_EQ(result, DecodeResult::kOk);
  EXPECT_EQ(usual, general);
  return true;
}

TEST(DecodeUsual, TakesTheFramesThatMostTrafficConsistsOf) {
  for (const PacketBuilder& builder : UsualFrames()) {
    EXPECT_TRUE(IsUsual(builder.At(kTime).View()));
  }
}

TEST(DecodeUsual, KeepsNoFieldOfThePacketBefore) {
  for (const PacketBuilder& builder : UsualFrames()) {
    const CapturedFrame frame = builder.At(kTime);
    Packet packet = Rubbish();
    Decode(frame.View(), packet);
    EXPECT_EQ(packet, DecodeFrame(frame).packet);
  }
}

TEST(DecodeUsual, LeavesWhatIsRareToTheGeneralWay) {
  const auto ip = [] { return Eth().Ipv4(kClient, kServer); };
  const std::vector<PacketBuilder> rare = {
      Eth().Vlan(1).Vlan(2).Ipv4(kClient, kServer).Udp(1, 2),
      Eth().Ipv4(kClient, kServer).Options(4).Udp(1, 2),
      ip().Fragment(0, true).Udp(1, 2),
      ip().Fragment(64, false).Udp(1, 2),
      ip().TotalLength(0).Udp(1, 2),
      ip().Sctp(1, 2),
      ip().Tcp(1, 2).HeaderWords(4),
      Eth().Ipv6(kClient6, kServer6).Fragment(0, false).Udp(1, 2),
  };
  for (const PacketBuilder& builder : rare) {
    EXPECT_FALSE(IsUsual(builder.At(kTime).View()));
  }
}

TEST(DecodeUsual, AgreesWithTheGeneralWayWhereverAFrameIsCut) {
  for (const PacketBuilder& builder : UsualFrames()) {
    const CapturedFrame frame = builder.At(kTime);
    for (std::size_t length = 0; length < frame.octets.size(); ++length) {
      const Octets cut(
          frame.octets.begin(),
          frame.octets.begin() + static_cast<std::ptrdiff_t>(length));
      tracker::Frame view = frame.View();
      view.captured = cut;
      IsUsual(view);
    }
  }
}

TEST(DecodeUsual, AgreesWithTheGeneralWayWhateverTheHeadersSay) {
  std::mt19937 random(1);
  int taken = 0;
  for (int round = 0; round < 2000; ++round) {
    for (const PacketBuilder& builder : UsualFrames()) {
      CapturedFrame frame = builder.At(kTime);
      Damage(frame, random);
      taken += IsUsual(frame.View()) ? 1 : 0;
    }
  }
  EXPECT_GT(taken, 10000);
}

}  // namespace
}  // namespace tests
