// SPDX-License-Identifier: Apache-2.0
// What a frame decodes to, for the tests of decode.h.
#pragma once

#include <chrono>

#include <gtest/gtest.h>

#include "tests/support/packet_builder.h"
#include "tracker/decode.h"

namespace tests {

inline constexpr const char* kClient = "192.0.2.1";
inline constexpr const char* kServer = "198.51.100.1";
inline constexpr const char* kClient6 = "2001:db8::1";
inline constexpr const char* kServer6 = "2001:db8::2";
inline constexpr tracker::Timestamp kTime{std::chrono::seconds{1767225600}};

struct Decoded {
  tracker::DecodeResult result = tracker::DecodeResult::kOk;
  tracker::Packet packet;
};

inline Decoded DecodeFrame(const CapturedFrame& frame) {
  Decoded decoded;
  decoded.result = Decode(frame.View(), decoded.packet);
  return decoded;
}

inline Decoded DecodeFrame(const PacketBuilder& packet) {
  return DecodeFrame(packet.At(kTime));
}

// Decodes to a UDP packet with ports 1 and 2, whatever is in front.
inline void ExpectUdp(const PacketBuilder& packet, int ip_version) {
  const Decoded decoded = DecodeFrame(packet);
  EXPECT_EQ(decoded.result, tracker::DecodeResult::kOk);
  EXPECT_EQ(decoded.packet.ip_version, ip_version);
  EXPECT_EQ(decoded.packet.protocol, tracker::kUdp);
  EXPECT_EQ(decoded.packet.source_port, 1);
  EXPECT_EQ(decoded.packet.destination_port, 2);
}

inline PacketBuilder Udp4(PacketBuilder link) {
  return link.Ipv4(kClient, kServer).Udp(1, 2).Payload(10);
}
inline PacketBuilder Udp6(PacketBuilder link) {
  return link.Ipv6(kClient6, kServer6).Udp(1, 2).Payload(10);
}
inline PacketBuilder Raw(tracker::LinkType link) { return PacketBuilder(link); }

}  // namespace tests
