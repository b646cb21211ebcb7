// SPDX-License-Identifier: Apache-2.0
// Other ways in: bursts, and packets with their payload.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "tests/tracker/observed.h"
#include "tests/tracker/record.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using tracker::FiveTuple;
using tracker::FlowKey;
using tracker::FlowStats;
using tracker::kAck;
using tracker::kFin;
using tracker::kRst;
using tracker::kSyn;
using tracker::Side;
using tracker::TrackerConfig;

// --- Bursts.

// Who sends a random stream. The fewer they are, the more of its packets meet
// in a flow.
struct Crowd {
  std::uint32_t clients;
  std::size_t max_flows;
  std::size_t packets;
  std::uint32_t longest_pause;  // seconds
};
constexpr Crowd kFew = {20, 15, 2000, 40};
// Too many for the caches.
constexpr Crowd kMany = {2000, 1500, 12000, 2};

// A random stream. All frames of one burst have one time: a burst is swept
// before, not within.
std::vector<CapturedFrame> RandomStream(std::uint32_t seed,
                                        const Crowd& crowd) {
  std::mt19937 random(seed);
  const auto below = [&](std::uint32_t limit) {
    return static_cast<std::uint32_t>(random()) % limit;
  };
  constexpr int kFlags[] = {kSyn,        kSyn | kAck, kAck, kAck,
                            kFin | kAck, kRst,        kAck, kSyn | kFin};
  std::vector<CapturedFrame> frames;
  tracker::Timestamp time = kStart;
  for (std::size_t i = 0; i < crowd.packets; ++i) {
    if (i % tracker::FlowTracker<FiveTuple>::kBurst == 0) {
      time += std::chrono::seconds{below(crowd.longest_pause)};
    }
    const auto client = static_cast<std::uint16_t>(1000 + below(crowd.clients));
    const bool forward = below(2) == 0;
    const std::uint16_t source = forward ? client : 80;
    const std::uint16_t target = forward ? 80 : client;
    PacketBuilder packet = forward ? FromClient() : FromServer();
    if (below(3) == 0) {
      packet.Udp(source, target);
    } else {
      packet.Tcp(source, target)
          .Flags(kFlags[below(8)])
          .Seq(below(3) * 1000)
          .Ack(below(3) * 1000);
    }
    packet.Payload(below(200));
    if (below(50) == 0) {
      packet.TruncateTo(below(60));
    }
    frames.push_back(packet.At(time));
  }
  return frames;
}

std::vector<tracker::Frame> ViewsOf(const std::vector<CapturedFrame>& frames) {
  std::vector<tracker::Frame> views(frames.size());
  std::transform(frames.begin(), frames.end(), views.begin(),
                 [](const CapturedFrame& frame) { return frame.View(); });
  return views;
}

class Burst : public testing::TestWithParam<std::uint32_t> {};

TEST_P(Burst, GivesTheSameEventsAsSingleCalls) {
  for (const Crowd& crowd : {kFew, kMany}) {
    const TrackerConfig config{.active_timeout = 100s,
                               .close_linger = 5s,
                               .max_flows = crowd.max_flows,
                               .use_direction_evidence = true};
    const std::vector<CapturedFrame> frames = RandomStream(GetParam(), crowd);
    const std::vector<tracker::Frame> views = ViewsOf(frames);
    Observed<> single(config);
    Observed<> burst(config);

    for (const tracker::Frame& view : views) {
      single.tracker.Track(view, single.sink);
    }
    burst.tracker.TrackBurst(views, burst.sink);

    EXPECT_EQ(burst.Take(), single.Take());
    EXPECT_EQ(burst.tracker.FlowCount(), single.tracker.FlowCount());
    EXPECT_EQ(burst.tracker.FlowCount(), crowd.max_flows);
    EXPECT_EQ(burst.tracker.Stats().unmatched,
              single.tracker.Stats().unmatched);
  }
}

// Without Packet(), a burst is looked at briefly.
struct StateRecorder {
  template <typename Flow>
  void Established(const Flow& flow) {
    states.emplace_back(flow.stats.id, flow.stats.tcp.State());
  }
  template <typename Flow>
  void StateChange(const Flow& flow, tracker::TcpState /*before*/) {
    states.emplace_back(flow.stats.id, flow.stats.tcp.State());
  }
  template <typename Flow>
  void Interval(const Flow& flow) {
    Ended(flow, tracker::EndReason::kActiveTimeout);
  }
  template <typename Flow>
  void Ended(const Flow& flow, tracker::EndReason reason) {
    records.push_back(RecordOf(flow.key, Snapshot(flow), reason));
  }

  std::vector<std::pair<std::uint64_t, tracker::TcpState>> states;
  std::vector<Record> records;
};

TEST_P(Burst, GivesTheSameToWhoSeesNoPackets) {
  constexpr std::pair<std::chrono::seconds, Crowd> kCases[] = {
      {0s, kFew}, {5s, kFew}, {0s, kMany}, {5s, kMany}};
  for (const auto& [linger, crowd] : kCases) {
    const TrackerConfig config{.active_timeout = 100s,
                               .close_linger = linger,
                               .max_flows = crowd.max_flows,
                               .use_direction_evidence = true};
    const std::vector<CapturedFrame> frames = RandomStream(GetParam(), crowd);
    const std::vector<tracker::Frame> views = ViewsOf(frames);
    tracker::FlowTracker<FiveTuple> single(config);
    tracker::FlowTracker<FiveTuple> burst(config);
    StateRecorder singly;
    StateRecorder together;

    for (const tracker::Frame& view : views) {
      single.Track(view, singly);
    }
    burst.TrackBurst(views, together);

    EXPECT_EQ(together.states, singly.states);
    EXPECT_EQ(together.records, singly.records);
    EXPECT_GT(singly.states.size(), 100U);
    EXPECT_GT(singly.records.size(), 100U);
  }
}

