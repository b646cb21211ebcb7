// SPDX-License-Identifier: Apache-2.0
// What options records say about the export itself (RFC 7011 section 4). All
// are totals since the start.
#pragma once

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

namespace exporter {

// A name for a number that records have in ingressInterface.
struct CapturedInterface {
  std::uint32_t index = 0;
  std::string name;

  bool operator==(const CapturedInterface&) const = default;
};

// What the capture threads know, for all outputs alike.
struct MeteringCounts {
  std::uint64_t ignored_packets = 0;  // seen, and left out
  std::uint64_t dropped_packets = 0;  // never seen: by the kernel or the card
  std::uint64_t lost_records = 0;     // found no room on their way to export
  std::vector<CapturedInterface> interfaces = {};
};

struct ExportStatistics {
  MeteringCounts metering;
  // What was sent to the one collector, before the message that says so.
  std::uint64_t messages = 0;
  std::uint64_t octets = 0;
  std::uint64_t flow_records = 0;
  std::uint64_t dropped_records = 0;  // not sent to it, for whatever reason
};

// How a collector comes by them.
struct StatisticsSource {
  // Any thread may ask. None: there are no statistics records, and interfaces
  // have no names.
  std::function<MeteringCounts()> metering;
  // Beside the templates, too; else only at the end, when the numbers are
  // final: a capture that is read again makes the same octets again.
  bool live = false;
};

}  // namespace exporter
