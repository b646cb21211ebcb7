// SPDX-License-Identifier: Apache-2.0
// All that a run shows of itself at one time.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "exporter/finding.h"
#include "exporter/summary.h"
#include "exporter/traffic_watch.h"
#include "tracker/time.h"

namespace exporter {

// Of its capture threads together.
struct InterfaceReport {
  std::string name;  // empty: capture files
  CaptureReport capture;
};

// A second each, or several, the oldest first.
struct RateHistory {
  std::uint64_t step_seconds = 1;
  std::vector<double> packets_per_second;
  std::vector<double> octets_per_second;
};

struct RunSnapshot {
  tracker::Timestamp started;
  tracker::Timestamp now;
  std::size_t max_flows = 0;
  std::vector<InterfaceReport> interfaces;
  ExportReport exported;
  TrafficReport traffic;
  RateHistory rates;
  std::vector<std::string> troubles;  // why it is not healthy, a sentence each
  std::vector<Finding> findings;

  [[nodiscard]] CaptureReport Captured() const {
    CaptureReport sum;
    for (const InterfaceReport& interface : interfaces) {
      sum += interface.capture;
    }
    return sum;
  }
};

}  // namespace exporter
