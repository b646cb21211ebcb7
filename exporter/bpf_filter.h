// SPDX-License-Identifier: Apache-2.0
// Filters in the words of pcap-filter(7). Private to the sources.
#pragma once

#include <string>
#include <vector>

#include "exporter/pcap.h"
#include "tracker/frame.h"

namespace exporter {

// A compiled expression; an empty one matches everything. On Ethernet it is
// about the packet behind the VLAN tags, none, one or two of them: libpcap by
// itself would look at tagged frames as if they were something else. An
// expression that speaks of "vlan" is left as it is, because its words behind
// that are about tagged frames only.
class BpfFilter {
 public:
  // Throws SetupError that quotes the expression and libpcap.
  BpfFilter(pcap_t* handle, const std::string& expression);

  [[nodiscard]] bool Matches(const tracker::Frame& frame) const;
  // From here on the handle itself delivers only what matches. The kernel keeps
  // no more of it than the handle's snaplen, which it does for no other reason.
  void ApplyTo(pcap_t* handle) const;

 private:
  std::string expression_;
  std::vector<bpf_insn> program_;
};

// What can be said of an expression while there is no handle. Throws SetupError
// when it is wrong.
void CheckFilter(const std::string& expression);

}  // namespace exporter
