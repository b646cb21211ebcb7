// SPDX-License-Identifier: Apache-2.0
// The records of a tracker, by endpoint and comparable.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <map>
#include <ostream>
#include <string>
#include <tuple>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tracker/snapshot.h"
#include "tracker/tracker.h"

namespace tests {

struct SideRecord {
  std::uint64_t packets = 0;
  std::uint64_t octets = 0;
  std::uint64_t missing_octets = 0;
  std::uint64_t retransmitted_packets = 0;
  tracker::Timestamp first_seen;
  tracker::Timestamp last_seen;
  std::uint8_t tcp_flags = 0;
  std::uint64_t initial_tcp_flags = 0;
  std::uint64_t later_tcp_flags = 0;
  std::uint64_t class_of_service = 0;
  std::uint64_t ttl_minimum = 0;
  std::uint64_t ttl_maximum = 0;
  std::uint16_t icmp_type_code = 0;
  std::uint16_t vlan_id = 0;
  bool seen = false;

  bool operator==(const SideRecord&) const = default;
};

// What one Interval or Ended event tells.
struct Record {
  tracker::FlowKey key;
  tracker::EndReason reason = tracker::EndReason::kActiveTimeout;
  std::uint64_t id = 0;
  tracker::Orientation initiator = tracker::Orientation::kFirstToSecond;
  std::array<SideRecord, 2> sides;  // by Side
  std::array<tracker::MacAddress, 2> macs{};
  std::string history;
  std::string state;
  std::uint32_t handshake_server_time = 0;
  std::uint32_t handshake_client_time = 0;
  bool direction_known = false;

  [[nodiscard]] std::uint64_t Packets() const {
    return sides[0].packets + sides[1].packets;
  }
  [[nodiscard]] std::uint64_t Octets() const {
    return sides[0].octets + sides[1].octets;
  }
  // The side of an endpoint of the key.
  [[nodiscard]] std::size_t SideAt(std::size_t endpoint) const {
    const bool same = initiator == tracker::Orientation::kFirstToSecond;
    return same ? endpoint : 1 - endpoint;
  }

  bool operator==(const Record&) const = default;
};

inline void PrintTo(const Record& record, std::ostream* out) {
  *out << "flow " << record.id << " " << Name(record.reason) << " ports "
       << record.key.port[0] << " " << record.key.port[1] << " initiator "
       << static_cast<int>(record.initiator) << " " << record.history << " "
       << record.state;
  for (const SideRecord& side : record.sides) {
    *out << "\n    packets " << side.packets << " octets " << side.octets
         << " missing " << side.missing_octets << " again "
         << side.retransmitted_packets << " from "
         << side.first_seen.time_since_epoch().count() << " to "
         << side.last_seen.time_since_epoch().count() << " flags "
         << int{side.tcp_flags} << "=" << side.initial_tcp_flags << "|"
         << side.later_tcp_flags << " tos " << side.class_of_service << " ttl "
         << side.ttl_minimum << "-" << side.ttl_maximum << " icmp "
         << side.icmp_type_code << " vlan " << side.vlan_id;
  }
}

inline Record RecordOf(const tracker::FlowKey& key, const Snapshot& stats,
                       tracker::EndReason reason) {
  Record record{.key = key,
                .reason = reason,
                .id = stats.id,
                .initiator = stats.initiator,
                .sides = {},
                .macs = {stats.initiator_mac, stats.responder_mac},
                .history = stats.Letters(),
                .state = std::string(stats.State()),
                .direction_known = stats.direction_known};
  if (stats.IsTcp()) {
    record.handshake_server_time = stats.tcp.HandshakeServerTime();
    record.handshake_client_time = stats.tcp.HandshakeClientTime();
  }
  for (std::size_t i = 0; i < 2; ++i) {
    const tracker::SideStats& side = stats.sides[i];
    const tracker::RareStats::Direction& rare = stats.rare.directions[i];
    record.sides[i] = {.packets = side.packets,
                       .octets = side.octets,
                       .missing_octets = rare.missing_octets,
                       .retransmitted_packets = rare.retransmitted_packets,
                       .first_seen = side.FirstSeen(),
                       .last_seen = side.LastSeen(),
                       .tcp_flags = side.TcpFlags(),
                       .initial_tcp_flags = side.initial_tcp_flags,
                       .later_tcp_flags = side.later_tcp_flags,
                       .class_of_service = side.class_of_service,
                       .ttl_minimum = side.ttl_minimum,
                       .ttl_maximum = side.ttl_maximum,
                       .icmp_type_code = stats.IsIcmp()
                                             ? stats.icmp_type_code[i]
                                             : std::uint16_t{0},
                       .vlan_id = stats.vlan_id[i],
                       .seen = side.seen != 0};
  }
  return record;
}

// A sink that keeps every record, and finds fault with the order of events.
class Ledger {
 public:
  template <typename Flow>
  void Started(const Flow& flow) {
    EXPECT_TRUE(live_.emplace(flow.stats.id, Live{flow.key}).second)
        << "flow " << flow.stats.id << " starts twice";
  }
  template <typename Flow>
  void Packet(const Flow& flow, tracker::Side /*side*/,
              const tracker::Packet& packet) {
    Live& live = live_.at(flow.stats.id);
    ++live.packets;
    live.octets += packet.octets;
  }
  template <typename Flow>
  void Interval(const Flow& flow) {
    EXPECT_GT(flow.stats.Packets(), 0U) << "an interval has packets";
    Keep(flow, tracker::EndReason::kActiveTimeout);
    live_.at(flow.stats.id).reported = true;
  }
  template <typename Flow>
  void Ended(const Flow& flow, tracker::EndReason reason) {
    const Live& live = live_.at(flow.stats.id);
    EXPECT_TRUE(flow.stats.Packets() > 0 || live.reported)
        << "flow " << flow.stats.id << " ends without packets";
    Keep(flow, reason);
    live_.erase(flow.stats.id);
  }

  [[nodiscard]] bool NothingLives() const { return live_.empty(); }

  std::vector<Record> records;  // with packets

 private:
  struct Live {
    tracker::FlowKey key;
    std::uint64_t packets = 0;  // since the last record
    std::uint64_t octets = 0;
    bool reported = false;
  };

  template <typename Flow>
  void Keep(const Flow& flow, tracker::EndReason reason) {
    Live& live = live_.at(flow.stats.id);
    EXPECT_EQ(live.key, flow.key) << "flow " << flow.stats.id;
    EXPECT_EQ(live.packets, flow.stats.Packets()) << "flow " << flow.stats.id;
    EXPECT_EQ(live.octets, flow.stats.Octets()) << "flow " << flow.stats.id;
    live.packets = 0;
    live.octets = 0;
    if (flow.stats.Packets() > 0) {
      records.push_back(RecordOf(flow.key, Snapshot(flow), reason));
    }
  }

  std::map<std::uint64_t, Live> live_;
};

// The same records for a sink that does not want to see packets, as the
// exporter's: a tracker goes shorter ways for it.
struct QuietLedger {
  template <typename Flow>
  void Interval(const Flow& flow) {
    Ended(flow, tracker::EndReason::kActiveTimeout);
  }
  template <typename Flow>
  void Ended(const Flow& flow, tracker::EndReason reason) {
    if (flow.stats.Packets() > 0) {
      records.push_back(RecordOf(flow.key, Snapshot(flow), reason));
    }
  }

  std::vector<Record> records;  // with packets
};

}  // namespace tests
