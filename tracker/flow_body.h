// SPDX-License-Identifier: Apache-2.0
// Where the bodies of flows are.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <new>
#include <vector>

#include "tracker/flow.h"
#include "tracker/flow_index.h"
#include "tracker/pages.h"
#include "tracker/tcp_connection.h"

namespace tracker {

struct TcpFlowBody : FlowBody {
  TcpConnection connection;
};

// By slot: `max_tcp` of TCP, and then as many others, so that what only TCP has
// costs them nothing. The memory of bodies that are never made is never used,
// but for a while after one flow in sixteen got one: few pages would stay
// unused then, and many at once cost less than one after the other.
class FlowBodies {
 public:
  FlowBodies() = default;
  explicit FlowBodies(std::size_t max_tcp)
      : lines_(3 * max_tcp),
        max_tcp_(max_tcp),
        chunks_(3 * max_tcp / kChunk + 1) {}

  // As Pages::UseLargePages().
  void UseLargePages() const { lines_.UseLargePages(); }

  // A flow began, which may get a body.
  void CountFlow() {
    ++flows_;
    if (flows_ == kLately) {
      many_ = bodies_ * kMany >= flows_;
      flows_ = 0;
      bodies_ = 0;
    }
  }
  FlowBody& Construct(SlotIndex slot) {
    ++bodies_;
    const std::size_t line = LineOf(slot);
    if (many_ && !chunks_[line / kChunk]) {
      chunks_[line / kChunk] = true;
      lines_.Populate(line / kChunk * kChunk, kChunk);
    }
    void* place = &lines_[line];
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

  static constexpr std::size_t kChunk = 1 << 10;  // lines
  static constexpr std::uint32_t kLately = 1 << 12;
  static constexpr std::uint32_t kMany = 16;

  PageArray<Line> lines_;
  std::size_t max_tcp_ = 0;
  std::vector<bool> chunks_;  // whose memory is there
  std::uint32_t flows_ = 0;   // lately,
  std::uint32_t bodies_ = 0;  // and what they, or earlier ones, got
  bool many_ = false;
};

}  // namespace tracker
