// SPDX-License-Identifier: Apache-2.0
// What a tracker knew of a flow at some time; a copy.
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "tracker/flow.h"

namespace tests {

struct Snapshot : tracker::FlowStats {
  Snapshot() = default;
  template <typename Flow>
  explicit Snapshot(const Flow& flow) : Snapshot(flow.stats, flow.rare) {}
  Snapshot(const tracker::FlowStats& stats, const tracker::RareStats& rare_part)
      : tracker::FlowStats(stats), rare(rare_part) {}

  [[nodiscard]] std::string Letters() const {
    return std::string(history.Letters(rare.history).View());
  }
  [[nodiscard]] std::string_view State() const {
    return ConnectionState(*this, history.Letters(rare.history).View());
  }
  [[nodiscard]] const tracker::RareStats::Direction& Rare(
      tracker::Side side) const {
    return rare.directions[static_cast<std::size_t>(side)];
  }
  [[nodiscard]] int IcmpType(tracker::Side side) const {
    return IsIcmp() ? icmp_type_code[static_cast<std::size_t>(side)] >> 8 : 0;
  }

  tracker::RareStats rare;
};

}  // namespace tests
