// SPDX-License-Identifier: Apache-2.0
// What holds for every traffic: random streams from many seeds.
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <ostream>
#include <set>
#include <span>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "tests/tracker/ledger.h"
#include "tests/tracker/random_stream.h"
#include "tracker/icmp.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using std::chrono::milliseconds;
using tracker::Duration;
using tracker::EndReason;
using tracker::FlowKey;
using tracker::IpAddress;
using tracker::Timestamp;
using tracker::TrackerConfig;
using Tracker = tracker::FlowTracker<tracker::FiveTuple>;

constexpr std::uint64_t kSeeds = 24;

TrackerConfig AnyConfig(Random& random) {
  return {.idle_timeout_tcp = random.Of<Duration>({5s, 40s, 300s}),
          .idle_timeout_udp = random.Of<Duration>({2s, 20s, 60s}),
          .idle_timeout_other = random.Of<Duration>({1s, 30s}),
          .active_timeout = random.Of<Duration>({0s, 1s, 7s, 60s}),
          .active_align = random.Percent(50),
          .close_linger = random.Of<Duration>({0s, 1s, 5s}),
          .sweep_interval = random.Of<Duration>({100ms, 1s, 10s}),
          .sweep_limit = random.Of<std::size_t>({0, 1, 3}),
          .max_flows = random.Of<std::size_t>({1, 7, 50, 4096}),
          .use_direction_evidence = random.Percent(50)};
}

// With room for all.
TrackerConfig RoomyConfig(Random& random) {
  TrackerConfig config = AnyConfig(random);
  config.max_flows = 4096;
  return config;
}

std::vector<CapturedFrame> RenderAll(const RandomStream& stream,
                                     View view = View::kAsSent) {
  std::vector<CapturedFrame> frames;
  for (const SentPacket& packet : stream.Packets()) {
    frames.push_back(Render(packet, view));
  }
  return frames;
}

// `after_each(tracker, ledger)` is called behind each frame.
template <typename AfterEach>
std::vector<Record> RecordsWith(const TrackerConfig& config,
                                const std::vector<CapturedFrame>& frames,
                                AfterEach after_each) {
  Tracker tracker(config);
  Ledger ledger;
  for (const CapturedFrame& frame : frames) {
    tracker.Track(frame.View(), ledger);
    after_each(tracker, ledger);
  }
  tracker.Finish(ledger);
  EXPECT_TRUE(ledger.NothingLives()) << "Finish() ends every flow";
  EXPECT_EQ(tracker.FlowCount(), 0U);
  return std::move(ledger.records);
}

std::vector<Record> Records(const TrackerConfig& config,
                            const std::vector<CapturedFrame>& frames) {
  return RecordsWith(config, frames, [](Tracker&, Ledger&) {});
}

std::vector<Record> RecordsOfBursts(const TrackerConfig& config,
                                    const std::vector<CapturedFrame>& frames,
                                    Random& random) {
  std::vector<tracker::Frame> views;
  views.reserve(frames.size());
  for (const CapturedFrame& frame : frames) {
    views.push_back(frame.View());
  }
  Tracker tracker(config);
  Tracker quiet_tracker(config);
  Ledger ledger;
  QuietLedger quiet;
  for (std::span<const tracker::Frame> rest(views); !rest.empty();) {
    const std::size_t size =
        std::min<std::size_t>(rest.size(), random.Between(1, 200));
    tracker.TrackBurst(rest.first(size), ledger);
    quiet_tracker.TrackBurst(rest.first(size), quiet);
    rest = rest.subspan(size);
  }
  tracker.Finish(ledger);
  quiet_tracker.Finish(quiet);
  EXPECT_TRUE(ledger.NothingLives()) << "Finish() ends every flow";
  EXPECT_EQ(quiet.records, ledger.records) << "whether packets are looked at";
  EXPECT_EQ(quiet_tracker.Stats().packets_tracked,
            tracker.Stats().packets_tracked);
  return std::move(ledger.records);
}

std::vector<Record> RecordsWithSweeps(const TrackerConfig& config,
                                      const std::vector<CapturedFrame>& frames,
                                      Random& random) {
  return RecordsWith(config, frames, [&](Tracker& tracker, Ledger& ledger) {
    while (random.Percent(30)) {
      tracker.Sweep(tracker.Clock() - milliseconds{random.Below(2) * 500},
                    ledger);
    }
  });
}

