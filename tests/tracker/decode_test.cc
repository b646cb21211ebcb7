// SPDX-License-Identifier: Apache-2.0
#include "tracker/decode.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tracker/decoded.h"

namespace tests {
namespace {

using tracker::DecodeResult;
using tracker::kAck;
using tracker::kPsh;
using tracker::kSyn;
using tracker::LinkType;
using tracker::Packet;

// --- Transport.

TEST(DecodeTransport, TcpFields) {
  const tracker::TcpSegment tcp = DecodeFrame(Eth()
                                                  .Ipv4(kClient, kServer)
                                                  .Tcp(40000, 443)
                                                  .Options(12)
                                                  .Flags(kPsh | kAck)
                                                  .Seq(0x01020304)
                                                  .Ack(0xf0000000)
                                                  .Window(512)
                                                  .Payload(100))
                                      .packet.tcp;

  EXPECT_TRUE(tcp.complete);
  EXPECT_EQ(tcp.flags, kPsh | kAck);
  EXPECT_EQ(tcp.sequence, 0x01020304U);
  EXPECT_EQ(tcp.acknowledgment, 0xf0000000U);
  EXPECT_EQ(tcp.window, 512);
  EXPECT_EQ(tcp.payload_octets, 100U);
}

TEST(DecodeTransport, TcpPayloadIsThatOnTheWire) {
  const Packet packet =
      DecodeFrame(
          Eth().Ipv4(kClient, kServer).Tcp(1, 2).Payload(1000).TruncateTo(64))
          .packet;

  EXPECT_EQ(packet.tcp.payload_octets, 1000U);
  EXPECT_EQ(packet.payload_offset, 54U);
  EXPECT_EQ(packet.payload_captured, 10U);
}

TEST(DecodeTransport, TcpPayloadEndsBeforeThePadding) {
  const Packet packet =
      DecodeFrame(Eth().Ipv4(kClient, kServer).Tcp(1, 2).PadTo(60)).packet;

  EXPECT_EQ(packet.tcp.payload_octets, 0U);
  EXPECT_EQ(packet.payload_captured, 0U);
}

TEST(DecodeTransport, TcpPayloadBeginsBehindExtensionHeaders) {
  const Packet packet = DecodeFrame(Eth()
                                        .Ipv6(kClient6, kServer6)
                                        .ExtensionHeader(Extension::kHopByHop)
                                        .Tcp(1, 2)
                                        .Payload(33))
                            .packet;

  EXPECT_EQ(packet.tcp.payload_octets, 33U);
}

TEST(DecodeTransport, TcpDataOffsetBelowFiveLeavesOnlyThePorts) {
  const Packet packet =
      DecodeFrame(
          Eth().Ipv4(kClient, kServer).Tcp(1, 2).HeaderWords(1).Payload(7))
          .packet;

  EXPECT_EQ(packet.source_port, 1);
  EXPECT_FALSE(packet.tcp.complete);
}

TEST(DecodeTransport, TcpDataOffsetBeyondThePacketLeavesNoPayload) {
  const Packet packet =
      DecodeFrame(
          Eth().Ipv4(kClient, kServer).Tcp(1, 2).HeaderWords(15).Payload(7))
          .packet;

  EXPECT_EQ(packet.tcp.payload_octets, 0U);
  EXPECT_EQ(packet.payload_captured, 0U);
}

TEST(DecodeTransport, CutTcpHeaderLeavesPortsOnly) {
  const Packet packet = DecodeFrame(Eth()
                                        .Ipv4(kClient, kServer)
                                        .Tcp(1, 2)
                                        .Flags(kSyn)
                                        .TruncateTo(14 + 20 + 19))
                            .packet;

  EXPECT_EQ(packet.source_port, 1);
  EXPECT_FALSE(packet.tcp.complete);
  EXPECT_EQ(packet.tcp.flags, 0);
}

TEST(DecodeTransport, UdpPayload) {
  const Packet packet =
      DecodeFrame(Eth().Ipv4(kClient, kServer).Udp(1, 2).Payload(5).PadTo(60))
          .packet;

  EXPECT_EQ(packet.payload_offset, 42U);
  EXPECT_EQ(packet.payload_captured, 5U);
}

TEST(DecodeTransport, UdpLitePorts) {
  const Packet packet =
      DecodeFrame(Eth().Ipv4(kClient, kServer).UdpLite(1, 2)).packet;

  EXPECT_EQ(packet.protocol, tracker::kUdpLite);
  EXPECT_EQ(packet.destination_port, 2);
}

TEST(DecodeTransport, SctpPorts) {
  const Packet packet =
      DecodeFrame(Eth().Ipv4(kClient, kServer).Sctp(1, 2)).packet;

  EXPECT_EQ(packet.protocol, tracker::kSctp);
  EXPECT_EQ(packet.destination_port, 2);
}

TEST(DecodeTransport, DccpPorts) {
  const Packet packet =
      DecodeFrame(Eth().Ipv4(kClient, kServer).Dccp(1, 2)).packet;

  EXPECT_EQ(packet.protocol, tracker::kDccp);
  EXPECT_EQ(packet.destination_port, 2);
}

TEST(DecodeTransport, IcmpTypeAndCodeAndPortsZero) {
  const Packet packet =
      DecodeFrame(Eth().Ipv4(kClient, kServer).Icmp(3, 13)).packet;

  EXPECT_EQ(packet.icmp_type, 3);
  EXPECT_EQ(packet.icmp_code, 13);
  EXPECT_EQ(packet.source_port, 0);
}

TEST(DecodeTransport, IcmpV6TypeAndCode) {
  const Packet packet =
      DecodeFrame(Eth().Ipv6(kClient6, kServer6).IcmpV6(1, 4)).packet;

  EXPECT_EQ(packet.icmp_type, 1);
  EXPECT_EQ(packet.icmp_code, 4);
}

TEST(DecodeTransport, OtherProtocolHasPortsZero) {
  constexpr std::uint8_t kGre = 47;
  const Packet packet =
      DecodeFrame(Eth().Ipv4(kClient, kServer).Protocol(kGre).Payload(20))
          .packet;

  EXPECT_EQ(packet.protocol, kGre);
  EXPECT_EQ(packet.source_port, 0);
  EXPECT_EQ(packet.payload_captured, 20U);
}

// --- Frames cut at every length: the octets are copied to their exact size, so
// that a sanitizer sees a read past the end.

std::vector<PacketBuilder> OneOfEach() {
  return {
      Udp4(Eth().Vlan(7, 0x88a8).Vlan(9)),
      Udp6(Eth().Mpls(16).Mpls(17)),
      Udp4(Eth().Mpls(16).ControlWord().Ethernet()),
      Udp6(Eth().Pppoe(9)),
      Udp4(Eth().Snap()),
      Udp4(Sll()),
      Udp6(Sll2()),
      Udp4(BsdNull()),
      Udp6(BsdLoop()),
      Udp4(PppLink()),
      Udp4(CiscoHdlc()),
      Udp6(RawIp()),
      Eth().Ipv4(kClient, kServer).Options(12).Tcp(1, 2).Options(8).Payload(9),
      Eth().Ipv4(kClient, kServer).Authentication().Icmp(3, 3).Payload(28),
      Eth()
          .Ipv6(kClient6, kServer6)
          .ExtensionHeader(Extension::kHopByHop, 16)
          .Fragment(0, true)
          .Sctp(1, 2)
          .Payload(9),
      Eth()
          .Ipv6(kClient6, kServer6)
          .ExtensionHeader(Extension::kRouting, 24)
          .Authentication()
          .Dccp(1, 2)
          .Payload(9),
  };
}

TEST(DecodeTruncated, NeverReadsOrClaimsMoreThanWasCaptured) {
  for (const PacketBuilder& packet : OneOfEach()) {
    const std::size_t length = packet.Build().size();
    for (std::size_t cut = 0; cut <= length; ++cut) {
      const Decoded decoded =
          DecodeFrame(PacketBuilder(packet).TruncateTo(cut));
      EXPECT_LE(decoded.packet.payload_offset + decoded.packet.payload_captured,
                cut);
    }
  }
}

TEST(DecodeTruncated, WholeFramesAreAllDecoded) {
  for (const PacketBuilder& packet : OneOfEach()) {
    EXPECT_EQ(DecodeFrame(packet).result, DecodeResult::kOk);
  }
}

TEST(DecodeTruncated, CutIpHeaderIsTruncated) {
  for (std::size_t cut = 0; cut < 14 + 20; ++cut) {
    EXPECT_EQ(DecodeFrame(Udp4(Eth()).TruncateTo(cut)).result,
              DecodeResult::kTruncated);
  }
}

TEST(DecodeTruncated, EmptyFrameOfEveryLinkType) {
  EXPECT_EQ(DecodeFrame(Raw(LinkType::kEthernet)).result,
            DecodeResult::kTruncated);
  EXPECT_EQ(DecodeFrame(Raw(LinkType::kRawIp)).result,
            DecodeResult::kTruncated);
  EXPECT_EQ(DecodeFrame(Raw(LinkType::kBsdNull)).result,
            DecodeResult::kTruncated);
  EXPECT_EQ(DecodeFrame(Raw(LinkType::kBsdLoop)).result,
            DecodeResult::kTruncated);
  EXPECT_EQ(DecodeFrame(Raw(LinkType::kPpp)).result, DecodeResult::kTruncated);
  EXPECT_EQ(DecodeFrame(Raw(LinkType::kCiscoHdlc)).result,
            DecodeResult::kTruncated);
  EXPECT_EQ(DecodeFrame(Raw(LinkType::kLinuxSll)).result,
            DecodeResult::kTruncated);
  EXPECT_EQ(DecodeFrame(Raw(LinkType::kLinuxSll2)).result,
            DecodeResult::kTruncated);
}

// --- Names.

TEST(DecodeResultName, IsStable) {
  EXPECT_EQ(Name(DecodeResult::kOk), "ok");
  EXPECT_EQ(Name(DecodeResult::kTruncated), "truncated");
  EXPECT_EQ(Name(DecodeResult::kBadHeader), "bad_header");
  EXPECT_EQ(Name(DecodeResult::kTooManyLayers), "too_many_layers");
  EXPECT_EQ(Name(DecodeResult::kNotIp), "not_ip");
  EXPECT_EQ(Name(DecodeResult::kUnknownLink), "unknown_link");
}

}  // namespace
}  // namespace tests
