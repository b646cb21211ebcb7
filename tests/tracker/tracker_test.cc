// SPDX-License-Identifier: Apache-2.0
// FlowTracker beyond its first promises: order of events, access to live flows,
// direction, what is counted.
#include "tracker/tracker.h"

#include <chrono>
#include <cstdint>
#include <vector>

#include <gmock/gmock.h>

#include "tests/tracker/observed.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using tracker::DecodeResult;
using tracker::EndReason;
using tracker::FiveTuple;
using tracker::FlowKey;
using tracker::IpAddress;
using tracker::kAck;
using tracker::kRst;
using tracker::kSyn;
using tracker::Side;
using tracker::TrackerConfig;

FlowKey QueryKey(std::uint16_t port = 40000) {
  FlowKey key;
  key.address = {IpAddress::V4(192, 0, 2, 1), IpAddress::V4(198, 51, 100, 1)};
  key.port = {port, 53};
  key.protocol = tracker::kUdp;
  key.ip_version = 4;
  return key;
}

// --- Order of the events of one packet.

TEST(EventOrder, EvictedThenStartedThenStateThenPacketThenEnded) {
  Observed<> flows({.max_flows = 1});
  flows.Track(Query(), 0s);
  flows.Take();

  flows.Track(ClientTcp(kRst, 1, 0), 1s);

  EXPECT_THAT(flows.Take(),
              ElementsAre("ended 1 evicted", "started 2", "state 2",
                          "packet 2 initiator", "ended 2 rst"));
}

TEST(EventOrder, IntervalComesBeforeThePacketOfTheNext) {
  Observed<> flows({.active_timeout = 10s, .sweep_interval = 1min});
  flows.Track(Query(), 0s);
  flows.Take();

  flows.Track(Query(), 10s);

  EXPECT_THAT(flows.Take(), ElementsAre("interval 1", "packet 1 initiator"));
}

TEST(EventOrder, IdleFlowOfTheSameKeyEndsBeforeItsSuccessorStarts) {
  Observed<> flows({.sweep_interval = 10min});
  flows.Track(Query(), 0s);
  flows.Take();

  flows.Track(Query(), 60s);

  EXPECT_THAT(flows.Take(), ElementsAre("ended 1 idle_timeout", "started 2",
                                        "packet 2 initiator"));
}

TEST(EventOrder, FlowIsWholeInStarted) {
  struct Sink {
    void Started(const tracker::FlowTracker<FiveTuple>::Flow& flow) {
      id = flow.stats.id;
      protocol = flow.stats.protocol;
      key = flow.key;
    }
    std::uint64_t id = 0;
    std::uint8_t protocol = 0;
    FlowKey key;
  };
  tracker::FlowTracker<FiveTuple> flows{TrackerConfig{}};
  Sink sink;

  flows.Track(Query().At(kStart).View(), sink);

  EXPECT_EQ(sink.id, 1U);
  EXPECT_EQ(sink.protocol, tracker::kUdp);
  EXPECT_EQ(sink.key, QueryKey());
}

TEST(Sink, MayWantNothing) {
  struct Deaf {};
  tracker::FlowTracker<FiveTuple> flows{TrackerConfig{}};

  flows.Track(Query().At(kStart).View(), Deaf{});
  flows.Finish(Deaf{});

  EXPECT_EQ(flows.Stats().Ended(EndReason::kShutdown), 1U);
}

TEST(Track, WithoutSinkGivesTheEventsAsAList) {
  using Kind = tracker::Event<FlowKey>::Kind;
  tracker::FlowTracker<FiveTuple> flows{TrackerConfig{}};

  const auto events = flows.Track(Query().At(kStart).View());

  ASSERT_EQ(events.size(), 2U);
  EXPECT_EQ(events[0].kind, Kind::kStarted);
  EXPECT_EQ(events[0].stats.Packets(), 0U);
  EXPECT_EQ(events[1].kind, Kind::kPacket);
  EXPECT_EQ(events[1].key, QueryKey());
  EXPECT_EQ(events[1].side, Side::kInitiator);
  EXPECT_EQ(events[1].stats.Packets(), 1U);
}

// --- Live flows.

TEST(Get, FindsALiveFlowByItsKey) {
  Observed<> flows;
  flows.Track(Query(), 0s);

  const auto flow = flows.tracker.Get(QueryKey());

  ASSERT_TRUE(flow.has_value());
  EXPECT_EQ(flow->key, QueryKey());
  EXPECT_EQ(flow->stats.id, 1U);
}

