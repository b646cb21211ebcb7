// SPDX-License-Identifier: Apache-2.0
// Where the bodies of flows are.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <new>

#include "tracker/flow.h"
#include "tracker/flow_index.h"
#include "tracker/pages.h"
#include "tracker/tcp_connection.h"

namespace tracker {

struct TcpFlowBody : FlowBody {
  TcpConnection connection;
};

// By slot: `max_tcp` of TCP, and then as many others, so that what only TCP has
// costs them nothing. The memory of bodies that are never made is never used.
class FlowBodies {
 public:
  FlowBodies() = default;
  explicit FlowBodies(std::size_t max_tcp)
      : lines_(3 * max_tcp), max_tcp_(max_tcp) {}

  // As Pages::UseLargePages().
  void UseLargePages() const { lines_.UseLargePages(); }

  FlowBody& Construct(SlotIndex slot) {
    void* place = &lines_[LineOf(slot)];
    return slot < max_tcp_ ? *::new (place) TcpFlowBody()
                           : *::new (place) FlowBody();
  }
  FlowBody& operator[](SlotIndex slot) { return AtLine(LineOf(slot)); }
  const FlowBody& operator[](SlotIndex slot) const {
    return *std::launder(
        reinterpret_cast<const FlowBody*>(&lines_[LineOf(slot)]));
  }
  // Of a slot of TCP.
  TcpConnection& ConnectionOf(SlotIndex slot) {
    return static_cast<TcpFlowBody&>((*this)[slot]).connection;
  }
  [[nodiscard]] const TcpConnection& ConnectionOf(SlotIndex slot) const {
    return static_cast<const TcpFlowBody&>((*this)[slot]).connection;
  }

  // Where the body of a slot begins.
  [[nodiscard]] std::size_t LineOf(std::size_t slot) const {
    return slot + std::min(slot, max_tcp_);
  }
  FlowBody& AtLine(std::size_t line) {
    return *std::launder(reinterpret_cast<FlowBody*>(&lines_[line]));
  }
  [[gnu::always_inline]] void Prefetch(SlotIndex slot) const {
    PrefetchLine(slot, LineOf(slot));
  }
  // The same, if it is known where it begins.
  [[gnu::always_inline]] void PrefetchLine(SlotIndex slot,
                                           std::size_t line) const {
    lines_.Prefetch(line);
    lines_.Prefetch(line + (slot < max_tcp_ ? 1 : 0));
  }

 private:
  struct alignas(64) Line {
    std::array<std::byte, 64> octets;
  };
  // The one in two, the other in one.
  static_assert(sizeof(TcpFlowBody) <= 2 * sizeof(Line) &&
                sizeof(FlowBody) == sizeof(Line));

  PageArray<Line> lines_;
  std::size_t max_tcp_ = 0;
};

}  // namespace tracker
