// SPDX-License-Identifier: Apache-2.0
// The way of a packet, and who walks it: the only file that names every stage
// and starts every thread.
//
//   capture thread   Source -> Decode -> FlowTracker ->
//   export thread       MakeRecord -> Encoder -> Collector
//   main thread      signals, progress, the summary
//
// Shared between them: the ring of ended intervals, the published reports, and
// the stop flag.
#pragma once

#include <atomic>
#include <memory>
#include <vector>

#include "exporter/clock.h"
#include "exporter/community_id.h"
#include "exporter/ended_queue.h"
#include "exporter/options.h"
#include "exporter/output.h"
#include "exporter/progress.h"
#include "exporter/published.h"
#include "exporter/source.h"
#include "exporter/summary.h"
#include "tracker/tracker.h"

namespace exporter {

class Pipeline {
 public:
  // Opens everything; the files that are written come last, so that a run that
  // cannot start leaves none behind. Throws SetupError.
  Pipeline(const Options& options, const Clock& clock);

  // Until the end of the captures, SIGINT or SIGTERM. Prints the summary. The
  // exit status: 0, or 1 when something failed on the way.
  int Run();

 private:
  using Tracker = tracker::FlowTracker<tracker::FiveTuple>;
  // Takes the tracker's events that become records.
  struct Recorder;

  // One Read() of the source; false when there is no more.
  bool MeasureBurst(Recorder& recorder);
  void SweepAll(tracker::Timestamp now, Recorder& recorder);
  void Measure();
  void Export();
  void Supervise(int done);
  [[nodiscard]] int Outcome(const ExportReport& exported) const;

  const Clock& clock_;
  bool live_;
  std::atomic<bool> stop_{false};
  std::unique_ptr<Source> source_;
  Tracker tracker_;
  std::vector<std::unique_ptr<Output>> outputs_;
  bool prints_;                                // records on the standard output
  std::unique_ptr<CommunityId> community_id_;  // null: no output shows it

  EndedQueue ended_;
  Published<CaptureReport> capture_report_;
  Published<ExportReport> export_report_;
  Published<ReadProgress> progress_;
};

}  // namespace exporter
