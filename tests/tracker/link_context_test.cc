// SPDX-License-Identifier: Apache-2.0
#include "tracker/link_context.h"

#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

namespace tests {
namespace {

using tracker::LinkContext;
using tracker::MacAddress;
using tracker::Packet;
using tracker::Side;

constexpr MacAddress kSender = {2, 3, 5, 7, 11, 255};
constexpr MacAddress kReceiver = {254, 13, 17, 19, 23, 29};

Packet TaggedPacket() {
  Packet packet;
  packet.source_mac = kSender;
  packet.destination_mac = kReceiver;
  packet.vlan_id = 4094;
  packet.interface = 0xfffffffe;
  return packet;
}

TEST(LinkContext, IsThatOfTheFirstPacket) {
  const LinkContext context(TaggedPacket());

  EXPECT_EQ(context.Mac(Side::kInitiator), kSender);
  EXPECT_EQ(context.Mac(Side::kResponder), kReceiver);
  EXPECT_EQ(context.VlanId(Side::kInitiator), 4094);
  EXPECT_EQ(context.VlanId(Side::kResponder), 0);
  EXPECT_EQ(context.Interface(), 0xfffffffe);
}

TEST(LinkContext, IsTheSameFromTheHeaderOfEthernet) {
  std::vector<std::uint8_t> ethernet(kReceiver.begin(), kReceiver.end());
  ethernet.insert(ethernet.end(), kSender.begin(), kSender.end());
  tracker::Frame frame;
  frame.captured = ethernet;
  frame.interface = 0xfffffffe;

  EXPECT_TRUE(LinkContext(frame, 4094) == LinkContext(TaggedPacket()));
}

TEST(LinkContext, TakesTheTagOfTheAnswerWithoutItsAddress) {
  LinkContext context(TaggedPacket());

  context.SetVlanId(Side::kResponder, 4095);
  context.SetVlanId(Side::kResponder, 12);

  EXPECT_EQ(context.VlanId(Side::kResponder), 12);
  EXPECT_EQ(context.Mac(Side::kResponder), kReceiver);
  EXPECT_EQ(context.VlanId(Side::kInitiator), 4094);
}

TEST(LinkContext, SwapsAddressAndTagOfTheSides) {
  LinkContext context(TaggedPacket());

  context.SwapSides();

  EXPECT_EQ(context.Mac(Side::kInitiator), kReceiver);
  EXPECT_EQ(context.VlanId(Side::kInitiator), 0);
  EXPECT_EQ(context.Mac(Side::kResponder), kSender);
  EXPECT_EQ(context.VlanId(Side::kResponder), 4094);
}

TEST(LinkContext, DiffersWhenOneFieldDoes) {
  const LinkContext context(TaggedPacket());
  Packet source = TaggedPacket();
  source.source_mac[5] ^= 1;
  Packet destination = TaggedPacket();
  destination.destination_mac[4] ^= 1;
  Packet tag = TaggedPacket();
  tag.vlan_id ^= 1;
  Packet interface = TaggedPacket();
  interface.interface ^= 1;

  EXPECT_TRUE(context == LinkContext(TaggedPacket()));
  for (const Packet& packet : {source, destination, tag, interface}) {
    EXPECT_FALSE(context == LinkContext(packet));
  }
}

}  // namespace
}  // namespace tests
