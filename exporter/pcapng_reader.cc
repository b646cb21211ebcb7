// SPDX-License-Identifier: Apache-2.0
#include "exporter/pcapng_reader.h"

#include <algorithm>
#include <array>
#include <limits>

namespace exporter {
namespace {

// A Section Header Block (section 4.1): the same in either byte order.
constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kObsoletePacket = 2;
constexpr std::uint32_t kSimplePacket = 3;
constexpr std::uint32_t kEnhancedPacket = 6;
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
// Larger than any packet and its options; a length beyond it is damage.
constexpr std::uint32_t kLongestBlock = 16 << 20;

constexpr std::uint16_t kEndOfOptions = 0;
constexpr std::uint16_t kTimestampResolution = 9;
constexpr std::uint16_t kTimestampOffset = 14;

}  // namespace

bool PcapngReader::Recognises(std::span<const std::uint8_t> start) {
  constexpr std::array<std::uint8_t, 4> kType = {0x0a, 0x0d, 0x0d, 0x0a};
  return start.size() >= kType.size() &&
         std::equal(kType.begin(), kType.end(), start.begin());
}

std::uint16_t PcapngReader::U16(std::size_t at) const {
  return static_cast<std::uint16_t>(big_endian_
                                        ? body_[at] << 8 | body_[at + 1]
                                        : body_[at + 1] << 8 | body_[at]);
}

std::uint32_t PcapngReader::U32(std::size_t at) const {
  const std::uint32_t first = U16(at);
  const std::uint32_t second = U16(at + 2);
  return big_endian_ ? first << 16 | second : second << 16 | first;
}

bool PcapngReader::Fail(const std::string& why) {
  error_ = why;
  return false;
}

// The next block's type and body; false at the end of the file.
bool PcapngReader::ReadBlock() {
  body_.resize(8);
  const std::size_t got = stream_.ReadAll(body_);
  if (got < body_.size()) {
    return got == 0 ? Fail(stream_.Error())
                    : Fail("the file is cut off within a block header");
  }
  type_ = U32(0);
  if (type_ == kSectionHeader) {
    std::array<std::uint8_t, 4> length{};
    std::copy_n(body_.begin() + 4, 4, length.begin());
    body_.resize(4);
    if (stream_.ReadAll(body_) < body_.size()) {
      return Fail("the file is cut off within a section header");
    }
    big_endian_ = body_[0] == kByteOrderMagic >> 24;
    if (U32(0) != kByteOrderMagic) {
      return Fail("a section header has no byte order");
    }
    interfaces_.clear();
    body_.assign(length.begin(), length.end());
    body_.insert(body_.begin(), 4, 0);
  }
  const std::uint32_t length = U32(4);
  const std::uint32_t read = type_ == kSectionHeader ? 12 : 8;
  if (length < read + 4 || length % 4 != 0 || length > kLongestBlock) {
    return Fail("a block has the impossible length " + std::to_string(length));
  }
  body_.resize(length - read);
  if (stream_.ReadAll(body_) < body_.size()) {
    return Fail(stream_.Error().empty()
                    ? "the file is cut off within a block of " +
                          std::to_string(length) + " octets"
                    : stream_.Error());
  }
  body_.resize(length - read - 4);  // without the length that ends the block
  return true;
}

bool PcapngReader::AddInterface() {
  if (body_.size() < 8) {
    return Fail("an interface description is too short");
  }
  Interface interface;
  interface.link_type = U16(0);
  interface.snap_length = U32(4);
  ReadOptions(8, interface);
  interfaces_.push_back(interface);
  return true;
}

void PcapngReader::ReadOptions(std::size_t at, Interface& interface) const {
  while (body_.size() - at >= 4) {
    const std::uint16_t code = U16(at);
    const std::uint16_t length = U16(at + 2);
    at += 4;
    if (code == kEndOfOptions || body_.size() - at < length) {
      return;
    }
    if (code == kTimestampResolution && length == 1) {
      // A power of ten, or of two with the high bit set (section 4.2).
      const std::uint8_t power = body_[at] & 0x7f;
      const std::uint64_t base = (body_[at] & 0x80) != 0 ? 2 : 10;
      std::uint64_t ticks = 1;
      for (int i = 0; i < power &&
                      ticks <= std::numeric_limits<std::uint64_t>::max() / base;
           ++i) {
        ticks *= base;
      }
      interface.ticks_per_second = ticks;
    } else if (code == kTimestampOffset && length == 8) {
      const std::uint64_t first = U32(at);
      const std::uint64_t second = U32(at + 4);
      interface.offset_seconds = static_cast<std::int64_t>(
          big_endian_ ? first << 32 | second : second << 32 | first);
    }
    at += std::min<std::size_t>((length + 3U) & ~3U, body_.size() - at);
  }
}

// Clamped to what nanoseconds in 64 bits can hold.
tracker::Timestamp PcapngReader::TimeOf(const Interface& interface,
                                        std::uint64_t ticks) {
  constexpr std::int64_t kLastSecond = 8'000'000'000;  // in 2223
  __extension__ using Wide = unsigned __int128;
  const std::uint64_t seconds = ticks / interface.ticks_per_second;
  const auto rest = static_cast<Wide>(ticks % interface.ticks_per_second);
  const auto nanoseconds = static_cast<std::int64_t>(
      rest * 1'000'000'000 / interface.ticks_per_second);
  const std::int64_t whole =
      std::min<std::int64_t>(
          static_cast<std::int64_t>(std::min<std::uint64_t>(
              seconds, static_cast<std::uint64_t>(kLastSecond))),
          kLastSecond) +
      std::clamp(interface.offset_seconds, -kLastSecond, kLastSecond);
  return tracker::Timestamp{
      std::chrono::seconds{std::clamp<std::int64_t>(whole, 0, kLastSecond)} +
      std::chrono::nanoseconds{nanoseconds}};
}

bool PcapngReader::Fill(std::uint32_t interface, std::uint64_t ticks,
                        std::size_t data_at, std::uint32_t captured,
                        PcapngPacket& packet) {
  if (interface >= interfaces_.size()) {
    return Fail("a packet names interface " + std::to_string(interface) +
                ", which is not described");
  }
  if (captured > body_.size() - data_at) {
    return Fail("a packet is longer than its block");
  }
  packet.time = TimeOf(interfaces_[interface], ticks);
  packet.captured = std::span(body_).subspan(data_at, captured);
  packet.wire_length = std::max(packet.wire_length, captured);
  packet.link_type = interfaces_[interface].link_type;
  return true;
}

bool PcapngReader::Enhanced(PcapngPacket& packet) {
  if (body_.size() < 20) {
    return Fail("a packet block is too short");
  }
  packet.wire_length = U32(16);
  return Fill(U32(0), static_cast<std::uint64_t>(U32(4)) << 32 | U32(8), 20,
              U32(12), packet);
}

bool PcapngReader::Obsolete(PcapngPacket& packet) {
  if (body_.size() < 20) {
    return Fail("a packet block is too short");
  }
  packet.wire_length = U32(16);
  return Fill(U16(0), static_cast<std::uint64_t>(U32(4)) << 32 | U32(8), 20,
              U32(12), packet);
}

// It has no time, and belongs to the first interface.
bool PcapngReader::Simple(PcapngPacket& packet) {
  if (body_.size() < 4) {
    return Fail("a packet block is too short");
  }
  packet.wire_length = U32(0);
  std::uint32_t captured = std::min(
      packet.wire_length, static_cast<std::uint32_t>(body_.size() - 4));
  if (!interfaces_.empty() && interfaces_[0].snap_length > 0) {
    captured = std::min(captured, interfaces_[0].snap_length);
  }
  return Fill(0, 0, 4, captured, packet);
}

bool PcapngReader::Next(PcapngPacket& packet) {
  while (error_.empty() && ReadBlock()) {
    switch (type_) {
      case kInterfaceDescription:
        if (!AddInterface()) {
          return false;
        }
        break;
      case kEnhancedPacket:
        return Enhanced(packet);
      case kSimplePacket:
        return Simple(packet);
      case kObsoletePacket:
        return Obsolete(packet);
      default:
        break;
    }
  }
  return false;
}

}  // namespace exporter
