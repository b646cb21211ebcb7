// SPDX-License-Identifier: Apache-2.0
// Fragments: which flow they count on, and that none is lost.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <numeric>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <arpa/inet.h>
#include <gmock/gmock.h>

#include "tests/tracker/observed.h"
#include "tracker/fragment_table.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::ElementsAreArray;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using tracker::DecodeResult;
using tracker::FiveTuple;
using tracker::FiveTupleOptions;
using tracker::FragmentCounts;
using tracker::FragmentTable;
using tracker::kAck;
using tracker::kFin;
using tracker::kPsh;
using tracker::kSyn;
using tracker::Orphan;
using tracker::Side;

// What IP would make of `whole`: fragments with `size` octets of its payload
// each. `link` is what goes in front of them.
std::vector<PacketBuilder> Cut(const PacketBuilder& whole, std::size_t size,
                               std::uint32_t id,
                               const PacketBuilder& link = Eth()) {
  constexpr std::size_t kEthernet = 14;
  const Octets octets = whole.Build();
  const bool six = octets[12] == 0x86;
  const std::size_t header = kEthernet + (six ? 40 : 20);
  const std::uint8_t protocol = octets[kEthernet + (six ? 6 : 9)];
  const int family = six ? AF_INET6 : AF_INET;
  const std::size_t length = six ? 16 : 4;
  std::array<char, INET6_ADDRSTRLEN> source{};
  std::array<char, INET6_ADDRSTRLEN> destination{};
  inet_ntop(family, &octets[header - 2 * length], source.data(), source.size());
  inet_ntop(family, &octets[header - length], destination.data(),
            destination.size());

  std::vector<PacketBuilder> fragments;
  for (std::size_t at = header; at < octets.size(); at += size) {
    const std::size_t end = std::min(at + size, octets.size());
    PacketBuilder fragment = link;
    if (six) {
      fragment.Ipv6(source.data(), destination.data());
    } else {
      fragment.Ipv4(source.data(), destination.data());
    }
    fragment
        .Fragment(static_cast<std::uint16_t>(at - header), end < octets.size())
        .Identification(id)
        .Protocol(protocol)
        .Payload(std::string_view(
            reinterpret_cast<const char*>(octets.data()) + at, end - at));
    fragments.push_back(fragment);
  }
  return fragments;
}

PacketBuilder FromClient6() { return Eth().Ipv6("2001:db8::1", "2001:db8::2"); }
PacketBuilder FromServer6() { return Eth().Ipv6("2001:db8::2", "2001:db8::1"); }

// A UDP datagram of 2000 octets in three fragments: 800, 800, 408.
std::vector<PacketBuilder> UdpFragments(std::uint32_t id = 7,
                                        std::uint16_t source = 40000,
                                        std::uint16_t destination = 53) {
  return Cut(FromClient().Udp(source, destination).Payload(2000), 800, id);
}
std::vector<PacketBuilder> UdpFragments6(std::uint32_t id = 7) {
  return Cut(FromClient6().Udp(40000, 53).Payload(2000), 800, id);
}

// "protocol port-port packets", the ports in the order of the addresses.
template <typename Tracker>
std::vector<std::string> Flows(const Tracker& tracker) {
  std::vector<std::string> flows;
  tracker.ForEach([&](const auto& flow) {
    flows.push_back(std::to_string(flow.key.protocol) + " " +
                    std::to_string(flow.key.port[0]) + "-" +
                    std::to_string(flow.key.port[1]) + " " +
                    std::to_string(flow.stats.Packets()));
  });
  return flows;
}

std::uint64_t Orphans(const FragmentCounts& counts, Orphan why) {
  return counts.orphans[static_cast<std::size_t>(why)];
}
std::uint64_t AllOrphans(const FragmentCounts& counts) {
  return std::accumulate(counts.orphans.begin(), counts.orphans.end(),
                         std::uint64_t{0});
}

template <typename Flows>
const FragmentCounts& CountsOf(const Flows& flows) {
  return flows.tracker.GetExtractor().Fragments();
}

// Of all flows that have ended.
std::uint64_t PacketsIn(const std::vector<Recorder::EndedFlow>& ended) {
  std::uint64_t packets = 0;
  for (const Recorder::EndedFlow& flow : ended) {
    packets += flow.stats.Packets();
  }
  return packets;
}

std::uint64_t Accounted(const Observed<>& flows) {
  const tracker::TrackerStats& stats = flows.tracker.Stats();
  return std::accumulate(stats.unmatched.begin() + 1, stats.unmatched.end(),
                         stats.packets_tracked + CountsOf(flows).held);
}

std::vector<tracker::Frame> ViewsOf(const std::vector<CapturedFrame>& frames) {
  std::vector<tracker::Frame> views(frames.size());
  std::transform(frames.begin(), frames.end(), views.begin(),
                 [](const CapturedFrame& frame) { return frame.View(); });
  return views;
}

// --- One datagram, in every order.

struct Datagram {
  const char* name;
  std::vector<PacketBuilder> fragments;  // three
  std::string flow;                      // as Flows() says it
  std::uint64_t octets;
};

