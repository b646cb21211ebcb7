// SPDX-License-Identifier: Apache-2.0
// Where records go: a collector, a file, the standard output.
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "templates/flow_record.h"
#include "tracker/time.h"

namespace exporter {

// made = sent + sum(dropped) + records still waiting for their message; after
// Finish() none are. Records as that output counts them: a profile for one
// direction makes two of one conversation.
struct DeliveryCounts {
  std::uint64_t made = 0;
  std::uint64_t sent = 0;
  std::map<std::string, std::uint64_t> dropped;  // by reason
  // Of those sent, how many went a second time, because a connection was lost
  // before it was sure that they had arrived.
  std::uint64_t repeated = 0;
  // There is a connection to make, and it could not be made, or was lost, then;
  // none: it works as far as anybody knows.
  std::optional<tracker::Timestamp> away_since;

  // Records that are neither sent nor dropped yet.
  [[nodiscard]] std::uint64_t Waiting() const {
    std::uint64_t waiting = made - sent;
    for (const auto& [reason, count] : dropped) {
      waiting -= count;
    }
    return waiting;
  }
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
  // Delivers what is left. Nothing is added afterwards.
  virtual void Finish(tracker::Timestamp now) = 0;

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