TEST(Get, FindsNothingUnderAnUnknownKey) {
  Observed<> flows;
  flows.Track(Query(), 0s);

  EXPECT_FALSE(flows.tracker.Get(QueryKey(1)).has_value());
}

TEST(Get, FindsNothingAfterTheEnd) {
  Observed<> flows;
  flows.Track(Query(), 0s);
  flows.Sweep(60s);

  EXPECT_FALSE(flows.tracker.Get(QueryKey()).has_value());
}

TEST(GetMut, ChangesTheUserState) {
  Observed<FiveTuple, int> flows;
  flows.Track(Query(), 0s);

  *flows.tracker.GetMut(QueryKey()) = 42;

  EXPECT_EQ(flows.tracker.Get(QueryKey())->state, 42);
}

TEST(GetMut, FindsNothingUnderAnUnknownKey) {
  Observed<FiveTuple, int> flows;

  EXPECT_EQ(flows.tracker.GetMut(QueryKey()), nullptr);
}

TEST(ForEach, VisitsLiveFlowsInTheOrderOfTheirStart) {
  Observed<> flows;
  flows.Track(Query(1003), 0s);
  flows.Track(Query(1001), 1s);
  flows.Track(Query(1002), 2s);
  flows.Track(Query(1003), 3s);
  std::vector<std::uint64_t> visited;

  flows.tracker.ForEach(
      [&](const auto& flow) { visited.push_back(flow.stats.id); });

  EXPECT_THAT(visited, ElementsAre(1, 2, 3));
}

// Counts how many of it live.
struct Alive {
  explicit Alive(int* counter) : count(counter) { ++*count; }
  Alive(const Alive& other) : count(other.count) { ++*count; }
  Alive(Alive&& other) noexcept : count(other.count) { ++*count; }
  Alive& operator=(const Alive&) = delete;
  Alive& operator=(Alive&&) = delete;
  ~Alive() { --*count; }
  int* count;
};

TEST(State, IsDestroyedWithItsFlow) {
  int alive = 0;
  Observed<FiveTuple, Alive> flows(
      {}, FiveTuple(), [&](const FlowKey& /*key*/) { return Alive(&alive); });
  flows.Track(Query(1001), 0s);
  flows.Track(Query(1002), 0s);
  ASSERT_EQ(alive, 2);

  flows.Sweep(60s);

  EXPECT_EQ(alive, 0);
}

TEST(State, IsDestroyedWithTheTracker) {
  int alive = 0;
  {
    Observed<FiveTuple, Alive> flows(
        {}, FiveTuple(), [&](const FlowKey& /*key*/) { return Alive(&alive); });
    flows.Track(Query(1001), 0s);
  }

  EXPECT_EQ(alive, 0);
}

TEST(State, SurvivesGrowth) {
  int alive = 0;
  Observed<FiveTuple, Alive> flows(
      {.max_flows = 1}, FiveTuple(),
      [&](const FlowKey& /*key*/) { return Alive(&alive); });
  flows.Track(Query(), 0s);

  flows.SetConfig({.max_flows = 1000});

  EXPECT_EQ(alive, 1);
  EXPECT_EQ(flows.tracker.Get(QueryKey())->state.count, &alive);
}

// --- What is counted of a side.

TEST(SideStats, KeepsTheRangeOfTtlAndTheFirstClassOfService) {
  Observed<> flows;
  flows.Track(FromClient().Ttl(60).ClassOfService(8).Udp(1, 2), 0s);
  flows.Track(FromClient().Ttl(64).ClassOfService(0).Udp(1, 2), 1s);
  flows.Track(FromClient().Ttl(62).ClassOfService(0).Udp(1, 2), 2s);

  const Snapshot stats = flows.Only();

  EXPECT_EQ(stats.Of(Side::kInitiator).ttl_minimum, 60);
  EXPECT_EQ(stats.Of(Side::kInitiator).ttl_maximum, 64);
  EXPECT_EQ(stats.Of(Side::kInitiator).class_of_service, 8);
}

TEST(SideStats, EndpointIndexFollowsTheRoles) {
  Observed<> flows;
  flows.Track(Answer(), 0s);  // the larger endpoint speaks first

  const Snapshot stats = flows.Only();

  EXPECT_EQ(stats.Endpoint(Side::kInitiator), 1U);
  EXPECT_EQ(stats.Endpoint(Side::kResponder), 0U);
}

