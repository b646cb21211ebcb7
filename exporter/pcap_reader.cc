// SPDX-License-Identifier: Apache-2.0
#include "exporter/pcap_reader.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

namespace exporter {
namespace {

// About what the second-level cache holds. Larger than any packet.
constexpr std::size_t kBufferOctets = 1 << 20;
constexpr std::uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr std::uint32_t kNanoseconds = 0xa1b23c4d;
// libpcap's: beyond it, a length is damage and not a packet.
constexpr std::uint32_t kLongestPacket = 262'144;
constexpr std::size_t kPacketHeaderOctets = 16;

std::uint32_t Swapped(std::uint32_t value) {
  return value << 24 | (value & 0xff00) << 8 | (value >> 8 & 0xff00) |
         value >> 24;
}

// In the byte order of this machine.
std::uint32_t U32(const std::uint8_t* octets) {
  std::uint32_t value = 0;
  std::memcpy(&value, octets, sizeof(value));
  return value;
}

bool IsMagic(std::uint32_t value) {
  return value == kMicroseconds || value == kNanoseconds;
}

}  // namespace

bool PcapReader::Recognises(std::span<const std::uint8_t> header) {
  if (header.size() < kFileHeaderOctets) {
    return false;
  }
  std::uint32_t magic = U32(header.data());
  std::array<std::uint16_t, 2> version{};
  std::memcpy(version.data(), header.data() + 4, sizeof(version));
  if (!IsMagic(magic)) {
    magic = Swapped(magic);
    for (std::uint16_t& part : version) {
      part = static_cast<std::uint16_t>(part << 8 | part >> 8);
    }
  }
  return IsMagic(magic) && version == std::array<std::uint16_t, 2>{2, 4};
}

PcapReader::PcapReader(CaptureStream& stream)
    : stream_(stream),
      buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(kBufferOctets)),
      offset_(kFileHeaderOctets) {
  stream_.ReadAll(header_);
  std::uint32_t magic = U32(header_.data());
  snap_length_ = U32(header_.data() + 16);
  if (!IsMagic(magic)) {
    swapped_ = true;
    magic = Swapped(magic);
    snap_length_ = Swapped(snap_length_);
  }
  nanoseconds_ = magic == kNanoseconds ? 1 : 1000;
  // As libpcap takes it: none, or none that is meant.
  constexpr std::uint32_t kLargestInt = 0x7fffffff;
  if (snap_length_ == 0 || snap_length_ > kLargestInt) {
    snap_length_ = kLongestPacket;
  }
}

inline PcapReader::PacketHeader PcapReader::HeaderAt(
    const std::uint8_t* octets) const {
  PacketHeader header{U32(octets), U32(octets + 4), U32(octets + 8),
                      U32(octets + 12)};
  if (swapped_) [[unlikely]] {
    header = {Swapped(header.seconds), Swapped(header.fraction),
              Swapped(header.captured), Swapped(header.wire_length)};
  }
  return header;
}

// As libpcap 1.10 has it: a time has a sign unless its octets are swapped.
tracker::Timestamp PcapReader::TimeOf(const PacketHeader& header) const {
  std::int64_t seconds = static_cast<std::int32_t>(header.seconds);
  std::int64_t fraction = static_cast<std::int32_t>(header.fraction);
  if (swapped_) {
    seconds = header.seconds;
    fraction = header.fraction;
  }
  return tracker::Timestamp{
      std::chrono::seconds{std::max<std::int64_t>(seconds, 0)} +
      std::chrono::nanoseconds{fraction * nanoseconds_}};
}

bool PcapReader::Next(tracker::Frame& frame) {
  const std::size_t left = end_ - next_;
  if (left < kPacketHeaderOctets) {
    return false;
  }
  const std::uint8_t* octets = buffer_.get() + next_;
  const PacketHeader header = HeaderAt(octets);
  if (header.captured > kLongestPacket) {
    error_ = "the packet at octet " + std::to_string(offset_ + next_) +
             " has the impossible length " + std::to_string(header.captured);
    return false;
  }
  if (left - kPacketHeaderOctets < header.captured) {
    return false;
  }
  next_ += kPacketHeaderOctets + header.captured;
  frame.time = TimeOf(header);
  const std::uint32_t captured = std::min(header.captured, snap_length_);
  frame.captured = {octets + kPacketHeaderOctets, captured};
  frame.wire_length = std::max(header.wire_length, captured);
  return true;
}

std::string PcapReader::Truncation() const {
  const std::size_t left = end_ - next_;
  std::string text = "truncated in the packet at octet " +
                     std::to_string(offset_ + next_) + ", which has ";
  if (left < kPacketHeaderOctets) {
    return text + std::to_string(left) + " of the " +
           std::to_string(kPacketHeaderOctets) + " octets of its header";
  }
  return text + std::to_string(left - kPacketHeaderOctets) + " of its " +
         std::to_string(HeaderAt(buffer_.get() + next_).captured) + " octets";
}

bool PcapReader::More() {
  if (!error_.empty()) {
    return false;
  }
  std::memmove(buffer_.get(), buffer_.get() + next_, end_ - next_);
  offset_ += next_;
  end_ -= next_;
  next_ = 0;
  const std::ptrdiff_t got =
      stream_.Read({buffer_.get() + end_, kBufferOctets - end_});
  if (got > 0) {
    end_ += static_cast<std::size_t>(got);
    return true;
  }
  error_ = got == 0 && end_ > 0 ? Truncation() : stream_.Error();
  return false;
}

}  // namespace exporter