std::vector<Datagram> Datagrams() {
  const auto tcp = [](PacketBuilder packet) {
    return packet.Tcp(40000, 443).Flags(kAck).Seq(1).Ack(1).Payload(1988);
  };
  return {
      {"udp4", UdpFragments(), "17 40000-53 3", 3 * 20 + 2008},
      {"udp6", UdpFragments6(), "17 40000-53 3", 3 * 48 + 2008},
      {"tcp4", Cut(tcp(FromClient()), 800, 7), "6 40000-443 3", 3 * 20 + 2008},
      {"tcp6", Cut(tcp(FromClient6()), 800, 7), "6 40000-443 3", 3 * 48 + 2008},
      {"sctp4", Cut(FromClient().Sctp(5000, 5001).Payload(1996), 800, 7),
       "132 5000-5001 3", 3 * 20 + 2008},
      {"icmp4", Cut(FromClient().Icmp(3, 1).Payload(2000), 800, 7), "",
       3 * 20 + 2008},
      {"icmp6", Cut(FromClient6().IcmpV6(128, 0).Payload(2000), 800, 7), "",
       3 * 48 + 2008},
      {"options6",
       Cut(FromClient6()
               .ExtensionHeader(Extension::kDestination, 16)
               .Udp(40000, 53)
               .Payload(2000),
           800, 7),
       "17 40000-53 3", 3 * 48 + 2024},
  };
}

class FragmentOrder
    : public testing::TestWithParam<std::array<std::size_t, 3>> {};

TEST_P(FragmentOrder, DoesNotDecideWhatADatagramCountsOn) {
  for (const Datagram& datagram : Datagrams()) {
    SCOPED_TRACE(datagram.name);
    ASSERT_EQ(datagram.fragments.size(), 3U);
    Observed<> flows;

    for (std::size_t i = 0; i < 3; ++i) {
      flows.Track(datagram.fragments[GetParam()[i]], i * 1ms);
    }

    ASSERT_EQ(flows.tracker.FlowCount(), 1U);
    if (!datagram.flow.empty()) {
      EXPECT_THAT(Flows(flows.tracker), ElementsAre(datagram.flow));
    }
    const Snapshot stats = flows.Only();
    EXPECT_EQ(stats.Packets(), 3U);
    EXPECT_EQ(stats.Octets(), datagram.octets);
    EXPECT_EQ(stats.Of(Side::kInitiator).FirstSeen(), kStart);
    EXPECT_EQ(stats.Of(Side::kInitiator).LastSeen(), kStart + 2ms);
    EXPECT_EQ(CountsOf(flows).held, 0U);
    EXPECT_EQ(AllOrphans(CountsOf(flows)), 0U);
    EXPECT_EQ(Accounted(flows), 3U);
    EXPECT_EQ(flows.tracker.Stats().packets_tracked, 3U);
  }
}

TEST_P(FragmentOrder, DoesNotDecideInABurst) {
  for (const Datagram& datagram : Datagrams()) {
    SCOPED_TRACE(datagram.name);
    std::vector<CapturedFrame> frames;
    Observed<> flows;

    for (std::size_t i = 0; i < 3; ++i) {
      frames.push_back(datagram.fragments[GetParam()[i]].At(kStart + i * 1ms));
    }
    flows.tracker.TrackBurst(ViewsOf(frames), flows.sink);

    ASSERT_EQ(flows.tracker.FlowCount(), 1U);
    EXPECT_EQ(flows.Only().Packets(), 3U);
    EXPECT_EQ(flows.Only().Octets(), datagram.octets);
    EXPECT_EQ(CountsOf(flows).held, 0U);
  }
}

INSTANTIATE_TEST_SUITE_P(All, FragmentOrder,
                         testing::Values(std::array<std::size_t, 3>{0, 1, 2},
                                         std::array<std::size_t, 3>{0, 2, 1},
                                         std::array<std::size_t, 3>{1, 0, 2},
                                         std::array<std::size_t, 3>{1, 2, 0},
                                         std::array<std::size_t, 3>{2, 0, 1},
                                         std::array<std::size_t, 3>{2, 1, 0}));

TEST(Fragments, AreHeldUntilTheFirstComes) {
  const std::vector<PacketBuilder> parts = UdpFragments();
  Observed<> flows;

  EXPECT_EQ(flows.Track(parts[2], 0s), DecodeResult::kHeld);
  EXPECT_EQ(flows.Track(parts[1], 0s), DecodeResult::kHeld);

  EXPECT_THAT(flows.Take(), IsEmpty());
  EXPECT_EQ(CountsOf(flows).held, 2U);
  EXPECT_EQ(flows.tracker.Stats().packets_tracked, 0U);
  EXPECT_EQ(Accounted(flows), 2U);

  EXPECT_EQ(flows.Track(parts[0], 0s), DecodeResult::kOk);

  EXPECT_THAT(flows.Take(),
              ElementsAre("started 1", "packet 1 initiator",
                          "packet 1 initiator", "packet 1 initiator"));
}

TEST(Fragments, OfRequestAndReplyAreTheTwoSidesOfOneFlow) {
  Observed<> flows;

  for (const PacketBuilder& part :
       Cut(FromClient().Icmp(8, 0).EchoId(1, 1).Payload(2000), 1000, 7)) {
    flows.Track(part, 0s);
  }
  for (const PacketBuilder& part :
       Cut(FromServer().Icmp(0, 0).EchoId(1, 1).Payload(2000), 1000, 7)) {
    flows.Track(part, 1s);
  }

  ASSERT_EQ(flows.tracker.FlowCount(), 1U);
  EXPECT_EQ(flows.Only().Of(Side::kInitiator).packets, 3U);
  EXPECT_EQ(flows.Only().Of(Side::kResponder).packets, 3U);
}

