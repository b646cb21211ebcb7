// SPDX-License-Identifier: Apache-2.0
// What is inside of tunnels. The headers are laid out by hand from their RFCs.
#include <chrono>
#include <cstdint>
#include <initializer_list>
#include <string>

#include <gmock/gmock.h>

#include "tests/support/packet_builder.h"
#include "tests/tracker/observed.h"
#include "tracker/extractor.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using tracker::DecodeResult;
using tracker::FiveTuple;
using tracker::IpAddress;
using tracker::Packet;

// IANA protocol numbers and EtherTypes that the headers announce.
constexpr std::uint8_t kGre = 47;
constexpr std::uint16_t kVxlan = 4789;

std::string Bytes(std::initializer_list<int> octets) {
  std::string text;
  for (const int octet : octets) {
    text.push_back(static_cast<char>(octet));
  }
  return text;
}

std::string Text(const PacketBuilder& packet) {
  const Octets octets = packet.Build();
  return {octets.begin(), octets.end()};
}

// The conversation inside: 10.0.0.1:1111 -> 10.0.0.2:2222, 3 octets of payload.
PacketBuilder Inside(PacketBuilder link) {
  return link.Ipv4("10.0.0.1", "10.0.0.2").Udp(1111, 2222).Payload("abc");
}
std::string InnerIp() { return Text(Inside(RawIp())); }
std::string InnerIp6() {
  return Text(
      RawIp().Ipv6("2001:db8::1", "2001:db8::2").Udp(1111, 2222).Payload(3));
}
std::string InnerEthernet() { return Text(Inside(Eth())); }
std::string InnerPpp() { return Bytes({0xff, 0x03, 0x00, 0x21}) + InnerIp(); }

PacketBuilder Outer() { return Eth().Ipv4("192.0.2.1", "192.0.2.2"); }
PacketBuilder InProtocol(std::uint8_t protocol, const std::string& octets) {
  return Outer().Protocol(protocol).Payload(octets);
}
PacketBuilder InUdp(std::uint16_t port, const std::string& octets) {
  return Outer().Udp(50000, port).Payload(octets);
}

struct Innermost {
  DecodeResult result = DecodeResult::kOk;
  Packet packet;
  Packet fragmented;
};

Innermost DecodeIt(const PacketBuilder& packet) {
  const CapturedFrame frame = packet.At(kStart);
  Innermost found;
  found.result = DecodeInnermost(frame.View(), found.packet, found.fragmented);
  return found;
}

bool IsInside(const Packet& packet) {
  return packet.source_port == 1111 && packet.destination_port == 2222;
}

struct Tunnel {
  const char* name;
  PacketBuilder packet;
  std::uint64_t segment = 0;
};

// RFC 2784 and 2890: checksum, key, sequence number.
std::string Gre(int flags, int type, const std::string& rest) {
  return Bytes({flags >> 8, flags & 0xff, type >> 8, type & 0xff}) + rest;
}

std::vector<Tunnel> GreTunnels() {
  const std::string four(4, '\1');
  const std::string erspan2 =
      Bytes({0x10, 0x64, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00});
  const std::string erspan3 =
      Bytes({0x20, 0x64, 0x00, 0x01, 0, 0, 0, 9, 0x00, 0x00, 0x00, 0x00});
  const std::string erspan3_subheader =
      Bytes({0x20, 0x64, 0x00, 0x01, 0, 0, 0, 9, 0x00, 0x00, 0x00, 0x01}) +
      std::string(8, '\0');
  return {
      {"GRE", InProtocol(kGre, Gre(0, 0x0800, InnerIp()))},
      {"checksum", InProtocol(kGre, Gre(0x8000, 0x0800, four + InnerIp()))},
      {"key", InProtocol(kGre, Gre(0x2000, 0x0800, four + InnerIp()))},
      {"sequence", InProtocol(kGre, Gre(0x1000, 0x0800, four + InnerIp()))},
      {"all",
       InProtocol(kGre, Gre(0xb000, 0x0800, four + four + four + InnerIp()))},
      {"IPv6", InProtocol(kGre, Gre(0, 0x86dd, InnerIp6()))},
      {"MPLS",
       InProtocol(kGre, Gre(0, 0x8847, Bytes({0, 1, 1, 64}) + InnerIp()))},
      {"Ethernet", InProtocol(kGre, Gre(0, 0x6558, InnerEthernet()))},
      {"NVGRE",
       InProtocol(kGre, Gre(0x2000, 0x6558,
                            Bytes({0, 0x12, 0x34, 0x99}) + InnerEthernet())),
       std::uint64_t{2} << 56 | 0x1234},
      {"PPTP",
       InProtocol(kGre, Gre(0x3081, 0x880b,
                            Bytes({0, 40, 0, 7, 0, 0, 0, 1, 0, 0, 0, 2}) +
                                InnerPpp()))},
      {"ERSPAN I", InProtocol(kGre, Gre(0, 0x88be, InnerEthernet()))},
      {"ERSPAN II",
       InProtocol(kGre, Gre(0x1000, 0x88be, four + erspan2 + InnerEthernet()))},
      {"ERSPAN III",
       InProtocol(kGre, Gre(0x1000, 0x22eb, four + erspan3 + InnerEthernet()))},
      {"ERSPAN III with subheader",
       InProtocol(kGre, Gre(0x1000, 0x22eb,
                            four + erspan3_subheader + InnerEthernet()))},
  };
}

