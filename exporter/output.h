// SPDX-License-Identifier: Apache-2.0
// Where records go: a collector, a file, the standard output.
#pragma once

#include <cstdint>
#include <map>
#include <numeric>
#include <optional>
#include <string>

#include "templates/flow_record.h"
#include "tracker/time.h"

namespace exporter {

// made = sent + queued + spooled + dropped.
struct RecordAccount {
  [[nodiscard]] std::uint64_t Dropped() const {
    return std::accumulate(
        dropped.begin(), dropped.end(), std::uint64_t{0},
        [](std::uint64_t sum, const auto& each) { return sum + each.second; });
  }
  // In memory: in a queue, or waiting for others to fill their message. After
  // Finish() none are.
  [[nodiscard]] std::uint64_t Queued() const {
    return made - sent - spooled - Dropped();
  }

  std::uint64_t made = 0;
  std::uint64_t sent = 0;
  std::uint64_t spooled = 0;                     // on the disk
  std::map<std::string, std::uint64_t> dropped;  // by reason
};

// Records as that output counts them: a profile for one direction makes two of
// one conversation.
struct DeliveryCounts : RecordAccount {
  // Those that the spool had of earlier runs when this one began, which are in
  // none of the other numbers.
  RecordAccount earlier;
  // Of those sent, how many went a second time, because a connection was lost
  // before it was sure that they had arrived.
  std::uint64_t repeated = 0;
  // There is a connection to make, and it could not be made, or was lost, then;
  // none: it works as far as anybody knows.
  std::optional<tracker::Timestamp> away_since;
};

// Used by the export thread only.
class Output {
 public:
  Output() = default;
  Output(const Output&) = delete;
  Output& operator=(const Output&) = delete;
  virtual ~Output() = default;

  virtual void Add(const templates::FlowRecord& record,
                   tracker::Timestamp now) = 0;
  // There are no more records for now: what is whole goes out.
  virtual void EndBurst(tracker::Timestamp /*now*/) {}
  // Time passes without records; called a few times a second.
  virtual void Tick(tracker::Timestamp now) = 0;
  // What comes now are the flows that were live when the capture ended. There
  // is nothing to keep up with any more.
  virtual void CaptureEnded() {}
  // So many records, as this output counts them, found no room on their way
  // here since the start.
  virtual void SetLostBefore(std::uint64_t /*records*/) {}
  // Delivers what is left. Nothing is added afterwards.
  virtual void Finish(tracker::Timestamp now) = 0;
  // The same, without waiting where it has a thread of its own: called again
  // until it is true.
  virtual bool FinishSoon(tracker::Timestamp now) {
    Finish(now);
    return true;
  }

  // How many `record` is, as this output counts them.
  [[nodiscard]] virtual std::uint64_t RecordsFor(
      const templates::FlowRecord& /*record*/) const {
    return 1;
  }
  [[nodiscard]] virtual DeliveryCounts Counts() const = 0;
  [[nodiscard]] virtual std::string Name() const = 0;
  // What the user should know from the start, such as what its protocol cannot
  // say, naming the output; else empty.
  [[nodiscard]] virtual std::string Notice() const { return ""; }
};

}  // namespace exporter