TEST(Fragments, OfIcmpV6RequestAndReplyAreTheTwoSidesOfOneFlow) {
  Observed<> flows;
  std::vector<PacketBuilder> request =
      Cut(FromClient6().IcmpV6(128, 0).EchoId(1, 1).Payload(2000), 1000, 7);
  std::vector<PacketBuilder> reply =
      Cut(FromServer6().IcmpV6(129, 0).EchoId(1, 1).Payload(2000), 1000, 8);

  std::reverse(request.begin(), request.end());
  for (const PacketBuilder& part : request) {
    flows.Track(part, 0s);
  }
  std::reverse(reply.begin(), reply.end());
  for (const PacketBuilder& part : reply) {
    flows.Track(part, 1s);
  }

  ASSERT_EQ(flows.tracker.FlowCount(), 1U);
  EXPECT_EQ(flows.Only().Of(Side::kInitiator).packets, 3U);
  EXPECT_EQ(flows.Only().Of(Side::kResponder).packets, 3U);
}

TEST(Fragments, ThatComeTwiceCountTwiceOnTheSameFlow) {
  Observed<> flows;

  for (int copy = 0; copy < 2; ++copy) {
    for (const PacketBuilder& part : UdpFragments()) {
      flows.Track(part, 0s);
    }
  }

  EXPECT_THAT(Flows(flows.tracker), ElementsAre("17 40000-53 6"));
  EXPECT_EQ(CountsOf(flows).held, 0U);
}

TEST(Fragments, ThatAreHeldTwiceCountTwice) {
  const std::vector<PacketBuilder> parts = UdpFragments();
  Observed<> flows;

  flows.Track(parts[1], 0s);
  flows.Track(parts[1], 1ms);
  flows.Track(parts[0], 2ms);
  flows.Track(parts[0], 3ms);

  EXPECT_THAT(Flows(flows.tracker), ElementsAre("17 40000-53 4"));
}

TEST(Fragments, ThatOverlapCountOnTheFlowToo) {
  Observed<> flows;

  flows.Track(FromClient()
                  .Fragment(8, true)
                  .Identification(7)
                  .Protocol(tracker::kUdp)
                  .Payload(800),
              0s);
  flows.Track(UdpFragments()[0], 0s);
  flows.Track(FromClient()
                  .Fragment(16, false)
                  .Identification(7)
                  .Protocol(tracker::kUdp)
                  .Payload(1600),
              0s);

  EXPECT_THAT(Flows(flows.tracker), ElementsAre("17 40000-53 3"));
}

// --- Which fragments belong together.

TEST(Fragments, OfOneIdentificationBetweenOtherHostsAreOtherDatagrams) {
  const auto other = [](const char* source, const char* destination,
                        std::uint16_t port) {
    return Cut(Eth().Ipv4(source, destination).Udp(port, 53).Payload(2000), 800,
               7);
  };
  const std::vector<std::vector<PacketBuilder>> datagrams = {
      other("192.0.2.1", "198.51.100.1", 1001),
      other("192.0.2.2", "198.51.100.1", 1002),
      other("192.0.2.1", "198.51.100.2", 1003),
      other("198.51.100.1", "192.0.2.1", 1004),
  };
  Observed<> flows;

  for (const std::size_t part : {1, 0, 2}) {
    for (const std::vector<PacketBuilder>& datagram : datagrams) {
      flows.Track(datagram[part], 0s);
    }
  }

  EXPECT_THAT(Flows(flows.tracker),
              UnorderedElementsAre("17 1001-53 3", "17 1002-53 3",
                                   "17 1003-53 3", "17 53-1004 3"));
}

TEST(Fragments, OfOneIdentificationAndAnotherProtocolAreAnotherDatagram) {
  const std::vector<PacketBuilder> udp = UdpFragments();
  const std::vector<PacketBuilder> sctp =
      Cut(FromClient().Sctp(1, 2).Payload(2000), 800, 7);
  Observed<> flows;

  for (const std::size_t part : {1, 2, 0}) {
    flows.Track(udp[part], 0s);
    flows.Track(sctp[part], 0s);
  }

  EXPECT_THAT(Flows(flows.tracker),
              UnorderedElementsAre("17 40000-53 3", "132 1-2 3"));
}

TEST(Fragments, OfAMappedIpv6AddressAreNotThoseOfIpv4) {
  const std::vector<PacketBuilder> six =
      Cut(Eth()
              .Ipv6("::ffff:192.0.2.1", "::ffff:198.51.100.1")
              .Udp(1, 2)
              .Payload(2000),
          800, 7);
  Observed<> flows;

  flows.Track(UdpFragments()[0], 0s);
  flows.Track(six[1], 0s);

  EXPECT_EQ(CountsOf(flows).held, 1U);
}

TEST(Fragments, Ipv6IdentificationHas32Bits) {
  const std::vector<PacketBuilder> one = UdpFragments6(0x00010007);
  const std::vector<PacketBuilder> two = UdpFragments6(0x00020007);
  Observed<> flows;

  flows.Track(one[0], 0s);
  flows.Track(two[1], 0s);

  EXPECT_EQ(CountsOf(flows).held, 1U);
}

// RFC 8200 section 4.5: the next header of a fragment that is not the first may
// differ, and is ignored.
TEST(Fragments, Ipv6NextHeaderOfALaterOneMeansNothing) {
  const std::vector<PacketBuilder> parts = UdpFragments6();
  const PacketBuilder odd =
      FromClient6().Fragment(800, true).Identification(7).Protocol(99).Payload(
          800);
  Observed<> flows;

  flows.Track(odd, 0s);
  flows.Track(parts[0], 0s);
  flows.Track(odd, 0s);

  EXPECT_THAT(Flows(flows.tracker), ElementsAre("17 40000-53 3"));
}

