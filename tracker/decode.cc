// SPDX-License-Identifier: Apache-2.0
#include "tracker/decode.h"

#include "tracker/decode_layers.h"

namespace tracker {

std::string_view Name(DecodeResult result) {
  switch (result) {
    case DecodeResult::kOk:
      return "ok";
    case DecodeResult::kTruncated:
      return "truncated";
    case DecodeResult::kBadHeader:
      return "bad_header";
    case DecodeResult::kTooManyLayers:
      return "too_many_layers";
    case DecodeResult::kNotIp:
      return "not_ip";
    case DecodeResult::kUnknownLink:
      return "unknown_link";
  }
  return "";
}

DecodeResult Decode(const Frame& frame, Packet& packet) {
  packet = Packet{};
  packet.time = frame.time;
  packet.interface = frame.interface;

  layers::Cursor cursor(frame.captured, frame.wire_length);
  const DecodeResult link = layers::Link(frame.link, cursor, packet);
  packet.octets = cursor.WireLeft();
  if (link != DecodeResult::kOk) {
    return link;
  }

  // Beyond this point the cursor stands on an IP header.
  const std::size_t ip_offset = cursor.Offset();
  std::size_t end = 0;
  const DecodeResult ip = layers::Ip(cursor, packet, end);
  if (ip != DecodeResult::kOk) {
    packet.ip_version = 0;
    return ip;
  }
  if (!packet.later_fragment) {
    layers::Transport(cursor, ip_offset, end, packet);
  }
  return DecodeResult::kOk;
}

}  // namespace tracker
