// SPDX-License-Identifier: Apache-2.0
// A TCP connection as a passive observer sees it, with Zeek's meaning of
// endpoint states, history letters and connection states.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tracker/flow_key.h"
#include "tracker/gap_tracker.h"
#include "tracker/history.h"
#include "tracker/packet.h"
#include "tracker/time.h"

namespace tracker {

// The connection as a whole, for the StateChange event.
enum class TcpState : std::uint8_t {
  kNone,         // not TCP, or nothing seen that says more
  kSynSent,      // SYN seen
  kSynReceived,  // and SYN-ACK
  kEstablished,  // and the ACK that completes the handshake
  kMidstream,    // packets without a handshake
  kClosing,      // one side sent FIN
  kClosed,       // both did
  kReset,
};

class TcpConnection {
 public:
  enum class Endpoint : std::uint8_t {
    kInactive,
    kSynSent,
    kSynAckSent,
    kPartial,
    kEstablished,
    kClosed,
    kReset,
  };

  struct Outcome {
    bool flipped = false;      // the roles changed; the sides must follow
    bool established = false;  // this packet completed the three-way handshake
    bool retransmission = false;  // it carried data, and nothing new
    // Octets of the other side that it acknowledges and nobody saw.
    std::uint32_t missing_octets = 0;

    bool operator==(const Outcome&) const = default;
  };

  // What all connections of a tracker share.
  struct Environment {
    // A reordered handshake turns the roles round, before the letters that
    // follow; then `flipped` is set and the sender is the other side.
    bool may_flip;
    BlockPool& blocks;
  };

  // Most segments: the next in order, of an open connection, acknowledging
  // what was seen. False, and nothing done: it takes Add() to say what it is.
  // Otherwise Add() would have done the same, and have had nothing to report.
  bool AddInOrder(Side side, const TcpSegment& segment, History& history);

  // One segment from `side`. Writes its letters into `history`.
  Outcome Add(Side side, const TcpSegment& segment, Timestamp time,
              History& history, Environment environment);

  // Before the connection goes.
  void ReturnBlocks(BlockPool& blocks);

  // A SYN that cannot belong to this connection: port reuse. A retransmitted
  // SYN, or the halves of one handshake in reverse order, are no reuse.
  [[nodiscard]] bool IsReplacedBy(Side side, const TcpSegment& segment) const;

  [[nodiscard]] TcpState State() const;
  // Microseconds from the last SYN to the first SYN-ACK, and from the last
  // SYN-ACK to the ACK that completes the handshake: the round trip to either
  // side, as seen from here. 0: not seen; else at least 1.
  [[nodiscard]] std::uint32_t HandshakeServerTime() const {
    return handshake_server_time_;
  }
  [[nodiscard]] std::uint32_t HandshakeClientTime() const {
    return handshake_client_time_;
  }
  // Both sides sent FIN, or one sent RST.
  [[nodiscard]] bool Over() const {
    const Endpoint a = ends_[0].state;
    const Endpoint b = ends_[1].state;
    return a == Endpoint::kReset || b == Endpoint::kReset ||
           (a == Endpoint::kClosed && b == Endpoint::kClosed);
  }
  // Over, and the last FIN was acknowledged: nothing more is to be expected.
  [[nodiscard]] bool OverAndAcknowledged() const;

  // Zeek's conn_state, "S0", "SF", "REJ", ...
  [[nodiscard]] std::string_view ConnectionState(const History& history) const;

  bool operator==(const TcpConnection&) const = default;

 private:
  struct End {
    std::uint32_t start_sequence = 0;
    std::uint32_t next_sequence = 0;  // highest end of a segment
    std::uint32_t acknowledged = 0;   // highest acknowledgment by the peer
    std::uint32_t last_syn = 0;  // relative sequence of the last such packet
    std::uint32_t last_fin = 0;
    std::uint32_t last_rst = 0;
    std::uint32_t stream_end =
        0;  // where the first FIN says it is; if fin_seen
    std::uint32_t retransmitted = 0;  // segments that brought nothing new
    std::uint32_t zero_windows = 0;
    std::uint32_t gaps = 0;
    std::uint32_t delivered = 0;  // all of the stream before it was seen, or
                                  // given up
    BlockPool::Index blocks = BlockPool::kNone;  // what was seen behind it
    Endpoint state = Endpoint::kInactive;
    Endpoint previous = Endpoint::kInactive;
    bool fin_seen = false;
    bool gaps_unknown = false;  // too much to keep
    bool start_is_far = false;  // so many octets ago that it cannot be compared

