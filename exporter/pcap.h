// SPDX-License-Identifier: Apache-2.0
// Owners and words for libpcap. Private to the sources.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <pcap/pcap.h>

#include "tracker/frame.h"

namespace exporter {

struct ClosePcap {
  void operator()(pcap_t* handle) const { pcap_close(handle); }
};
using Pcap = std::unique_ptr<pcap_t, ClosePcap>;

// `dlt` is a DLT_ value, or the LINKTYPE_ value that files have for it.
tracker::LinkType LinkTypeOf(int dlt);

// The handle's. Throws SetupError when it is not decoded; `what` begins its
// message.
tracker::LinkType CheckedLinkType(pcap_t* handle, const std::string& what);

// A packet's time and lengths; the handle delivers nanoseconds.
tracker::Frame FrameOf(const pcap_pkthdr& header, const std::uint8_t* octets);

}  // namespace exporter
