// SPDX-License-Identifier: Apache-2.0
#include "exporter/pcap_reader.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <cstring>

namespace exporter {
namespace {

constexpr std::uint32_t kMicroseconds = 0xa1b2c3d4;
constexpr std::uint32_t kNanoseconds = 0xa1b23c4d;
// libpcap's: beyond it, a length is damage and not a packet.
constexpr std::uint32_t kLongestPacket = 262'144;
constexpr std::size_t kPacketHeaderOctets = 16;
// Behind the part of a packet that is not whole yet, there is room for a read.
constexpr std::size_t kReadableOctets =
    kPacketHeaderOctets + kLongestPacket + CaptureStream::kAtOnce;
// So far ahead, read(2) left in the second-level cache what is fetched into the
// first.
constexpr std::size_t kAhead = 512;
constexpr std::size_t kLine = 64;
constexpr std::size_t kBufferOctets = kReadableOctets + kAhead + kLine;

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

// What changes is kept beside the object: a store to a frame could change that,
// for all that the compiler knows.
template <bool kSwapped>
std::size_t PcapReader::Fill(std::span<tracker::Frame> frames,
                             std::size_t most_octets,
                             const tracker::Frame& like) {
  const std::uint8_t* at = buffer_.get() + next_;
  const std::uint8_t* const end = buffer_.get() + end_;
  const std::int64_t unit = nanoseconds_;
  const std::uint32_t snap_length = snap_length_;
  const std::uint32_t interface = like.interface;
  const tracker::LinkType link = like.link;
  std::size_t count = 0;
  while (count < frames.size()) {
    const auto left = static_cast<std::size_t>(end - at);
    if (left < kPacketHeaderOctets) {
      break;
    }
    // As libpcap 1.10 has it: a time has a sign unless its octets are swapped.
    std::int64_t seconds = static_cast<std::int32_t>(U32(at));
    std::int64_t fraction = static_cast<std::int32_t>(U32(at + 4));
    std::uint32_t stored = U32(at + 8);
    std::uint32_t wire_length = U32(at + 12);
    if constexpr (kSwapped) {
      seconds = Swapped(U32(at));
      fraction = Swapped(U32(at + 4));
      stored = Swapped(stored);
      wire_length = Swapped(wire_length);
    }
    if (stored > kLongestPacket) {
      error_ = "the packet at octet " +
               std::to_string(offset_ +
                              static_cast<std::size_t>(at - buffer_.get())) +
               " has the impossible length " + std::to_string(stored);
      break;
    }
    if (left - kPacketHeaderOctets < stored) {
      break;
    }
    __builtin_prefetch(at + kAhead);
    __builtin_prefetch(at + kAhead + kLine);
    tracker::Frame& frame = frames[count];
    frame.time = tracker::Timestamp{
        std::chrono::seconds{std::max<std::int64_t>(seconds, 0)} +
        std::chrono::nanoseconds{fraction * unit}};
    const std::uint32_t captured = std::min(stored, snap_length);
    frame.captured = {at + kPacketHeaderOctets,
                      std::min<std::size_t>(captured, most_octets)};
    frame.wire_length = std::max(wire_length, captured);
    frame.interface = interface;
    frame.link = link;
    at += kPacketHeaderOctets + stored;
    ++count;
  }
  next_ = static_cast<std::size_t>(at - buffer_.get());
  return count;
}

std::size_t PcapReader::Next(std::span<tracker::Frame> frames,
                             std::size_t most_octets,
                             const tracker::Frame& like) {
  return swapped_ ? Fill<true>(frames, most_octets, like)
                  : Fill<false>(frames, most_octets, like);
}

std::string PcapReader::Truncation() const {
  const std::size_t left = end_ - next_;
  std::string text = "truncated in the packet at octet " +
                     std::to_string(offset_ + next_) + ", which has ";
  if (left < kPacketHeaderOctets) {
    return text + std::to_string(left) + " of the " +
           std::to_string(kPacketHeaderOctets) + " octets of its header";
  }
  const std::uint32_t captured = U32(buffer_.get() + next_ + 8);
  return text + std::to_string(left - kPacketHeaderOctets) + " of its " +
         std::to_string(swapped_ ? Swapped(captured) : captured) + " octets";
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
      stream_.Read({buffer_.get() + end_,
                    std::min(CaptureStream::kAtOnce, kReadableOctets - end_)});
  if (got > 0) {
    end_ += static_cast<std::size_t>(got);
    return true;
  }
  error_ = got == 0 && end_ > 0 ? Truncation() : stream_.Error();
  return false;
}

}  // namespace exporter
