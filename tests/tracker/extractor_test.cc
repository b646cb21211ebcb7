// SPDX-License-Identifier: Apache-2.0
#include "tracker/extractor.h"

#include <array>
#include <bit>
#include <chrono>
#include <cstdint>
#include <set>
#include <type_traits>
#include <utility>

#include <gmock/gmock.h>

#include "tests/support/conversation.h"
#include "tests/tracker/observed.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using tracker::DecodeResult;
using tracker::Extracted;
using tracker::FiveTuple;
using tracker::FlowKey;
using tracker::IpAddress;
using tracker::IpPair;
using tracker::IpPairKey;
using tracker::kAck;
using tracker::kRst;
using tracker::kSyn;
using tracker::MacAddress;
using tracker::MacPair;
using tracker::MacPairKey;
using tracker::Orientation;
using tracker::UnidirectionalFiveTuple;

template <typename Extractor>
Extracted<typename Extractor::Key> Extract(Extractor extractor,
                                           const PacketBuilder& packet) {
  Extracted<typename Extractor::Key> out;
  const CapturedFrame frame = packet.At(kStart);
  EXPECT_EQ(extractor.Extract(frame.View(), out), DecodeResult::kOk);
  return out;
}

TEST(FiveTuple, BothDirectionsGiveTheSameKey) {
  const auto there = Extract(FiveTuple(), Query());
  const auto back = Extract(FiveTuple(), Answer());

  EXPECT_EQ(there.key, back.key);
  EXPECT_NE(there.orientation, back.orientation);
}

TEST(FiveTuple, KeyHoldsTheSmallerEndpointFirst) {
  const auto out = Extract(FiveTuple(), Answer(40000));

  EXPECT_EQ(out.key.address[0], IpAddress::V4(192, 0, 2, 1));
  EXPECT_EQ(out.key.address[1], IpAddress::V4(198, 51, 100, 1));
  EXPECT_THAT(out.key.port, ElementsAre(40000, 53));
  EXPECT_EQ(out.key.protocol, tracker::kUdp);
  EXPECT_EQ(out.key.ip_version, 4);
  EXPECT_EQ(out.orientation, Orientation::kSecondToFirst);
}

TEST(FiveTuple, AddressesAreOrderedByTheirFirstOctetThatDiffers) {
  const auto smaller = [](const char* one, const char* other) {
    return Extract(FiveTuple(), Eth().Ipv6(one, other).Udp(2, 1))
        .key.address[0];
  };
  const IpAddress early = smaller("2001:db8::ff", "2001:db8::ff");
  EXPECT_EQ(smaller("2001:db8::ff", "2001:db8:0:1::1"), early);
  EXPECT_EQ(smaller("2001:db8:0:1::1", "2001:db8::ff"), early);
  EXPECT_EQ(smaller("2001:db8::ff", "2001:db8::100"), early);
  EXPECT_EQ(smaller("2001:db8::100", "2001:db8::ff"), early);
}

TEST(FiveTuple, PortsDecideTheOrderBetweenEqualAddresses) {
  const auto there =
      Extract(FiveTuple(), Eth().Ipv4("127.0.0.1", "127.0.0.1").Udp(9, 8));
  const auto back =
      Extract(FiveTuple(), Eth().Ipv4("127.0.0.1", "127.0.0.1").Udp(8, 9));

  EXPECT_EQ(there.key, back.key);
  EXPECT_EQ(there.orientation, Orientation::kSecondToFirst);
  EXPECT_EQ(back.orientation, Orientation::kFirstToSecond);
}

TEST(FiveTuple, IcmpRequestAndReplyAreOneFlow) {
  const auto there = Extract(FiveTuple(), FromClient().Icmp(8, 0));
  const auto back = Extract(FiveTuple(), FromServer().Icmp(0, 0));

  EXPECT_EQ(there.key, back.key);
  EXPECT_NE(there.orientation, back.orientation);
}

