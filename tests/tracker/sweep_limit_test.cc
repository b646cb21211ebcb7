// SPDX-License-Identifier: Apache-2.0
// Sweeps that may only do so much at a time, and intervals that end at round
// times.
#include <algorithm>
#include <chrono>
#include <set>
#include <string>

#include <gmock/gmock.h>

#include "tests/tracker/observed.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using tracker::Duration;
using tracker::kAck;
using tracker::kRst;
using tracker::kSyn;

// Sweep()'s answer: there may be more.
bool MoreAfterSweep(Observed<>& flows, Duration at) {
  return flows.tracker.Sweep(kStart + at, flows.sink);
}

// `count` flows, a millisecond apart, from ports 1001 on.
void TrackFlows(Observed<>& flows, int count) {
  for (int i = 1; i <= count; ++i) {
    flows.Track(Query(static_cast<std::uint16_t>(1000 + i)),
                std::chrono::milliseconds{i});
  }
  flows.Take();
}

// --- sweep_limit.

TEST(SweepLimit, OfNoneEndsAllAtOnce) {
  Observed<> flows;
  TrackFlows(flows, 50);

  EXPECT_FALSE(MoreAfterSweep(flows, 100s));
  EXPECT_THAT(flows.Ended(), SizeIs(50));
}

TEST(SweepLimit, EndsThatManyAndSaysThatThereMayBeMore) {
  Observed<> flows({.sweep_limit = 2});
  TrackFlows(flows, 5);

  EXPECT_TRUE(MoreAfterSweep(flows, 100s));
  EXPECT_THAT(flows.Take(),
              ElementsAre("ended 1 idle_timeout", "ended 2 idle_timeout"));
  EXPECT_TRUE(MoreAfterSweep(flows, 100s));
  EXPECT_THAT(flows.Take(),
              ElementsAre("ended 3 idle_timeout", "ended 4 idle_timeout"));
  EXPECT_FALSE(MoreAfterSweep(flows, 100s));
  EXPECT_THAT(flows.Take(), ElementsAre("ended 5 idle_timeout"));
}

TEST(SweepLimit, ThatIsNotReachedLeavesNothing) {
  Observed<> flows({.sweep_limit = 6});
  TrackFlows(flows, 5);

  EXPECT_FALSE(MoreAfterSweep(flows, 100s));
  EXPECT_EQ(flows.tracker.FlowCount(), 0U);
}

TEST(SweepLimit, LeavesTheRestToTheNextPacketWithoutWaitingForTheInterval) {
  Observed<> flows({.sweep_interval = 10s, .sweep_limit = 2});
  TrackFlows(flows, 5);
  flows.Track(Query(2000), 70s);
  EXPECT_THAT(flows.Ended(), SizeIs(2));

  flows.Track(Query(2000), 70s);
  EXPECT_THAT(flows.Ended(), SizeIs(4));

  flows.Track(Query(2000), 70s);
  EXPECT_THAT(flows.Ended(), SizeIs(5));
}

TEST(SweepLimit, LeavesTheRestToTheNextFrameOfABurst) {
  Observed<> flows({.sweep_limit = 2});
  TrackFlows(flows, 5);
  const CapturedFrame frame = Query(2000).At(kStart + 70s);
  const std::vector<tracker::Frame> burst(3, frame.View());

  flows.tracker.TrackBurst(burst, flows.sink);

  EXPECT_THAT(flows.Ended(), SizeIs(5));
}

TEST(SweepLimit, DoesNotHoldForEverWhatKeepsEnding) {
  Observed<> flows({.sweep_limit = 1});
  TrackFlows(flows, 5);
  int sweeps = 1;

  while (MoreAfterSweep(flows, 100s)) {
    ++sweeps;
  }

  EXPECT_LE(sweeps, 6);
  EXPECT_EQ(flows.tracker.FlowCount(), 0U);
}