TEST(FlowStats, KeepsVlansMacsAndInterfaceOfTheFirstPacket) {
  Observed<> flows;
  flows.Track(Eth().Vlan(7).Vlan(9).Ipv4("192.0.2.1", "192.0.2.2").Udp(1, 2),
              0s);

  const Snapshot stats = flows.Only();

  EXPECT_EQ(stats.vlan_id[0], 7);
  EXPECT_EQ(stats.Rare(Side::kInitiator).inner_vlan_id, 9);
  EXPECT_EQ(stats.interface, 1U);
  EXPECT_EQ(stats.initiator_mac, (tracker::MacAddress{2, 0, 0, 0, 0, 1}));
  EXPECT_EQ(stats.responder_mac, (tracker::MacAddress{2, 0, 0, 0, 0, 2}));
}

// --- Direction evidence.

TEST(Direction, FirstPacketFromAServerPortTurnsTheRolesRound) {
  Observed<> flows({.use_direction_evidence = true});

  flows.Track(Answer(), 0s);

  EXPECT_EQ(flows.Take().back(), "packet 1 responder");
  EXPECT_EQ(flows.Only().Letters(), "^d");
  EXPECT_TRUE(flows.Only().direction_known);
}

TEST(Direction, IsTheOrderOfArrivalWithoutEvidence) {
  Observed<> flows;

  flows.Track(Answer(), 0s);

  EXPECT_EQ(flows.Take().back(), "packet 1 initiator");
  EXPECT_FALSE(flows.Only().direction_known);
}

TEST(Direction, BroadcastIsNeverTurnedRound) {
  Observed<> flows({.use_direction_evidence = true});

  flows.Track(Eth().Ipv4("192.0.2.1", "255.255.255.255").Udp(67, 68), 0s);

  EXPECT_EQ(flows.Only().Letters(), "D");
}

TEST(Direction, ReorderedHandshakeMovesCountsAndMacsToTheirSides) {
  Observed<> flows({.use_direction_evidence = true});
  // Neither port says who serves.
  flows.Track(FromServer().Tcp(9000, 9001).Flags(kSyn | kAck).Seq(50).Ack(11),
              0s);
  flows.Track(FromClient().Tcp(9001, 9000).Flags(kSyn).Seq(10), 1s);
  flows.Track(FromClient().Tcp(9001, 9000).Flags(kAck).Seq(11).Ack(51), 2s);

  const Snapshot stats = flows.Only();

  EXPECT_EQ(stats.Letters(), "Hs^A");
  EXPECT_EQ(stats.Of(Side::kInitiator).packets, 2U);
  EXPECT_EQ(stats.Of(Side::kResponder).packets, 1U);
  EXPECT_EQ(stats.initiator, tracker::Orientation::kFirstToSecond);
}

TEST(Direction, ReorderedHandshakeIsEstablishedOnce) {
  Observed<> flows({.use_direction_evidence = true});
  flows.Track(FromServer().Tcp(9000, 9001).Flags(kSyn | kAck).Seq(50).Ack(11),
              0s);
  flows.Track(FromClient().Tcp(9001, 9000).Flags(kSyn).Seq(10), 1s);
  flows.Take();

  flows.Track(FromClient().Tcp(9001, 9000).Flags(kAck).Seq(11).Ack(51), 2s);

  EXPECT_THAT(flows.Take(), ElementsAre("established 1", "packet 1 initiator"));
}

// --- Counters.

TEST(Stats, AddUp) {
  Observed<> flows({.max_flows = 2});
  flows.Track(Query(1001), 0s);
  flows.Track(Query(1002), 1s);
  flows.Track(Query(1003), 2s);
  flows.Track(Query().TruncateTo(3), 3s);
  flows.Track(Eth().EtherType(0x0806).Payload(28), 3s);

  const tracker::TrackerStats& stats = flows.tracker.Stats();

  EXPECT_EQ(stats.packets_tracked, 3U);
  EXPECT_EQ(stats.Unmatched(DecodeResult::kTruncated), 1U);
  EXPECT_EQ(stats.Unmatched(DecodeResult::kNotIp), 1U);
  EXPECT_EQ(stats.flows_created, 3U);
  EXPECT_EQ(stats.Ended(EndReason::kEvicted), 1U);
  EXPECT_EQ(flows.tracker.FlowCount(), 2U);
}

TEST(Stats, CountIntervalsOfTheActiveTimeout) {
  Observed<> flows({.active_timeout = 10s});
  flows.Track(Query(), 0s);

  flows.Sweep(10s);

  EXPECT_EQ(flows.tracker.Stats().intervals_reported, 1U);
}

}  // namespace
}  // namespace tests
