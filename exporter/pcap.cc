// SPDX-License-Identifier: Apache-2.0
#include "exporter/pcap.h"

#include <algorithm>

#include "exporter/setup_error.h"

namespace exporter {

using tracker::LinkType;

LinkType LinkTypeOf(int dlt) {
  switch (dlt) {
    case DLT_EN10MB:
      return LinkType::kEthernet;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
    case 14:   // DLT_RAW of OpenBSD
    case 101:  // LINKTYPE_RAW
      return LinkType::kRawIp;
    case DLT_NULL:
      return LinkType::kBsdNull;
    case DLT_LOOP:
      return LinkType::kBsdLoop;
    case DLT_PPP:
    case DLT_PPP_SERIAL:
      return LinkType::kPpp;
    case DLT_C_HDLC:
      return LinkType::kCiscoHdlc;
    case DLT_LINUX_SLL:
      return LinkType::kLinuxSll;
    case DLT_LINUX_SLL2:
      return LinkType::kLinuxSll2;
    default:
      return LinkType::kUnknown;
  }
}

LinkType CheckedLinkType(pcap_t* handle, const std::string& what) {
  const int dlt = pcap_datalink(handle);
  const LinkType link = LinkTypeOf(dlt);
  if (link == LinkType::kUnknown) {
    const char* name = pcap_datalink_val_to_name(dlt);
    throw SetupError(
        what + ": link type " +
        (name != nullptr ? std::string(name) : std::to_string(dlt)) +
        " is not supported");
  }
  return link;
}

tracker::Frame FrameOf(const pcap_pkthdr& header, const std::uint8_t* octets) {
  // A file can hold times that nanoseconds in 64 bits cannot.
  constexpr std::int64_t kLastSecond = 8'000'000'000;  // in 2223
  tracker::Frame frame;
  frame.time = tracker::Timestamp{std::chrono::seconds{std::clamp<std::int64_t>(
                                      header.ts.tv_sec, 0, kLastSecond)} +
                                  std::chrono::nanoseconds{header.ts.tv_usec}};
  frame.captured = {octets, header.caplen};
  frame.wire_length = std::max(header.len, header.caplen);
  return frame;
}

}  // namespace exporter
