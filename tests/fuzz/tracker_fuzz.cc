// SPDX-License-Identifier: Apache-2.0
// Octets as a sequence of packets, time steps and calls, with the tracker's
// promises checked after each.
//
//   octet 0     configuration, see ConfigOf()
//   then steps  one octet says which (see Fuzzed::Step()), its arguments follow
#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <map>
#include <span>
#include <utility>
#include <vector>

#include "tests/fuzz/check.h"
#include "tests/support/packet_builder.h"
#include "tests/tracker/quiet_sink.h"
#include "tests/tracker/record.h"
#include "tracker/tracker.h"

namespace {

using std::chrono::hours;
using std::chrono::milliseconds;
using std::chrono::seconds;
using tests::CapturedFrame;
using tests::Check;
using tests::PacketBuilder;
using tracker::FlowStats;
using Tracker = tracker::FlowTracker<tracker::FiveTuple, int>;

constexpr tracker::Timestamp kStart{seconds{1767225600}};

// The octets that are left; 0 when there are none.
class Input {
 public:
  explicit Input(std::span<const std::uint8_t> octets) : octets_(octets) {}
  [[nodiscard]] bool Empty() const { return octets_.empty(); }
  std::uint8_t Octet() {
    if (octets_.empty()) {
      return 0;
    }
    const std::uint8_t octet = octets_.front();
    octets_ = octets_.subspan(1);
    return octet;
  }
  std::span<const std::uint8_t> Take(std::size_t count) {
    const auto taken = octets_.first(std::min(count, octets_.size()));
    octets_ = octets_.subspan(taken.size());
    return taken;
  }

 private:
  std::span<const std::uint8_t> octets_;
};

tracker::TrackerConfig ConfigOf(std::uint8_t octet) {
  constexpr seconds kActive[] = {seconds{0}, seconds{3}, seconds{60},
                                 seconds{300}};
  constexpr seconds kLinger[] = {seconds{0}, seconds{1}, seconds{5},
                                 seconds{100}};
  return {.active_timeout = kActive[octet >> 4 & 3],
          .close_linger = kLinger[octet >> 6],
          .max_flows = 1 + (octet & std::size_t{7}),
          .use_direction_evidence = (octet & 8) != 0};
}

// What an interval or an end tells, also without packets.
struct Report {
  Report(const tracker::FlowKey& key, const FlowStats& stats,
         const tracker::RareStats& rare, tracker::EndReason reason)
      : record(tests::RecordOf(key, tests::Snapshot(stats, rare), reason)),
        tcp(stats.tcp) {}

  bool operator==(const Report&) const = default;

  tests::Record record;
  tracker::TcpConnection tcp;
};

struct Quiet : tests::QuietSink<Quiet> {
  void Keep(const Values& flow, const tracker::RareStats& rare,
            tracker::EndReason reason) {
    Check(IsInRoom(flow), "values are where the sink has room");
    reports.emplace_back(flow.key, flow.stats, rare, reason);
  }

  std::vector<Report> reports;
};

// Books kept beside the tracker's own.
struct Books {
  struct Open {
    std::uint64_t packets = 0;  // since the last report
    std::uint64_t octets = 0;
  };
  using Flow = Tracker::Flow;

  void Started(const Flow& flow) {
    Check(open.emplace(flow.stats.id, Open{}).second, "a flow starts once");
  }
  void Established(const Flow& flow) { Known(flow); }
  void StateChange(const Flow& flow, tracker::TcpState before) {
    Known(flow);
    Check(before != flow.stats.tcp.State(), "a change changes the state");
  }
  void Packet(const Flow& flow, tracker::Side side,
              const tracker::Packet& packet) {
    Open& books = Known(flow);
    ++books.packets;
    books.octets += packet.octets;
    ++packets_in;
    const tracker::SideStats& stats = flow.stats.Of(side);
    Check(stats.packets > 0 && stats.seen != 0,
          "the packet is already counted");
    const std::uint64_t time = tracker::Microseconds(packet.time);
    Check(stats.first_seen_us <= time && time <= stats.last_seen_us,
          "the packet lies within its side's times");
  }
  void Interval(const Flow& flow) {
    Open& books = Known(flow);
    Check(flow.stats.Packets() > 0, "an interval has packets");
    Enter(flow, books, tracker::EndReason::kActiveTimeout);
    books = Open{};
  }
  void Ended(const Flow& flow, tracker::EndReason reason) {
    Check(!Name(reason).empty(), "every reason has a name");
    Enter(flow, Known(flow), reason);
    open.erase(flow.stats.id);
    ++ended;
  }

