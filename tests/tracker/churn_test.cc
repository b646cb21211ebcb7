// SPDX-License-Identifier: Apache-2.0
// What a flow borrows goes back when it ends, however it ends: many times more
// flows than there are places for, each with a rare part, with octets behind a
// hole in both directions, and with IPv6 addresses.
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tracker/observed.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using tracker::EndReason;
using tracker::kAck;
using tracker::kFin;
using tracker::kRst;
using tracker::kSyn;
using tracker::TrackerConfig;

constexpr std::uint16_t kFlows = 1000;  // at a time
constexpr std::uint16_t kFirstPort = 20'000;

// The frames of one connection, which are given a port and go in again.
class Segments {
 public:
  void Client(int flags, std::uint32_t seq, std::uint32_t ack,
              std::size_t octets = 0) {
    Add(Eth()
            .Vlan(7)
            .Vlan(8)
            .Ipv6("2001:db8::1", "2001:db8::2")
            .Tcp(0, 443)
            .Flags(flags)
            .Seq(seq)
            .Ack(ack)
            .Payload(octets),
        kPorts);
  }
  void Server(int flags, std::uint32_t seq, std::uint32_t ack,
              std::size_t octets = 0) {
    Add(Eth()
            .Vlan(7)
            .Vlan(9)
            .Ipv6("2001:db8::2", "2001:db8::1")
            .Tcp(443, 0)
            .Flags(flags)
            .Seq(seq)
            .Ack(ack)
            .Payload(octets),
        kPorts + 2);
  }
  template <typename Sink>
  void Track(tracker::FlowTracker<tracker::FiveTuple>& flows,
             std::uint16_t port, tracker::Timestamp time, Sink& sink) {
    for (Segment& segment : segments_) {
      segment.frame.time = time;
      segment.frame.octets[segment.port_at] =
          static_cast<std::uint8_t>(port >> 8);
      segment.frame.octets[segment.port_at + 1] =
          static_cast<std::uint8_t>(port);
      flows.Track(segment.frame.View(), sink);
    }
  }

 private:
  static constexpr std::size_t kPorts = 14 + 4 + 4 + 40;
  struct Segment {
    CapturedFrame frame;
    std::size_t port_at;
  };

  void Add(const PacketBuilder& packet, std::size_t port_at) {
    segments_.push_back({packet.At(kStart), port_at});
  }

  std::vector<Segment> segments_;
};

// Everything that a connection can have apart, in both directions.
Segments WithAllThatIsRare(std::uint32_t base) {
  Segments segments;
  segments.Client(kSyn, base, 0);
  segments.Server(kSyn | kAck, base + 5000, base + 1);
  segments.Client(kAck, base + 111, base + 5001, 10);
  segments.Client(kAck, base + 111, base + 5001, 10);
  segments.Server(kAck, base + 5201, base + 1, 10);
  return segments;
}

// Finds fault with the rare part of each flow that ends.
struct Auditor {
  template <typename Flow>
  void Ended(const Flow& flow, EndReason reason) {
    ++ended;
    as_expected += reason == expected ? 1 : 0;
    const auto& [client, server] = flow.rare.directions;
    if (client.retransmitted_packets != 1 || client.inner_vlan_id != 8 ||
        server.retransmitted_packets != 0 || server.inner_vlan_id != 9 ||
        client.missing_octets + server.missing_octets != 0) {
      ++wrong;
    }
  }

  EndReason expected = EndReason::kShutdown;
  std::uint64_t ended = 0;
  std::uint64_t as_expected = 0;
  std::uint64_t wrong = 0;
};

using Flows = tracker::FlowTracker<tracker::FiveTuple>;