TEST(Fragments, OfANewDatagramWithAnOldIdentificationHaveItsPorts) {
  Observed<> flows;

  for (std::uint16_t port = 1001; port <= 1003; ++port) {
    for (const PacketBuilder& part : UdpFragments(7, port)) {
      flows.Track(part, 0s);
    }
  }

  EXPECT_THAT(
      Flows(flows.tracker),
      UnorderedElementsAre("17 1001-53 3", "17 1002-53 3", "17 1003-53 3"));
}

TEST(Fragments, FindTheirFirstAmongManyDatagrams) {
  std::vector<std::string> expected;
  Observed<> flows({.max_flows = 2000});

  for (std::uint16_t id = 1; id <= 1000; ++id) {
    flows.Track(UdpFragments(id, id)[1], 0s);
  }
  for (std::uint16_t id = 1000; id >= 1; --id) {
    flows.Track(UdpFragments(id, id)[0], 0s);
    expected.push_back("17 " + std::to_string(id) + "-53 2");
  }

  EXPECT_THAT(Flows(flows.tracker),
              testing::UnorderedElementsAreArray(expected));
}

// --- IPv6.

TEST(Fragments, AtomicOneIsAWholePacket) {
  Observed<> flows;

  const DecodeResult result = flows.Track(
      FromClient6().Fragment(0, false).Identification(7).Udp(1, 2).Payload(8),
      0s);

  EXPECT_EQ(result, DecodeResult::kOk);
  EXPECT_THAT(Flows(flows.tracker), ElementsAre("17 1-2 1"));
}

// RFC 6946 section 4: in isolation from any other packets.
TEST(Fragments, AtomicOneIsNotTheFirstOfOthers) {
  const std::vector<PacketBuilder> parts = UdpFragments6();
  const PacketBuilder atomic =
      FromClient6().Fragment(0, false).Identification(7).Udp(1, 2).Payload(8);
  Observed<> flows;

  flows.Track(parts[1], 0s);
  flows.Track(atomic, 0s);
  flows.Track(parts[0], 0s);
  flows.Track(atomic, 0s);
  flows.Track(parts[2], 0s);

  EXPECT_THAT(Flows(flows.tracker),
              UnorderedElementsAre("17 1-2 2", "17 40000-53 3"));
}

TEST(Fragments, BehindOtherExtensionHeadersAreFound) {
  const auto part = [](std::uint16_t offset) {
    return FromClient6()
        .ExtensionHeader(Extension::kHopByHop)
        .ExtensionHeader(Extension::kRouting)
        .Fragment(offset, offset == 0)
        .Identification(7);
  };
  Observed<> flows;

  flows.Track(part(800).Protocol(tracker::kUdp).Payload(800), 0s);
  flows.Track(part(0).Udp(1, 2).Payload(792), 0s);

  EXPECT_THAT(Flows(flows.tracker), ElementsAre("17 1-2 2"));
}

// --- VLANs.

TEST(Fragments, CountInTheirVlanWhenItIsPartOfTheKey) {
  const PacketBuilder whole = FromClient().Udp(1, 2).Payload(2000);
  const std::vector<PacketBuilder> seven = Cut(whole, 800, 7, Eth().Vlan(7));
  const std::vector<PacketBuilder> eight = Cut(whole, 800, 8, Eth().Vlan(8));
  Observed<FiveTuple> flows({},
                            FiveTuple(FiveTupleOptions{.vlan_in_key = true}));

  for (const std::size_t part : {2, 0, 1}) {
    flows.Track(seven[part], 0s);
    flows.Track(eight[part], 0s);
  }

  EXPECT_THAT(Flows(flows.tracker),
              UnorderedElementsAre("17 1-2 3", "17 1-2 3"));
  flows.tracker.ForEach([](const auto& flow) {
    EXPECT_EQ(flow.key.vlan_id, flow.stats.vlan_id[0]);
  });
}

TEST(Fragments, OfOneIdentificationInTwoVlansAreTwoDatagramsWhenVlansAreKeys) {
  const std::vector<PacketBuilder> seven =
      Cut(FromClient().Udp(1, 2).Payload(2000), 800, 9, Eth().Vlan(7));
  const std::vector<PacketBuilder> eight =
      Cut(FromClient().Udp(3, 4).Payload(2000), 800, 9, Eth().Vlan(8));
  Observed<FiveTuple> flows({},
                            FiveTuple(FiveTupleOptions{.vlan_in_key = true}));

  for (const std::size_t part : {0, 1, 2}) {
    flows.Track(seven[part], 0s);
    flows.Track(eight[part], 0s);
  }

  EXPECT_THAT(Flows(flows.tracker),
              UnorderedElementsAre("17 1-2 3", "17 3-4 3"));
}

// --- TCP: a segment in fragments is one stretch of its stream.

struct Stream {
  const char* name;
  PacketBuilder client;
  PacketBuilder server;
};
std::vector<Stream> Streams() {
  return {{"v4", FromClient(), FromServer()},
          {"v6", FromClient6(), FromServer6()},
          {"v6 with options",
           FromClient6().ExtensionHeader(Extension::kDestination, 24),
           FromServer6()}};
}

