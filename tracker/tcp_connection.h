// SPDX-License-Identifier: Apache-2.0
// A TCP connection as a passive observer sees it, with Zeek's meaning of
// endpoint states, history letters and connection states.
#pragma once

#include <array>
#include <bit>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string_view>

#include "tracker/flow_key.h"
#include "tracker/gap_tracker.h"
#include "tracker/history.h"
#include "tracker/packet.h"
#include "tracker/rare_stats.h"
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

  // What is beside the connection.
  struct Environment {
    // A reordered handshake turns the roles round, before the letters that
    // follow; then `flipped` is set and the sender is the other side.
    bool may_flip = false;
    BlockPool& blocks;
    RareLoan rare;  // of this flow
  };

  // Most segments: the next in order, of an open connection, acknowledging
  // what was seen. False, and nothing done: it takes Add() to say what it is.
  // Otherwise Add() would have done the same, and have had nothing to report.
  bool AddInOrder(Side side, const TcpSegment& segment, History& history);

  // The same of the two that follow the SYN in most handshakes, and tell
  // nothing else; only, Add() would have reported the second as `established`.
  bool AddHandshake(Side side, const TcpSegment& segment, Timestamp time,
                    History& history);

  // The same of a FIN that is the next in order, and of what follows it from
  // either side; Add() would have had nothing to report.
  bool AddClose(Side side, const TcpSegment& segment, History& history);

  // Add() of the usual first segment, TcpSegment::OnlyOpens() of the initiator,
  // but for its letter.
  void Open(std::uint32_t sequence, Timestamp time) {
    ends_[0] = EndAtSyn(sequence);
    states_[0].Become(Endpoint::kSynSent);
    states_[0].handshake_begun = true;
    handshake_step_ = time;
  }

  // One segment from `side`. Writes its letters into `history`.
  Outcome Add(Side side, const TcpSegment& segment, Timestamp time,
              History& history, const Environment& environment);

  // Before the connection's rare part goes.
  static void ReturnBlocks(BlockPool& blocks, RareStats& rare);

  // A SYN that cannot belong to this connection: port reuse. A retransmitted
  // SYN, or the halves of one handshake in reverse order, are no reuse.
  [[nodiscard]] bool IsReplacedBy(Side side, const TcpSegment& segment) const {
    return (segment.flags & kSyn) != 0 && IsReplacedBySyn(side, segment);
  }

  [[nodiscard]] TcpState State() const;
  // Microseconds from the last SYN to the first SYN-ACK, and from the last
  // SYN-ACK to the ACK that completes the handshake: the round trip to either
  // side, as seen from here. 0: not seen; else at least 1.
  [[nodiscard]] std::uint32_t HandshakeServerTime() const {
    return handshake_server_time_;
  }
  [[nodiscard]] std::uint32_t HandshakeClientTime() const {
    return HandshakeDone()
               ? static_cast<std::uint32_t>(handshake_step_.time_since_epoch() /
                                            std::chrono::microseconds{1})
               : 0;
  }
  // Both sides sent FIN, or one sent RST.
  [[nodiscard]] bool Over() const {
    const Endpoint a = states_[0].now;
    const Endpoint b = states_[1].now;
    return a == Endpoint::kReset || b == Endpoint::kReset ||
           (a == Endpoint::kClosed && b == Endpoint::kClosed);
  }
  // Over, and the last FIN was acknowledged: nothing more is to be expected.
  [[nodiscard]] bool OverAndAcknowledged() const;

  // Zeek's conn_state, "S0", "SF", "REJ", ..., given the letters.
  [[nodiscard]] std::string_view ConnectionState(
      std::string_view history) const;

  bool operator==(const TcpConnection&) const = default;

 private:
  struct End {
    std::uint32_t start_sequence = 0;
    std::uint32_t next_sequence = 0;  // highest end of a segment
    std::uint32_t acknowledged = 0;   // highest acknowledgment by the peer
    std::uint32_t delivered = 0;  // all of the stream before it was seen, or
                                  // given up
    bool operator==(const End&) const = default;
  };
  static End EndAtSyn(std::uint32_t sequence) {
    return {.start_sequence = sequence,
            .next_sequence = sequence + 1,
            .acknowledged = sequence,
            .delivered = sequence + 1};
  }
  struct EndState {
    Endpoint now : 4 = Endpoint::kInactive;
    Endpoint previous : 4 = Endpoint::kInactive;
    bool fin_seen : 1 = false;
    bool has_blocks : 1 = false;    // something was seen behind a hole
    bool gaps_unknown : 1 = false;  // too much to keep
    bool start_is_far : 1 = false;  // so many octets ago that it cannot be
                                    // compared
    // Of the initiator only: its SYN was seen; and the end of the handshake.
    bool handshake_begun : 1 = false;
    bool handshake_done : 1 = false;
    // Where the first FIN or the last RST is: right at the end of what was
    // sent, before it moved on. Else the rare part has it.
    bool fin_at_end : 1 = false;
    bool rst_at_end : 1 = false;

    bool operator==(const EndState&) const = default;
    void Become(Endpoint next) {
      previous = now;
      now = next;
    }
    // Nothing that it sent is missing or unknown; it goes on; or its FIN was
    // the last of it.
    [[nodiscard]] bool IsWholeAndOpen() const {
      return now == Endpoint::kEstablished && !fin_seen && !has_blocks &&
             !gaps_unknown && !fin_at_end && !rst_at_end;
    }
    [[nodiscard]] bool IsWholeAndClosed() const {
      return now == Endpoint::kClosed && fin_seen && !has_blocks &&
             !gaps_unknown && fin_at_end && !rst_at_end;
    }
  };
  // Both, and the side they are of.
  struct Party {
    Side side;
    End& end;
    EndState& state;

    void AdvanceTo(std::uint32_t sequence) const {
      end.next_sequence = sequence;
      if ((sequence - end.start_sequence) >> 30 != 0) {
        state.start_is_far = true;
      }
    }
    [[nodiscard]] std::size_t Index() const {
      return static_cast<std::size_t>(side);
    }
    // Of the last packet of its kind, as RareStats has them.
    [[nodiscard]] std::uint32_t LastFin(const RareStats& rare) const;
    [[nodiscard]] std::uint32_t LastRst(const RareStats& rare) const;
    // Where the stream ends; the FIN was seen.
    [[nodiscard]] std::uint32_t StreamEnd(const RareStats& rare) const;
    // What the peer can acknowledge of what was seen.
    [[nodiscard]] std::uint32_t MostAcknowledged() const;
    // The end of what was sent is about to be another.
    void KeepPositions(const RareLoan& rare) const;
  };

  using States = std::array<EndState, 2>;  // by Side
  // All of it, to be looked at in one go.
  static std::uint32_t WordOf(const States& states) {
    static_assert(sizeof(states) == sizeof(std::uint32_t));
    return std::bit_cast<std::uint32_t>(states);
  }
  [[nodiscard]] bool HandshakeDone() const { return states_[0].handshake_done; }
  // Data and acknowledgments move it, and only SYN, FIN and RST its state.
  [[nodiscard]] bool IsOpen() const {
    const Endpoint a = states_[0].now;
    const Endpoint b = states_[1].now;
    if (a == Endpoint::kEstablished && b == Endpoint::kEstablished) {
      return HandshakeDone();
    }
    const auto open = [](Endpoint end) {
      return end == Endpoint::kEstablished || end == Endpoint::kPartial;
    };
    return open(a) && open(b);
  }
  // Both ends are established after a handshake, as in most connections, and
  // nothing of what the side sent is missing or unknown.
  [[nodiscard, gnu::always_inline]] bool IsUsual(std::size_t index) const {
    EndState ends;
    ends.now = Endpoint::kEstablished;
    States usual{ends, ends};
    usual[0].handshake_done = true;
    EndState any;
    any.now = static_cast<Endpoint>(0xf);
    States looked_at{any, any};
    looked_at[0].handshake_done = true;
    EndState holes;
    holes.has_blocks = true;
    holes.gaps_unknown = true;
    const std::uint32_t mask =
        WordOf(looked_at) | WordOf(States{holes, EndState{}}) << 16 * index;
    return (WordOf(states_) & mask) == WordOf(usual);
  }
  // Whether all of the stream up to `next_sequence` was seen.
  [[nodiscard]] bool IsWhole(std::size_t index) const {
    return !states_[index].has_blocks && !states_[index].gaps_unknown &&
           ends_[index].delivered == ends_[index].next_sequence;
  }

  Party At(Side side) {
    const auto index = static_cast<std::size_t>(side);
    return {side, ends_[index], states_[index]};
  }
  [[nodiscard]] const End& EndOf(Side side) const {
    return ends_[static_cast<std::size_t>(side)];
  }
  [[nodiscard]] const EndState& StateOf(Side side) const {
    return states_[static_cast<std::size_t>(side)];
  }
  void SwapEnds(const RareLoan& rare);
  // The usual SYN was seen, and no more; and no more than the answer to it.
  [[nodiscard]] bool HasOnlySyn() const;
  [[nodiscard]] bool HasOnlyAnswer() const;
  // Of a side that has sent its SYN and no more.
  [[nodiscard]] bool IsAtSyn(std::size_t index) const {
    const End& end = ends_[index];
    return end.next_sequence == end.start_sequence + 1 &&
           end.delivered == end.next_sequence;
  }

  // Nothing was added yet.
  [[nodiscard]] bool IsFresh() const {
    return states_[0].now == Endpoint::kInactive &&
           states_[1].now == Endpoint::kInactive;
  }
  // The steps of Add(), in its order.
  static bool StartSequence(const Party& me, const TcpSegment& segment,
                            const Environment& environment);
  // Answers whether it is the first FIN, and the next in order.
  static bool FlagLetter(const Party& me, const TcpSegment& segment,
                         History& history, const RareLoan& rare);
  void WindowLetter(const Party& me, const TcpSegment& segment,
                    History& history, const RareLoan& rare) const;
  static void Acknowledge(const Party& peer, const TcpSegment& segment);
  static bool AdvanceSequence(const Party& me, const TcpSegment& segment,
                              History& history, const RareLoan& rare);
  static void SeeData(const Party& me, const TcpSegment& segment,
                      const Environment& environment);
  static void KeepBlock(const Party& me, std::uint32_t begin, std::uint32_t end,
                        const Environment& environment);
  static void ForgetBlocks(const Party& me, const Environment& environment);
  std::uint32_t FindGaps(const Party& me, const Environment& environment,
                         History& history);
  // Microseconds, 1 at least.
  [[nodiscard]] std::uint32_t SinceLastStep(Timestamp time) const;
  void FinishHandshake(Timestamp time);
  bool TimeHandshake(Side side, const TcpSegment& segment, Timestamp time);
  void AdvanceState(Side side, const TcpSegment& segment);
  void FromInactive(Side side, const TcpSegment& segment);
  [[nodiscard]] bool CompletesHandshake(Side side,
                                        const TcpSegment& segment) const;
  // A SYN that belongs before the SYN-ACK that was seen first.
  [[nodiscard]] bool IsSynAfterSynAck(Side side, const TcpSegment& segment,
                                      const History& history) const;
  // As IsReplacedBy(), of a SYN.
  [[nodiscard]] bool IsReplacedBySyn(Side side,
                                     const TcpSegment& segment) const;
  static std::string_view ResetState(std::string_view letters);
  // Octets of payload the side is known to have sent, by sequence numbers.
  [[nodiscard]] std::uint32_t StreamOctets(Side side) const;

  std::array<End, 2> ends_;  // by Side
  States states_;
  std::uint32_t handshake_server_time_ = 0;
  // Until the handshake is done, when the last SYN or SYN-ACK came; from then
  // on, the time of the client, since 1970.
  Timestamp handshake_step_;
};

