// SPDX-License-Identifier: Apache-2.0
// The rare part of a flow: lent once, and on the side of who caused it.
#include "tracker/rare_stats.h"

#include <chrono>
#include <cstdint>
#include <string>

#include <gmock/gmock.h>

#include "tests/tracker/observed.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using tracker::kAck;
using tracker::kFin;
using tracker::kSyn;
using tracker::RareLoan;
using tracker::RarePool;
using tracker::Side;

// --- RareLoan.

TEST(RareLoan, ReadsNothingUntilItIsWritten) {
  RarePool pool(1);
  RarePool::Index index = RarePool::kNone;
  const RareLoan loan(pool, index);

  EXPECT_EQ(&loan.Read(), &tracker::kNoRareStats);
  EXPECT_EQ(loan.Read().history.length, 0);
  EXPECT_EQ(loan.Read().tcp_ends[1].blocks, tracker::BlockPool::kNone);
  EXPECT_FALSE(loan.Lent());
}

TEST(RareLoan, BorrowsOnceHoweverOftenItIsWritten) {
  RarePool pool(2);
  RarePool::Index index = RarePool::kNone;
  RareLoan loan(pool, index);

  loan.Write().segment_id = 1;
  loan.Write().tcp_ends[0].last_fin = 2;

  EXPECT_EQ(loan.Read().segment_id, 1U);
  EXPECT_EQ(loan.Read().tcp_ends[0].last_fin, 2U);
  EXPECT_NE(pool.Lend(), RarePool::kNone);
  EXPECT_EQ(pool.Lend(), RarePool::kNone);
}

TEST(RareLoan, IsEmptyForTheNextOne) {
  RarePool pool(1);
  RarePool::Index first = RarePool::kNone;
  RareLoan before(pool, first);
  before.Write().segment_id = 1;
  before.Return();
  EXPECT_FALSE(before.Lent());

  RarePool::Index second = RarePool::kNone;
  RareLoan after(pool, second);
  after.Write().tcp_ends[0].gaps = 1;

  EXPECT_EQ(after.Read().segment_id, 0U);
}

// --- Whose it is when roles turn round.

// Says nothing about who is the server.
constexpr std::uint16_t kServerPort = 30000;

PacketBuilder ClientInVlans() {
  return Eth().Vlan(10).Vlan(11).Ipv4("192.0.2.1", "198.51.100.1");
}
PacketBuilder ServerInVlans() {
  return Eth().Vlan(20).Vlan(21).Ipv4("198.51.100.1", "192.0.2.1");
}
PacketBuilder Client(int flags, std::uint32_t seq, std::uint32_t ack,
                     std::size_t octets = 0) {
  return ClientInVlans()
      .Tcp(40000, kServerPort)
      .Flags(flags)
      .Seq(seq)
      .Ack(ack)
      .Payload(octets);
}
PacketBuilder Server(int flags, std::uint32_t seq, std::uint32_t ack,
                     std::size_t octets = 0) {
  return ServerInVlans()
      .Tcp(kServerPort, 40000)
      .Flags(flags)
      .Seq(seq)
      .Ack(ack)
      .Payload(octets);
}

// The flow begins with packets of the server.
class TurnedRound : public testing::Test {
 protected:
  void Track(const PacketBuilder& packet) { flows_.Track(packet, 0s); }
  void ExpectVlansOnTheirSides() const {
    const Snapshot flow = flows_.Only();
    EXPECT_THAT(flow.vlan_id, ElementsAre(10, 20));
    EXPECT_EQ(flow.Rare(Side::kInitiator).inner_vlan_id, 11);
    EXPECT_EQ(flow.Rare(Side::kResponder).inner_vlan_id, 21);
  }

  Observed<> flows_{{.use_direction_evidence = true}};
};

TEST_F(TurnedRound, ByTheSynThatComesLateHasInnerVlansOnTheirSides) {
  Track(Server(kSyn | kAck, 5000, 1001));
  Track(Client(kSyn, 1000, 0));

  EXPECT_EQ(flows_.Only().Letters(), "Hs^");
  ExpectVlansOnTheirSides();
}

TEST_F(TurnedRound, ByTheAckOfALoneSynAckHasInnerVlansOnTheirSides) {
  Track(Server(kSyn | kAck, 5000, 1001));
  Track(Client(kAck, 1001, 5001));

  EXPECT_EQ(flows_.Only().Letters(), "^hA");
  ExpectVlansOnTheirSides();
}

TEST_F(TurnedRound, ByItsPortHasInnerVlansOnTheirSides) {
  Track(ServerInVlans().Udp(53, 40000));
  Track(ClientInVlans().Udp(40000, 53));

  ExpectVlansOnTheirSides();
}

// The SYN's data counts as one, in letters only; so the next is no first.
TEST_F(TurnedRound, CountsOnWithTheLettersOfASide) {
  Track(Server(kSyn | kAck, 5000, 1001));
  Track(Client(kSyn, 1000, 0, 5));
  ASSERT_EQ(flows_.Only().Letters(), "Hst^");

  Track(Client(kAck, 1006, 5001, 5));
  Track(Client(kAck, 1006, 5001, 5));

  EXPECT_EQ(flows_.Only().Letters(), "Hst^D");
  EXPECT_EQ(flows_.Only().Rare(Side::kInitiator).retransmitted_packets, 1U);
}