    bool operator==(const End&) const = default;
    void AdvanceTo(std::uint32_t sequence) {
      next_sequence = sequence;
      start_is_far = start_is_far || (sequence - start_sequence) >> 30 != 0;
    }
    void Become(Endpoint next) {
      previous = state;
      state = next;
    }
  };

  // Data and acknowledgments move it, and only SYN, FIN and RST its state.
  [[nodiscard]] bool IsOpen() const {
    const Endpoint a = ends_[0].state;
    const Endpoint b = ends_[1].state;
    if (a == Endpoint::kEstablished && b == Endpoint::kEstablished) {
      return handshake_done_;
    }
    const auto open = [](Endpoint end) {
      return end == Endpoint::kEstablished || end == Endpoint::kPartial;
    };
    return open(a) && open(b);
  }
  // Whether all of the stream up to `next_sequence` was seen.
  static bool IsWhole(const End& end) {
    return end.blocks == BlockPool::kNone && !end.gaps_unknown &&
           end.delivered == end.next_sequence;
  }

  End& At(Side side) { return ends_[static_cast<std::size_t>(side)]; }
  [[nodiscard]] const End& At(Side side) const {
    return ends_[static_cast<std::size_t>(side)];
  }

  // The steps of Add(), in its order.
  static bool StartSequence(End& me, const TcpSegment& segment,
                            BlockPool& blocks);
  static void FlagLetter(Side side, End& me, const TcpSegment& segment,
                         History& history);
  static void WindowLetter(Side side, End& me, const End& peer,
                           const TcpSegment& segment, History& history);
  static void Acknowledge(End& peer, const TcpSegment& segment);
  static bool AdvanceSequence(Side side, End& me, const TcpSegment& segment,
                              History& history);
  static void SeeData(End& me, const TcpSegment& segment, BlockPool& blocks);
  static void KeepBlock(End& me, std::uint32_t begin, std::uint32_t end,
                        BlockPool& blocks);
  std::uint32_t FindGaps(Side side, BlockPool& blocks, History& history);
  void TimeHandshake(Side side, const TcpSegment& segment, Timestamp time);
  void AdvanceState(Side side, const TcpSegment& segment);
  void FromInactive(Side side, const TcpSegment& segment);
  [[nodiscard]] bool CompletesHandshake(Side side,
                                        const TcpSegment& segment) const;
  // A SYN that belongs before the SYN-ACK that was seen first.
  [[nodiscard]] bool IsSynAfterSynAck(Side side, const TcpSegment& segment,
                                      const History& history) const;
  static std::string_view ResetState(const History& history);
  // Octets of payload the side is known to have sent, by sequence numbers.
  [[nodiscard]] std::uint32_t StreamOctets(Side side) const;

  std::array<End, 2> ends_;
  Timestamp handshake_step_;  // when the last SYN or SYN-ACK came
  std::uint32_t handshake_server_time_ = 0;
  std::uint32_t handshake_client_time_ = 0;
  bool handshake_begun_ = false;  // the SYN was seen
  bool handshake_done_ = false;
};

inline bool TcpConnection::AddInOrder(Side side, const TcpSegment& segment,
                                      History& history) {
  End& me = At(side);
  End& peer = At(Other(side));
  if ((segment.flags & (kSyn | kFin | kRst | kAck)) != kAck ||
      segment.window == 0 || segment.sequence != me.next_sequence ||
      segment.acknowledgment == 0 || segment.continuation || !IsOpen() ||
      !IsWhole(me) || !IsWhole(peer) ||
      Distance(segment.acknowledgment, peer.acknowledged) < 0 ||
      Distance(segment.acknowledgment, peer.delivered) > 0) {
    return false;
  }
  history.AddOnce(side, segment.payload_octets > 0 ? 'd' : 'a');
  me.AdvanceTo(me.next_sequence + segment.payload_octets);
  me.delivered = me.next_sequence;
  peer.acknowledged = segment.acknowledgment;
  return true;
}

}  // namespace tracker
