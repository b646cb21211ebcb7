// SPDX-License-Identifier: Apache-2.0
// Private to decode*.cc: the cursor and one function per layer.
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>

#include "tracker/decode.h"

namespace tracker::layers {

// EtherTypes (IEEE 802 numbers); PPP and SLL are mapped onto them.
enum EtherType : std::uint16_t {
  kIpv4 = 0x0800,
  kIpv6 = 0x86dd,
  kVlan = 0x8100,
  kQinQ = 0x88a8,
  kQinQOld = 0x9100,
  kMpls = 0x8847,
  kMplsMulticast = 0x8848,
  kPppoeSession = 0x8864,
  kFabricPath = 0x8903,
};

// Fields in network order.
inline std::uint16_t Load16(const std::uint8_t* from) {
  static_assert(std::endian::native == std::endian::little);
  std::uint16_t value = 0;
  std::memcpy(&value, from, sizeof(value));
  return __builtin_bswap16(value);
}
inline std::uint32_t Load32(const std::uint8_t* from) {
  std::uint32_t value = 0;
  std::memcpy(&value, from, sizeof(value));
  return __builtin_bswap32(value);
}

inline IpAddress Ipv6At(const std::uint8_t* from) {
  std::uint64_t first = 0;
  std::uint64_t second = 0;
  std::memcpy(&first, from, sizeof(first));
  std::memcpy(&second, from + sizeof(first), sizeof(second));
  IpAddress address;
  address.SetHalves(first, second);
  return address;
}

// Reads big-endian fields at a moving offset. The caller asks Has() first; a
// read past the end is a bug of ours.
class Cursor {
 public:
  Cursor(std::span<const std::uint8_t> octets, std::uint32_t wire_length)
      : octets_(octets), wire_length_(wire_length) {}

  [[nodiscard]] bool Has(std::size_t count) const {
    return octets_.size() - offset_ >= count;
  }
  [[nodiscard]] std::size_t Left() const { return octets_.size() - offset_; }
  [[nodiscard]] std::size_t Offset() const { return offset_; }
  // Octets of the frame on the wire from here on.
  [[nodiscard]] std::uint32_t WireLeft() const {
    return wire_length_ > offset_
               ? wire_length_ - static_cast<std::uint32_t>(offset_)
               : 0;
  }
  [[nodiscard]] const std::uint8_t* Data() const {
    return octets_.data() + offset_;
  }
  [[nodiscard]] std::uint8_t U8(std::size_t at) const {
    return octets_[offset_ + at];
  }
  [[nodiscard]] std::uint16_t U16(std::size_t at) const {
    return Load16(Data() + at);
  }
  [[nodiscard]] std::uint32_t U32(std::size_t at) const {
    return Load32(Data() + at);
  }
  void Skip(std::size_t count) { offset_ += count; }

 private:
  std::span<const std::uint8_t> octets_;
  std::size_t offset_ = 0;
  std::uint32_t wire_length_;
};

// What stands at the cursor.
enum class Next : std::uint8_t { kEtherType, kEthernet, kPpp, kMpls, kIp };

struct Walk {
  Next next = Next::kEtherType;
  std::uint16_t ether_type = 0;  // for kEtherType: which
};

// The frames that most traffic consists of, at a fraction of the cost: Ethernet
// with at most one tag, IP without options, extensions or fragments, TCP, UDP
// or ICMP, all of the headers captured. False: it is none of these, and
// `packet` has no meaning. Else `packet` is what General() makes of it.
bool Usual(const Frame& frame, Packet& packet);
// Decode() of any frame, layer by layer.
DecodeResult General(const Frame& frame, Packet& packet);

// Each reads the layer at the cursor and moves behind it.

// Link layer, tags and shims included: kOk when an IP header follows.
DecodeResult Link(LinkType link, Cursor& cursor, Packet& packet);
// The same, from what stands at the cursor.
DecodeResult LinkFrom(Walk walk, Cursor& cursor, Packet& packet);
// IPv4 or IPv6 with extension headers. `end` becomes the number of captured
// octets from the cursor on that belong to the packet.
DecodeResult Ip(Cursor& cursor, Packet& packet, std::size_t& end);
// Ports, ICMP type and code, TCP. Never fails: what is cut off stays 0.
void Transport(const Cursor& cursor, std::size_t end, Packet& packet);
// The header of the tunnel that `packet`, whose payload begins at the cursor
// and has `end` captured octets, may carry. False: it carries none, or its
// header is cut off. Else `walk` says what is inside, and `segment` becomes
// the overlay network that it is in, if that has a number.
bool Tunnel(Cursor& cursor, std::size_t end, const Packet& packet, Walk& walk,
            std::uint64_t& segment);

}  // namespace tracker::layers