  Open& Known(const Flow& flow) {
    const auto found = open.find(flow.stats.id);
    Check(found != open.end(), "events are about live flows");
    return found->second;
  }
  void Enter(const Flow& flow, const Open& books, tracker::EndReason reason) {
    reports.emplace_back(flow.key, flow.stats, flow.rare, reason);
    Check(flow.stats.Packets() == books.packets &&
              flow.stats.sides[0].octets + flow.stats.sides[1].octets ==
                  books.octets,
          "a report has what came since the last one");
    packets_out += books.packets;
    Check(!ConnectionState(flow.stats,
                           flow.stats.history.Letters(flow.rare.history).View())
               .empty(),
          "every flow has a state");
  }

  std::map<std::uint64_t, Open> open;
  std::vector<Report> reports;
  std::uint64_t packets_in = 0;
  std::uint64_t packets_out = 0;
  std::uint64_t ended = 0;
};

class Fuzzed {
 public:
  explicit Fuzzed(Input input)
      : input_(input),
        tracker_(ConfigOf(input_.Octet())),
        quiet_tracker_(tracker_.Config()) {}

  void Run() {
    while (!input_.Empty()) {
      Step();
      CheckBooks();
    }
    Flush();
    Finish();
    Check(books_.packets_in == tracker_.Stats().packets_tracked,
          "every packet gives one event");
  }

 private:
  void Step() {
    const std::uint8_t step = input_.Octet();
    if ((step & 3) != 3) {
      Packet(step);
      return;
    }
    switch (step >> 2 & 7) {
      case 0:
        Pause();
        tracker_.Sweep(clock_, books_);
        quiet_tracker_.Sweep(clock_, quiet_);
        CheckDeadlines();
        break;
      case 1:
        Flush();
        tracker_.SetConfig(ConfigOf(input_.Octet()), books_);
        quiet_tracker_.SetConfig(tracker_.Config(), quiet_);
        break;
      case 2:
        absurd_ = hours{1 + input_.Octet()};
        break;
      case 3:
        in_burst_ = !in_burst_;
        Flush();
        break;
      case 4:
        Flush();
        Finish();
        break;
      case 5:
        RawFrame();
        break;
      case 6:
        Fragment(input_.Octet());
        break;
      default:
        ReadFlows();
        break;
    }
  }

  // The low six bits count, the high two say what.
  void Pause() {
    const std::uint8_t octet = input_.Octet();
    constexpr milliseconds kUnits[] = {milliseconds{10}, seconds{1},
                                       seconds{10}, -seconds{1}};
    clock_ += kUnits[octet >> 6] * (octet & 0x3f);
  }

  void Packet(std::uint8_t step) {
    const bool forward = (step & 4) != 0;
    const auto port = static_cast<std::uint16_t>(1000 + (step >> 3 & 3));
    PacketBuilder packet = tests::RawIp();
    packet.Ipv4(forward ? "192.0.2.1" : "192.0.2.2",
                forward ? "192.0.2.2" : "192.0.2.1");
    const std::uint16_t source = forward ? port : 443;
    const std::uint16_t destination = forward ? 443 : port;
    switch (step >> 5) {
      case 0:
        packet.Udp(source, destination);
        break;
      case 1:
        packet.Icmp(input_.Octet(), 0);
        break;
      case 2:
        packet.Fragment(1480, false).Protocol(tracker::kTcp);
        break;
      default:
        packet.Tcp(source, destination)
            .Flags(input_.Octet())
            .Seq(input_.Octet() * 100U)
            .Ack(input_.Octet() * 100U)
            .Window(step >> 5 == 3 ? 0 : 1000);
        break;
    }
    packet.Payload(std::size_t{input_.Octet()} * 4);
    Pause();
    Send(packet.At(clock_));
  }

  // Of one of four datagrams in each direction; all orders come.
  void Fragment(std::uint8_t which) {
    const bool forward = (which & 16) != 0;
    PacketBuilder packet = tests::RawIp();
    packet
        .Ipv4(forward ? "192.0.2.1" : "192.0.2.2",
              forward ? "192.0.2.2" : "192.0.2.1")
        .Identification(1 + (which & 3U));
    if ((which & 4) != 0) {
      packet.Fragment(0, true).Udp(1000, 443);
    } else {
      packet.Fragment(1480, (which & 8) != 0).Protocol(tracker::kUdp);
    }
    packet.Payload(std::size_t{which} * 4);
    Pause();
    Send(packet.At(clock_));
  }

  void RawFrame() {
    CapturedFrame frame;
    const auto octets = input_.Take(input_.Octet());
    frame.octets.assign(octets.begin(), octets.end());
    frame.wire_length = static_cast<std::uint32_t>(octets.size());
    frame.time = clock_;
    Send(frame);
  }

