// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
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

  FrameBurst() : octets_(kFrames * kHeaderOctets) {}

  void Clear() { count_ = 0; }
  // At most kFrames after a Clear(), each without what is behind kHeaderOctets.
  //
  // The octets are copied.
  void Add(tracker::Frame frame) {
    const std::size_t count = std::min(frame.captured.size(), kHeaderOctets);
    std::uint8_t* copy = octets_.data() + count_ * kHeaderOctets;
    std::memcpy(copy, frame.captured.data(), count);
    frame.captured = {copy, count};
    frames_[count_] = frame;
    ++count_;
  }
  // Where to write frames whose octets stay where they are, and must until the
  // next Clear(): all of kFrames, of which Keep() makes the first `count` the
  // burst.
  std::span<tracker::Frame> Places() { return frames_; }
  void Keep(std::size_t count) { count_ = count; }
  [[nodiscard]] std::span<const tracker::Frame> Frames() const {
    return std::span(frames_).first(count_);
  }

 private:
  std::vector<std::uint8_t> octets_;
  std::array<tracker::Frame, kFrames> frames_;
  std::size_t count_ = 0;
};

}  // namespace exporter
