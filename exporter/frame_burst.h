// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "tracker/frame.h"

namespace exporter {

// Frames, with copies of their headers where a reader reuses a packet's memory
// for the next one.
class FrameBurst {
 public:
  static constexpr std::size_t kFrames = 64;
  // Deeper headers than any seen in practice; what is behind them is truncated.
  static constexpr std::size_t kHeaderOctets = 1024;

  FrameBurst() : octets_(kFrames * kHeaderOctets) { frames_.reserve(kFrames); }

  void Clear() { frames_.clear(); }
  // Both: at most kFrames after a Clear(), and `frame` without what is behind
  // kHeaderOctets. Its octets are copied:
  void Add(tracker::Frame frame) {
    const std::size_t count = std::min(frame.captured.size(), kHeaderOctets);
    std::uint8_t* copy = octets_.data() + frames_.size() * kHeaderOctets;
    std::memcpy(copy, frame.captured.data(), count);
    frame.captured = {copy, count};
    frames_.push_back(frame);
  }
  // They stay where they are, and must until the next Clear().
  void AddInPlace(tracker::Frame frame) {
    frame.captured =
        frame.captured.first(std::min(frame.captured.size(), kHeaderOctets));
    frames_.push_back(frame);
  }
  [[nodiscard]] std::span<const tracker::Frame> Frames() const {
    return frames_;
  }

 private:
  std::vector<std::uint8_t> octets_;
  std::vector<tracker::Frame> frames_;
};

}  // namespace exporter
