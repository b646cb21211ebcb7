// SPDX-License-Identifier: Apache-2.0
// A flow of one packet has no body, if its sink hears of nothing but records,
// and tells the same. properties_test.cc holds that of whole streams; here is
// each kind of first packet, and each thing that may come next.
#include <chrono>
#include <ostream>
#include <span>
#include <string>
#include <tuple>
#include <vector>

#include <gmock/gmock.h>

#include "tests/tracker/ledger.h"
#include "tests/tracker/observed.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using testing::SizeIs;
using tracker::Duration;
using tracker::kAck;
using tracker::kCwr;
using tracker::kEce;
using tracker::kFin;
using tracker::kPsh;
using tracker::kRst;
using tracker::kSyn;
using tracker::LonePacket;
using tracker::Packet;
using tracker::TrackerConfig;
using Tracker = tracker::FlowTracker<tracker::FiveTuple>;

struct First {
  std::string name;
  PacketBuilder packet;
  bool lone = false;
};
void PrintTo(const First& first, std::ostream* out) { *out << first.name; }

PacketBuilder Syn() {
  return FromClient()
      .Ttl(61)
      .ClassOfService(0xb8)
      .Tcp(40000, 443)
      .Flags(kSyn)
      .Seq(1000)
      .Window(1000);
}

std::vector<First> Firsts() {
  constexpr int kEcnSetup = kSyn | kEce | kCwr;
  return {
      {"SYN", Syn(), true},
      {"SYN that offers ECN", Syn().Flags(kEcnSetup), true},
      {"SYN with an acknowledgment number", Syn().Ack(77), true},
      {"SYN over IPv6",
       Eth().Ipv6("2001:db8::1", "2001:db8::2").Tcp(40000, 443).Flags(kSyn),
       true},
      {"SYN in a VLAN",
       Eth().Vlan(7).Ipv4("192.0.2.1", "198.51.100.1").Tcp(1, 2).Flags(kSyn),
       true},
      {"SYN with half of the offer", Syn().Flags(kSyn | kEce), false},
      {"SYN with PSH", Syn().Flags(kSyn | kPsh), false},
      {"SYN with data", Syn().Payload(10), false},
      {"SYN with no window", Syn().Window(0), false},
      {"SYN with FIN", Syn().Flags(kSyn | kFin), false},
      {"SYN-ACK", ServerTcp(kSyn | kAck, 5000, 1001), false},
      {"ACK", ClientTcp(kAck, 1001, 5001), false},
      {"RST", ServerTcp(kRst, 5000, 0), false},
      {"TCP header cut short", Syn().TruncateTo(40), false},
      {"query", Query(), true},
      {"answer", Answer(), true},
      {"answer in a VLAN",
       Eth().Vlan(7).Ipv4("192.0.2.1", "198.51.100.1").Udp(53, 40000), true},
      {"answer over IPv6",
       Eth().Ipv6("2001:db8::1", "2001:db8::2").Udp(53, 40000), true},
      {"query between servers", FromClient().Udp(53, 53), true},
      {"offer to all hosts",
       Eth().Ipv4("192.0.2.1", "255.255.255.255").Udp(67, 68), true},
      {"large datagram", Query().Payload(20000), true},
      {"larger datagram", Query().Payload(40000), false},
      {"fragment", FromClient().Fragment(0, true).Udp(40000, 53).Payload(16),
       false},
      {"query in two VLANs",
       Eth().Vlan(7).Vlan(8).Ipv4("192.0.2.1", "198.51.100.1").Udp(1, 2),
       false},
      {"echo", FromClient().Icmp(8, 0).EchoId(1, 1), true},
      {"port unreachable", FromServer().Icmp(3, 3), true},
      {"ESP", FromClient().Protocol(50).Payload(100), true},
  };
}

// The flow's packets, a sweep and a larger tracker may come behind the first.
struct Next {
  std::string name;
  std::vector<PacketBuilder> packets;
  Duration after = 1s;
  bool grows = false;
};
void PrintTo(const Next& next, std::ostream* out) { *out << next.name; }

std::vector<Next> Nexts() {
  return {
      {"nothing", {}},
      {"nothing for a minute", {}, 61s},
      {"nothing for long", {}, 301s},
      {"room for more", {}, 1s, true},
      {"the answer",
       {ServerTcp(kSyn | kAck, 5000, 1001).Window(900), Answer(),
        FromServer().Icmp(0, 0).EchoId(1, 1)}},
      {"room for more, and the answer",
       {ServerTcp(kSyn | kAck, 5000, 1001).Window(900), Answer(),
        FromServer().Icmp(0, 0).EchoId(1, 1)},
       1s,
       true},
      {"all of the handshake, and data",
       {ServerTcp(kSyn | kAck, 5000, 1001).Window(900),
        ClientTcp(kAck, 1001, 5001), ClientTcp(kAck, 1001, 5001).Payload(10),
        ServerTcp(kAck, 5001, 1011)}},
      {"the same again",
       {Syn(), Query(), FromClient().Icmp(8, 0).EchoId(1, 2)}},
      {"a SYN with another number", {Syn().Seq(9999)}},
      {"a refusal", {ServerTcp(kRst | kAck, 0, 1001)}},
      {"an answer that is late",
       {ServerTcp(kSyn | kAck, 5000, 1001), Answer()},
       45s},
  };
}