// Handshake, a segment of 3000 octets in fragments in the given order, and what
// both sides say afterwards.
Recorder::EndedFlow FragmentedSegment(const Stream& stream,
                                      const std::vector<std::size_t>& order,
                                      int flags, bool burst) {
  const auto client = [&](int f, std::uint32_t seq, std::uint32_t ack) {
    return PacketBuilder(stream.client)
        .Tcp(40000, 443)
        .Flags(f)
        .Seq(seq)
        .Ack(ack);
  };
  const auto server = [&](int f, std::uint32_t seq, std::uint32_t ack) {
    return PacketBuilder(stream.server)
        .Tcp(443, 40000)
        .Flags(f)
        .Seq(seq)
        .Ack(ack);
  };
  const std::uint32_t fin = (flags & kFin) != 0 ? 1 : 0;
  const std::vector<PacketBuilder> parts =
      Cut(client(flags, 101, 501).Payload(3000), 800, 7);
  std::vector<PacketBuilder> packets = {client(kSyn, 100, 0),
                                        server(kSyn | kAck, 500, 101),
                                        client(kAck, 101, 501)};
  for (const std::size_t part : order) {
    packets.push_back(parts.at(part));
  }
  packets.push_back(server(kAck, 501, 3101 + fin));
  packets.push_back(server(kAck | kPsh, 501, 3101 + fin).Payload(50));
  if (fin == 0) {
    packets.push_back(client(kAck | kPsh, 3101, 551).Payload(10));
    packets.push_back(client(kAck | kFin, 3111, 551));
    packets.push_back(server(kAck | kFin, 551, 3112));
    packets.push_back(client(kAck, 3112, 552));
  } else {
    packets.push_back(server(kAck | kFin, 551, 3102));
    packets.push_back(client(kAck, 3102, 552));
  }

  Observed<> flows;
  std::vector<CapturedFrame> frames;
  for (std::size_t i = 0; i < packets.size(); ++i) {
    frames.push_back(packets[i].At(kStart + i * 1ms));
  }
  if (burst) {
    flows.tracker.TrackBurst(ViewsOf(frames), flows.sink);
  } else {
    for (const CapturedFrame& frame : frames) {
      flows.Track(frame);
    }
  }
  flows.Finish();
  EXPECT_EQ(flows.Ended().size(), 1U);
  EXPECT_EQ(PacketsIn(flows.Ended()), packets.size());
  return flows.Ended().at(0);
}

class TcpFragments : public testing::TestWithParam<
                         std::tuple<std::vector<std::size_t>, bool>> {};

TEST_P(TcpFragments, LeaveNoGapAndAreNoRetransmission) {
  const auto& [order, burst] = GetParam();
  for (const Stream& stream : Streams()) {
    SCOPED_TRACE(stream.name);

    const Recorder::EndedFlow flow =
        FragmentedSegment(stream, order, kAck | kPsh, burst);

    const std::string letters = flow.stats.Letters();
    EXPECT_EQ(letters.find_first_of("gGtTiIqQ"), std::string::npos) << letters;
    for (const auto& side : flow.stats.rare.directions) {
      EXPECT_EQ(side.missing_octets, 0U);
      EXPECT_EQ(side.retransmitted_packets, 0U);
    }
    EXPECT_EQ(flow.stats.State(), "SF") << letters;
    EXPECT_EQ(flow.reason, tracker::EndReason::kFin);
  }
}

TEST_P(TcpFragments, MayHaveAFin) {
  const auto& [order, burst] = GetParam();
  for (const Stream& stream : Streams()) {
    SCOPED_TRACE(stream.name);

    const Recorder::EndedFlow flow =
        FragmentedSegment(stream, order, kAck | kPsh | kFin, burst);

    const std::string letters = flow.stats.Letters();
    EXPECT_EQ(letters.find_first_of("gGtTiIqQ"), std::string::npos) << letters;
    for (const auto& side : flow.stats.rare.directions) {
      EXPECT_EQ(side.missing_octets, 0U);
      EXPECT_EQ(side.retransmitted_packets, 0U);
    }
    EXPECT_EQ(flow.stats.State(), "SF") << letters;
    EXPECT_EQ(flow.reason, tracker::EndReason::kFin);
  }
}

INSTANTIATE_TEST_SUITE_P(
    Orders, TcpFragments,
    testing::Combine(testing::Values(std::vector<std::size_t>{0, 1, 2, 3},
                                     std::vector<std::size_t>{3, 2, 1, 0},
                                     std::vector<std::size_t>{1, 0, 3, 2},
                                     std::vector<std::size_t>{0, 3, 1, 2},
                                     std::vector<std::size_t>{2, 3, 0, 1}),
                     testing::Bool()));

TEST(Fragments, LostOneOfATcpSegmentIsAGap) {
  for (const Stream& stream : Streams()) {
    SCOPED_TRACE(stream.name);

    const Recorder::EndedFlow flow =
        FragmentedSegment(stream, {0, 1, 3}, kAck, false);

    EXPECT_NE(flow.stats.Letters().find('G'), std::string_view::npos)
        << flow.stats.Letters();
    EXPECT_EQ(flow.stats.Rare(Side::kInitiator).missing_octets, 800U);
  }
}

TEST(Fragments, OfASegmentSentAgainAreOneRetransmission) {
  const auto data = [](std::uint32_t id) {
    return Cut(ClientTcp(kAck, 101, 501).Payload(1588), 800, id);
  };
  Observed<> flows;
  flows.Track(ClientTcp(kSyn, 100, 0), 0s);
  flows.Track(ServerTcp(kSyn | kAck, 500, 101), 0s);
  flows.Track(ClientTcp(kAck, 101, 501), 0s);

  for (const std::uint32_t id : {7U, 8U}) {
    for (const PacketBuilder& part : data(id)) {
      flows.Track(part, 1s);
    }
  }

  EXPECT_EQ(flows.Only().Rare(Side::kInitiator).retransmitted_packets, 1U);
}

