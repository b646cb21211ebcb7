// SPDX-License-Identifier: Apache-2.0
// Where trackers are known to go wrong: lost flows, ghost flows, clocks that
// jump, keys that collide, sweeps that look at everything.
#include <chrono>
#include <cstdint>
#include <vector>

#include <gmock/gmock.h>

#include "tests/support/conversation.h"
#include "tests/tracker/observed.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using tracker::EndReason;
using tracker::kAck;
using tracker::KeyHasher;
using tracker::kFin;
using tracker::kRst;
using tracker::kSyn;
using tracker::Side;
using tracker::TrackerConfig;

// A tracker that has seen a whole connection, closed at 10 s, with its clock
// and sweeps set as a service has them.
TrackerConfig ServiceConfig() {
  return {.active_timeout = 300s, .close_linger = 5s};
}

template <typename Subject>
void TrackAll(Subject& flows, const Conversation& conversation) {
  for (const CapturedFrame& frame : conversation.Frames()) {
    flows.Track(frame);
  }
}

Conversation Closed(tracker::Duration at) {
  Conversation conversation({}, kStart + at, 10ms);
  conversation.Handshake().Request(100).Response(100).Close();
  return conversation;
}

// --- A flow that is closed or reset never vanishes without its Ended event.

TEST(ClosedFlow, EndsFinInTheSweepAfterItsLinger) {
  Observed<> flows(ServiceConfig());
  TrackAll(flows, Closed(0s));
  flows.Take();

  flows.Sweep(10s);

  EXPECT_THAT(flows.Take(), ElementsAre("ended 1 fin"));
}

TEST(ClosedFlow, EndsRstInTheSweepAfterItsLinger) {
  Observed<> flows(ServiceConfig());
  flows.Track(ClientTcp(kSyn, 1000, 0), 0s);
  flows.Track(ServerTcp(kRst | kAck, 0, 1001), 1s);
  flows.Take();

  flows.Sweep(6s);

  EXPECT_THAT(flows.Take(), ElementsAre("ended 1 rst"));
}

TEST(ClosedFlow, EndsFinAlthoughItsLastAckNeverComes) {
  Observed<> flows({.close_linger = 0s});
  Conversation conversation({}, kStart);
  conversation.Handshake().Fin(Side::kInitiator).Fin(Side::kResponder);
  TrackAll(flows, conversation);

  flows.Sweep(301s);

  EXPECT_THAT(flows.sink.events.back(), "ended 1 fin");
}

TEST(ClosedFlow, LingersBeyondTheIdleTimeoutIfItIsToldTo) {
  Observed<> flows({.idle_timeout_tcp = 10s, .close_linger = 60s});
  flows.Track(ClientTcp(kRst, 1, 0), 0s);
  flows.Take();

  for (int second = 1; second < 60; ++second) {
    flows.Sweep(std::chrono::seconds{second});
  }
  EXPECT_THAT(flows.Take(), IsEmpty());

  flows.Sweep(60s);
  EXPECT_THAT(flows.Take(), ElementsAre("ended 1 rst"));
}

TEST(ClosedFlow, KeepsItsLingerWhenTheTrackerGrows) {
  Observed<> flows({.close_linger = 5s, .max_flows = 2});
  flows.Track(Query(), 0s);
  flows.Track(ClientTcp(kRst, 1, 0), 1s);
  flows.Take();

  flows.SetConfig({.close_linger = 5s, .max_flows = 1000});

  flows.Sweep(6s - 1ns);
  EXPECT_THAT(flows.Take(), IsEmpty());
  flows.Sweep(6s);
  EXPECT_THAT(flows.Take(), ElementsAre("ended 2 rst"));
}