  void Send(CapturedFrame frame) {
    frame.time += absurd_;
    absurd_ = hours{0};
    ++offered_;
    if (in_burst_) {
      burst_.push_back(std::move(frame));
      return;
    }
    tracker_.TrackWithPayload(
        frame.View(), books_,
        [&](const tracker::FlowKey& key, tracker::Side, std::uint32_t,
            std::span<const std::uint8_t> payload) {
          Check(!payload.empty(), "the callback has payload");
          Check(payload.data() >= frame.octets.data() &&
                    payload.data() + payload.size() <=
                        frame.octets.data() + frame.octets.size(),
                "the payload lies within the frame");
          // A reset without linger may already have ended the flow.
          int* state = tracker_.GetMut(key);
          if (state != nullptr) {
            ++*state;
          }
        });
    quiet_tracker_.Track(frame.View(), quiet_);
  }

  void Flush() {
    std::vector<tracker::Frame> views;
    for (const CapturedFrame& frame : burst_) {
      views.push_back(frame.View());
    }
    tracker_.TrackBurst(views, books_);
    quiet_tracker_.TrackBurst(views, quiet_);
    burst_.clear();
  }

  void Finish() {
    tracker_.Finish(books_);
    quiet_tracker_.Finish(quiet_);
    Check(tracker_.FlowCount() == 0, "Finish() ends every flow");
    CheckBooks();
    Check(books_.packets_in == books_.packets_out,
          "every packet is in one report");
  }

  void ReadFlows() {
    std::size_t visited = 0;
    tracker_.ForEach([&](const Tracker::Flow& flow) {
      ++visited;
      const auto found = tracker_.Get(flow.key);
      Check(found && found->key == flow.key && found->stats.id == flow.stats.id,
            "a live flow is found by its key");
    });
    Check(visited == tracker_.FlowCount(), "ForEach() visits every flow");
  }

  // What a sweep leaves is not due.
  void CheckDeadlines() const {
    const tracker::TrackerConfig& config = tracker_.Config();
    tracker_.ForEach([&](const Tracker::Flow& flow) {
      const FlowStats& stats = flow.stats;
      const tracker::Duration timeout =
          stats.closed                      ? config.close_linger
          : stats.protocol == tracker::kTcp ? config.idle_timeout_tcp
          : stats.protocol == tracker::kUdp ? config.idle_timeout_udp
                                            : config.idle_timeout_other;
      Check(tracker_.Clock() - stats.idle_since < timeout,
            "no flow outlives its idle timeout");
      Check(stats.closed || config.active_timeout.count() == 0 ||
                stats.Packets() == 0 ||
                tracker_.Clock() - stats.interval_start < config.active_timeout,
            "no interval with packets outlives the active timeout");
    });
  }

  void CheckBooks() {
    Check(books_.reports == quiet_.reports,
          "reports are the same for who hears of nothing else");
    books_.reports.clear();
    quiet_.reports.clear();
    const tracker::TrackerStats& stats = tracker_.Stats();
    Check(tracker_.FlowCount() == books_.open.size(), "started = live + ended");
    Check(tracker_.FlowCount() <= tracker_.Config().max_flows,
          "never more than max_flows live");
    Check(stats.flows_created == books_.open.size() + books_.ended,
          "the tracker counts flows as its events do");
    std::uint64_t ended = 0;
    for (const std::uint64_t count : stats.ended) {
      ended += count;
    }
    Check(ended == books_.ended, "ends are counted by reason");
    std::uint64_t seen = stats.packets_tracked + burst_.size() +
                         tracker_.GetExtractor().Fragments().held;
    for (const std::uint64_t count : stats.unmatched) {
      seen += count;
    }
    Check(seen == offered_, "every frame is tracked, held or unmatched");
    // But once, when the first packet turns out to have come from far ahead.
    const bool set_back = tracker_.Clock() < latest_;
    Check(!set_back || (!was_set_back_ &&
                        latest_ - tracker_.Clock() > std::chrono::minutes{10}),
          "the clock does not run backwards");
    was_set_back_ = was_set_back_ || set_back;
    latest_ = tracker_.Clock();
  }

  Input input_;
  Tracker tracker_;
  Books books_;
  tracker::FlowTracker<tracker::FiveTuple> quiet_tracker_;
  Quiet quiet_;
  tracker::Timestamp clock_ = kStart;
  tracker::Timestamp latest_{};
  bool was_set_back_ = false;
  hours absurd_{0};
  bool in_burst_ = false;
  std::vector<CapturedFrame> burst_;
  std::uint64_t offered_ = 0;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  Fuzzed(Input(std::span(data, size))).Run();
  return 0;
}