void EndByFinish(Flows& flows, Auditor& auditor) { flows.Finish(auditor); }
void EndBySweep(Flows& flows, Auditor& auditor) {
  flows.Sweep(flows.Clock() + 300s, auditor);
}
void EndByReset(Flows& flows, Auditor& auditor) {
  Segments reset;
  reset.Client(kRst, 1121, 0);
  for (std::uint16_t i = 0; i < kFlows; ++i) {
    reset.Track(flows, kFirstPort + i, flows.Clock(), auditor);
  }
}
// What is behind the holes is left there.
void EndByFin(Flows& flows, Auditor& auditor) {
  Segments close;
  close.Client(kFin | kAck, 1121, 6001);
  close.Server(kFin | kAck, 6211, 1001);
  close.Client(kRst, 1122, 0);
  for (std::uint16_t i = 0; i < kFlows; ++i) {
    close.Track(flows, kFirstPort + i, flows.Clock(), auditor);
  }
  flows.Sweep(flows.Clock() + 5s, auditor);
}
void EndBySmallerTable(Flows& flows, Auditor& auditor) {
  TrackerConfig config = flows.Config();
  config.max_flows = 1;
  flows.SetConfig(config, auditor);
  config.max_flows = kFlows;
  flows.SetConfig(config, auditor);
}
// By what comes next: on the same ports, or on others.
void LeaveToSuccessors(Flows& /*flows*/, Auditor& /*auditor*/) {}

struct Ending {
  const char* name;
  EndReason reason;
  void (*end)(Flows&, Auditor&);
  tracker::Duration close_linger = 0s;
  std::uint16_t port_step = 0;      // from one generation to the next
  std::uint32_t sequence_step = 0;  // likewise
};

class Churn : public testing::TestWithParam<Ending> {};
INSTANTIATE_TEST_SUITE_P(
    EndedBy, Churn,
    testing::Values(Ending{"Finish", EndReason::kShutdown, EndByFinish},
                    Ending{"IdleTimeout", EndReason::kIdleTimeout, EndBySweep},
                    Ending{"Reset", EndReason::kRst, EndByReset},
                    Ending{"FinAfterTheLinger", EndReason::kFin, EndByFin, 5s},
                    Ending{"ASmallerTable", EndReason::kEvicted,
                           EndBySmallerTable, 0s, kFlows},
                    Ending{"Eviction", EndReason::kEvicted, LeaveToSuccessors,
                           0s, kFlows},
                    Ending{"Replacement", EndReason::kReplaced,
                           LeaveToSuccessors, 0s, 0, 1'000'000}),
    [](const auto& instance) { return std::string(instance.param.name); });

// Two holes each: more than there are places for.
constexpr std::uint16_t kGenerations =
    Flows::kMaxStreamsWithHoles / kFlows / 2 + 2;

TEST_P(Churn, GivesBackWhatEachFlowBorrowed) {
  const Ending& ending = GetParam();
  Flows flows({.close_linger = ending.close_linger, .max_flows = kFlows});
  Auditor auditor{.expected = ending.reason};

  for (std::uint16_t generation = 0; generation < kGenerations; ++generation) {
    Segments segments =
        WithAllThatIsRare(1000 + generation * ending.sequence_step);
    for (std::uint16_t i = 0; i < kFlows; ++i) {
      const int port = kFirstPort + generation * ending.port_step + i;
      segments.Track(flows, static_cast<std::uint16_t>(port),
                     std::max(flows.Clock(), kStart), auditor);
    }
    ASSERT_EQ(flows.FlowCount(), kFlows) << "generation " << generation;
    ending.end(flows, auditor);
  }

  const std::uint64_t left = flows.FlowCount();
  EXPECT_EQ(auditor.ended + left, std::uint64_t{kFlows} * kGenerations);
  EXPECT_EQ(auditor.as_expected, auditor.ended);
  EXPECT_EQ(auditor.wrong, 0U);

  // Places for holes are left: the next ones are found.
  Segments holes;
  holes.Client(kSyn, 1000, 0);
  holes.Server(kSyn | kAck, 5000, 1001);
  holes.Client(kAck, 1001, 5001);
  holes.Client(kAck, 1101, 5001, 10);
  holes.Client(kAck, 1121, 5001, 10);
  holes.Server(kAck, 5001, 1131);
  holes.Track(flows, 1, flows.Clock(), auditor);
  std::uint64_t missing = 0;
  flows.ForEach([&](const auto& flow) {
    missing += flow.rare.directions[0].missing_octets;
  });
  EXPECT_EQ(missing, 110U);
}

}  // namespace
}  // namespace tests
