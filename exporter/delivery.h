// SPDX-License-Identifier: Apache-2.0
// What the export thread owns and does: rings -> MakeRecord -> Output.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "exporter/clock.h"
#include "exporter/ended_queue.h"
#include "exporter/mailbox.h"
#include "exporter/open_collector.h"
#include "exporter/options.h"
#include "exporter/output.h"
#include "exporter/privileges.h"
#include "exporter/published.h"
#include "exporter/retired_outputs.h"
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

  // Any one thread, while it runs on interfaces: what makes the collectors by a
  // network those of `options`, of which nothing else counts. Those that were
  // there stay as they are; new ones are opened now; the others deliver what
  // they got, and their accounts stay. To be called once, before another is
  // asked for; else nothing changes. Throws SetupError likewise. `say` hears
  // what the new ones want the user to know.
  [[nodiscard]] std::function<void()> PrepareCollectors(
      const Options& options,
      const std::function<void(const std::string&)>& say);

  // Any thread.
  [[nodiscard]] ExportReport Report() const { return report_.Latest(); }
  // Any thread. Grows while the export thread works, five times a second, also
  // without records.
  [[nodiscard]] std::uint64_t Rounds() const { return report_.Times(); }

 private:
  // What is in the ring, a share of it if more comes; the time of the last.
  tracker::Timestamp Take(EndedQueue& ring, tracker::Timestamp now);
  struct Group;
  void TellCaptureEnded();
  // `share` as in Balanced().
  void Deliver(const templates::FlowRecord& record, std::size_t share,
               tracker::Timestamp now);
  void Publish();
  // What PrepareCollectors() wanted.
  void Change(tracker::Timestamp now);

  // A collector by a network.
  struct Served {
    std::uint64_t number = 0;
    CollectorUrl url;
  };
  struct OutputChange {
    std::vector<NumberedOutput> order;  // without an output: one that is there
    std::size_t balanced = 0;
    bool community_id = false;
  };
  void RefuseSpoolInUse(const CollectorUrl& url) const;

  const Clock& clock_;
  bool live_;
  std::optional<SpoolDirectory> spool_;
  std::vector<NumberedOutput> outputs_;
  bool capture_ended_ = false;  // the outputs know
  // So many of the first of them divide the flows; the others get them all.
  std::size_t balanced_;
  bool community_id_;  // an output shows it
  RetiredOutputs retired_;
  Mailbox<OutputChange> changes_;

  // Of the thread that changes the collectors:
  DeliveryHooks hooks_;
  std::vector<Served> served_;
  std::uint64_t last_number_ = 0;
  std::map<std::uint64_t, std::string> leaving_;  // where their spools are

  Published<ExportReport> report_;
};

}  // namespace exporter
