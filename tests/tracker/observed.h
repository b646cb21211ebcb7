// SPDX-License-Identifier: Apache-2.0
// A tracker under test together with a record of its events.
//
//   Observed<> flows({.close_linger = 5s});
//   flows.Track(Syn(), 0s);
//   EXPECT_THAT(flows.Take(), ElementsAre("started 1", "packet 1 initiator"));
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include "tests/support/packet_builder.h"
#include "tests/tracker/snapshot.h"
#include "tracker/tracker.h"

namespace tests {

// Where the offsets of Track() and Sweep() count from: 2026-01-01 00:00:00 UTC.
inline constexpr tracker::Timestamp kStart{std::chrono::seconds{1767225600}};

// Writes events down as "what flow-id detail".
class Recorder {
 public:
  struct EndedFlow {
    Snapshot stats;
    tracker::EndReason reason = tracker::EndReason::kShutdown;
  };

  template <typename Flow>
  void Started(const Flow& flow) {
    Write("started", flow);
  }
  template <typename Flow>
  void Established(const Flow& flow) {
    Write("established", flow);
  }
  template <typename Flow>
  void StateChange(const Flow& flow, tracker::TcpState /*before*/) {
    Write("state", flow);
  }
  template <typename Flow>
  void Packet(const Flow& flow, tracker::Side side,
              const tracker::Packet& /*packet*/) {
    Write("packet", flow,
          side == tracker::Side::kInitiator ? " initiator" : " responder");
  }
  template <typename Flow>
  void Interval(const Flow& flow) {
    Write("interval", flow);
    intervals.emplace_back(flow);
  }
  template <typename Flow>
  void Ended(const Flow& flow, tracker::EndReason reason) {
    Write("ended", flow, " " + std::string(Name(reason)));
    ended.push_back({Snapshot(flow), reason});
  }

  std::vector<std::string> events;
  std::vector<EndedFlow> ended;
  std::vector<Snapshot> intervals;

 private:
  template <typename Flow>
  void Write(const char* what, const Flow& flow,
             const std::string& detail = "") {
    events.push_back(std::string(what) + " " + std::to_string(flow.stats.id) +
                     detail);
  }
};

template <typename Extractor = tracker::FiveTuple,
          typename State = tracker::NoState>
class Observed {
 public:
  using Tracker = tracker::FlowTracker<Extractor, State>;

  template <typename... Rest>
  explicit Observed(const tracker::TrackerConfig& config = {}, Rest&&... rest)
      : tracker(config, std::forward<Rest>(rest)...) {}

  tracker::DecodeResult Track(const PacketBuilder& packet,
                              tracker::Duration at) {
    return Track(packet.At(kStart + at));
  }
  tracker::DecodeResult Track(const CapturedFrame& frame) {
    return tracker.Track(frame.View(), sink);
  }
  void Sweep(tracker::Duration at) { tracker.Sweep(kStart + at, sink); }
  void Finish() { tracker.Finish(sink); }
  void SetConfig(const tracker::TrackerConfig& config) {
    tracker.SetConfig(config, sink);
  }
  // The events since the last Take().
  std::vector<std::string> Take() { return std::exchange(sink.events, {}); }
  // The only live flow's statistics; a copy.
  [[nodiscard]] Snapshot Only() const {
    Snapshot stats;
    tracker.ForEach([&](const auto& flow) { stats = Snapshot(flow); });
    return stats;
  }
  [[nodiscard]] const std::vector<Recorder::EndedFlow>& Ended() const {
    return sink.ended;
  }

  Tracker tracker;
  Recorder sink;
};

// Packets between one client and one server.
inline PacketBuilder FromClient() {
  return Eth().Ipv4("192.0.2.1", "198.51.100.1");
}
inline PacketBuilder FromServer() {
  return Eth().Ipv4("198.51.100.1", "192.0.2.1");
}
inline PacketBuilder Query(std::uint16_t port = 40000) {
  return FromClient().Udp(port, 53).Payload(20);
}
inline PacketBuilder Answer(std::uint16_t port = 40000) {
  return FromServer().Udp(53, port).Payload(100);
}
inline PacketBuilder ClientTcp(int flags, std::uint32_t seq,
                               std::uint32_t ack) {
  return FromClient().Tcp(40000, 443).Flags(flags).Seq(seq).Ack(ack);
}
inline PacketBuilder ServerTcp(int flags, std::uint32_t seq,
                               std::uint32_t ack) {
  return FromServer().Tcp(443, 40000).Flags(flags).Seq(seq).Ack(ack);
}

}  // namespace tests