TEST(ClosedFlow, OfATimeFarAheadLingersFromTheTrackersTime) {
  Observed<> flows({.close_linger = 5s});
  flows.Track(Query(), 0s);
  flows.Track(ClientTcp(kRst, 1, 0), 1000h);
  flows.Track(Query(), 1s);
  flows.Take();

  flows.Sweep(5s - 1ns);
  EXPECT_THAT(flows.Take(), IsEmpty());
  flows.Sweep(5s);
  EXPECT_THAT(flows.Take(), ElementsAre("ended 2 rst"));
}

TEST(ClosedFlow, StaysOneHoweverManyOfItsStragglersAreFarAhead) {
  Observed<> flows({.close_linger = 2000h, .max_flows = 1});
  flows.Track(ClientTcp(kRst, 1, 0), 0s);
  for (int turn = 0; turn < 5000; ++turn) {
    flows.Track(ClientTcp(kAck, 1, 0), 1000h);
    flows.Track(ClientTcp(kAck, 1, 0), 1s);
  }
  flows.Take();

  flows.Sweep(2000h);
  EXPECT_THAT(flows.Take(), ElementsAre("ended 1 rst"));
}

TEST(ClosedFlow, IsPushedOutBeforeThoseThatWereSeenLater) {
  Observed<> flows({.close_linger = 1000s, .max_flows = 3});
  flows.Track(Query(1001), 0s);
  flows.Track(ClientTcp(kRst, 1, 0), 1s);
  flows.Track(Query(1002), 2s);

  flows.Track(Query(1003), 3s);
  flows.Track(Query(1004), 4s);
  flows.Track(Query(1005), 5s);

  std::vector<EndReason> reasons;
  for (const auto& ended : flows.Ended()) {
    reasons.push_back(ended.reason);
  }
  EXPECT_THAT(reasons, ElementsAre(EndReason::kEvicted, EndReason::kRst,
                                   EndReason::kEvicted));
}

TEST(ClosedFlow, IsReplacedAgainAndAgainWithinItsLinger) {
  Observed<> flows({.close_linger = 1000s, .max_flows = 1});
  for (std::uint32_t turn = 0; turn < 5000; ++turn) {
    flows.Track(ClientTcp(kSyn, 1000 * turn, 0), 1s);
    flows.Track(ClientTcp(kRst, 1000 * turn + 1, 0), 1s);
  }
  flows.Sweep(1001s);

  EXPECT_EQ(flows.Ended().size(), 5000U);
  EXPECT_EQ(flows.tracker.Stats().Ended(EndReason::kRst), 5000U);
  EXPECT_EQ(flows.tracker.FlowCount(), 0U);
}

// In a capture of coarse times. Who comes last is looked for by nobody.
TEST(ClosedFlow, CanBeReplacedInAnyOrderByManyOfOneTime) {
  constexpr std::uint16_t kFlows = 40'000;
  Observed<> flows({.close_linger = 5s});
  for (std::uint16_t port = 1; port <= kFlows; ++port) {
    flows.Track(FromClient().Tcp(port, 80).Flags(kRst), 1s);
  }
  for (std::uint16_t port = kFlows; port > 0; --port) {
    flows.Track(FromClient().Tcp(port, 80).Flags(kSyn), 1s);
  }

  EXPECT_EQ(flows.Ended().size(), std::size_t{kFlows});
  EXPECT_EQ(flows.tracker.FlowCount(), std::size_t{kFlows});
}

TEST(ClosedFlow, DoesNotKeepTheIntervalsBehindItFromEnding) {
  Observed<> flows({.active_timeout = 10s, .close_linger = 1000s});
  flows.Track(ClientTcp(kRst, 1, 0), 0s);
  flows.Track(Query(1001), 1s);
  flows.Track(Query(1002), 2s);
  flows.Take();

  flows.Sweep(11s);
  EXPECT_THAT(flows.Take(), ElementsAre("interval 2"));
  flows.Sweep(12s);
  EXPECT_THAT(flows.Take(), ElementsAre("interval 3"));
  flows.Sweep(1000s);
  EXPECT_THAT(flows.Take(), ElementsAre("ended 2 idle_timeout",
                                        "ended 3 idle_timeout", "ended 1 rst"));
}

