// SPDX-License-Identifier: Apache-2.0
// The account of a run, which has to add up.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "exporter/observation.h"
#include "exporter/output.h"
#include "exporter/source.h"
#include "tracker/fragment_table.h"
#include "tracker/stats.h"

namespace exporter {

struct LinkReport {
  InterfaceStatus status;
  CaptureCounts counts;
};

// What a capture thread knows, and the sum of several.
struct CaptureReport {
  CaptureReport& operator+=(const CaptureReport& other);

  std::uint64_t packets_seen = 0;
  std::uint64_t packets_not_sampled = 0;
  CaptureCounts capture;  // of all interfaces
  std::vector<LinkReport> interfaces;
  Observation observed;  // if somebody looks
  tracker::TrackerStats tracker;
  tracker::FragmentCounts fragments;
  std::uint64_t flows_live = 0;
  std::uint64_t packets_in_records = 0;
  std::uint64_t octets_in_records = 0;  // of IP
  std::uint64_t packets_live = 0;       // counted, but not yet in a record
  // Intervals that found no room on their way to the export thread.
  std::uint64_t records_overrun = 0;
  std::uint64_t packets_overrun = 0;
};

// What the export thread knows.
struct ExportReport {
  std::vector<std::pair<std::string, DeliveryCounts>> outputs;  // by name
};

// Lines for the standard error:
//   packets seen N = in records N + left out N (reason N, ...)
//   octets of IP in records N
//   flows N = ended N (cause N, ...) + live N
//   records made N = sent N + dropped N (reason N, ...) + spooled N + queued N
//   to NAME; from the spool of earlier runs N = sent N + ...
// where the last two, and what is behind NAME, are left out when there is none.
std::string SummaryText(const CaptureReport& capture,
                        const ExportReport& exported);

}  // namespace exporter