// --- Orphans.

TEST(OrphanFragments, CountOnPortsZeroAfterTheirPatienceBySweep) {
  const std::vector<PacketBuilder> parts = UdpFragments();
  Observed<> flows;
  flows.Track(parts[1], 0s);
  flows.Track(parts[2], 0s);

  flows.Sweep(29s + 999ms);

  EXPECT_THAT(flows.Take(), IsEmpty());
  EXPECT_EQ(CountsOf(flows).held, 2U);

  flows.Sweep(30s + 1ms);

  EXPECT_THAT(Flows(flows.tracker), ElementsAre("17 0-0 2"));
  EXPECT_EQ(CountsOf(flows).held, 0U);
  EXPECT_EQ(Orphans(CountsOf(flows), Orphan::kNoFirst), 2U);
  EXPECT_EQ(AllOrphans(CountsOf(flows)), 2U);
  EXPECT_EQ(flows.Only().Of(Side::kInitiator).FirstSeen(), kStart);
  EXPECT_EQ(Accounted(flows), 2U);
  EXPECT_EQ(flows.tracker.Stats().packets_tracked, 2U);
}

TEST(OrphanFragments, CountOnPortsZeroWhenAPacketBringsTheTime) {
  Observed<> flows;
  flows.Track(UdpFragments()[1], 0s);
  flows.Track(UdpFragments6()[1], 1s);

  flows.Track(Query(), 30s + 500ms);

  EXPECT_THAT(Flows(flows.tracker),
              UnorderedElementsAre("17 0-0 1", "17 40000-53 1"));
  EXPECT_EQ(CountsOf(flows).held, 1U);

  flows.Track(Query(), 31s + 500ms);

  EXPECT_THAT(Flows(flows.tracker),
              UnorderedElementsAre("17 0-0 1", "17 0-0 1", "17 40000-53 2"));
  EXPECT_EQ(CountsOf(flows).held, 0U);
}

TEST(OrphanFragments, CountOnPortsZeroWhenABurstBringsTheTime) {
  const std::vector<CapturedFrame> frames = {
      UdpFragments()[1].At(kStart), Query().At(kStart + 31s),
      Query().At(kStart + 33s), Query().At(kStart + 35s)};
  Observed<> flows;

  for (const CapturedFrame& frame : frames) {
    flows.tracker.TrackBurst(std::vector{frame.View()}, flows.sink);
  }

  EXPECT_THAT(Flows(flows.tracker),
              UnorderedElementsAre("17 0-0 1", "17 40000-53 3"));
}

// Before it, the table knew only the time of the last sweep.
TEST(OrphanFragments, AreNotMadeByAQuietTimeBefore) {
  const auto pieces = Cut(ClientTcp(kSyn, 1000, 0).Payload(60), 40, 1);
  for (const bool first_comes_first : {true, false}) {
    Observed<> flows;
    flows.Track(Query(), 0s);
    flows.Track(Query(), 2s);
    flows.Track(pieces[first_comes_first ? 0 : 1], 100s);
    flows.Track(pieces[first_comes_first ? 1 : 0], 100s + 1ms);

    EXPECT_EQ(flows.Only().Packets(), 2U);
    EXPECT_EQ(flows.Only().State(), "S0");
  }
}

TEST(OrphanFragments, OfAPingCountAsNoPing) {
  Observed<> flows;
  flows.Track(FromClient().Icmp(8, 0).EchoId(1, 1).Payload(20), 0s);
  flows.Track(Cut(FromClient().Icmp(8, 0).Payload(2000), 1000, 7)[1], 0s);

  flows.Sweep(29s);
  flows.Track(FromClient().Icmp(8, 0).EchoId(1, 2).Payload(20), 29s);
  flows.Sweep(31s);

  EXPECT_EQ(flows.tracker.FlowCount(), 2U);
  EXPECT_EQ(Orphans(CountsOf(flows), Orphan::kNoFirst), 1U);
}

TEST(OrphanFragments, StopBeingOrphansWhenTheFirstComesInTime) {
  const std::vector<PacketBuilder> parts = UdpFragments();
  Observed<> flows;
  flows.Track(parts[1], 0s);
  flows.Sweep(29s);

  flows.Track(parts[0], 29s + 500ms);
  flows.Sweep(31s);

  EXPECT_THAT(Flows(flows.tracker), ElementsAre("17 40000-53 2"));
  EXPECT_EQ(AllOrphans(CountsOf(flows)), 0U);
}

TEST(OrphanFragments, FirstThatComesTooLateCountsOnItsOwnPorts) {
  const std::vector<PacketBuilder> parts = UdpFragments();
  Observed<> flows;
  flows.Track(parts[1], 0s);
  flows.Sweep(31s);

  flows.Track(parts[0], 32s);
  flows.Track(parts[2], 32s);

  EXPECT_THAT(Flows(flows.tracker),
              UnorderedElementsAre("17 0-0 1", "17 40000-53 2"));
}

TEST(OrphanFragments, ComeFromAnIdentificationThatIsUsedAgainTooLate) {
  Observed<> flows;
  flows.Track(UdpFragments(7, 1001)[0], 0s);
  flows.Sweep(31s);

  flows.Track(UdpFragments(7, 1002)[1], 31s);

  EXPECT_EQ(CountsOf(flows).held, 1U);

  flows.Track(UdpFragments(7, 1002)[0], 32s);

  EXPECT_THAT(Flows(flows.tracker),
              UnorderedElementsAre("17 1001-53 1", "17 1002-53 2"));
}