TEST_F(TurnedRound, HasRetransmissionsAndHolesOnTheirSides) {
  Track(Server(kSyn | kAck, 5000, 1001));
  Track(Client(kSyn, 1000, 0));
  Track(Client(kAck, 1001, 5001));

  Track(Client(kAck, 1001, 5001, 10));
  Track(Client(kAck, 1001, 5001, 10));
  Track(Server(kAck, 5101, 1011, 10));
  Track(Client(kAck, 1011, 5111));

  const Snapshot flow = flows_.Only();
  EXPECT_EQ(flow.Rare(Side::kInitiator).retransmitted_packets, 1U);
  EXPECT_EQ(flow.Rare(Side::kResponder).retransmitted_packets, 0U);
  EXPECT_EQ(flow.Rare(Side::kInitiator).missing_octets, 0U);
  EXPECT_EQ(flow.Rare(Side::kResponder).missing_octets, 100U);
}

// --- Intervals.

TEST(RareStats, OfAnIntervalAreItsOwnButForTheInnerVlan) {
  Observed<> flows({.active_timeout = 60s});
  flows.Track(Client(kSyn, 1000, 0), 0s);
  flows.Track(Server(kSyn | kAck, 5000, 1001), 0s);
  flows.Track(Client(kAck, 1001, 5001), 0s);
  flows.Track(Client(kAck, 1001, 5001, 10), 1s);
  flows.Track(Client(kAck, 1001, 5001, 10), 1s);
  flows.Track(Server(kAck, 5101, 1011, 10), 2s);
  flows.Track(Client(kAck, 1011, 5111), 2s);

  flows.Sweep(60s);

  ASSERT_EQ(flows.sink.intervals.size(), 1U);
  const Snapshot& first = flows.sink.intervals[0];
  EXPECT_EQ(first.Rare(Side::kInitiator).retransmitted_packets, 1U);
  EXPECT_EQ(first.Rare(Side::kResponder).missing_octets, 100U);
  EXPECT_EQ(first.Rare(Side::kResponder).inner_vlan_id, 21);
  const Snapshot second = flows.Only();
  EXPECT_EQ(second.Rare(Side::kInitiator).retransmitted_packets, 0U);
  EXPECT_EQ(second.Rare(Side::kResponder).missing_octets, 0U);
  EXPECT_EQ(second.Rare(Side::kInitiator).inner_vlan_id, 11);
  EXPECT_EQ(second.Rare(Side::kResponder).inner_vlan_id, 21);
}

TEST(RareStats, AfterAnIntervalHaveWhatIsBehindAHoleStill) {
  Observed<> flows({.active_timeout = 60s});
  flows.Track(Client(kSyn, 1000, 0), 0s);
  flows.Track(Server(kSyn | kAck, 5000, 1001), 0s);
  flows.Track(Client(kAck, 1001, 5001), 0s);
  flows.Track(Client(kAck, 1101, 5001, 10), 1s);
  flows.Track(Client(kAck, 1121, 5001, 10), 1s);
  flows.Sweep(60s);

  flows.Track(Server(kAck, 5001, 1131), 61s);

  EXPECT_EQ(flows.Only().Rare(Side::kInitiator).missing_octets, 110U);
  EXPECT_EQ(flows.Only().Letters(), "ShADaG");
}

// --- A larger table.

TEST(RareStats, AreTheSameInALargerTable) {
  Observed<> flows({.max_flows = 3});
  flows.Track(ClientInVlans().Udp(1, 53), 0s);
  flows.Track(Client(kSyn, 1000, 0), 1s);
  flows.Track(Server(kSyn | kAck, 5000, 1001), 1s);
  flows.Track(Client(kAck, 1001, 5001), 1s);
  flows.Track(Client(kAck, 1101, 5001, 10), 1s);
  flows.Track(ClientInVlans().Udp(2, 53), 2s);
  flows.Sweep(60s);  // the first place is free

  flows.SetConfig({.max_flows = 1000});
  for (std::uint16_t port = 3; port < 100; ++port) {
    flows.Track(ServerInVlans().Udp(port, 53), 62s);
  }
  flows.Track(Server(kAck, 5001, 1111), 62s);

  Snapshot connection;
  flows.tracker.ForEach([&](const auto& flow) {
    if (flow.stats.IsTcp()) {
      connection = Snapshot(flow);
    }
  });
  EXPECT_EQ(connection.Rare(Side::kInitiator).missing_octets, 100U);
  EXPECT_EQ(connection.Rare(Side::kInitiator).inner_vlan_id, 11);
  EXPECT_EQ(connection.Rare(Side::kResponder).inner_vlan_id, 21);
}

// --- Counts that end as letters.

TEST(RareStats, HaveLettersToTheThirtySecond) {
  Observed<> flows;
  flows.Track(Client(kSyn, 1000, 0), 0s);
  flows.Track(Server(kSyn | kAck, 5000, 1001), 0s);
  std::string expected = "Sh";
  // Each is elsewhere, and so is written.
  for (std::uint32_t i = 0; i < 20; ++i) {
    flows.Track(Client(kFin | kAck, 1001 + i, 5001), 0s);
    flows.Track(Server(kFin | kAck, 5001 + i, 1001), 0s);
    expected += "Ff";
  }

  EXPECT_EQ(flows.Only().Letters(), expected.substr(0, 32));
  EXPECT_EQ(flows.Only().State(), "SF");
}

}  // namespace
}  // namespace tests
