// SPDX-License-Identifier: Apache-2.0
// Finish() ends all flows at once; here is what a tracker is then.
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "tests/tracker/observed.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using tracker::FiveTuple;
using tracker::FlowKey;
using tracker::kAck;
using tracker::kRst;
using tracker::kSyn;
using tracker::Side;

PacketBuilder Ipv6Query(std::uint16_t port) {
  return Eth().Ipv6("2001:db8::1", "2001:db8::2").Udp(port, 53);
}

TEST(Finish, EndsMoreThanABatchInTheOrderOfTheirStart) {
  Observed<> flows;
  std::vector<std::string> expected;
  for (std::uint16_t i = 1; i <= 100; ++i) {
    flows.Track(Query(1000 + i), 0s);
    expected.push_back("ended " + std::to_string(i) + " shutdown");
  }
  flows.Take();

  flows.Finish();

  EXPECT_EQ(flows.Take(), expected);
  EXPECT_EQ(flows.tracker.FlowCount(), 0U);
}

TEST(Finish, OfNothingTellsNothing) {
  Observed<> flows;
  flows.Track(Query(), 0s);
  flows.Finish();
  flows.Take();

  flows.Finish();

  EXPECT_THAT(flows.Take(), IsEmpty());
}

TEST(Finish, LeavesNoFlowToBeFound) {
  Observed<> flows;
  flows.Track(Query(), 0s);
  FlowKey key;
  flows.tracker.ForEach([&](const auto& flow) { key = flow.key; });
  ASSERT_TRUE(flows.tracker.Get(key));

  flows.Finish();

  EXPECT_FALSE(flows.tracker.Get(key));
  int visited = 0;
  flows.tracker.ForEach([&](const auto& /*flow*/) { ++visited; });
  EXPECT_EQ(visited, 0);
}

TEST(Finish, LetsTheClockAndTheCountsGoOn) {
  Observed<> flows;
  flows.Track(Query(1001), 0s);
  flows.Track(Query(1002), 5s);
  flows.Finish();
  flows.Take();

  flows.Track(Query(1001), 1s);

  EXPECT_THAT(flows.Take(), ElementsAre("started 3", "packet 3 initiator"));
  EXPECT_EQ(flows.tracker.Clock(), kStart + 5s);
  EXPECT_EQ(flows.tracker.Stats().flows_created, 3U);
  EXPECT_EQ(flows.Only().idle_since, kStart + 5s);
}

TEST(Finish, KeepsEachTimeoutForLaterFlows) {
  Observed<> flows({.close_linger = 5s});
  const auto one_of_each = [&](tracker::Duration at) {
    flows.Track(ClientTcp(kSyn, 1, 0), at);
    flows.Track(Query(), at);
    flows.Track(FromClient().Icmp(8, 0), at);
    flows.Track(FromClient().Tcp(1, 2).Flags(kRst), at);
  };
  one_of_each(0s);
  flows.Finish();
  one_of_each(1s);
  flows.Take();

  flows.Sweep(6s - 1ns);
  EXPECT_THAT(flows.Take(), IsEmpty());
  flows.Sweep(6s);
  EXPECT_THAT(flows.Take(), ElementsAre("ended 8 rst"));
  flows.Sweep(31s);
  EXPECT_THAT(flows.Take(), ElementsAre("ended 7 idle_timeout"));
  flows.Sweep(61s);
  EXPECT_THAT(flows.Take(), ElementsAre("ended 6 idle_timeout"));
  flows.Sweep(301s);
  EXPECT_THAT(flows.Take(), ElementsAre("ended 5 idle_timeout"));
  EXPECT_EQ(flows.tracker.FlowCount(), 0U);
}

TEST(Finish, KeepsTheActiveTimeoutForLaterFlows) {
  Observed<> flows({.active_timeout = 10s});
  flows.Track(Query(1001), 0s);
  flows.Track(Query(1002), 0s);
  flows.Finish();
  flows.Track(Query(1003), 9s);
  flows.Take();

  flows.Sweep(18s);
  EXPECT_THAT(flows.Take(), IsEmpty());
  flows.Sweep(19s);

  EXPECT_THAT(flows.Take(), ElementsAre("interval 3"));
}

TEST(Finish, LeavesRoomForAsManyFlowsAsBefore) {
  Observed<> flows({.max_flows = 3});
  for (std::uint16_t port = 1; port <= 4; ++port) {
    flows.Track(Query(port), 0s);
  }
  flows.Finish();
  for (std::uint16_t port = 1; port <= 3; ++port) {
    flows.Track(Query(port), 1s);
  }
  flows.Track(Query(1), 2s);
  flows.Take();

  flows.Track(Query(4), 3s);

  EXPECT_THAT(flows.Take(), ElementsAre("ended 6 evicted", "started 8",
                                        "packet 8 initiator"));
}

