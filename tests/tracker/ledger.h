// SPDX-License-Identifier: Apache-2.0
// The records of a tracker.
#pragma once

#include <cstdint>
#include <map>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tracker/quiet_sink.h"
#include "tests/tracker/record.h"
#include "tracker/tracker.h"

namespace tests {

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

// The same records for a sink as the exporter's.
class QuietLedger : public QuietSink<QuietLedger> {
 public:
  void Keep(const Values& flow, const tracker::RareStats& rare,
            tracker::EndReason reason) {
    EXPECT_TRUE(IsInRoom(flow));
    if (flow.stats.Packets() > 0) {
      records.push_back(RecordOf(flow.key, Snapshot(flow.stats, rare), reason));
    }
  }

  std::vector<Record> records;  // with packets
};

}  // namespace tests