TEST(ClosedFlow, EndsWithinItsLingerWhenTheTrackerFinishes) {
  Observed<> flows(ServiceConfig());
  TrackAll(flows, Closed(0s));
  flows.Take();

  flows.Finish();

  EXPECT_THAT(flows.Take(), ElementsAre("ended 1 fin"));
}

TEST(ClosedFlow, EndsFinWhenItIsPushedOut) {
  Observed<> flows({.close_linger = 5s, .max_flows = 1});
  TrackAll(flows, Closed(0s));
  flows.Take();

  flows.Track(Query(), 1s);

  EXPECT_THAT(flows.Take(),
              ElementsAre("ended 1 fin", "started 2", "packet 2 initiator"));
}

// --- Shrinking max_flows ends the surplus with events.

TEST(SetConfig, ShrinkingMaxFlowsEndsTheSurplusOldestFirst) {
  Observed<> flows;
  flows.Track(Query(1001), 0s);
  flows.Track(Query(1002), 1s);
  flows.Track(Query(1003), 2s);
  flows.Track(Query(1001), 3s);
  flows.Take();

  flows.SetConfig({.max_flows = 1});

  EXPECT_THAT(flows.Take(), ElementsAre("ended 2 evicted", "ended 3 evicted"));
  EXPECT_EQ(flows.tracker.FlowCount(), 1U);
}

// --- A retransmitted FIN does not complete the close.

TEST(Close, RetransmittedFinOfTheFirstCloserDoesNotCompleteIt) {
  Observed<> flows({.close_linger = 0s});
  TrackAll(flows, Conversation({}, kStart).Handshake());
  flows.Track(ClientTcp(kFin | kAck, 1001, 5001), 1s);

  flows.Track(ClientTcp(kFin | kAck, 1001, 5001), 2s);

  EXPECT_THAT(flows.Ended(), IsEmpty());
  EXPECT_EQ(flows.Only().tcp.State(), tracker::TcpState::kClosing);
}

TEST(Close, RetransmittedFinOfTheFirstCloserDoesNotStartTheLinger) {
  Observed<> flows(ServiceConfig());
  TrackAll(flows, Conversation({}, kStart).Handshake());
  flows.Track(ClientTcp(kFin | kAck, 1001, 5001), 1s);
  flows.Track(ClientTcp(kFin | kAck, 1001, 5001), 2s);

  flows.Sweep(100s);

  EXPECT_THAT(flows.Ended(), IsEmpty());
}

// --- Stragglers belong to the closed flow; a new SYN starts a new one.

TEST(Straggler, LateAckAndDataWithinTheLingerBelongToTheClosedFlow) {
  Observed<> flows(ServiceConfig());
  TrackAll(flows, Closed(0s));
  flows.Take();

  flows.Track(ServerTcp(kAck, 5102, 1102), 1s);
  flows.Track(ServerTcp(kAck, 5002, 1102).Payload(100), 2s);

  EXPECT_THAT(flows.Take(),
              ElementsAre("packet 1 responder", "packet 1 responder"));
}

TEST(Straggler, MoreResetsWithinTheLingerMakeNoGhostFlow) {
  Observed<> flows(ServiceConfig());
  flows.Track(ClientTcp(kSyn, 1000, 0), 0s);
  flows.Track(ServerTcp(kRst | kAck, 0, 1001), 1s);
  flows.Track(ServerTcp(kRst | kAck, 0, 1001), 2s);
  flows.Track(ServerTcp(kRst, 0, 0), 3s);

  flows.Finish();

  EXPECT_EQ(flows.tracker.Stats().flows_created, 1U);
  EXPECT_EQ(flows.Ended().back().stats.Packets(), 4U);
}

