// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>

#include "tests/tracker/decoded.h"

namespace tests {
namespace {

using testing::ElementsAre;
using tracker::DecodeResult;
using tracker::LinkType;

// --- Link layers.

TEST(DecodeLink, EthernetCarriesIpv4) { ExpectUdp(Udp4(Eth()), 4); }

TEST(DecodeLink, EthernetCarriesIpv6) { ExpectUdp(Udp6(Eth()), 6); }

TEST(DecodeLink, EthernetGivesMacAddresses) {
  const Decoded decoded = DecodeFrame(Udp4(Eth()));

  EXPECT_TRUE(decoded.packet.has_mac);
  EXPECT_THAT(decoded.packet.source_mac, ElementsAre(2, 0, 0, 0, 0, 1));
  EXPECT_THAT(decoded.packet.destination_mac, ElementsAre(2, 0, 0, 0, 0, 2));
}

TEST(DecodeLink, LengthWithSnapCarriesIp) { ExpectUdp(Udp4(Eth().Snap()), 4); }

TEST(DecodeLink, LengthWithoutSnapIsNotIp) {
  const PacketBuilder spanning_tree = Eth().EtherType(38).Payload(38);

  EXPECT_EQ(DecodeFrame(spanning_tree).result, DecodeResult::kNotIp);
}

TEST(DecodeLink, OneTagGivesTheVlan) {
  const Decoded decoded = DecodeFrame(Udp4(Eth().Vlan(7)));

  EXPECT_EQ(decoded.result, DecodeResult::kOk);
  EXPECT_EQ(decoded.packet.vlan_id, 7);
  EXPECT_EQ(decoded.packet.inner_vlan_id, 0);
}

TEST(DecodeLink, PriorityBitsAreNotPartOfTheVlan) {
  EXPECT_EQ(DecodeFrame(Udp4(Eth().Vlan(0xe007))).packet.vlan_id, 7);
}

TEST(DecodeLink, TwoTagsGiveOuterAndInnerVlan) {
  const Decoded decoded = DecodeFrame(Udp6(Eth().Vlan(7, 0x88a8).Vlan(9)));

  EXPECT_EQ(decoded.result, DecodeResult::kOk);
  EXPECT_EQ(decoded.packet.vlan_id, 7);
  EXPECT_EQ(decoded.packet.inner_vlan_id, 9);
}

TEST(DecodeLink, OldServiceTagIsATag) {
  ExpectUdp(Udp4(Eth().Vlan(7, 0x9100).Vlan(9)), 4);
}

TEST(DecodeLink, ThirdTagIsSkipped) {
  ExpectUdp(Udp4(Eth().Vlan(7).Vlan(8).Vlan(9)), 4);
}

TEST(DecodeLink, MplsLabelsCarryIpv4) {
  ExpectUdp(Udp4(Eth().Mpls(16).Mpls(17).Mpls(18)), 4);
}

TEST(DecodeLink, MplsLabelCarriesIpv6) { ExpectUdp(Udp6(Eth().Mpls(16)), 6); }

TEST(DecodeLink, MplsPseudowireCarriesEthernet) {
  ExpectUdp(Udp4(Eth().Mpls(16).ControlWord().Ethernet().Vlan(5)), 4);
}

TEST(DecodeLink, PppoeCarriesIpv4) { ExpectUdp(Udp4(Eth().Pppoe(99)), 4); }

TEST(DecodeLink, PppoeCarriesIpv6) { ExpectUdp(Udp6(Eth().Pppoe(99)), 6); }

TEST(DecodeLink, PppoeCarriesMpls) {
  ExpectUdp(Udp4(Eth().Vlan(7).Pppoe(99).Mpls(16)), 4);
}

TEST(DecodeLink, RawCarriesBothVersions) {
  ExpectUdp(Udp4(RawIp()), 4);
  ExpectUdp(Udp6(RawIp()), 6);
}

TEST(DecodeLink, RawOfAnotherIpVersionIsABadHeader) {
  EXPECT_EQ(DecodeFrame(RawIp().Payload("0123")).result,
            DecodeResult::kBadHeader);
}

TEST(DecodeLink, BsdNullIsReadInBothByteOrders) {
  ExpectUdp(Udp4(BsdNull(true)), 4);
  ExpectUdp(Udp4(BsdNull(false)), 4);
  ExpectUdp(Udp6(BsdNull(true)), 6);
}

TEST(DecodeLink, BsdLoopIsReadInNetworkOrder) {
  ExpectUdp(Udp4(BsdLoop()), 4);
  ExpectUdp(Udp6(BsdLoop()), 6);
}

TEST(DecodeLink, BsdNullOfAnotherFamilyIsNotIp) {
  CapturedFrame frame = Udp4(BsdNull()).At(kTime);
  frame.octets[0] = 17;

  EXPECT_EQ(DecodeFrame(frame).result, DecodeResult::kNotIp);
}

TEST(DecodeLink, PppCarriesBothVersions) {
  ExpectUdp(Udp4(PppLink()), 4);
  ExpectUdp(Udp6(PppLink()), 6);
}

TEST(DecodeLink, PppMayLeaveAddressAndControlOut) {
  CapturedFrame frame = Udp4(PppLink()).At(kTime);
  frame.octets.erase(frame.octets.begin(), frame.octets.begin() + 2);

  EXPECT_EQ(DecodeFrame(frame).packet.destination_port, 2);
}

TEST(DecodeLink, PppMayCompressItsProtocol) {
  CapturedFrame frame = Udp4(PppLink()).At(kTime);
  frame.octets.erase(frame.octets.begin() + 2);

  EXPECT_EQ(DecodeFrame(frame).packet.destination_port, 2);
}

TEST(DecodeLink, PppControlProtocolIsNotIp) {
  CapturedFrame frame = Udp4(PppLink()).At(kTime);
  frame.octets[2] = 0xc0;  // LCP

  EXPECT_EQ(DecodeFrame(frame).result, DecodeResult::kNotIp);
}

TEST(DecodeLink, PppLinkTypeMayHaveCiscoFraming) {
  CapturedFrame frame = Udp4(CiscoHdlc()).At(kTime);
  frame.link = LinkType::kPpp;

  EXPECT_EQ(DecodeFrame(frame).packet.destination_port, 2);
}

TEST(DecodeLink, CiscoHdlcCarriesBothVersions) {
  ExpectUdp(Udp4(CiscoHdlc()), 4);
  ExpectUdp(Udp6(CiscoHdlc()), 6);
}

TEST(DecodeLink, LinuxCookedCarriesBothVersionsAndTags) {
  ExpectUdp(Udp4(Sll()), 4);
  ExpectUdp(Udp6(Sll().Vlan(7)), 6);
}

TEST(DecodeLink, LinuxCookedTwoCarriesBothVersionsAndTags) {
  ExpectUdp(Udp4(Sll2()), 4);
  ExpectUdp(Udp6(Sll2().Vlan(7)), 6);
}

TEST(DecodeLink, CookedFramesHaveNoMacPair) {
  EXPECT_FALSE(DecodeFrame(Udp4(Sll())).packet.has_mac);
}

TEST(DecodeLink, UnknownLinkTypeIsNamedSo) {
  EXPECT_EQ(DecodeFrame(Raw(LinkType::kUnknown).Payload(40)).result,
            DecodeResult::kUnknownLink);
}

TEST(DecodeLink, ArpIsNotIpAndCountsWhatFollowsTheLinkLayer) {
  const Decoded decoded = DecodeFrame(Eth().EtherType(0x0806).Payload(28));

  EXPECT_EQ(decoded.result, DecodeResult::kNotIp);
  EXPECT_TRUE(decoded.packet.has_mac);
  EXPECT_EQ(decoded.packet.octets, 28U);
}

TEST(DecodeLink, StackedTagsStopAtTheLayerLimit) {
  PacketBuilder packet = Eth();
  for (int layer = 0; layer < tracker::kMaxLayers + 1; ++layer) {
    packet.Vlan(1);
  }

  EXPECT_EQ(DecodeFrame(Udp4(packet)).result, DecodeResult::kTooManyLayers);
}

TEST(DecodeLink, TagsWithinTheLayerLimitAreSkipped) {
  PacketBuilder packet = Eth();
  for (int layer = 0; layer < tracker::kMaxLayers - 1; ++layer) {
    packet.Vlan(1);
  }

  ExpectUdp(Udp4(packet), 4);
}

}  // namespace
}  // namespace tests