TEST(SweepLimit, HoldsForTheEndsOfAllProtocolsTogether) {
  Observed<> flows({.close_linger = 1s, .sweep_limit = 2});
  flows.Track(ClientTcp(kSyn, 1000, 0), 0s);
  flows.Track(Query(), 0s);
  flows.Track(FromClient().Icmp(8, 0), 0s);
  flows.Track(FromClient().Tcp(41'000, 443).Flags(kSyn), 0s);
  flows.Track(FromServer().Tcp(443, 41'000).Flags(kRst | kAck).Ack(1), 0s);

  EXPECT_TRUE(MoreAfterSweep(flows, 400s));
  EXPECT_THAT(flows.Ended(), SizeIs(2));
  EXPECT_TRUE(MoreAfterSweep(flows, 400s));
  EXPECT_THAT(flows.Ended(), SizeIs(4));
  EXPECT_FALSE(MoreAfterSweep(flows, 400s));
}

TEST(SweepLimit, HoldsForEndsAndReportsTogether) {
  Observed<> flows({.active_timeout = 60s, .sweep_limit = 2});
  flows.Track(Query(1001), 0s);
  flows.Track(ClientTcp(kSyn, 1000, 0), 0s);
  flows.Track(FromClient().Tcp(41'000, 443).Flags(kSyn), 0s);
  flows.Take();

  EXPECT_TRUE(MoreAfterSweep(flows, 60s));
  EXPECT_THAT(flows.Take(), ElementsAre("ended 1 idle_timeout", "interval 2"));
  EXPECT_FALSE(MoreAfterSweep(flows, 60s));
  EXPECT_THAT(flows.Take(), ElementsAre("interval 3"));
}

TEST(SweepLimit, LeavesReportsToTheNextSweep) {
  Observed<> flows(
      {.idle_timeout_udp = 300s, .active_timeout = 60s, .sweep_limit = 2});
  TrackFlows(flows, 3);

  EXPECT_TRUE(MoreAfterSweep(flows, 61s));
  EXPECT_THAT(flows.Take(), ElementsAre("interval 1", "interval 2"));
  EXPECT_FALSE(MoreAfterSweep(flows, 61s));
  EXPECT_THAT(flows.Take(), ElementsAre("interval 3"));
}

// The flow that was due and not yet ended ends before its key is used again.
TEST(SweepLimit, KeepsAPacketOutOfTheFlowThatIsDue) {
  Observed<> flows({.sweep_limit = 1});
  TrackFlows(flows, 3);
  MoreAfterSweep(flows, 100s);
  flows.Take();

  flows.Track(Query(1003), 100s);

  EXPECT_THAT(flows.Take(),
              ElementsAre("ended 2 idle_timeout", "ended 3 idle_timeout",
                          "started 4", "packet 4 initiator"));
}

TEST(SweepLimit, EndsEveryFlowExactlyOnce) {
  Observed<> flows({.active_timeout = 60s, .sweep_limit = 7});
  TrackFlows(flows, 500);

  for (int second = 1; second < 300; ++second) {
    MoreAfterSweep(flows, std::chrono::seconds{second});
  }

  std::set<std::uint64_t> ids;
  for (const auto& ended : flows.Ended()) {
    ids.insert(ended.stats.id);
  }
  EXPECT_THAT(flows.Ended(), SizeIs(500));
  EXPECT_THAT(ids, SizeIs(500));
}

TEST(SweepLimit, IsNoneForTheEndOfTheTracker) {
  Observed<> flows({.sweep_limit = 1});
  TrackFlows(flows, 5);

  flows.Finish();

  EXPECT_THAT(flows.Ended(), SizeIs(5));
}

TEST(SweepLimit, IsNoneForFewerFlows) {
  Observed<> flows({.sweep_limit = 1});
  TrackFlows(flows, 5);

  flows.SetConfig({.sweep_limit = 1, .max_flows = 2});

  EXPECT_THAT(flows.Ended(), SizeIs(3));
}

TEST(SweepLimit, MayBeLiftedWithWorkLeft) {
  Observed<> flows({.sweep_limit = 1});
  TrackFlows(flows, 5);
  MoreAfterSweep(flows, 100s);

  flows.SetConfig({.sweep_limit = 0});

  EXPECT_FALSE(MoreAfterSweep(flows, 100s));
  EXPECT_EQ(flows.tracker.FlowCount(), 0U);
}

// --- active_align. The tests begin at a full minute.

tracker::TrackerConfig Aligned() {
  return {
      .idle_timeout_udp = 300s, .active_timeout = 60s, .active_align = true};
}

TEST(ActiveAlign, FirstIntervalEndsAtTheFullMinute) {
  Observed<> flows(Aligned());
  flows.Track(Query(), 50s);
  flows.Sweep(59s + 999ms);
  EXPECT_THAT(flows.sink.intervals, IsEmpty());

  flows.Sweep(60s);

  EXPECT_THAT(flows.sink.intervals, SizeIs(1));
}

TEST(ActiveAlign, IntervalOfAFlowFromTheFullMinuteOnIsAWholeMinute) {
  Observed<> flows(Aligned());
  flows.Track(Query(), 60s);
  flows.Sweep(119s + 999ms);
  EXPECT_THAT(flows.sink.intervals, IsEmpty());

  flows.Sweep(120s);

  EXPECT_THAT(flows.sink.intervals, SizeIs(1));
}

TEST(ActiveAlign, LateSweepDoesNotShiftTheNextInterval) {
  Observed<> flows(Aligned());
  flows.Track(Query(), 50s);
  flows.Sweep(100s);
  flows.Track(Query(), 110s);
  flows.Take();

  flows.Sweep(120s);

  EXPECT_THAT(flows.Take(), ElementsAre("interval 1"));
}

TEST(ActiveAlign, PacketAtTheFullMinuteIsInTheNextInterval) {
  Observed<> flows(Aligned());
  flows.Track(Query(), 50s);
  flows.Track(Query(), 60s - 1ns);
  flows.Take();

  flows.Track(Query(), 60s);

  EXPECT_THAT(flows.Take(), ElementsAre("interval 1", "packet 1 initiator"));
  EXPECT_EQ(flows.sink.intervals.back().Packets(), 2U);
}

TEST(ActiveAlign, AllFlowsOfAMinuteAreReportedTogether) {
  Observed<> flows(Aligned());
  flows.Track(Query(1001), 1s);
  flows.Track(Query(1002), 30s);
  flows.Track(Query(1003), 59s);
  flows.Take();

  flows.Sweep(60s);

  EXPECT_THAT(flows.Take(),
              ElementsAre("interval 1", "interval 2", "interval 3"));
}

TEST(ActiveAlign, FlowsOfTheNextMinuteAreNotReportedWithThem) {
  Observed<> flows(Aligned());
  flows.Track(Query(1001), 59s);
  flows.Track(Query(1002), 60s);
  flows.Take();

  flows.Sweep(61s);

  EXPECT_THAT(flows.Take(), IsEmpty());  // 1 was reported when 60 s came
  EXPECT_THAT(flows.sink.intervals, SizeIs(1));
}

TEST(ActiveAlign, EmptyMinuteIsNotReported) {
  Observed<> flows(Aligned());
  flows.Track(Query(), 50s);
  flows.Sweep(60s);
  flows.Take();

  flows.Sweep(120s);

  EXPECT_THAT(flows.Take(), IsEmpty());
}

TEST(ActiveAlign, MayBeSwitchedOnAtRunTime) {
  Observed<> flows({.idle_timeout_udp = 300s, .active_timeout = 60s});
  flows.Track(Query(), 50s);
  flows.SetConfig(Aligned());
  flows.Take();

  flows.Sweep(60s);

  EXPECT_THAT(flows.Take(), ElementsAre("interval 1"));
}

TEST(ActiveAlign, WithoutAnActiveTimeoutDoesNothing) {
  Observed<> flows({.active_align = true});
  flows.Track(Query(), 50s);
  flows.Track(Query(), 70s);

  EXPECT_THAT(flows.sink.intervals, IsEmpty());
}

// --- One absurd time does not make a report late.

TEST(ActiveTimeout, HoldsForAFlowThatHadAnAbsurdTime) {
  Observed<> flows({.idle_timeout_udp = 2h, .active_timeout = 30min});
  flows.Track(Query(1001), 0s);
  flows.Track(Query(1002), 5min);
  flows.Track(Query(1001), 20min);  // not believed
  flows.Track(Query(1002), 5min + 1s);
  flows.Take();

  flows.Sweep(30min);

  EXPECT_THAT(flows.Take(), ElementsAre("interval 1"));
}

}  // namespace
}  // namespace tests
