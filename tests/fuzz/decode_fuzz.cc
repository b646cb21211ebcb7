// SPDX-License-Identifier: Apache-2.0
// Any octets as a frame of any link type.
//
//   octet 0     link type
//   octet 1     octets that were on the wire but not captured, times 16
//   the rest    the captured octets
#include <cstddef>
#include <cstdint>
#include <span>

#include "tests/fuzz/check.h"
#include "tracker/decode.h"
#include "tracker/decode_layers.h"
#include "tracker/extractor.h"

namespace {

using tests::Check;

constexpr std::uint8_t kLinkTypes = 9;

void CheckPacket(const tracker::Frame& frame, tracker::DecodeResult result,
                 const tracker::Packet& packet) {
  Check(!Name(result).empty(), "every result has a name");
  Check(std::size_t{packet.payload_offset} + packet.payload_captured <=
            frame.captured.size(),
        "the payload lies within the captured octets");
  Check(packet.vlan_id <= 0x0fff && packet.inner_vlan_id <= 0x0fff,
        "a VLAN id has 12 bits");
  Check(result != tracker::DecodeResult::kOk || packet.ip_version == 4 ||
            packet.ip_version == 6,
        "what is decoded is IP");
  Check(packet.ip_version == 0 || packet.octets >= 20,
        "a packet is not smaller than its header");
  Check(packet.tcp.complete || packet.tcp.flags == 0,
        "flags come from a complete TCP header");
  Check(packet.tcp.payload_octets <= packet.octets,
        "payload is part of the packet");
}

template <typename Extractor>
void CheckExtractor(const tracker::Frame& frame) {
  tracker::Extracted<typename Extractor::Key> first;
  tracker::Extracted<typename Extractor::Key> second;
  const tracker::DecodeResult result = Extractor().Extract(frame, first);
  Check(result == Extractor().Extract(frame, second),
        "the same frame gives the same result");
  if (result == tracker::DecodeResult::kOk) {
    Check(first.key == second.key && first.orientation == second.orientation,
          "the same frame gives the same key");
  }
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data,
                                      std::size_t size) {
  if (size < 2) {
    return 0;
  }
  tracker::Frame frame;
  frame.captured = std::span(data, size).subspan(2);
  frame.wire_length = static_cast<std::uint32_t>(frame.captured.size()) +
                      data[1] * std::uint32_t{16};
  frame.link = static_cast<tracker::LinkType>(data[0] % kLinkTypes);

  tracker::Packet packet;
  const tracker::DecodeResult result = Decode(frame, packet);
  CheckPacket(frame, result, packet);
  tracker::Packet usual;
  Check(!tracker::layers::Usual(frame, usual) ||
            (result == tracker::DecodeResult::kOk &&
             [&] {
               tracker::Packet general;
               return tracker::layers::General(frame, general) == result &&
                      general == usual;
             }()),
        "the short way of a usual frame leads to the same packet");
  CheckExtractor<tracker::FiveTuple>(frame);
  CheckExtractor<tracker::UnidirectionalFiveTuple>(frame);
  CheckExtractor<tracker::IpPair>(frame);
  CheckExtractor<tracker::MacPair>(frame);

  tracker::Packet fragmented;
  const tracker::DecodeResult innermost =
      DecodeInnermost(frame, packet, fragmented);
  CheckPacket(frame, innermost, packet);
  Check(innermost == result, "what is outside decides whether it is a packet");
  Check(fragmented.ip_version == 0 ||
            (fragmented.fragment && !fragmented.later_fragment),
        "only first fragments lead inside");
  return 0;
}