// By a tracker that gets room for more now and then, though it needs none.
std::vector<Record> RecordsOfAGrowingTracker(
    TrackerConfig config, const std::vector<CapturedFrame>& frames,
    Random& random) {
  return RecordsWith(config, frames, [&](Tracker& tracker, Ledger& ledger) {
    if (random.Percent(1)) {
      config.max_flows += random.Between(1, 5000);
      tracker.SetConfig(config, ledger);
    }
  });
}

// Stops at the first seed that fails: the others would say the same.
template <typename Property>
void ForEachSeed(RandomStream::Options options, Property property) {
  for (std::uint64_t seed = 1; seed <= kSeeds; ++seed) {
    SCOPED_TRACE(testing::Message() << "seed " << seed);
    Random random(seed * 1000);
    property(RandomStream(seed, options), random);
    if (testing::Test::HasFailure()) {
      return;
    }
  }
}

// The first difference says enough.
void ExpectSame(const std::vector<Record>& records,
                const std::vector<Record>& expected) {
  const auto [one, other] = std::mismatch(records.begin(), records.end(),
                                          expected.begin(), expected.end());
  const auto text = [](auto at, auto end) {
    return at == end ? "none" : testing::PrintToString(*at);
  };
  EXPECT_EQ(records.end() - one, 0)
      << text(one, records.end()) << "\n  but expected\n"
      << text(other, expected.end());
  EXPECT_EQ(records.size(), expected.size());
}

// Protocol, addresses and ports, the smaller endpoint first.
using Talk = std::tuple<std::uint8_t, std::array<IpAddress, 2>,
                        std::array<std::uint16_t, 2>>;

// By the endpoint that sent them.
struct Sum {
  std::array<std::uint64_t, 2> packets{};
  std::array<std::uint64_t, 2> octets{};

  bool operator==(const Sum&) const = default;
};
void PrintTo(const Sum& sum, std::ostream* out) {
  *out << sum.packets[0] << "+" << sum.packets[1] << " packets, "
       << sum.octets[0] << "+" << sum.octets[1] << " octets";
}
using Sums = std::map<Talk, Sum>;

// Without the fragment table, so by what the stream says and nothing else.
Talk TalkOf(const SentPacket& packet) {
  std::array<IpAddress, 2> address = {
      AddressOf(packet.hosts.client, packet.hosts.v6),
      AddressOf(packet.hosts.server, packet.hosts.v6)};
  std::array<std::uint16_t, 2> port = {packet.client_port, packet.server_port};
  if (packet.protocol == tracker::kIcmp && packet.icmp_type != 3) {
    port = {8, 0};
  } else if (packet.protocol == tracker::kIcmpV6 && packet.icmp_type != 1) {
    port = {128, 129};
  } else if (packet.protocol == tracker::kIcmp ||
             packet.protocol == tracker::kIcmpV6) {
    const tracker::IcmpPorts ports = tracker::IcmpPortsOf(
        packet.protocol, packet.icmp_type, packet.icmp_code);
    port = {ports.source, ports.destination};
    if (!packet.from_client) {
      std::swap(port[0], port[1]);
    }
  }
  if (address[1] < address[0]) {
    std::swap(address[0], address[1]);
    std::swap(port[0], port[1]);
  }
  return {packet.protocol, address, port};
}

Talk TalkOf(const Record& record) {
  return {record.key.protocol, record.key.address, record.key.port};
}

Sums SumsOf(const std::vector<SentPacket>& packets) {
  Sums sums;
  for (const SentPacket& packet : packets) {
    const IpAddress client = AddressOf(packet.hosts.client, packet.hosts.v6);
    const IpAddress server = AddressOf(packet.hosts.server, packet.hosts.v6);
    const std::size_t from = packet.from_client == (client < server) ? 0 : 1;
    Sum& sum = sums[TalkOf(packet)];
    ++sum.packets[from];
    sum.octets[from] += IpOctets(packet);
  }
  return sums;
}

Sums SumsOf(const std::vector<Record>& records) {
  Sums sums;
  for (const Record& record : records) {
    Sum& sum = sums[TalkOf(record)];
    for (std::size_t endpoint = 0; endpoint < 2; ++endpoint) {
      const SideRecord& side = record.sides[record.SideAt(endpoint)];
      sum.packets[endpoint] += side.packets;
      sum.octets[endpoint] += side.octets;
    }
  }
  return sums;
}

