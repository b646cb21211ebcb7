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
  // Where to write the next frame, whose octets stay where they are, and must
  // until the next Clear(). It is one of the burst from KeepPlace() on.
  tracker::Frame& Place() { return frames_[count_]; }
  void KeepPlace() {
    std::span<const std::uint8_t>& captured = frames_[count_].captured;
    captured = captured.first(std::min(captured.size(), kHeaderOctets));
    ++count_;
  }
  [[nodiscard]] std::span<const tracker::Frame> Frames() const {
    return std::span(frames_).first(count_);
  }

 private:
  std::vector<std::uint8_t> octets_;
  std::array<tracker::Frame, kFrames> frames_;
  std::size_t count_ = 0;
};

}  // namespace exporter
