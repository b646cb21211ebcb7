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
    case DecodeResult::kDuplicate:
      return "duplicate";
    case DecodeResult::kHeld:
      return "held";
  }
  return "";
}

namespace {

using layers::Cursor;

// From the IP header at the cursor to the transport header, of whose packet
// `end` octets were captured from there on.
DecodeResult Network(Cursor& cursor, Packet& packet, std::size_t& end) {
  const DecodeResult result = layers::Ip(cursor, packet, end);
  if (result != DecodeResult::kOk) {
    packet.ip_version = 0;
    return result;
  }
  if (!packet.later_fragment) {
    layers::Transport(cursor, end, packet);
  }
  return DecodeResult::kOk;
}

DecodeResult Outermost(const Frame& frame, Cursor& cursor, Packet& packet,
                       std::size_t& end) {
  packet = Packet{};
  packet.time = frame.time;
  packet.interface = frame.interface;
  const DecodeResult link = layers::Link(frame.link, cursor, packet);
  packet.octets = cursor.WireLeft();
  return link == DecodeResult::kOk ? Network(cursor, packet, end) : link;
}

// What `outer` carries, if that is an IP packet; else false, and `inner` has
// no meaning. The cursor stands at the payload of `outer`, then of `inner`.
bool Inner(const Frame& frame, const Packet& outer, Cursor& cursor,
           std::size_t& end, Packet& inner) {
  layers::Walk walk;
  const std::size_t captured = cursor.Offset() + end;
  std::uint64_t segment = outer.segment_id;
  if (outer.later_fragment ||
      !layers::Tunnel(cursor, end, outer, walk, segment)) {
    return false;
  }
  inner = Packet{};
  inner.time = outer.time;
  inner.interface = outer.interface;
  inner.segment_id = segment;
  if (walk.next != layers::Next::kEthernet) {
    // An Ethernet frame inside has addresses and tags of its own.
    inner.source_mac = outer.source_mac;
    inner.destination_mac = outer.destination_mac;
    inner.has_mac = outer.has_mac;
    inner.vlan_id = outer.vlan_id;
    inner.inner_vlan_id = outer.inner_vlan_id;
  }
  const std::size_t offset = cursor.Offset();
  cursor = Cursor(frame.captured.first(captured),
                  outer.network_offset + outer.octets);
  cursor.Skip(offset);
  return layers::LinkFrom(walk, cursor, inner) == DecodeResult::kOk &&
         Network(cursor, inner, end) == DecodeResult::kOk;
}

}  // namespace

DecodeResult layers::General(const Frame& frame, Packet& packet) {
  Cursor cursor(frame.captured, frame.wire_length);
  std::size_t end = 0;
  return Outermost(frame, cursor, packet, end);
}

DecodeResult Decode(const Frame& frame, Packet& packet) {
  return layers::Usual(frame, packet) ? DecodeResult::kOk
                                      : layers::General(frame, packet);
}

DecodeResult DecodeInnermost(const Frame& frame, Packet& packet,
                             Packet& fragmented) {
  fragmented.ip_version = 0;
  Cursor cursor(frame.captured, frame.wire_length);
  std::size_t end = 0;
  const DecodeResult result = Outermost(frame, cursor, packet, end);
  if (result != DecodeResult::kOk) {
    return result;
  }
  Packet inner;
  for (int depth = 0; depth < kMaxTunnels; ++depth) {
    if (!Inner(frame, packet, cursor, end, inner)) {
      break;
    }
    if (packet.fragment && fragmented.ip_version == 0) {
      fragmented = packet;
    }
    packet = inner;
  }
  return result;
}

}  // namespace tracker