// The times of two packets have to agree, and then they are trusted.
template <typename Sink>
void Trust(Tracker& tracker, Sink& sink) {
  const CapturedFrame other = FromClient().Udp(9, 9).At(kStart);
  tracker.Track(other.View(), sink);
  tracker.Track(other.View(), sink);
}

enum class Calls { kForEach, kBursts, kOneBurst };

template <typename Sink>
void TrackAll(const std::vector<CapturedFrame>& frames, Calls calls,
              Tracker& tracker, Sink& sink) {
  std::vector<tracker::Frame> views;
  views.reserve(frames.size());
  for (const CapturedFrame& frame : frames) {
    views.push_back(frame.View());
  }
  if (calls == Calls::kOneBurst) {
    tracker.TrackBurst(views, sink);
    return;
  }
  for (const tracker::Frame& view : views) {
    if (calls == Calls::kForEach) {
      tracker.Track(view, sink);
    } else {
      tracker.TrackBurst(std::span(&view, 1), sink);
    }
  }
}

class FirstAndNext : public testing::TestWithParam<std::tuple<First, Next>> {};

template <typename Sink>
std::vector<Record> RecordsFor(const First& first, const Next& next,
                               Calls calls = Calls::kForEach,
                               bool use_direction_evidence = false) {
  TrackerConfig config{.active_timeout = 40s,
                       .max_flows = 10,
                       .use_direction_evidence = use_direction_evidence};
  Tracker tracker(config);
  Sink sink;
  Trust(tracker, sink);
  std::vector<CapturedFrame> frames = {first.packet.At(kStart + 1ms)};
  if (next.grows) {
    TrackAll(frames, calls, tracker, sink);
    frames.clear();
    config.max_flows = 20;
    tracker.SetConfig(config, sink);
  }
  Duration at = next.after;
  for (const PacketBuilder& packet : next.packets) {
    at += 1ms;
    frames.push_back(packet.At(kStart + at));
  }
  TrackAll(frames, calls, tracker, sink);
  tracker.Sweep(kStart + at, sink);
  tracker.Finish(sink);
  return std::move(sink.records);
}

TEST_P(FirstAndNext, MakeTheSameRecordsWhetherOrNotPacketsAreLookedAt) {
  const auto& [first, next] = GetParam();

  const auto records = RecordsFor<QuietLedger>(first, next);

  EXPECT_EQ(records, RecordsFor<Ledger>(first, next));
  EXPECT_THAT(records, SizeIs(testing::Ge(2)));
}

// A burst is looked at briefly, if its sink sees no packets.
TEST_P(FirstAndNext, MakeTheSameRecordsInBursts) {
  const auto& [first, next] = GetParam();
  for (const bool evidence : {false, true}) {
    const auto records =
        RecordsFor<Ledger>(first, next, Calls::kForEach, evidence);

    for (const Calls calls : {Calls::kBursts, Calls::kOneBurst}) {
      EXPECT_EQ(RecordsFor<QuietLedger>(first, next, calls, evidence), records)
          << (evidence ? "with" : "without") << " evidence of direction";
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Flow, FirstAndNext,
                         testing::Combine(testing::ValuesIn(Firsts()),
                                          testing::ValuesIn(Nexts())));

TEST(LonePacket, IsWhatItTellsAllOf) {
  for (const First& first : Firsts()) {
    const CapturedFrame frame = first.packet.At(kStart);
    Packet packet;
    ASSERT_EQ(tracker::Decode(frame.View(), packet),
              tracker::DecodeResult::kOk);

    EXPECT_EQ(LonePacket::CanBe(packet), first.lone) << first.name;
  }
}

TEST(LonePacket, IsFoundInItsFlow) {
  Tracker tracker(TrackerConfig{.max_flows = 10});
  QuietLedger sink;
  Trust(tracker, sink);
  const CapturedFrame syn = Syn().At(kStart + 2s);
  tracker.Track(syn.View(), sink);

  int found = 0;
  tracker.ForEach([&](const auto& flow) {
    if (flow.stats.IsTcp()) {
      ++found;
      EXPECT_EQ(flow.stats.Packets(), 1U);
      EXPECT_EQ(flow.stats.interval_start, kStart + 2s);
      EXPECT_EQ(flow.stats.tcp.State(), tracker::TcpState::kSynSent);
      EXPECT_FALSE(flow.HasRare());
      const auto again = tracker.Get(flow.key);
      ASSERT_TRUE(again);
      EXPECT_EQ(again->stats.Octets(), flow.stats.Octets());
    }
  });
  EXPECT_EQ(found, 1);
}

}  // namespace
}  // namespace tests