// Later fragments may have lost their first: then they are on ports 0.
Sums WithoutPorts(const Sums& sums) {
  Sums merged;
  for (const auto& [talk, sum] : sums) {
    Sum& all = merged[{std::get<0>(talk), std::get<1>(talk), {0, 0}}];
    for (std::size_t endpoint = 0; endpoint < 2; ++endpoint) {
      all.packets[endpoint] += sum.packets[endpoint];
      all.octets[endpoint] += sum.octets[endpoint];
    }
  }
  return merged;
}

constexpr RandomStream::Options kAnything = {.wild_times = true,
                                             .well_known_ports = true};

// --- Nothing is lost, nothing is made up.

TEST(EveryTraffic, ComesOutOfTheRecordsAsItWentIn) {
  ForEachSeed(kAnything, [](const RandomStream& stream, Random& random) {
    const auto records = Records(AnyConfig(random), RenderAll(stream));

    EXPECT_EQ(WithoutPorts(SumsOf(records)),
              WithoutPorts(SumsOf(stream.Packets())));
  });
}

TEST(EveryTraffic, IsCountedForItsFiveTuple) {
  ForEachSeed({.wild_times = true, .fragments = false},
              [](const RandomStream& stream, Random& random) {
                const auto records =
                    Records(AnyConfig(random), RenderAll(stream));

                EXPECT_EQ(SumsOf(records), SumsOf(stream.Packets()));
              });
}

TEST(EveryTraffic, GivesTheSameRecordsInBursts) {
  ForEachSeed(kAnything, [](const RandomStream& stream, Random& random) {
    const auto frames = RenderAll(stream);
    const TrackerConfig config = AnyConfig(random);

    ExpectSame(RecordsOfBursts(config, frames, random),
               Records(config, frames));
  });
}

// --- When sweeps come decides when records come, not what they say.

std::vector<Record> ByFlow(std::vector<Record> records) {
  std::stable_sort(
      records.begin(), records.end(),
      [](const Record& one, const Record& other) { return one.id < other.id; });
  return records;
}

// Which of those comes first that are due in one sweep is left open.
TEST(EveryTraffic, GivesTheSameRecordsWhileTheTrackerGrows) {
  const RandomStream::Options options = {.wild_times = true};
  ForEachSeed(options, [](const RandomStream& stream, Random& random) {
    TrackerConfig config = RoomyConfig(random);
    config.sweep_limit = 0;
    const auto frames = RenderAll(stream);

    ExpectSame(ByFlow(RecordsOfAGrowingTracker(config, frames, random)),
               ByFlow(Records(config, frames)));
  });
}

TEST(EveryTraffic, HasTheSameSumsHoweverOftenTheTrackerSweeps) {
  ForEachSeed(kAnything, [](const RandomStream& stream, Random& random) {
    const auto frames = RenderAll(stream);
    const TrackerConfig config = AnyConfig(random);

    EXPECT_EQ(SumsOf(RecordsWithSweeps(config, frames, random)),
              SumsOf(Records(config, frames)));
  });
}

// --- Which of two hosts has the smaller address decides nothing.

FlowKey WithPortsSwapped(FlowKey key) {
  std::swap(key.port[0], key.port[1]);
  return key;
}

bool IsIcmp(const Record& record) {
  return record.key.protocol == tracker::kIcmp ||
         record.key.protocol == tracker::kIcmpV6;
}

// As the same conversation is recorded between hosts in the other order.
Record BetweenSwappedHosts(Record record) {
  record.key = WithPortsSwapped(record.key);
  record.initiator = Opposite(record.initiator);
  return record;
}

// As the conversation is recorded in which each host says what the other said.
// By roles everything is the same; so each endpoint has the other's side.
Record Mirrored(Record record) {
  if (IsIcmp(record)) {
    record.key = WithPortsSwapped(record.key);  // the sender's is its type
  }
  record.initiator = Opposite(record.initiator);
  std::swap(record.macs[0], record.macs[1]);
  return record;
}

std::vector<Record> Each(std::vector<Record> records,
                         Record (*change)(Record)) {
  for (Record& record : records) {
    record = change(record);
  }
  return records;
}