TEST(FiveTuple, MappedAddressInIpv6IsNotTheIpv4Flow) {
  const auto four = Extract(FiveTuple(), Query());
  const auto six = Extract(
      FiveTuple(),
      Eth().Ipv6("::ffff:192.0.2.1", "::ffff:198.51.100.1").Udp(40000, 53));

  EXPECT_EQ(four.key.address, six.key.address);
  EXPECT_FALSE(four.key == six.key);
}

TEST(FiveTuple, VlanIsNoPartOfTheKeyUnlessAskedFor) {
  const auto tagged = Extract(
      FiveTuple(), Eth().Vlan(7).Ipv4("192.0.2.1", "198.51.100.1").Udp(1, 2));
  const auto untagged = Extract(FiveTuple(), FromClient().Udp(1, 2));

  EXPECT_EQ(tagged.key, untagged.key);
}

TEST(FiveTuple, VlanSeparatesFlowsWhenAskedFor) {
  const tracker::FiveTupleOptions by_vlan{.vlan_in_key = true};

  const auto tagged =
      Extract(FiveTuple(by_vlan),
              Eth().Vlan(7).Ipv4("192.0.2.1", "198.51.100.1").Udp(1, 2));
  const auto untagged = Extract(FiveTuple(by_vlan), FromClient().Udp(1, 2));

  EXPECT_EQ(tagged.key.vlan_id, 7);
  EXPECT_FALSE(tagged.key == untagged.key);
}

TEST(UnidirectionalFiveTuple, EachDirectionIsAFlowOfItsOwn) {
  Observed<UnidirectionalFiveTuple> flows;

  flows.Track(Query(), 0s);
  flows.Track(Answer(), 1s);

  EXPECT_THAT(flows.Take(), ElementsAre("started 1", "packet 1 initiator",
                                        "started 2", "packet 2 initiator"));
}

TEST(UnidirectionalFiveTuple, KeyKeepsTheOrderOfThePacket) {
  const auto out = Extract(UnidirectionalFiveTuple(), Answer(40000));

  EXPECT_EQ(out.key.address[0], IpAddress::V4(198, 51, 100, 1));
  EXPECT_THAT(out.key.port, ElementsAre(53, 40000));
}

TEST(IpPair, EverythingBetweenTwoHostsIsOneFlow) {
  Observed<IpPair> flows;

  flows.Track(Query(), 0s);
  flows.Track(FromServer().Icmp(3, 3), 1s);
  flows.Track(ClientTcp(kSyn, 1, 0), 2s);

  EXPECT_THAT(flows.Take(),
              ElementsAre("started 1", "packet 1 initiator",
                          "packet 1 responder", "packet 1 initiator"));
}

TEST(IpPair, SecondTcpConnectionDoesNotReplaceTheFlow) {
  Observed<IpPair> flows;
  flows.Track(FromClient().Tcp(1001, 80).Flags(kSyn).Seq(1), 0s);
  flows.Take();

  flows.Track(FromClient().Tcp(1002, 80).Flags(kSyn).Seq(70000), 1s);

  EXPECT_THAT(flows.Take(), ElementsAre("packet 1 initiator"));
}

TEST(IpPair, ResetOfOneConnectionDoesNotEndTheFlow) {
  Observed<IpPair> flows;
  flows.Track(FromClient().Tcp(1001, 80).Flags(kSyn).Seq(1), 0s);

  flows.Track(FromServer().Tcp(80, 1001).Flags(kRst | kAck).Ack(2), 1s);

  EXPECT_THAT(flows.Ended(), IsEmpty());
}

TEST(MacPair, CountsWhatIsNotIpWithoutTheLinkLayer) {
  constexpr std::uint16_t kArp = 0x0806;
  Observed<MacPair> flows;

  flows.Track(Eth().EtherType(kArp).Payload(28), 0s);

  EXPECT_THAT(flows.Take(), ElementsAre("started 1", "packet 1 initiator"));
  EXPECT_EQ(flows.Only().Of(tracker::Side::kInitiator).octets, 28U);
}

