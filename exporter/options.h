// SPDX-License-Identifier: Apache-2.0
// What a run is to do, as the command line and the config file say.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "exporter/collector_url.h"
#include "exporter/listen_address.h"
#include "exporter/log.h"
#include "exporter/source.h"
#include "exporter/text_output.h"
#include "tracker/config.h"
#include "tracker/extractor.h"

namespace exporter {

struct Options {
  // Exactly one of these is given.
  std::vector<std::string> interfaces;
  std::vector<std::string> files;

  LiveOptions live;  // what all interfaces have alike
  std::string filter;
  std::uint32_t sampling = 1;            // one packet of so many is taken
  std::vector<CollectorUrl> collectors;  // --collector and --write
  bool balance = false;  // each flow to one of those behind a network only
  std::string spool;     // a directory; empty: there is none
  std::uint64_t spool_octets = 0;  // of each collector
  // Also the standard output; always when there is no collector.
  std::optional<TextFormat> format;
  // Instead of all outputs: watch the interfaces for so long, and say what is
  // wrong with what they get.
  std::optional<std::chrono::seconds> doctor;
  tracker::TrackerConfig tracker;
  tracker::FiveTupleOptions five_tuple;
  LogOptions log;
  std::optional<ListenAddress> http;  // metrics and a status page
  std::string user;  // whom root becomes; empty: as UserToBecome() has it
};

// --show: instead of a capture.
struct ShowOptions {
  std::string file;
  TextFormat format = TextFormat::kTable;
  std::uint32_t pen = 0;  // of our own elements in an IPFIX file
};

}  // namespace exporter