TEST(EveryTraffic, IsRecordedTheSameBetweenSwappedHosts) {
  const RandomStream::Options options = {.wild_times = true,
                                         .well_known_ports = true};
  ForEachSeed(options, [](const RandomStream& stream, Random& random) {
    const TrackerConfig config = AnyConfig(random);

    ExpectSame(Records(config, RenderAll(stream, View::kHostsSwapped)),
               Each(Records(config, RenderAll(stream)), BetweenSwappedHosts));
  });
}

TEST(EveryTraffic, IsRecordedWithItsSidesExchangedWhenMirrored) {
  const RandomStream::Options options = {.wild_times = true};
  ForEachSeed(options, [](const RandomStream& stream, Random& random) {
    const TrackerConfig config = AnyConfig(random);

    ExpectSame(Records(config, RenderAll(stream, View::kMirrored)),
               Each(Records(config, RenderAll(stream)), Mirrored));
  });
}

// --- Intervals are parts of a whole.

void AddInterval(const SideRecord& part, SideRecord& whole) {
  if (part.packets > 0 && whole.packets == 0) {
    whole.first_seen = part.first_seen;
    whole.last_seen = part.last_seen;
    whole.class_of_service = part.class_of_service;
    whole.ttl_minimum = part.ttl_minimum;
    whole.ttl_maximum = part.ttl_maximum;
  } else if (part.packets > 0) {
    whole.first_seen = std::min(whole.first_seen, part.first_seen);
    whole.last_seen = std::max(whole.last_seen, part.last_seen);
    whole.ttl_minimum = std::min(whole.ttl_minimum, part.ttl_minimum);
    whole.ttl_maximum = std::max(whole.ttl_maximum, part.ttl_maximum);
  }
  whole.packets += part.packets;
  whole.octets += part.octets;
  whole.missing_octets += part.missing_octets;
  whole.retransmitted_packets += part.retransmitted_packets;
  whole.tcp_flags |= part.tcp_flags;
  whole.initial_tcp_flags = part.initial_tcp_flags;
  whole.later_tcp_flags |= part.later_tcp_flags;
  whole.icmp_type_code = part.icmp_type_code;
  whole.vlan_id = part.vlan_id;
  whole.seen = part.seen;
}

// By flow; sides by endpoint, because roles may turn round between two records.
// What the last record says of the flow as a whole is its word.
std::vector<Record> Wholes(const std::vector<Record>& records) {
  std::map<std::uint64_t, Record> wholes;
  for (const Record& record : records) {
    Record& whole = wholes[record.id];
    const auto sides = whole.sides;
    whole = record;
    whole.sides = sides;
    for (std::size_t endpoint = 0; endpoint < 2; ++endpoint) {
      AddInterval(record.sides[record.SideAt(endpoint)], whole.sides[endpoint]);
    }
    whole.reason = EndReason::kShutdown;  // an empty rest tells nobody its own
  }
  std::vector<Record> list;
  list.reserve(wholes.size());
  for (const auto& [id, whole] : wholes) {
    list.push_back(whole);
  }
  return list;
}

// What a sweep has ended is not pushed out, and orphans are given up by a
// sweep: more sweeps, other flows.
TEST(EveryTraffic, HasIntervalsThatSumUpToTheWholeFlow) {
  constexpr RandomStream::Options kNoOrphans = {
      .wild_times = true, .orphans = false, .well_known_ports = true};
  ForEachSeed(kNoOrphans, [](const RandomStream& stream, Random& random) {
    const auto frames = RenderAll(stream);
    TrackerConfig config = RoomyConfig(random);
    config.active_timeout = random.Of<Duration>({1s, 7s, 60s});
    const auto in_parts = RecordsWithSweeps(config, frames, random);
    config.active_timeout = 0s;
    config.active_align = false;

    ExpectSame(Wholes(in_parts), Wholes(Records(config, frames)));
  });
}

