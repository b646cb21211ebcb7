// SPDX-License-Identifier: Apache-2.0
// How long flows live: timeouts, intervals, new configuration, the end.
#include <chrono>

#include <gmock/gmock.h>

#include "tests/support/conversation.h"
#include "tests/tracker/observed.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using tracker::kAck;
using tracker::kFin;
using tracker::kRst;
using tracker::kSyn;
using tracker::Side;

template <typename Subject>
void TrackAll(Subject& flows, const Conversation& conversation) {
  for (const CapturedFrame& frame : conversation.Frames()) {
    flows.Track(frame);
  }
}

// --- SetConfig.

TEST(SetConfig, GrowthKeepsTheFlowsAndMakesRoom) {
  Observed<> flows({.max_flows = 2});
  flows.Track(Query(1001), 0s);
  flows.Track(Query(1002), 0s);
  flows.SetConfig({.max_flows = 1000});
  flows.Take();

  flows.Track(Query(1003), 1s);
  flows.Track(Answer(1001), 1s);

  EXPECT_THAT(flows.Take(), ElementsAre("started 3", "packet 3 initiator",
                                        "packet 1 responder"));
}

TEST(SetConfig, GrownTrackerStillEvictsTheLeastRecentlySeen) {
  Observed<> flows({.max_flows = 1});
  flows.Track(Query(1001), 0s);
  flows.SetConfig({.max_flows = 2});
  flows.Track(Query(1002), 1s);
  flows.Track(Query(1001), 2s);
  flows.Take();

  flows.Track(Query(1003), 3s);

  EXPECT_EQ(flows.Take().front(), "ended 2 evicted");
}

TEST(SetConfig, ShorterIdleTimeoutHoldsForLiveFlows) {
  Observed<> flows;
  flows.Track(Query(), 0s);
  flows.SetConfig({.idle_timeout_udp = 10s});
  flows.Take();

  flows.Sweep(10s);

  EXPECT_THAT(flows.Take(), ElementsAre("ended 1 idle_timeout"));
}

TEST(SetConfig, LongerIdleTimeoutHoldsForLiveFlows) {
  Observed<> flows;
  flows.Track(Query(), 0s);
  flows.SetConfig({.idle_timeout_udp = 1000s});
  flows.Take();

  flows.Sweep(999s);

  EXPECT_THAT(flows.Take(), IsEmpty());
}

TEST(SetConfig, LingerSwitchedOffEndsClosedFlowsInTheNextSweep) {
  Observed<> flows({.close_linger = 1000s});
  flows.Track(ClientTcp(kRst, 1, 0), 0s);
  flows.SetConfig({.close_linger = 0s});
  flows.Take();

  flows.Sweep(1s);

  EXPECT_THAT(flows.Take(), ElementsAre("ended 1 rst"));
}

TEST(SetConfig, TakesNoFewerThanOneFlow) {
  Observed<> flows;

  flows.SetConfig({.max_flows = 0});

  EXPECT_EQ(flows.tracker.Config().max_flows, 1U);
}

// --- Idle timeouts by protocol.

TEST(IdleTimeout, IsThreeHundredSecondsForTcp) {
  Observed<> flows;
  flows.Track(ClientTcp(kSyn, 1, 0), 0s);
  flows.Sweep(300s - 1ms);
  ASSERT_THAT(flows.Ended(), IsEmpty());

  flows.Sweep(300s);

  EXPECT_EQ(flows.Ended().size(), 1U);
}

TEST(IdleTimeout, IsThirtySecondsForOtherProtocols) {
  Observed<> flows;
  flows.Track(FromClient().Icmp(8, 0), 0s);
  flows.Sweep(30s - 1ms);
  ASSERT_THAT(flows.Ended(), IsEmpty());

  flows.Sweep(30s);

  EXPECT_EQ(flows.Ended().size(), 1U);
}

TEST(Track, SweepsByItselfWhenTheClockHasMovedByTheInterval) {
  Observed<> flows;
  flows.Track(Query(1001), 0s);
  flows.Take();

  flows.Track(Query(1002), 60s);

  EXPECT_EQ(flows.Take().front(), "ended 1 idle_timeout");
}

TEST(Track, DoesNotSweepWithinTheInterval) {
  Observed<> flows({.sweep_interval = 5min});
  flows.Track(Query(1001), 0s);

  flows.Track(Query(1002), 100s);

  EXPECT_THAT(flows.Ended(), IsEmpty());
}

// --- Finish.

TEST(Finish, EndsEveryFlowInTheOrderOfTheirStart) {
  Observed<> flows;
  flows.Track(Query(1002), 0s);
  flows.Track(Query(1001), 1s);
  flows.Track(Query(1002), 2s);
  flows.Take();

  flows.Finish();

  EXPECT_THAT(flows.Take(),
              ElementsAre("ended 1 shutdown", "ended 2 shutdown"));
}