TEST(Straggler, DoesNotProlongTheLinger) {
  Observed<> flows(ServiceConfig());
  TrackAll(flows, Closed(0s));
  flows.Track(ServerTcp(kAck, 5102, 1102), 4s);
  flows.Take();

  flows.Sweep(5s + 100ms);

  EXPECT_THAT(flows.Take(), ElementsAre("ended 1 fin"));
}

TEST(Straggler, BelongsToTheClosedFlowAlsoWhenTheActiveTimeoutPasses) {
  Observed<> flows(ServiceConfig());
  Conversation conversation({}, kStart, 10ms);
  conversation.Handshake().Wait(298s).Close();  // closed just before 300 s
  TrackAll(flows, conversation);
  flows.Sweep(300s + 100ms);
  flows.Take();

  flows.Track(ServerTcp(kAck, 5002, 1002), 301s);

  EXPECT_THAT(flows.Take(), ElementsAre("packet 1 responder"));
}

TEST(Straggler, SynWithANewSequenceStartsANewFlowAtOnce) {
  Observed<> flows(ServiceConfig());
  TrackAll(flows, Closed(0s));
  flows.Take();

  flows.Track(ClientTcp(kSyn, 90000, 0), 1s);

  EXPECT_THAT(flows.Take(), ElementsAre("ended 1 fin", "started 2", "state 2",
                                        "packet 2 initiator"));
}

TEST(Straggler, SynWithANewSequenceReplacesAnOpenConnection) {
  Observed<> flows(ServiceConfig());
  TrackAll(flows, Conversation({}, kStart).Handshake());
  flows.Take();

  flows.Track(ClientTcp(kSyn, 90000, 0), 1s);

  EXPECT_THAT(flows.Take(), ElementsAre("ended 1 replaced", "started 2",
                                        "state 2", "packet 2 initiator"));
}

TEST(Straggler, RetransmittedSynBelongsToItsConnection) {
  Observed<> flows(ServiceConfig());
  TrackAll(flows, Conversation({}, kStart).Handshake());
  flows.Take();

  flows.Track(ClientTcp(kSyn, 1000, 0), 1s);

  EXPECT_THAT(flows.Take(), ElementsAre("packet 1 initiator"));
}

// --- Deadlines hold for flows that were seen again since they were filed.

TEST(Expiry, OnlyFlowSeenAgainExpiresOneTimeoutAfterItsLastPacket) {
  Observed<> flows;
  flows.Track(Query(), 0s);
  flows.Track(Query(), 30s);
  flows.Sweep(60s);  // looks at it and files it again
  flows.Take();

  flows.Sweep(90s);

  EXPECT_THAT(flows.Take(), ElementsAre("ended 1 idle_timeout"));
}

TEST(Expiry, BusyFlowLivesOnThroughManySweeps) {
  Observed<> flows;
  for (int second = 0; second <= 200; second += 10) {
    flows.Track(Query(), std::chrono::seconds{second});
  }

  flows.Sweep(259s);

  EXPECT_THAT(flows.Ended(), IsEmpty());
}

TEST(Expiry, SetConfigKeepsTheDeadlineOfEveryFlow) {
  Observed<> flows;
  flows.Track(Query(1001), 0s);
  flows.Track(Query(1002), 1s);
  flows.Track(Query(1001), 50s);  // the older interval is the younger flow
  flows.SetConfig(TrackerConfig{});
  flows.Take();

  flows.Sweep(61s);

  EXPECT_THAT(flows.Take(), ElementsAre("ended 2 idle_timeout"));
}

// --- Time never runs backwards, and one absurd time expires nothing.

TEST(Clock, OlderTimestampIsClampedForExpiry) {
  Observed<> flows;
  flows.Track(Query(1001), 100s);
  flows.Track(Query(1002), 0s);  // counts as seen at 100 s
  flows.Take();

  flows.Sweep(159s);

  EXPECT_THAT(flows.Take(), IsEmpty());
  EXPECT_EQ(flows.tracker.Clock(), kStart + 159s);
}

