// SPDX-License-Identifier: Apache-2.0
// What few flows need to have kept: apart, and lent when it is first written,
// so that the others do not pay for it.
#pragma once

#include <array>
#include <cstdint>
#include <utility>

#include "tracker/flow_key.h"
#include "tracker/gap_tracker.h"
#include "tracker/history.h"
#include "tracker/pool.h"

namespace tracker {

struct RareStats {
  // One end of a TCP connection; relative sequence numbers count from its
  // first.
  struct TcpEnd {
    std::uint32_t last_syn = 0;  // relative, of the last such packet
    std::uint32_t last_fin = 0;
    std::uint32_t last_rst = 0;
    std::uint32_t stream_end = 0;     // where the first FIN says it is
    std::uint32_t retransmitted = 0;  // segments that brought nothing new
    std::uint32_t zero_windows = 0;
    std::uint32_t gaps = 0;
    BlockPool::Index blocks = BlockPool::kNone;  // seen behind a hole
  };
  // One direction of the present interval.
  struct Direction {
    // Of its TCP stream: acknowledged by the other side, but never seen.
    std::uint64_t missing_octets = 0;
    std::uint32_t retransmitted_packets = 0;  // segments with nothing new
    std::uint16_t inner_vlan_id = 0;  // of the side's first packet in the flow
  };

  std::array<TcpEnd, 2> tcp_ends;       // by Side
  std::array<Direction, 2> directions;  // by Side
  std::uint64_t segment_id = 0;         // of the first packet; as in Packet
  History::Rest history;
};

// Of a flow without a rare part.
inline constexpr RareStats kNoRareStats{};

using RarePool = Pool<RareStats>;

// The rare part of one flow, as far as it has one. It only refers to it: const
// says nothing of the part itself, as with a span.
class RareLoan {
 public:
  // Refers to both; `index` is kNone while the flow has none. The pool has one
  // for each flow.
  RareLoan(RarePool& pool, RarePool::Index& index)
      : pool_(pool), index_(index) {}

  [[nodiscard]] bool Lent() const { return index_ != RarePool::kNone; }
  [[nodiscard]] const RareStats& Read() const {
    return Lent() ? pool_[index_] : kNoRareStats;
  }
  [[nodiscard]] RareStats& Write() const {
    if (!Lent()) {
      index_ = pool_.Lend();
    }
    return pool_[index_];
  }
  void Return() const { pool_.Return(index_); }

 private:
  RarePool& pool_;
  RarePool::Index& index_;
};

}  // namespace tracker