TEST(Finish, NamesHowAFlowHadClosed) {
  Observed<> flows({.close_linger = 5s});
  TrackAll(flows, Conversation({}, kStart).Handshake().Close());
  flows.Track(FromClient().Tcp(1, 2).Flags(kRst), 1s);
  flows.Track(Query(), 1s);
  flows.Take();

  flows.Finish();

  EXPECT_THAT(flows.Take(),
              ElementsAre("ended 1 fin", "ended 2 rst", "ended 3 shutdown"));
}

TEST(Finish, LeavesATrackerThatCanGoOn) {
  Observed<> flows({.max_flows = 1});
  flows.Track(Query(), 0s);
  flows.Finish();
  flows.Take();

  flows.Track(Query(), 1s);

  EXPECT_THAT(flows.Take(), ElementsAre("started 2", "packet 2 initiator"));
}

// --- Active timeout.

TEST(ActiveTimeout, ReportsTheIntervalAndTheFlowGoesOnUnderItsId) {
  Observed<> flows({.active_timeout = 10s});
  flows.Track(Query(), 0s);
  flows.Track(Query(), 5s);
  flows.Take();

  flows.Sweep(10s);
  flows.Track(Query(), 11s);

  EXPECT_THAT(flows.Take(), ElementsAre("interval 1", "packet 1 initiator"));
}

TEST(ActiveTimeout, ReportsWhatCameSinceTheLastReport) {
  Observed<> flows({.active_timeout = 10s});
  flows.Track(Query(), 0s);
  flows.Track(Query(), 5s);
  flows.Sweep(10s);
  flows.Track(Answer(), 12s);

  flows.Finish();

  ASSERT_EQ(flows.sink.intervals.size(), 1U);
  EXPECT_EQ(flows.sink.intervals[0].Of(Side::kInitiator).packets, 2U);
  EXPECT_EQ(flows.Ended()[0].stats.Of(Side::kInitiator).packets, 0U);
  EXPECT_EQ(flows.Ended()[0].stats.Of(Side::kResponder).packets, 1U);
  EXPECT_EQ(flows.Ended()[0].stats.Of(Side::kResponder).octets, 128U);
  EXPECT_EQ(flows.Ended()[0].stats.Of(Side::kResponder).FirstSeen(),
            kStart + 12s);
}

TEST(ActiveTimeout, PacketAtTheBoundaryIsInTheNextInterval) {
  Observed<> flows({.active_timeout = 10s, .sweep_interval = 1min});
  flows.Track(Query(), 0s);

  flows.Track(Query(), 10s);

  EXPECT_EQ(flows.sink.intervals[0].Packets(), 1U);
  EXPECT_EQ(flows.Only().Packets(), 1U);
}

TEST(ActiveTimeout, EmptyIntervalIsNotReported) {
  Observed<> flows({.idle_timeout_udp = 60s, .active_timeout = 10s});
  flows.Track(Query(), 0s);
  flows.Sweep(10s);
  flows.Take();

  flows.Sweep(20s);

  EXPECT_THAT(flows.Take(), IsEmpty());
}

TEST(ActiveTimeout, HistoryAndStateGoOnOverTheIntervals) {
  Observed<> flows({.active_timeout = 10s});
  TrackAll(flows, Conversation({}, kStart).Handshake());
  flows.Sweep(10s);

  flows.Track(ClientTcp(kFin | kAck, 1001, 5001), 11s);

  EXPECT_EQ(flows.Only().Letters(), "ShAF");
}

TEST(ActiveTimeout, InitialFlagsStayThoseOfTheFirstPacket) {
  Observed<> flows({.active_timeout = 10s});
  TrackAll(flows, Conversation({}, kStart).Handshake());
  flows.Sweep(10s);

  flows.Track(ClientTcp(kFin | kAck, 1001, 5001), 11s);

  const Snapshot stats = flows.Only();
  EXPECT_EQ(stats.Of(Side::kInitiator).initial_tcp_flags, kSyn);
  EXPECT_EQ(stats.Of(Side::kInitiator).later_tcp_flags, kFin | kAck);
  EXPECT_EQ(stats.Of(Side::kInitiator).TcpFlags(), kFin | kAck);
}

TEST(ActiveTimeout, IsOffByDefault) {
  Observed<> flows;
  flows.Track(Query(), 0s);
  flows.Track(Query(), 50s);
  flows.Track(Query(), 100s);
  flows.Track(Query(), 150s);

  flows.Sweep(200s);

  EXPECT_THAT(flows.sink.intervals, IsEmpty());
}

}  // namespace
}  // namespace tests
