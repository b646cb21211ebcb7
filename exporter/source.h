// SPDX-License-Identifier: Apache-2.0
// Where frames come from.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "exporter/clock.h"
#include "exporter/link_state.h"
#include "tracker/frame.h"

namespace exporter {

enum class Next : std::uint8_t {
  kFrames,  // Frames() has some
  kIdle,    // nothing came for a while; time passes
  kEnd,     // no more, ever; Error() says whether that is a failure
};

struct CaptureCounts {
  std::uint64_t dropped_by_kernel = 0;     // no room in the capture buffer
  std::uint64_t dropped_by_interface = 0;  // by the card or its driver
};

// Used by one thread, except where it says otherwise.
class Source {
 public:
  Source() = default;
  Source(const Source&) = delete;
  Source& operator=(const Source&) = delete;
  virtual ~Source() = default;

  // Waits for frames, at most about the time the source was opened with.
  virtual Next Read() = 0;
  // The frames of the last Read(), which keeps them valid until the next one.
  [[nodiscard]] virtual std::span<const tracker::Frame> Frames() const = 0;
  // After kEnd: why, naming the file or interface; empty for a regular end.
  [[nodiscard]] virtual std::string Error() const = 0;
  // After opening: what the user should know, such as that the interface would
  // not go into promiscuous mode.
  [[nodiscard]] virtual std::vector<std::string> Notices() const { return {}; }
  // Any thread. What makes `filter` the one of the interface, for all of its
  // threads and from the next packet on, also when it is opened again; no
  // packet is lost by that. To be called once, by any thread. Throws SetupError
  // that quotes the filter, and nothing changes. Files keep theirs.
  [[nodiscard]] virtual std::function<void()> PrepareFilter(
      const std::string& /*filter*/) const {
    return [] {};
  }
  // That is captured; none when files are read.
  [[nodiscard]] virtual std::optional<InterfaceStatus> Interface() const {
    return std::nullopt;
  }
  // Costs system calls: not for every burst.
  [[nodiscard]] virtual CaptureCounts Counts() = 0;
  // How much of a file was read, and of how much; 0 of 0 for an interface.
  // Compressed octets for a compressed file.
  [[nodiscard]] virtual std::uint64_t OctetsRead() const = 0;
  [[nodiscard]] virtual std::uint64_t OctetsTotal() const = 0;
};

struct LiveOptions {
  std::string interface;
  std::string filter;  // pcap-filter(7); empty: everything
  int snaplen = 256;   // headers are all we need
  int ring_mebibytes = 32;
  bool promiscuous = true;
  bool immediate = false;  // packets at once, at the price of room in the ring
  std::chrono::milliseconds wait{100};  // how long Read() may take
  std::size_t threads = 1;              // that share the packets
  // What happens to the interface while it is captured, in a line. Any thread.
  std::function<void(const std::string&)> tell;
};

// Both throw SetupError naming what cannot be opened and why.
// One interface, whatever becomes of it: a source for each thread, each with a
// buffer of its own. Every packet from here on is in exactly one of them, all
// of two addresses in the same (fanout.h). `clock` is the time of day.
std::vector<std::unique_ptr<Source>> OpenLive(const LiveOptions& options,
                                              const Clock& clock);
// The files one after the other; all are opened, and the filter is compiled
// for each, before the first is read.
// Any thread may set `stop`, which outlives the source: files end where they
// are, a pipe behind what was already read of it, without waiting for more.
std::unique_ptr<Source> OpenFiles(const std::vector<std::string>& paths,
                                  const std::string& filter,
                                  const std::atomic<bool>& stop);

}  // namespace exporter