TEST(Finish, LeavesNothingOfAConnectionToTheNext) {
  Observed<> flows({.max_flows = 1});
  const auto client = [](int flags, std::uint32_t seq, std::size_t octets) {
    return Eth()
        .Vlan(1)
        .Vlan(2)
        .Ipv4("192.0.2.1", "198.51.100.1")
        .Tcp(40000, 443)
        .Flags(flags)
        .Seq(seq)
        .Payload(octets);
  };
  flows.Track(client(kSyn, 1000, 0), 0s);
  flows.Track(client(kAck, 1101, 10), 0s);
  flows.Track(client(kAck, 1101, 10), 0s);
  ASSERT_EQ(flows.Only().Rare(Side::kInitiator).retransmitted_packets, 1U);
  flows.Finish();

  flows.Track(ClientTcp(kSyn, 1000, 0), 1s);
  flows.Track(ClientTcp(kAck, 1001, 5001).Payload(10), 1s);
  flows.Track(ClientTcp(kAck, 1001, 5001).Payload(10), 1s);

  EXPECT_EQ(flows.Only().Letters(), "SDT");
  EXPECT_EQ(flows.Only().Rare(Side::kInitiator).retransmitted_packets, 1U);
  EXPECT_EQ(flows.Only().Rare(Side::kInitiator).inner_vlan_id, 0);
}

TEST(Finish, GivesTheNextTrackOfIpv6FlowsTheirOwnKeys) {
  Observed<> flows({.max_flows = 2});
  flows.Track(Ipv6Query(1), 0s);
  flows.Track(Ipv6Query(2), 0s);
  flows.Finish();
  flows.Track(Ipv6Query(3), 1s);
  flows.Track(Ipv6Query(4), 1s);
  flows.Take();

  flows.Track(Ipv6Query(3), 2s);
  flows.Track(Ipv6Query(4), 2s);

  EXPECT_THAT(flows.Take(),
              ElementsAre("packet 3 initiator", "packet 4 initiator"));
}

TEST(Finish, ForgetsTheFlowOfASuspectedTime) {
  Observed<> flows({.max_flows = 2});
  flows.Track(Query(1001), 0s);
  flows.Track(Query(1002), 1000h);
  flows.Finish();
  flows.Take();

  // Longer than a turn of the ring: each of its ticks is looked at.
  for (int minute = 0; minute < 6; ++minute) {
    flows.Track(Query(1003), minute * 59s);
  }

  EXPECT_THAT(
      flows.Take(),
      ElementsAre("started 3", "packet 3 initiator", "packet 3 initiator",
                  "packet 3 initiator", "packet 3 initiator",
                  "packet 3 initiator", "packet 3 initiator"));
}

TEST(Finish, GivesEachLaterFlowAPlaceOfItsOwn) {
  Observed<> flows;
  flows.Track(Query(1001), 0s);
  flows.Track(Query(1002), 30s);
  flows.Sweep(60s);
  ASSERT_EQ(flows.tracker.FlowCount(), 1U);
  flows.Finish();
  flows.Track(Query(1003), 61s);
  flows.Track(Query(1004), 61s);
  flows.Take();

  flows.Track(Query(1003), 62s);
  flows.Track(Query(1004), 62s);

  EXPECT_THAT(flows.Take(),
              ElementsAre("packet 3 initiator", "packet 4 initiator"));
}

TEST(Finish, LeavesATrackerThatCanGrow) {
  Observed<> flows({.max_flows = 1});
  flows.Track(Ipv6Query(1), 0s);
  flows.Finish();
  flows.SetConfig({.max_flows = 3});
  flows.Track(Ipv6Query(2), 1s);
  flows.Track(Query(3), 1s);
  flows.Track(Ipv6Query(4), 1s);
  flows.Take();

  flows.Track(Ipv6Query(4), 2s);
  flows.Track(Ipv6Query(2), 2s);

  EXPECT_THAT(flows.Take(),
              ElementsAre("packet 4 initiator", "packet 2 initiator"));
}

TEST(Finish, DestroysEachStateOnce) {
  auto shared = std::make_shared<int>(0);
  Observed<FiveTuple, std::shared_ptr<int>> flows(
      {}, FiveTuple(), [&](const FlowKey& /*key*/) { return shared; });
  for (std::uint16_t port = 1; port <= 40; ++port) {
    flows.Track(Query(port), 0s);
  }
  ASSERT_EQ(shared.use_count(), 41);

  flows.Finish();
  EXPECT_EQ(shared.use_count(), 1);

  flows.Track(Query(), 1s);
  EXPECT_EQ(shared.use_count(), 2);
}

}  // namespace
}  // namespace tests
