// SPDX-License-Identifier: Apache-2.0
// What FlowTracker promises, one sentence per test.
#include <chrono>

#include <gmock/gmock.h>

#include "tests/support/conversation.h"
#include "tests/tracker/observed.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using tracker::DecodeResult;
using tracker::FiveTuple;
using tracker::FlowKey;
using tracker::FlowStats;
using tracker::kAck;
using tracker::kRst;
using tracker::kSyn;
using tracker::Side;

TEST(Tracker, FirstUdpPacketGivesStartedAndPacket) {
  Observed<> flows;

  flows.Track(Query(), 0s);

  EXPECT_THAT(flows.Take(), ElementsAre("started 1", "packet 1 initiator"));
}

TEST(Tracker, SecondUdpPacketGivesOnlyPacket) {
  Observed<> flows;
  flows.Track(Query(), 0s);
  flows.Take();

  flows.Track(Query(), 1s);

  EXPECT_THAT(flows.Take(), ElementsAre("packet 1 initiator"));
}

TEST(Tracker, ReversePacketIsTheResponders) {
  Observed<> flows;
  flows.Track(Query(), 0s);
  flows.Take();

  flows.Track(Answer(), 1s);

  EXPECT_THAT(flows.Take(), ElementsAre("packet 1 responder"));
}

TEST(Tracker, ThreeWayHandshakeGivesExactlyOneEstablished) {
  Observed<> flows;

  flows.Track(ClientTcp(kSyn, 1000, 0), 0s);
  flows.Track(ServerTcp(kSyn | kAck, 5000, 1001), 1s);
  flows.Track(ClientTcp(kAck, 1001, 5001), 2s);
  flows.Track(ClientTcp(kAck, 1001, 5001), 3s);

  EXPECT_THAT(flows.Take(),
              ElementsAre("started 1", "state 1", "packet 1 initiator",
                          "state 1", "packet 1 responder", "established 1",
                          "packet 1 initiator", "packet 1 initiator"));
}

TEST(Tracker, RstEndsTheFlowAndRemovesItWithoutLinger) {
  Observed<> flows({.close_linger = 0s});
  flows.Track(ClientTcp(kSyn, 1000, 0), 0s);
  flows.Take();

  flows.Track(ServerTcp(kRst | kAck, 0, 1001), 1s);

  EXPECT_THAT(flows.Take(),
              ElementsAre("state 1", "packet 1 responder", "ended 1 rst"));
  EXPECT_EQ(flows.tracker.FlowCount(), 0U);
}

TEST(Tracker, UdpFlowLivesInASweepJustBeforeSixtySeconds) {
  Observed<> flows;
  flows.Track(Query(), 0s);
  flows.Take();

  flows.Sweep(60s - std::chrono::nanoseconds{1});

  EXPECT_THAT(flows.Take(), IsEmpty());
}

TEST(Tracker, UdpFlowEndsIdleInTheSweepAtExactlySixtySeconds) {
  Observed<> flows;
  flows.Track(Query(), 0s);
  flows.Take();

  flows.Sweep(60s);

  EXPECT_THAT(flows.Take(), ElementsAre("ended 1 idle_timeout"));
}

TEST(Tracker, LeastRecentlySeenFlowIsEvictedWhenMaxFlowsIsExceeded) {
  Observed<> flows({.max_flows = 2});
  flows.Track(Query(1001), 0s);
  flows.Track(Query(1002), 1s);
  flows.Track(Query(1001), 2s);  // now flow 2 is the least recently seen
  flows.Take();

  flows.Track(Query(1003), 3s);

  EXPECT_THAT(flows.Take(), ElementsAre("ended 2 evicted", "started 3",
                                        "packet 3 initiator"));
}

TEST(Tracker, UserStateIsMadeOncePerFlowFromItsKey) {
  std::vector<std::uint16_t> made_for;
  Observed<FiveTuple, int> flows({}, FiveTuple(), [&](const FlowKey& key) {
    made_for.push_back(key.port[0]);
    return 0;
  });

  flows.Track(Query(1001), 0s);
  flows.Track(Query(1002), 0s);
  flows.Track(Answer(1001), 1s);
  flows.Track(Query(1002), 1s);

  EXPECT_THAT(made_for, ElementsAre(1001, 1002));
}

TEST(Tracker, UnparseableFrameGivesNoEventAndIsCounted) {
  Observed<> flows;

  const DecodeResult result = flows.Track(Query().TruncateTo(20), 0s);

  EXPECT_EQ(result, DecodeResult::kTruncated);
  EXPECT_THAT(flows.Take(), IsEmpty());
  EXPECT_EQ(flows.tracker.Stats().Unmatched(DecodeResult::kTruncated), 1U);
  EXPECT_EQ(flows.tracker.Stats().packets_tracked, 0U);
}

TEST(Tracker, PacketsAndOctetsAreCountedPerSide) {
  Observed<> flows;

  flows.Track(Query(), 0s);
  flows.Track(Answer(), 1s);
  flows.Track(Answer(), 2s);

  const FlowStats stats = flows.Only();
  EXPECT_EQ(stats.Of(Side::kInitiator).packets, 1U);
  EXPECT_EQ(stats.Of(Side::kInitiator).octets, 20U + 8 + 20);
  EXPECT_EQ(stats.Of(Side::kResponder).packets, 2U);
  EXPECT_EQ(stats.Of(Side::kResponder).octets, 2 * (20U + 8 + 100));
}

}  // namespace
}  // namespace tests