TEST(Clock, OlderTimestampStaysInTheFlowsTimes) {
  Observed<> flows;
  flows.Track(Query(), 100s);
  flows.Track(Query(), 90s);

  const Snapshot stats = flows.Only();

  EXPECT_EQ(stats.Of(Side::kInitiator).FirstSeen(), kStart + 90s);
  EXPECT_EQ(stats.Of(Side::kInitiator).LastSeen(), kStart + 100s);
}

TEST(Clock, ATimeBefore1970IsTheStartOfTheEpoch) {
  Observed<> flows;
  flows.Track(Query(), -kStart.time_since_epoch() - 5ms);

  EXPECT_EQ(flows.Only().Of(Side::kInitiator).FirstSeen(),
            tracker::Timestamp{});
}

TEST(Clock, OneAbsurdFutureTimestampExpiresNothing) {
  Observed<> flows;
  flows.Track(Query(1001), 0s);
  flows.Track(Query(1002), 1s);

  flows.Track(Query(1003), 1000h);
  flows.Track(Query(1004), 2s);

  EXPECT_THAT(flows.Ended(), IsEmpty());
  EXPECT_EQ(flows.tracker.Clock(), kStart + 2s);
}

TEST(Clock, TheFlowOfTheAbsurdTimestampExpiresLikeTheOthers) {
  Observed<> flows;
  flows.Track(Query(1001), 0s);
  flows.Track(Query(1003), 1000h);
  flows.Track(Query(1004), 2s);
  flows.Take();

  flows.Sweep(60s);

  EXPECT_THAT(flows.Take(),
              ElementsAre("ended 1 idle_timeout", "ended 2 idle_timeout"));
}

TEST(Clock, FirstTimestampMayBeTheAbsurdOne) {
  Observed<> flows;
  flows.Track(Query(1001), 1000h);
  flows.Track(Query(1002), 1s);
  flows.Take();

  flows.Sweep(61s);

  EXPECT_EQ(flows.tracker.Clock(), kStart + 61s);
  EXPECT_THAT(flows.Take(), UnorderedElementsAre("ended 1 idle_timeout",
                                                 "ended 2 idle_timeout"));
}

TEST(Clock, TwoAgreeingFutureTimestampsMoveIt) {
  Observed<> flows;
  flows.Track(Query(1001), 0s);
  flows.Track(Query(1002), 1000h);
  flows.Take();

  flows.Track(Query(1003), 1000h + 1s);

  EXPECT_THAT(flows.Take(), ElementsAre("ended 1 idle_timeout", "started 3",
                                        "packet 3 initiator"));
}

TEST(Clock, ConfirmedJumpOfDecadesCostsNoMoreThanOneTurn) {
  Observed<> flows;
  const tracker::Timestamp epoch{};  // a capture that begins without a clock
  flows.Track(Query(1001).At(epoch));
  flows.Track(Query(1002).At(kStart));

  flows.Track(Query(1003).At(kStart + 1s));

  EXPECT_EQ(flows.Ended().size(), 1U);
  EXPECT_EQ(flows.tracker.Clock(), kStart + 1s);
}

TEST(Clock, FlowsOfAConfirmedJumpExpireOnTime) {
  Observed<> flows;
  flows.Track(Query(1001), 0s);
  flows.Track(Query(1002), 1000h);
  flows.Track(Query(1003), 1000h + 1s);
  flows.Take();

  flows.Sweep(1000h + 61s);

  EXPECT_THAT(flows.Take(),
              ElementsAre("ended 2 idle_timeout", "ended 3 idle_timeout"));
}

TEST(Clock, DoesNotRunBackwardsWhenASweepOvertookASuspectedTime) {
  Observed<> flows;
  flows.Track(Query(1001), 0s);
  flows.Track(Query(1002), 1h);
  flows.Sweep(3h);

  flows.Track(Query(1003), 3h);

  EXPECT_EQ(flows.tracker.Clock(), kStart + 3h);
}

