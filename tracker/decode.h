// SPDX-License-Identifier: Apache-2.0
// From a frame to the header fields of its first IP packet.
//
// The walk is a bounded loop from header to header; nothing recurses. A header
// that does not fit into the captured octets ends it, and what was read until
// then stays in the packet.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tracker/frame.h"
#include "tracker/packet.h"

namespace tracker {

// Why a frame is or is not a packet of a flow.
enum class DecodeResult : std::uint8_t {
  kOk,
  kTruncated,      // a header runs past the captured octets
  kBadHeader,      // a length or version field contradicts its header
  kTooManyLayers,  // more tags and shims than kMaxLayers
  kNotIp,          // well formed, but no IP packet: ARP, LLDP, STP, ...
  kUnknownLink,    // a link type that is not decoded
};
inline constexpr std::size_t kDecodeResults = 6;

// Tags, labels and extension headers that one frame may stack.
inline constexpr int kMaxLayers = 32;

// "ok", "truncated", "bad_header", ...: the label in summaries and metrics;
// a name never changes.
std::string_view Name(DecodeResult result);

// Fills `packet` from `frame`. On kOk it describes the outermost IP packet;
// the transport fields stay 0 where the transport header was not captured. On
// any other result the fields of the layers that were read are valid:
// has_mac says whether there are MAC addresses, octets counts what follows the
// link layer.
DecodeResult Decode(const Frame& frame, Packet& packet);

}  // namespace tracker
