// SPDX-License-Identifier: Apache-2.0
#include <cstdint>

#include <gtest/gtest.h>

#include "tests/tracker/decoded.h"

namespace tests {
namespace {

using tracker::DecodeResult;
using tracker::IpAddress;
using tracker::Packet;

// --- IPv4.

TEST(DecodeIpv4, FieldsOfTheHeader) {
  const Packet packet = DecodeFrame(Eth()
                                        .Ipv4(kClient, kServer)
                                        .Ttl(63)
                                        .ClassOfService(0xb8)
                                        .Udp(1, 2)
                                        .Payload(10))
                            .packet;

  EXPECT_EQ(packet.source, IpAddress::V4(192, 0, 2, 1));
  EXPECT_EQ(packet.destination, IpAddress::V4(198, 51, 100, 1));
  EXPECT_EQ(packet.octets, 38U);
  EXPECT_EQ(packet.ttl, 63);
  EXPECT_EQ(packet.class_of_service, 0xb8);
  EXPECT_FALSE(packet.fragment);
  EXPECT_EQ(packet.time, kTime);
  EXPECT_EQ(packet.interface, 1U);
}

TEST(DecodeIpv4, OptionsAreSkipped) {
  ExpectUdp(Eth().Ipv4(kClient, kServer).Options(40).Udp(1, 2), 4);
}

TEST(DecodeIpv4, FirstFragmentHasPorts) {
  const Packet packet =
      DecodeFrame(
          Eth().Ipv4(kClient, kServer).Fragment(0, true).Udp(1, 2).Payload(8))
          .packet;

  EXPECT_TRUE(packet.fragment);
  EXPECT_FALSE(packet.later_fragment);
  EXPECT_EQ(packet.destination_port, 2);
}

TEST(DecodeIpv4, LaterFragmentHasNone) {
  const Packet packet = DecodeFrame(Eth()
                                        .Ipv4(kClient, kServer)
                                        .Fragment(1480, false)
                                        .Udp(1, 2)
                                        .Payload(8))
                            .packet;

  EXPECT_TRUE(packet.later_fragment);
  EXPECT_EQ(packet.destination_port, 0);
  EXPECT_EQ(packet.protocol, tracker::kUdp);
  EXPECT_EQ(packet.payload_captured, 0U);
}

TEST(DecodeIpv4, HeaderLengthBelowTwentyIsABadHeader) {
  EXPECT_EQ(
      DecodeFrame(Eth().Ipv4(kClient, kServer).HeaderWords(4).Udp(1, 2)).result,
      DecodeResult::kBadHeader);
}

TEST(DecodeIpv4, TotalLengthBelowTheHeaderIsABadHeader) {
  EXPECT_EQ(DecodeFrame(Eth().Ipv4(kClient, kServer).TotalLength(19).Udp(1, 2))
                .result,
            DecodeResult::kBadHeader);
}

TEST(DecodeIpv4, BadHeaderIsNoIpPacket) {
  EXPECT_EQ(DecodeFrame(Eth().Ipv4(kClient, kServer).HeaderWords(4).Udp(1, 2))
                .packet.ip_version,
            0);
}

TEST(DecodeIpv4, OptionsThatAreCutOffAreTruncated) {
  EXPECT_EQ(
      DecodeFrame(
          Eth().Ipv4(kClient, kServer).Options(8).Udp(1, 2).TruncateTo(14 + 24))
          .result,
      DecodeResult::kTruncated);
}

TEST(DecodeIpv4, AuthenticationHeaderIsSkipped) {
  ExpectUdp(Eth().Ipv4(kClient, kServer).Authentication().Udp(1, 2), 4);
}

TEST(DecodeIpv4, IpInIpIsAPacketOfItsOwnProtocol) {
  const Packet packet =
      DecodeFrame(
          Eth().Ipv4(kClient, kServer).Ipv6(kClient6, kServer6).Udp(1, 2))
          .packet;

  EXPECT_EQ(packet.ip_version, 4);
  EXPECT_EQ(packet.protocol, 41);
  EXPECT_EQ(packet.source_port, 0);
}

// --- IPv6.

TEST(DecodeIpv6, FieldsOfTheHeader) {
  const Packet packet = DecodeFrame(Eth()
                                        .Ipv6(kClient6, kServer6)
                                        .Ttl(63)
                                        .ClassOfService(0xb8)
                                        .Udp(1, 2)
                                        .Payload(10))
                            .packet;

  EXPECT_EQ(packet.source.octets[0], 0x20);
  EXPECT_EQ(packet.source.octets[15], 1);
  EXPECT_EQ(packet.destination.octets[15], 2);
  EXPECT_EQ(packet.octets, 58U);
  EXPECT_EQ(packet.ttl, 63);
  EXPECT_EQ(packet.class_of_service, 0xb8);
}

class DecodeExtension : public testing::TestWithParam<Extension> {};

TEST_P(DecodeExtension, IsSkipped) {
  ExpectUdp(
      Eth().Ipv6(kClient6, kServer6).ExtensionHeader(GetParam()).Udp(1, 2), 6);
}

TEST_P(DecodeExtension, OfManyOctetsIsSkipped) {
  ExpectUdp(
      Eth().Ipv6(kClient6, kServer6).ExtensionHeader(GetParam(), 264).Udp(1, 2),
      6);
}

TEST_P(DecodeExtension, InIpv4IsTheTransportProtocol) {
  const Packet packet =
      DecodeFrame(
          Eth().Ipv4(kClient, kServer).ExtensionHeader(GetParam()).Udp(1, 2))
          .packet;

  EXPECT_EQ(packet.protocol, static_cast<std::uint8_t>(GetParam()));
  EXPECT_EQ(packet.source_port, 0);
}

TEST_P(DecodeExtension, ThatIsCutOffLeavesAPacketWithoutPorts) {
  const Decoded decoded = DecodeFrame(Eth()
                                          .Ipv6(kClient6, kServer6)
                                          .ExtensionHeader(GetParam(), 16)
                                          .Udp(1, 2)
                                          .TruncateTo(14 + 40 + 12));

  EXPECT_EQ(decoded.result, DecodeResult::kOk);
  EXPECT_EQ(decoded.packet.protocol, static_cast<std::uint8_t>(GetParam()));
  EXPECT_EQ(decoded.packet.source_port, 0);
}

INSTANTIATE_TEST_SUITE_P(Ipv6, DecodeExtension,
                         testing::Values(Extension::kHopByHop,
                                         Extension::kRouting,
                                         Extension::kDestination,
                                         Extension::kMobility, Extension::kHip,
                                         Extension::kShim6));

TEST(DecodeIpv6, ExtensionHeadersMayBeChained) {
  ExpectUdp(Eth()
                .Ipv6(kClient6, kServer6)
                .ExtensionHeader(Extension::kHopByHop)
                .ExtensionHeader(Extension::kRouting, 24)
                .Authentication()
                .ExtensionHeader(Extension::kDestination, 16)
                .Udp(1, 2),
            6);
}

TEST(DecodeIpv6, TooManyExtensionHeadersAreRefused) {
  PacketBuilder packet = Eth().Ipv6(kClient6, kServer6);
  for (int layer = 0; layer < tracker::kMaxLayers + 1; ++layer) {
    packet.ExtensionHeader(Extension::kDestination);
  }

  EXPECT_EQ(DecodeFrame(packet.Udp(1, 2)).result, DecodeResult::kTooManyLayers);
}

TEST(DecodeIpv6, FirstFragmentHasPorts) {
  const Packet packet =
      DecodeFrame(Eth().Ipv6(kClient6, kServer6).Fragment(0, true).Udp(1, 2))
          .packet;

  EXPECT_TRUE(packet.fragment);
  EXPECT_FALSE(packet.later_fragment);
  EXPECT_EQ(packet.destination_port, 2);
}

TEST(DecodeIpv6, LaterFragmentHasNone) {
  const Packet packet =
      DecodeFrame(
          Eth().Ipv6(kClient6, kServer6).Fragment(1480, false).Udp(1, 2))
          .packet;

  EXPECT_TRUE(packet.later_fragment);
  EXPECT_EQ(packet.destination_port, 0);
  EXPECT_EQ(packet.protocol, tracker::kUdp);
}

TEST(DecodeIpv6, NoNextHeaderIsAPacketWithoutPorts) {
  const Packet packet =
      DecodeFrame(Eth().Ipv6(kClient6, kServer6).Protocol(59)).packet;

  EXPECT_EQ(packet.protocol, 59);
  EXPECT_EQ(packet.octets, 40U);
}

TEST(DecodeIpv6, PayloadLengthZeroBeyondSixtyFourKilobytesCountsTheWire) {
  CapturedFrame frame =
      Eth().Ipv6(kClient6, kServer6).TotalLength(0).Tcp(1, 2).At(kTime);
  frame.wire_length = 100'014;

  EXPECT_EQ(DecodeFrame(frame).packet.octets, 100'000U);
}

}  // namespace
}  // namespace tests