// --- Keys are compared in full.

TEST(Key, FlowsWhoseHashesCollideStayApart) {
  // Without a seed, IPv4 addresses do not reach the hash.
  const KeyHasher weak(KeyHasher::Seed{});
  Observed<> flows(
      {}, tracker::FiveTuple(),
      [](const tracker::FlowKey&) { return tracker::NoState(); }, weak);

  flows.Track(Eth().Ipv4("192.0.2.1", "198.51.100.1").Udp(1, 2), 0s);
  flows.Track(Eth().Ipv4("192.0.2.2", "198.51.100.1").Udp(1, 2), 0s);
  flows.Track(Eth().Ipv4("192.0.2.1", "198.51.100.1").Udp(1, 2), 1s);

  EXPECT_THAT(flows.Take(),
              ElementsAre("started 1", "packet 1 initiator", "started 2",
                          "packet 2 initiator", "packet 1 initiator"));
}

TEST(Key, HashOfTheCollisionTestReallyCollides) {
  const KeyHasher weak(KeyHasher::Seed{});
  tracker::FlowKey one;
  one.address[0] = tracker::IpAddress::V4(192, 0, 2, 1);
  tracker::FlowKey other = one;
  other.address[0] = tracker::IpAddress::V4(192, 0, 2, 2);

  EXPECT_EQ(weak(one), weak(other));
}

TEST(Key, SeedIsDrawnAnewForEachHasher) {
  const tracker::FlowKey key;

  EXPECT_NE(KeyHasher()(key), KeyHasher()(key));
}

// --- Octets are those of IP.

TEST(Octets, EthernetPaddingIsNotCounted) {
  Observed<> flows;

  flows.Track(FromClient().Udp(1, 2).Payload(1).PadTo(60), 0s);

  EXPECT_EQ(flows.Only().Of(Side::kInitiator).octets, 20U + 8 + 1);
}

TEST(Octets, Ipv6CountsPayloadLengthAndHeader) {
  Observed<> flows;

  flows.Track(
      Eth().Ipv6("2001:db8::1", "2001:db8::2").Udp(1, 2).Payload(1).PadTo(90),
      0s);

  EXPECT_EQ(flows.Only().Of(Side::kInitiator).octets, 40U + 8 + 1);
}

TEST(Octets, TotalLengthZeroCountsWhatWasOnTheWire) {
  Observed<> flows;

  flows.Track(
      FromClient().TotalLength(0).Tcp(1, 2).Payload(3000).TruncateTo(96), 0s);

  EXPECT_EQ(flows.Only().Of(Side::kInitiator).octets, 20U + 20 + 3000);
}

TEST(Octets, CountersGoBeyondThirtyTwoBits) {
  Observed<> flows;
  CapturedFrame frame =
      FromClient().TotalLength(0).Tcp(1, 2).TruncateTo(60).At(kStart);
  frame.wire_length = 0xffffffff;  // as large as a frame can claim to be

  flows.Track(frame);
  flows.Track(frame);

  EXPECT_EQ(flows.Only().Of(Side::kInitiator).octets, 2 * (0xffffffffULL - 14));
}

// --- Memory is bounded.

TEST(Memory, NeverMoreThanMaxFlowsAreLive) {
  Observed<> flows({.max_flows = 10});
  std::size_t most = 0;

  for (std::uint16_t port = 1000; port < 2000; ++port) {
    flows.Track(Query(port), std::chrono::milliseconds{port});
    most = std::max(most, flows.tracker.FlowCount());
  }

  EXPECT_EQ(most, 10U);
  EXPECT_EQ(flows.tracker.Stats().Ended(EndReason::kEvicted), 990U);
}

}  // namespace
}  // namespace tests