std::vector<Tunnel> OtherTunnels() {
  const std::string vni = Bytes({0x00, 0x12, 0x34, 0x00});
  const std::string vxlan = Bytes({0x08, 0, 0, 0}) + vni;
  const std::string session = Bytes({0, 0, 0, 5});
  return {
      {"IP in IP", InProtocol(4, InnerIp())},
      {"6in4", InProtocol(41, InnerIp6())},
      {"4in6",
       Eth().Ipv6("2001:db8::a", "2001:db8::b").Protocol(4).Payload(InnerIp())},
      {"VXLAN", InUdp(kVxlan, vxlan + InnerEthernet()),
       std::uint64_t{1} << 56 | 0x1234},
      {"VXLAN of Linux", InUdp(8472, vxlan + InnerEthernet()),
       std::uint64_t{1} << 56 | 0x1234},
      {"VXLAN-GPE IPv4", InUdp(4790, Bytes({0x0c, 0, 0, 1}) + vni + InnerIp()),
       std::uint64_t{1} << 56 | 0x1234},
      {"VXLAN-GPE IPv6", InUdp(4790, Bytes({0x0c, 0, 0, 2}) + vni + InnerIp6()),
       std::uint64_t{1} << 56 | 0x1234},
      {"VXLAN-GPE Ethernet",
       InUdp(4790, Bytes({0x0c, 0, 0, 3}) + vni + InnerEthernet()),
       std::uint64_t{1} << 56 | 0x1234},
      {"GENEVE", InUdp(6081, Bytes({0, 0, 0x65, 0x58}) + vni + InnerEthernet()),
       0x1234},
      {"GENEVE with options",
       InUdp(6081, Bytes({2, 0, 0x08, 0x00}) + vni + std::string(8, '\7') +
                       InnerIp()),
       0x1234},
      {"GTP-U", InUdp(2152, Bytes({0x30, 255, 0, 31, 0, 0, 0, 1}) + InnerIp())},
      {"GTP-U with sequence",
       InUdp(2152,
             Bytes({0x32, 255, 0, 35, 0, 0, 0, 1, 0, 9, 0, 0}) + InnerIp())},
      {"GTP-U with extension headers",
       InUdp(2152, Bytes({0x34, 255,  0,    43,   0, 0, 0, 1, 0, 0, 0, 0x85,  //
                          1,    0x10, 0x09, 0xc0, 1, 0, 0, 0}) +
                       InnerIp())},
      {"Teredo", InUdp(3544, InnerIp6())},
      {"Teredo with authentication and origin",
       InUdp(3544, Bytes({0, 1, 2, 3, 1, 2, 1, 2, 3, 0, 0, 0, 0, 0, 0, 0, 0,
                          0,  //
                          0, 0, 1, 2, 3, 4, 5, 6}) +
                       InnerIp6())},
      {"L2TP", InUdp(1701, Bytes({0x00, 0x02, 0, 1, 0, 2}) + InnerPpp())},
      {"L2TP with length, sequence and offset",
       InUdp(1701,
             Bytes({0x4a, 0x02, 0, 60, 0, 1, 0, 2, 0, 1, 0, 2, 0, 3, 9, 9, 9}) +
                 InnerPpp())},
      {"L2TPv3", InProtocol(115, session + InnerEthernet())},
      {"L2TPv3 with sublayer",
       InProtocol(115, session + std::string(4, '\0') + InnerEthernet())},
      {"L2TPv3 over UDP",
       InUdp(1701, Bytes({0, 3, 0, 0}) + session + std::string(4, '\0') +
                       InnerEthernet())},
      {"AYIYA", InUdp(5072, Bytes({0x41, 0x52, 0x11, 41, 0, 0, 0, 0}) +
                                std::string(16 + 20, '\1') + InnerIp6())},
  };
}