TEST(OrphanFragments, AreNotMadeByOneTimeFarAhead) {
  const std::vector<PacketBuilder> parts = UdpFragments();
  Observed<> flows;
  flows.Track(Query(), 0s);
  flows.Track(parts[1], 0s);
  flows.Track(Query(), 0s);

  flows.Track(Query(50000), 1h);
  flows.Track(parts[0], 1s);

  EXPECT_EQ(AllOrphans(CountsOf(flows)), 0U);
  EXPECT_EQ(CountsOf(flows).held, 0U);
}

TEST(OrphanFragments, FarAheadThemselvesDoNotMakeOthers) {
  const std::vector<PacketBuilder> parts = UdpFragments();
  Observed<> flows;
  flows.Track(Query(), 0s);
  flows.Track(parts[1], 0s);

  flows.Track(UdpFragments(8, 1001)[1], 1h);
  flows.Track(parts[0], 1s);
  flows.Track(UdpFragments(8, 1001)[0], 2s);

  EXPECT_EQ(AllOrphans(CountsOf(flows)), 0U);
  EXPECT_EQ(CountsOf(flows).held, 0U);
}

TEST(OrphanFragments, AreNotKeptByAFirstTimeThatWasWrong) {
  Observed<> flows;
  flows.Track(UdpFragments()[1], 1000h);
  flows.Sweep(0s);
  flows.Track(Query(), 1s);
  flows.Track(Query(), 2s);

  flows.Sweep(40s);

  EXPECT_EQ(CountsOf(flows).held, 0U);
}

TEST(OrphanFragments, AreCountedAtFinish) {
  const std::vector<PacketBuilder> parts = UdpFragments();
  Observed<> flows;
  flows.Track(parts[1], 0s);
  flows.Track(parts[2], 0s);

  flows.Finish();

  EXPECT_EQ(Orphans(CountsOf(flows), Orphan::kShutdown), 2U);
  EXPECT_EQ(AllOrphans(CountsOf(flows)), 2U);
  EXPECT_EQ(CountsOf(flows).held, 0U);
  EXPECT_EQ(PacketsIn(flows.Ended()), 2U);
  EXPECT_EQ(flows.tracker.FlowCount(), 0U);
  EXPECT_EQ(Accounted(flows), 2U);
}

TEST(OrphanFragments, AreForgottenAtFinish) {
  const std::vector<PacketBuilder> parts = UdpFragments();
  Observed<> flows;
  flows.Track(parts[1], 0s);
  flows.Finish();

  flows.Track(parts[0], 1s);
  flows.Finish();

  EXPECT_EQ(PacketsIn(flows.Ended()), 2U);
  EXPECT_EQ(AllOrphans(CountsOf(flows)), 1U);
}

TEST(OrphanFragments, HaveNamesThatDoNotChange) {
  EXPECT_EQ(Name(Orphan::kNoFirst), "no_first_fragment");
}

// --- Floods.

TEST(FragmentFlood, OfOneDatagramHoldsSoManyPacketsAndNoMore) {
  constexpr std::size_t kPackets = FragmentTable::kHeldPackets + 1000;
  const CapturedFrame part = UdpFragments()[1].At(kStart);
  Observed<> flows;

  for (std::size_t i = 0; i < kPackets; ++i) {
    flows.Track(part);
    ASSERT_LE(CountsOf(flows).held, FragmentTable::kHeldPackets);
    ASSERT_EQ(Accounted(flows), i + 1);
  }
  flows.Track(UdpFragments()[0], 0s);
  flows.Finish();

  EXPECT_EQ(PacketsIn(flows.Ended()), kPackets + 1);
  EXPECT_EQ(Orphans(CountsOf(flows), Orphan::kTableFull),
            AllOrphans(CountsOf(flows)));
  EXPECT_GT(AllOrphans(CountsOf(flows)), 0U);
}

TEST(FragmentFlood, OfDatagramsPushesOutTheOldest) {
  constexpr std::uint16_t kDatagrams = FragmentTable::kDatagrams + 1000;
  Observed<> flows;

  for (std::uint16_t id = 1; id <= kDatagrams; ++id) {
    flows.Track(UdpFragments(id, id)[1], 0s);
    ASSERT_LE(CountsOf(flows).held, FragmentTable::kHeldPackets);
  }

  EXPECT_EQ(CountsOf(flows).held, FragmentTable::kHeldPackets);
  EXPECT_EQ(Orphans(CountsOf(flows), Orphan::kTableFull), 1000U);
  EXPECT_THAT(Flows(flows.tracker), ElementsAre("17 0-0 1000"));

  for (std::uint16_t id = 1001; id <= kDatagrams; ++id) {
    flows.Track(UdpFragments(id, id)[0], 0s);
  }

  EXPECT_EQ(CountsOf(flows).held, 0U);
  EXPECT_EQ(AllOrphans(CountsOf(flows)), 1000U);
  EXPECT_EQ(flows.tracker.FlowCount(), 1U + FragmentTable::kDatagrams);
}

TEST(FragmentFlood, OfFirstsKeepsTheLatest) {
  constexpr std::uint16_t kDatagrams = FragmentTable::kDatagrams + 10;
  Observed<> flows;
  for (std::uint16_t id = 1; id <= kDatagrams; ++id) {
    flows.Track(UdpFragments(id, id)[0], 0s);
  }

  EXPECT_EQ(flows.Track(UdpFragments(11, 11)[1], 0s), DecodeResult::kOk);
  EXPECT_EQ(flows.Track(UdpFragments(kDatagrams, kDatagrams)[1], 0s),
            DecodeResult::kOk);
  EXPECT_EQ(flows.Track(UdpFragments(10, 10)[1], 0s), DecodeResult::kHeld);

  EXPECT_EQ(AllOrphans(CountsOf(flows)), 0U);
}

