// SPDX-License-Identifier: Apache-2.0
// From a frame to the header fields of its outermost or innermost IP packet.
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
  kDuplicate,      // the mirror delivered it before (duplicate_filter.h)
  kHeld,           // a fragment that waits for its first (fragment_table.h)
};
inline constexpr std::size_t kDecodeResults = 8;

// Tags, labels and extension headers that one frame may stack.
inline constexpr int kMaxLayers = 32;
// Tunnels inside tunnels.
inline constexpr int kMaxTunnels = 8;

// "ok", "truncated", "bad_header", ...: the label in summaries and metrics;
// a name never changes.
std::string_view Name(DecodeResult result);

// Fills `packet` from `frame`. On kOk it describes the outermost IP packet;
// the transport fields stay 0 where the transport header was not captured. On
// any other result the fields of the layers that were read are valid:
// has_mac says whether there are MAC addresses, octets counts what follows the
// link layer.
DecodeResult Decode(const Frame& frame, Packet& packet);

// The same for the innermost IP packet that the tunnels in the frame lead to.
// `fragmented` becomes the outermost packet on the way that is the first
// fragment of a datagram, so that the other fragments can be told where they
// belong; its ip_version is 0 when there is none.
DecodeResult DecodeInnermost(const Frame& frame, Packet& packet,
                             Packet& fragmented);

}  // namespace tracker
