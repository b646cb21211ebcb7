// SPDX-License-Identifier: Apache-2.0
// What the export thread owns and does: rings -> MakeRecord -> Output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "exporter/clock.h"
#include "exporter/ended_queue.h"
#include "exporter/open_collector.h"
#include "exporter/options.h"
#include "exporter/output.h"
#include "exporter/privileges.h"
#include "exporter/published.h"
#include "exporter/spool_directory.h"
#include "exporter/summary.h"

namespace exporter {

class Delivery {
 public:
  // Opens the outputs, those that write files last, so that a run that cannot
  // start leaves none behind. The spool is that of `user`, if there is one.
  // Throws SetupError.
  Delivery(const Options& options, const std::optional<User>& user,
           const Clock& clock, const DeliveryHooks& hooks);

  // The export thread: serves the rings until all are closed and empty, and
  // sleeps at `doorbell`, which is theirs.
  void Run(std::span<EndedQueue* const> rings, Doorbell& doorbell);

  // What the outputs want the user to know, before Run().
  [[nodiscard]] std::vector<std::string> Notices() const;

  // Any thread.
  [[nodiscard]] ExportReport Report() const { return report_.Latest(); }
  // Any thread. Grows while the export thread works, five times a second, also
  // without records.
  [[nodiscard]] std::uint64_t Rounds() const { return report_.Times(); }

 private:
  // What is in the ring, a share of it if more comes; the time of the last.
  tracker::Timestamp Take(EndedQueue& ring, tracker::Timestamp now);
  void Publish();

  const Clock& clock_;
  bool live_;
  std::optional<SpoolDirectory> spool_;
  std::vector<std::unique_ptr<Output>> outputs_;
  // So many of the first of them divide the flows; the others get them all.
  std::size_t balanced_;
  bool community_id_;  // an output shows it
  Published<ExportReport> report_;
};

}  // namespace exporter