TEST(FragmentFlood, FillsTheTableAgainAndAgain) {
  constexpr std::uint32_t kPackets = 5 * FragmentTable::kDatagrams;
  std::mt19937 random(1);
  Observed<> flows({.max_flows = 1000});

  for (std::uint32_t i = 0; i < kPackets; ++i) {
    const auto id = static_cast<std::uint16_t>(random() % 6000);
    const std::vector<PacketBuilder> parts = UdpFragments(id, 1001);
    flows.Track(parts[random() % 20 == 0 ? 0 : 1 + random() % 2], i * 1ms);
    ASSERT_LE(CountsOf(flows).held, FragmentTable::kHeldPackets);
    ASSERT_EQ(Accounted(flows), i + 1);
  }
  flows.Finish();

  EXPECT_EQ(PacketsIn(flows.Ended()), kPackets);
  EXPECT_EQ(CountsOf(flows).held, 0U);
}

// --- Bursts.

// Fragments of few datagrams, in any order, between packets of connections that
// begin and end. All frames of one burst have one time: a burst is swept
// before, not within.
std::vector<CapturedFrame> RandomFragments(std::uint32_t seed,
                                           std::size_t count) {
  std::mt19937 random(seed);
  const auto below = [&](std::uint32_t limit) {
    return static_cast<std::uint32_t>(random()) % limit;
  };
  std::vector<CapturedFrame> frames;
  tracker::Timestamp time = kStart;
  while (frames.size() < count) {
    if (frames.size() % tracker::FlowTracker<FiveTuple>::kBurst == 0) {
      time += std::chrono::seconds{below(20)};
    }
    const auto port = static_cast<std::uint16_t>(1000 + below(5));
    const std::uint32_t id = 1 + below(8);
    std::vector<PacketBuilder> parts;
    switch (below(4)) {
      case 0:
        parts = UdpFragments(id, port);
        break;
      case 1:
        parts = UdpFragments6(id);
        break;
      case 2:
        parts = Cut(FromClient()
                        .Tcp(port, 443)
                        .Flags(kAck)
                        .Seq(1 + below(3) * 1000)
                        .Payload(1500),
                    600, id);
        break;
      default:
        constexpr int kFlags[] = {kSyn, kAck, kFin | kAck, tracker::kRst};
        parts = {FromClient()
                     .Tcp(port, 443)
                     .Flags(kFlags[below(4)])
                     .Seq(below(3) * 1000)};
    }
    frames.push_back(
        parts[below(static_cast<std::uint32_t>(parts.size()))].At(time));
  }
  return frames;
}

class FragmentBurst : public testing::TestWithParam<std::uint32_t> {};

TEST_P(FragmentBurst, GivesTheSameEventsAsSingleCalls) {
  const std::vector<CapturedFrame> frames = RandomFragments(GetParam(), 1500);
  const std::vector<tracker::Frame> views = ViewsOf(frames);
  Observed<> single;
  Observed<> burst;

  for (const tracker::Frame& view : views) {
    single.tracker.Track(view, single.sink);
  }
  burst.tracker.TrackBurst(views, burst.sink);
  single.Finish();
  burst.Finish();

  EXPECT_EQ(PacketsIn(burst.Ended()), frames.size());
  EXPECT_EQ(PacketsIn(single.Ended()), frames.size());
  EXPECT_THAT(burst.Take(), ElementsAreArray(single.Take()));
  EXPECT_EQ(CountsOf(burst).orphans, CountsOf(single).orphans);
}

INSTANTIATE_TEST_SUITE_P(RandomStreams, FragmentBurst, testing::Range(1U, 11U));

TEST(FragmentBurstCall, MayEndBetweenTheFragmentsOfADatagram) {
  constexpr std::size_t kBurst = tracker::FlowTracker<FiveTuple>::kBurst;
  for (std::size_t before = kBurst - 3; before <= kBurst; ++before) {
    std::vector<CapturedFrame> frames(before, Query().At(kStart));
    for (const std::size_t part : {2, 1, 0}) {
      frames.push_back(UdpFragments(7, 1001)[part].At(kStart));
    }
    Observed<> flows;

    flows.tracker.TrackBurst(ViewsOf(frames), flows.sink);

    EXPECT_THAT(Flows(flows.tracker),
                UnorderedElementsAre("17 40000-53 " + std::to_string(before),
                                     "17 1001-53 3"));
  }
}

TEST(FragmentBurstCall, FindsFragmentsOfAConnectionThatEndsInIt) {
  const std::vector<PacketBuilder> parts =
      Cut(ClientTcp(kAck, 101, 501).Payload(1588), 800, 7);
  std::vector<CapturedFrame> frames;
  for (const PacketBuilder& packet :
       {ClientTcp(kSyn, 100, 0), ServerTcp(kSyn | kAck, 500, 101),
        ClientTcp(kAck, 101, 501), parts[1], parts[0],
        ServerTcp(tracker::kRst | kAck, 501, 1689)}) {
    frames.push_back(packet.At(kStart));
  }
  Observed<> flows;

  flows.tracker.TrackBurst(ViewsOf(frames), flows.sink);
  flows.Finish();

  ASSERT_EQ(flows.Ended().size(), 1U);
  EXPECT_EQ(flows.Ended()[0].stats.Packets(), frames.size());
}

}  // namespace
}  // namespace tests
