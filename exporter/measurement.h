// SPDX-License-Identifier: Apache-2.0
// What one capture thread owns and does: Source -> Decode -> FlowTracker ->
// ring. Capture threads share nothing with each other.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "exporter/clock.h"
#include "exporter/ended_queue.h"
#include "exporter/mailbox.h"
#include "exporter/observer.h"
#include "exporter/progress.h"
#include "exporter/published.h"
#include "exporter/sampler.h"
#include "exporter/source.h"
#include "exporter/summary.h"
#include "exporter/traffic_watch.h"
#include "tracker/tracker.h"

namespace exporter {

struct MeasurementOptions {
  tracker::TrackerConfig tracker;
  tracker::FiveTupleOptions five_tuple;
  bool live = false;        // an interface; else what is read waits for outputs
  std::size_t index = 0;    // of this thread,
  std::size_t threads = 1;  // of so many: flow ids are unique over all
  std::uint32_t sampling = 1;              // one packet of so many is taken
  bool watch_traffic = false;              // Traffic() is asked for
  std::optional<ObserverOptions> observe;  // for the doctor
};

class Measurement {
 public:
  // The export thread sleeps at `consumer`. Throws std::bad_alloc when
  // max_flows do not fit.
  Measurement(std::unique_ptr<Source> source, const MeasurementOptions& options,
              const Clock& clock, Doorbell& consumer);

  // The capture thread: until the source ends, or `stop` is set and what was on
  // its way by then was read.
  void Run(const std::atomic<bool>& stop);

  // Any thread, while it runs. Timeouts and limits from here on; max_flows is
  // not above that of the start. Flows beyond a smaller one end in shares, so
  // that their records find room.
  void Reconfigure(const tracker::TrackerConfig& config) {
    configs_.Post(config);
  }
  // Any thread, while it runs. As Source::PrepareFilter().
  [[nodiscard]] std::function<void()> PrepareFilter(
      const std::string& filter) const {
    return source_->PrepareFilter(filter);
  }

  // For the export thread.
  EndedQueue& Ended() { return ended_; }
  // Before and after Run().
  [[nodiscard]] const Source& Input() const { return *source_; }
  // Any thread.
  [[nodiscard]] CaptureReport Report() const { return report_.Latest(); }
  [[nodiscard]] ReadProgress Progress() const { return progress_.Latest(); }
  // A second old at most.
  [[nodiscard]] TrafficReport Traffic() const { return traffic_.Latest(); }
  // Grows while the capture thread works, five times a second, also without
  // packets.
  [[nodiscard]] std::uint64_t Rounds() const { return report_.Times(); }
  // The capture thread has done all it had to.
  [[nodiscard]] bool AtEnd() const { return ended_.Closed(); }

 private:
  using Tracker = tracker::FlowTracker<tracker::FiveTuple>;
  // Takes the tracker's events that become records.
  struct Recorder;

  // One Read() of the source; false when there is no more.
  bool MeasureBurst(Recorder& recorder);
  // What Reconfigure() wanted, a share of it; true: there is more to do.
  bool Apply(Recorder& recorder);
  void SweepAll(tracker::Timestamp now, Recorder& recorder);

  const Clock& clock_;
  MeasurementOptions options_;
  std::unique_ptr<Source> source_;
  Sampler sampler_;
  Tracker tracker_;
  Mailbox<tracker::TrackerConfig> configs_;
  tracker::TrackerConfig wanted_;  // what tracker_ has, or comes to have
  EndedQueue ended_;
  Published<CaptureReport> report_;
  Published<ReadProgress> progress_;
  std::unique_ptr<TrafficWatch> watch_;  // null: not asked for
  std::unique_ptr<Observer> observer_;   // too
  Published<TrafficReport> traffic_;
};

}  // namespace exporter
