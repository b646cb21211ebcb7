// SPDX-License-Identifier: Apache-2.0
// Looks at some of the frames of a capture thread, for the doctor.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include "exporter/observation.h"
#include "exporter/source.h"
#include "tracker/duplicate_filter.h"
#include "tracker/frame.h"
#include "tracker/time.h"

namespace exporter {

struct ObserverOptions {
  bool always =
      false;  // at every frame; else for a moment in every ten seconds
  // Octets on the wire, with the link header and two tags; 0: not known.
  std::uint32_t longest_frame = 0;
};

// Used by one thread.
class Observer {
 public:
  explicit Observer(const ObserverOptions& options) : options_(options) {}

  // All frames of the capture, in order.
  void Look(std::span<const tracker::Frame> frames);
  // An interval that becomes a record.
  void Count(const tracker::FlowStats& flow) { now_.Count(flow); }
  // A few times a second, with what the clock says. `totals` are since the
  // start.
  void Tick(tracker::Timestamp now, tracker::Duration ahead_of_steady,
            const CaptureCounts& totals);
  // Of the last one to two minutes; always looking, of all the time.
  [[nodiscard]] Observation Latest() const;

 private:
  void LookAt(const tracker::Frame& frame);

  ObserverOptions options_;
  Observation now_;
  Observation before_;  // the minute before
  tracker::DuplicateFilter duplicates_;

  tracker::Timestamp look_began_{};
  std::uint64_t left_ = 0;  // frames of this look
  tracker::Timestamp latest_frame_{};

  std::optional<tracker::Timestamp> minute_began_;
  bool settled_ = false;
  tracker::Duration ahead_{};     // of the last Tick()
  bool frames_disagree_ = false;  // with the time of day
  CaptureCounts totals_;          // of the last Tick()
};

}  // namespace exporter