// A closed flow is left to its linger, and a held fragment has an old time.
// NOLINTNEXTLINE(readability-function-size)
TEST(EveryTraffic, HasAlignedIntervalsThatDoNotStraddleAMultiple) {
  ForEachSeed({.fragments = false}, [](const RandomStream& stream,
                                       Random& random) {
    TrackerConfig config = AnyConfig(random);
    config.active_align = true;
    config.active_timeout = random.Of<Duration>({1s, 7s, 60s});
    config.close_linger = 0s;
    const auto records = RecordsWithSweeps(config, RenderAll(stream), random);

    for (const Record& record : records) {
      const auto interval = [&](Timestamp time) {
        return time.time_since_epoch() / config.active_timeout;
      };
      std::set<std::int64_t> intervals;
      for (const SideRecord& side : record.sides) {
        if (side.packets > 0) {
          intervals.insert(interval(side.first_seen));
          intervals.insert(interval(side.last_seen));
        }
      }
      EXPECT_THAT(intervals, testing::SizeIs(1))
          << testing::PrintToString(record);
    }
  });
}

// --- Retransmissions and gaps, counted number by number.

// One direction of a connection, from its SYN on, in numbers that do not wrap.
class NaiveDirection {
 public:
  void Send(const SentPacket& packet) {
    const std::uint32_t begin = packet.seq - start_;
    const std::uint32_t data = begin + (HasFlag(packet, tracker::kSyn) ? 1 : 0);
    const bool fin = HasFlag(packet, tracker::kFin);
    const std::uint32_t end = data + packet.payload + (fin ? 1 : 0);
    if (packet.payload > 0 && end <= highest_) {
      ++retransmitted;
    }
    highest_ = std::max(highest_, end);
    for (std::uint32_t i = data; i < data + packet.payload; ++i) {
      seen_.insert(i);
    }
    if (fin) {
      no_octet_ = data + packet.payload;
    }
  }
  void Acknowledge(std::uint32_t acknowledgment) {
    const std::uint32_t end = acknowledgment - start_;
    for (; acknowledged_ < end; ++acknowledged_) {
      if (!seen_.contains(acknowledged_) && acknowledged_ != no_octet_) {
        ++missing;
      }
    }
  }
  void Start(std::uint32_t sequence) { start_ = sequence; }

  std::uint64_t retransmitted = 0;
  std::uint64_t missing = 0;

 private:
  static bool HasFlag(const SentPacket& packet, std::uint8_t flag) {
    return (packet.flags & flag) != 0;
  }

  std::uint32_t start_ = 0;
  std::uint32_t highest_ = 1;
  std::uint32_t acknowledged_ = 1;
  std::uint32_t no_octet_ = 0;
  std::set<std::uint32_t> seen_;
};

struct NaiveConnection {
  void Add(const SentPacket& packet) {
    const std::size_t from = packet.from_client ? 0 : 1;
    if ((packet.flags & tracker::kSyn) != 0) {
      sides[from].Start(packet.seq);
    }
    if ((packet.flags & tracker::kRst) != 0) {
      return;  // acknowledges nothing, and its data is no stream
    }
    sides[from].Send(packet);
    if ((packet.flags & tracker::kAck) != 0) {
      sides[1 - from].Acknowledge(packet.ack);
    }
  }

  std::array<NaiveDirection, 2> sides;
};

using StreamCounts = std::array<std::uint64_t, 4>;

TEST(EveryTraffic, HasRetransmissionsAndGapsAsCountedNumberByNumber) {
  ForEachSeed(
      {.flows = 60, .only_whole_connections = true},
      [](const RandomStream& stream, Random& random) {
        TrackerConfig config = RoomyConfig(random);
        config.idle_timeout_tcp = 300s;
        config.close_linger = 300s;
        std::map<Talk, NaiveConnection> connections;
        for (const SentPacket& packet : stream.Packets()) {
          connections[TalkOf(packet)].Add(packet);
        }
        std::map<Talk, StreamCounts> expected;
        for (const auto& [talk, connection] : connections) {
          const auto& [client, server] = connection.sides;
          expected[talk] = {client.retransmitted, client.missing,
                            server.retransmitted, server.missing};
        }

        std::map<Talk, StreamCounts> counted;
        for (const Record& record : Records(config, RenderAll(stream))) {
          const auto& [client, server] = record.sides;
          StreamCounts& counts = counted[TalkOf(record)];
          counts[0] += client.retransmitted_packets;
          counts[1] += client.missing_octets;
          counts[2] += server.retransmitted_packets;
          counts[3] += server.missing_octets;
        }
        EXPECT_EQ(counted, expected);
      });
}

}  // namespace
}  // namespace tests
