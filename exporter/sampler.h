// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "tracker/frame.h"

namespace exporter {

// Takes one packet of so many by its place in the capture, whatever is in it
// (systematic count-based sampling, RFC 5475 section 5.1): the first, and every
// `interval`th behind it.
class Sampler {
 public:
  explicit Sampler(std::uint32_t interval) : interval_(interval) {}

  // Those of `burst` that are taken. They borrow what the burst does, and are
  // valid until the next call.
  std::span<const tracker::Frame> Take(std::span<const tracker::Frame> burst) {
    taken_.clear();
    std::size_t next = skip_;
    for (; next < burst.size(); next += interval_) {
      taken_.push_back(burst[next]);
    }
    skip_ = next - burst.size();
    return taken_;
  }

 private:
  std::size_t interval_;
  std::size_t skip_ = 0;  // before the next one that is taken
  std::vector<tracker::Frame> taken_;
};

}  // namespace exporter
