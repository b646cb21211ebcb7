// SPDX-License-Identifier: Apache-2.0
// libpcap on an interface. Private to live_interface.* and source_live.cc.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <linux/filter.h>

#include "exporter/fanout.h"
#include "exporter/frame_burst.h"
#include "exporter/pcap.h"
#include "exporter/setup_error.h"
#include "exporter/source.h"

namespace exporter {

// The interface is there, but nothing can be captured from it yet.
class InterfaceDown : public SetupError {
 public:
  using SetupError::SetupError;
};

using KernelFilter = std::vector<sock_filter>;

// Used by one thread at a time.
class PacketSocket {
 public:
  // Throws SetupError that names the interface and what to do.
  explicit PacketSocket(const LiveOptions& options);

  // From here on it gets its share of the packets only. Throws SetupError.
  void Join(FanoutGroup& group);
  // What came before does not count.
  void ForgetBefore(tracker::Timestamp start) { start_ = start; }

  // Adds what is there to `burst`, which is empty, and does not wait. False:
  // nothing will come any more, and Error() says why.
  bool Read(FrameBurst& burst);
  // What the kernel has of the filter; empty if it has none.
  [[nodiscard]] KernelFilter GetFilter() const;
  // `program` is what GetFilter() said of a socket on the same interface with
  // the filter `expression`. The kernel puts it in the place of the other, and
  // no packet is lost between them. False as of Read().
  bool SetFilter(const KernelFilter& program, const std::string& expression);
  // For poll(2).
  [[nodiscard]] int Descriptor() const;
  [[nodiscard]] std::string Error() const;
  // Since the last call.
  [[nodiscard]] CaptureCounts NewCounts();

  // The interface's ifIndex; 1 for "any", which has none: 0 would make
  // collectors drop the flow.
  [[nodiscard]] std::uint32_t Index() const { return index_; }
  // What the user should know; else empty.
  [[nodiscard]] const std::string& Notice() const { return notice_; }

 private:
  void Activate();

  std::string what_;  // begins every message
  std::string name_;
  Pcap handle_;
  tracker::LinkType link_ = tracker::LinkType::kUnknown;
  std::uint32_t index_ = 1;
  tracker::Timestamp start_{};
  std::string notice_;
  pcap_stat last_{};
  bool delivered_ = false;    // a packet, at least
  std::string filter_error_;  // none: it is libpcap's
};

}  // namespace exporter