// What the peer has sent may have holes: up to `delivered` it has none. Inline
// always: to call it is a third of the work.
[[gnu::always_inline]] inline bool TcpConnection::AddInOrder(
    Side side, const TcpSegment& segment, History& history) {
  const auto index = static_cast<std::size_t>(side);
  End& me = ends_[index];
  End& peer = ends_[1 - index];
  const bool data = segment.payload_octets > 0;
  if ((segment.flags & (kSyn | kFin | kRst | kAck)) != kAck ||
      segment.continuation || segment.window == 0 ||
      segment.sequence != me.next_sequence || segment.acknowledgment == 0 ||
      me.delivered != me.next_sequence ||
      !(IsUsual(index) || (IsOpen() && IsWhole(index))) ||
      Distance(segment.acknowledgment, peer.acknowledged) < 0 ||
      Distance(segment.acknowledgment, peer.delivered) > 0) {
    return false;
  }
  if (!history.HasEither(side, data, 'd', 'a') &&
      !history.AddOnceIfRoom(side, data ? 'd' : 'a')) {
    return false;
  }
  At(side).AdvanceTo(me.next_sequence + segment.payload_octets);
  me.delivered = me.next_sequence;
  peer.acknowledged = segment.acknowledgment;
  return true;
}

}  // namespace tracker