std::vector<Tunnel> Tunnels() {
  std::vector<Tunnel> all = GreTunnels();
  const std::vector<Tunnel> others = OtherTunnels();
  all.insert(all.end(), others.begin(), others.end());
  return all;
}

TEST(Tunnels, LeadToThePacketInside) {
  for (const Tunnel& tunnel : Tunnels()) {
    const Innermost found = DecodeIt(tunnel.packet);

    EXPECT_EQ(found.result, DecodeResult::kOk) << tunnel.name;
    EXPECT_TRUE(IsInside(found.packet)) << tunnel.name;
    EXPECT_EQ(found.packet.octets, found.packet.ip_version == 4 ? 31U : 51U)
        << tunnel.name;
    EXPECT_EQ(found.packet.segment_id, tunnel.segment) << tunnel.name;
    EXPECT_EQ(found.fragmented.ip_version, 0) << tunnel.name;
  }
}

TEST(Tunnels, AreNotLookedIntoWhenTheOutermostPacketIsWanted) {
  for (const Tunnel& tunnel : Tunnels()) {
    const CapturedFrame frame = tunnel.packet.At(kStart);
    Packet packet;

    EXPECT_EQ(Decode(frame.View(), packet), DecodeResult::kOk);
    EXPECT_FALSE(IsInside(packet)) << tunnel.name;
    EXPECT_EQ(packet.segment_id, 0U) << tunnel.name;
  }
}

// Cut anywhere, a frame gives the packet inside when its ports were captured,
// one that leads there before, and nothing out of thin air.
TEST(Tunnels, MayBeCutAnywhere) {
  for (const Tunnel& tunnel : Tunnels()) {
    const std::size_t octets = tunnel.packet.Build().size();
    for (std::size_t cut = 34; cut < octets; ++cut) {
      const Innermost found =
          DecodeIt(PacketBuilder(tunnel.packet).TruncateTo(cut));
      const Packet& packet = found.packet;
      const bool outer = packet.source == IpAddress::V4(192, 0, 2, 1) ||
                         packet.source.octets[15] == 0x0a;
      const bool inner = packet.source == IpAddress::V4(10, 0, 0, 1) ||
                         packet.source.octets[15] == 0x01;
      if (found.result == DecodeResult::kOk) {
        EXPECT_TRUE(outer || inner) << tunnel.name << " cut at " << cut;
        EXPECT_TRUE(packet.source_port == 0 || packet.source_port == 1111 ||
                    packet.source_port == 50000)
            << tunnel.name << " cut at " << cut;
      }
    }
  }
}

TEST(Tunnels, ThatCarryNoIpPacketCountThemselves) {
  const std::string arp = Text(Eth().EtherType(0x0806).Payload(28));
  const std::string vxlan = Bytes({0x08, 0, 0, 0, 0, 0, 1, 0});
  const Tunnel cases[] = {
      {"ARP in VXLAN", InUdp(kVxlan, vxlan + arp)},
      {"VXLAN without its flag",
       InUdp(kVxlan, Bytes({0, 0, 0, 0, 0, 0, 1, 0}) + InnerEthernet())},
      {"GENEVE control",
       InUdp(6081, Bytes({0, 0x80, 0x65, 0x58, 0, 0, 1, 0}) + InnerEthernet())},
      {"GTP echo", InUdp(2152, Bytes({0x32, 1, 0, 4, 0, 0, 0, 0, 0, 1, 0, 0}))},
      {"L2TP control",
       InUdp(1701, Bytes({0xc8, 0x02, 0, 12, 0, 1, 0, 2, 0, 0, 0, 0}))},
      {"PPTP acknowledgment",
       InProtocol(kGre, Gre(0x2081, 0x880b, Bytes({0, 0, 0, 7, 0, 0, 0, 1})))},
      {"GRE with routing",
       InProtocol(kGre, Gre(0x4000, 0x0800, std::string(4, '\0') + InnerIp()))},
      {"nothing", InProtocol(kGre, "")},
      {"DNS", InUdp(53, InnerIp())},
  };
  for (const Tunnel& tunnel : cases) {
    const Innermost found = DecodeIt(tunnel.packet);

    EXPECT_EQ(found.result, DecodeResult::kOk) << tunnel.name;
    EXPECT_EQ(found.packet.source, IpAddress::V4(192, 0, 2, 1)) << tunnel.name;
    EXPECT_EQ(found.packet.segment_id, 0U) << tunnel.name;
  }
}