TEST(MacPair, BothDirectionsGiveTheSameKey) {
  constexpr MacAddress kOne = {2, 0, 0, 0, 0, 1};
  constexpr MacAddress kTwo = {2, 0, 0, 0, 0, 2};

  const auto there =
      Extract(MacPair(), Eth().Macs(kTwo, kOne).Ipv4("192.0.2.1", "192.0.2.2"));
  const auto back =
      Extract(MacPair(), Eth().Macs(kOne, kTwo).Ipv4("192.0.2.1", "192.0.2.2"));

  EXPECT_EQ(there.key, (MacPairKey{{kOne, kTwo}}));
  EXPECT_EQ(there.key, back.key);
  EXPECT_EQ(there.orientation, Orientation::kSecondToFirst);
  EXPECT_EQ(back.orientation, Orientation::kFirstToSecond);
}

TEST(MacPair, ResetOfOneConnectionDoesNotEndTheFlow) {
  Observed<MacPair> flows;
  flows.Track(ClientTcp(kSyn, 1, 0), 0s);

  flows.Track(ServerTcp(kRst | kAck, 0, 2), 1s);

  EXPECT_THAT(flows.Ended(), IsEmpty());
}

TEST(MacPair, FrameWithoutMacAddressesBelongsToNoFlow) {
  Observed<MacPair> flows;

  const DecodeResult result =
      flows.Track(RawIp().Ipv4("192.0.2.1", "192.0.2.2").Udp(1, 2), 0s);

  EXPECT_EQ(result, DecodeResult::kUnknownLink);
  EXPECT_THAT(flows.Take(), IsEmpty());
}

// Keys are hashed as octets: a key with padding would have several hashes.
TEST(Keys, HaveNoPadding) {
  EXPECT_TRUE(std::has_unique_object_representations_v<FlowKey>);
  EXPECT_TRUE(std::has_unique_object_representations_v<IpPairKey>);
  EXPECT_TRUE(std::has_unique_object_representations_v<MacPairKey>);
}

// An extractor of the user's own: a flow per hop limit, and a count of frames.
class ByTtl {
 public:
  using Key = std::uint32_t;
  DecodeResult Extract(const tracker::Frame& frame, Extracted<Key>& out) {
    ++frames;
    const DecodeResult result = Decode(frame, out.packet);
    out.key = out.packet.ttl;
    return result;
  }
  int frames = 0;
};

TEST(Keys, EveryBitOfAFlowKeyReachesItsHash) {
  const tracker::KeyHasher hash;
  std::set<std::uint64_t> hashes = {hash(FlowKey{})};
  for (std::size_t bit = 0; bit < sizeof(FlowKey) * 8; ++bit) {
    std::array<std::uint8_t, sizeof(FlowKey)> octets{};
    octets[bit / 8] = static_cast<std::uint8_t>(1U << bit % 8);
    hashes.insert(hash(std::bit_cast<FlowKey>(octets)));
  }

  EXPECT_EQ(hashes.size(), sizeof(FlowKey) * 8 + 1);
}

TEST(Extractor, MayBeTheUsersOwn) {
  Observed<ByTtl> flows;

  flows.Track(FromClient().Ttl(64).Udp(1, 2), 0s);
  flows.Track(FromClient().Ttl(63).Udp(1, 2), 0s);

  EXPECT_EQ(flows.tracker.FlowCount(), 2U);
}

TEST(Extractor, IsGivenBackByIntoExtractor) {
  Observed<ByTtl> flows;
  flows.Track(Query(), 0s);

  const ByTtl extractor = std::move(flows.tracker).IntoExtractor();

  EXPECT_EQ(extractor.frames, 1);
}

}  // namespace
}  // namespace tests
