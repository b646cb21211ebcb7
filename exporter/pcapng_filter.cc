// SPDX-License-Identifier: Apache-2.0
#include "exporter/pcapng_filter.h"

#include <algorithm>

namespace exporter {
namespace {

constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;  // in either byte order
constexpr std::uint32_t kInterfaceDescription = 1;
constexpr std::uint32_t kByteOrderMagic = 0x1a2b3c4d;
constexpr std::size_t kSnapLengthAt = 12;

}  // namespace

std::uint32_t PcapngFilter::Field(std::size_t at) const {
  const auto octet = [&](std::size_t i) {
    return static_cast<std::uint32_t>(staged_[at + i]);
  };
  return big_endian_
             ? octet(0) << 24 | octet(1) << 16 | octet(2) << 8 | octet(3)
             : octet(3) << 24 | octet(2) << 16 | octet(1) << 8 | octet(0);
}

bool PcapngFilter::Stage(std::size_t count) {
  while (staged_count_ < count) {
    const std::ptrdiff_t got =
        read_(std::span(staged_).subspan(staged_count_, count - staged_count_));
    if (got <= 0) {
      error_ = got;
      raw_ = true;
      return false;
    }
    staged_count_ += static_cast<std::size_t>(got);
  }
  return true;
}

void PcapngFilter::StageBlock() {
  staged_count_ = 0;
  staged_given_ = 0;
  if (!Stage(8)) {
    return;
  }
  if (Field(0) == kSectionHeader) {
    if (!Stage(12)) {
      return;
    }
    big_endian_ = false;
    big_endian_ = Field(8) != kByteOrderMagic;
  } else if (!started_) {
    raw_ = true;
    return;
  } else if (Field(0) == kInterfaceDescription) {
    if (!Stage(16)) {
      return;
    }
    std::fill_n(staged_.begin() + kSnapLengthAt, 4, std::uint8_t{0});
  }
  started_ = true;
  const std::uint32_t length = Field(4);
  if (length < staged_count_) {
    raw_ = true;
    return;
  }
  unseen_ = length - staged_count_;
}

std::ptrdiff_t PcapngFilter::Read(std::span<std::uint8_t> octets) {
  if (staged_given_ == staged_count_ && unseen_ == 0 && !raw_) {
    StageBlock();
  }
  if (staged_given_ < staged_count_) {
    const std::size_t count =
        std::min(octets.size(), staged_count_ - staged_given_);
    std::copy_n(staged_.begin() + static_cast<std::ptrdiff_t>(staged_given_),
                count, octets.begin());
    staged_given_ += count;
    return static_cast<std::ptrdiff_t>(count);
  }
  if (raw_) {
    return error_ < 0 ? error_ : read_(octets);
  }
  const std::ptrdiff_t got = read_(octets.first(static_cast<std::size_t>(
      std::min<std::uint64_t>(octets.size(), unseen_))));
  unseen_ -= got > 0 ? static_cast<std::uint64_t>(got) : 0;
  return got;
}

}  // namespace exporter