TEST(Tunnels, InTunnelsAreFollowedUpToALimit) {
  for (int depth = 1; depth <= tracker::kMaxTunnels + 2; ++depth) {
    std::string octets = InnerIp();
    for (int i = 1; i < depth; ++i) {
      octets = Text(
          RawIp().Ipv4("192.0.2.1", "192.0.2.2").Protocol(4).Payload(octets));
    }

    const Innermost found = DecodeIt(InProtocol(4, octets));

    EXPECT_EQ(found.result, DecodeResult::kOk);
    EXPECT_EQ(IsInside(found.packet), depth <= tracker::kMaxTunnels) << depth;
  }
}

TEST(Tunnels, ThatCarryEthernetGiveItsAddressesAndTags) {
  const std::string inner = Text(Inside(
      Eth().Macs({2, 0, 0, 0, 0, 0x11}, {2, 0, 0, 0, 0, 0x22}).Vlan(42)));
  const std::string vxlan = Bytes({0x08, 0, 0, 0, 0, 0, 1, 0});

  const Packet packet = DecodeIt(Eth()
                                     .Vlan(7)
                                     .Ipv4("192.0.2.1", "192.0.2.2")
                                     .Udp(1, kVxlan)
                                     .Payload(vxlan + inner))
                            .packet;

  EXPECT_TRUE(IsInside(packet));
  EXPECT_EQ(packet.vlan_id, 42);
  EXPECT_EQ(packet.source_mac, (tracker::MacAddress{2, 0, 0, 0, 0, 0x11}));
}

TEST(Tunnels, ThatCarryIpKeepTheAddressesAndTagsOfTheFrame) {
  const Packet packet = DecodeIt(Eth()
                                     .Vlan(7)
                                     .Ipv4("192.0.2.1", "192.0.2.2")
                                     .Protocol(4)
                                     .Payload(InnerIp()))
                            .packet;

  EXPECT_TRUE(IsInside(packet));
  EXPECT_EQ(packet.vlan_id, 7);
  EXPECT_EQ(packet.source_mac, (tracker::MacAddress{2, 0, 0, 0, 0, 1}));
}

TEST(Tunnels, InFragmentsSayWhichPacketWasTheFirst) {
  const Innermost found = DecodeIt(Eth()
                                       .Ipv4("192.0.2.1", "192.0.2.2")
                                       .Identification(9)
                                       .Fragment(0, true)
                                       .Protocol(4)
                                       .Payload(InnerIp()));

  EXPECT_TRUE(IsInside(found.packet));
  EXPECT_EQ(found.fragmented.ip_version, 4);
  EXPECT_EQ(found.fragmented.fragment_id, 9U);
  EXPECT_EQ(found.fragmented.source, IpAddress::V4(192, 0, 2, 1));
}

TEST(Tunnels, LeaveTheirLaterFragmentsToTheOuterFlow) {
  Observed<FiveTuple> flows(
      {}, FiveTuple(tracker::FiveTupleOptions{.innermost = true}));

  flows.Track(InUdp(2152, Bytes({0x30, 255, 0, 31, 0, 0, 0, 1}) + InnerIp()),
              0s);
  flows.Track(Eth()
                  .Ipv4("192.0.2.1", "192.0.2.2")
                  .Identification(9)
                  .Fragment(0, true)
                  .Udp(50000, 2152)
                  .Payload(Bytes({0x30, 255, 0, 31, 0, 0, 0, 1}) + InnerIp()),
              0s);
  flows.Track(Eth()
                  .Ipv4("192.0.2.1", "192.0.2.2")
                  .Identification(9)
                  .Fragment(64, false)
                  .Protocol(17)
                  .Payload(8),
              0s);
  flows.Finish();

  ASSERT_EQ(flows.Ended().size(), 2U);
  EXPECT_EQ(flows.Ended()[0].stats.Packets(), 2U);
  EXPECT_EQ(flows.Ended()[1].stats.Packets(), 1U);
}

TEST(Tunnels, KeepFlowsApartOnlyWhenTheyAreInTheKey) {
  const auto in_network = [](int vni) {
    return InUdp(kVxlan,
                 Bytes({0x08, 0, 0, 0, 0, 0, vni, 0}) + InnerEthernet());
  };
  for (const bool in_key : {false, true}) {
    Observed<FiveTuple> flows(
        {}, FiveTuple(tracker::FiveTupleOptions{.innermost = true,
                                                .tunnel_in_key = in_key}));
    flows.Track(in_network(1), 0s);
    flows.Track(in_network(2), 0s);

    EXPECT_EQ(flows.tracker.FlowCount(), in_key ? 2U : 1U);
  }
}

}  // namespace
}  // namespace tests