INSTANTIATE_TEST_SUITE_P(RandomStreams, Burst, testing::Range(1U, 21U));

TEST(BurstCall, MayBeEmpty) {
  Observed<> flows;

  flows.tracker.TrackBurst({}, flows.sink);

  EXPECT_THAT(flows.Take(), IsEmpty());
}

TEST(BurstCall, EveryPacketIsInOneReport) {
  const std::vector<CapturedFrame> frames = RandomStream(99, kFew);
  const std::vector<tracker::Frame> views = ViewsOf(frames);
  std::uint64_t reported = 0;
  Observed<> flows({.active_timeout = 50s, .max_flows = 10});

  flows.tracker.TrackBurst(views, flows.sink);
  flows.Finish();

  for (const FlowStats& stats : flows.sink.intervals) {
    reported += stats.Packets();
  }
  for (const Recorder::EndedFlow& flow : flows.Ended()) {
    reported += flow.stats.Packets();
  }
  EXPECT_EQ(reported, flows.tracker.Stats().packets_tracked);
}

// Between two sweeps: the linger is shorter.
TEST(BurstCall, IsNoPartOfAClosedFlowWhoseLingerIsOver) {
  for (const auto pause : {499ms, 500ms}) {
    tracker::FlowTracker<FiveTuple> flows(
        TrackerConfig{.close_linger = 500ms, .sweep_interval = 1s});
    StateRecorder sink;
    const CapturedFrame syn = FromClient().Tcp(1000, 80).Flags(kSyn).At(kStart);
    const CapturedFrame rst =
        FromServer().Tcp(80, 1000).Flags(kRst | kAck).At(kStart);
    const CapturedFrame ack =
        FromClient().Tcp(1000, 80).Flags(kAck).At(kStart + pause);

    flows.TrackBurst(std::vector{syn.View(), rst.View()}, sink);
    flows.TrackBurst(std::vector{ack.View()}, sink);

    EXPECT_EQ(flows.Stats().flows_created, pause < 500ms ? 1U : 2U);
  }
}

// --- Payload.

struct Delivered {
  Side side = Side::kInitiator;
  std::uint32_t sequence = 0;
  std::string payload;
};

std::vector<Delivered> PayloadsOf(Observed<>& flows,
                                  const PacketBuilder& packet) {
  std::vector<Delivered> delivered;
  const CapturedFrame frame = packet.At(kStart);
  flows.tracker.TrackWithPayload(
      frame.View(), flows.sink,
      [&](const FlowKey& /*key*/, Side side, std::uint32_t sequence,
          std::span<const std::uint8_t> payload) {
        delivered.push_back(
            {side, sequence, std::string(payload.begin(), payload.end())});
      });
  return delivered;
}

TEST(TrackWithPayload, GivesTcpPayloadWithItsSequence) {
  Observed<> flows;

  const auto delivered =
      PayloadsOf(flows, ClientTcp(kAck, 77, 1).Payload("GET /"));

  ASSERT_EQ(delivered.size(), 1U);
  EXPECT_EQ(delivered[0].sequence, 77U);
  EXPECT_EQ(delivered[0].side, Side::kInitiator);
  EXPECT_EQ(delivered[0].payload, "GET /");
}

TEST(TrackWithPayload, GivesUdpPayloadWithSequenceZero) {
  Observed<> flows;

  const auto delivered =
      PayloadsOf(flows, FromClient().Udp(1, 2).Payload("hello").PadTo(60));

  ASSERT_EQ(delivered.size(), 1U);
  EXPECT_EQ(delivered[0].sequence, 0U);
  EXPECT_EQ(delivered[0].payload, "hello");
}

TEST(TrackWithPayload, NamesTheResponder) {
  Observed<> flows;
  flows.Track(Query(), 0s);

  const auto delivered = PayloadsOf(flows, Answer());

  ASSERT_EQ(delivered.size(), 1U);
  EXPECT_EQ(delivered[0].side, Side::kResponder);
}

TEST(TrackWithPayload, GivesOnlyWhatWasCaptured) {
  constexpr std::size_t kHeaders = 14 + 20 + 8;
  Observed<> flows;

  const auto delivered = PayloadsOf(
      flows, FromClient().Udp(1, 2).Payload("hello").TruncateTo(kHeaders + 3));

  ASSERT_EQ(delivered.size(), 1U);
  EXPECT_EQ(delivered[0].payload, "hel");
}

TEST(TrackWithPayload, IsSilentWithoutPayload) {
  Observed<> flows;

  EXPECT_THAT(PayloadsOf(flows, ClientTcp(kSyn, 1, 0).PadTo(60)), IsEmpty());
}

TEST(TrackWithPayload, IsSilentForAFrameThatCannotBeDecoded) {
  Observed<> flows;

  EXPECT_THAT(PayloadsOf(flows, Query().TruncateTo(30)), IsEmpty());
}

TEST(TrackWithPayload, CounterpartsEventsAreThoseOfTrack) {
  Observed<> flows;

  PayloadsOf(flows, Query());

  EXPECT_THAT(flows.Take(), ElementsAre("started 1", "packet 1 initiator"));
}

}  // namespace
}  // namespace tests
