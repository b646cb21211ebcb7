// SPDX-License-Identifier: Apache-2.0
#include "tracker/tcp_connection.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <utility>

namespace tracker {
namespace {

using Endpoint = TcpConnection::Endpoint;

// A jump that no window explains (RFC 7323 aside): the number is not trusted.
constexpr std::int32_t kWildJump = 1 << 20;

bool Has(const TcpSegment& segment, std::uint8_t flag) {
  return (segment.flags & flag) != 0;
}

int ControlBits(const TcpSegment& segment) {
  return (Has(segment, kSyn) ? 1 : 0) + (Has(segment, kFin) ? 1 : 0) +
         (Has(segment, kRst) ? 1 : 0);
}

// Payload that moves the sequence; data in an RST is a diagnostic (RFC 9293
// section 3.5.3).
std::uint32_t StreamLength(const TcpSegment& segment) {
  return Has(segment, kRst) ? 0 : segment.payload_octets;
}

// The sequence number behind the segment; SYN and FIN take one each.
std::uint32_t SegmentEnd(const TcpSegment& segment) {
  return segment.sequence + StreamLength(segment) +
         (Has(segment, kSyn) ? 1 : 0) + (Has(segment, kFin) ? 1 : 0);
}

bool IsOpening(Endpoint state) {
  return state == Endpoint::kSynSent || state == Endpoint::kSynAckSent;
}

}  // namespace

// Answers whether the sequence of this side begins with the segment.
bool TcpConnection::StartSequence(End& me, const TcpSegment& segment,
                                  BlockPool& blocks) {
  const bool syn = Has(segment, kSyn);
  const bool moved = segment.sequence != me.start_sequence;
  const bool first = me.state == Endpoint::kInactive;
  bool starts = false;
  switch (me.state) {
    case Endpoint::kInactive:
      starts = true;
      break;
    case Endpoint::kSynSent:
    case Endpoint::kSynAckSent:
      starts = syn && moved;
      break;
    case Endpoint::kPartial:
    case Endpoint::kEstablished:
      starts = syn;
      break;
    case Endpoint::kReset:
      starts = syn && me.previous == Endpoint::kInactive;
      break;
    case Endpoint::kClosed:
      break;
  }
  if (starts) {
    me.start_sequence = syn ? segment.sequence : segment.sequence - 1;
    me.acknowledged = me.start_sequence;
    me.next_sequence = syn ? SegmentEnd(segment) : segment.sequence;
  }
  // A SYN that is only repeated brings nothing new, and what was seen stays so.
  const bool begins = starts && (first || moved);
  if (begins) {
    me.delivered = me.start_sequence + 1;
    me.start_is_far = false;
    blocks.Return(me.blocks);
  }
  return begins;
}

void TcpConnection::FlagLetter(Side side, End& me, const TcpSegment& segment,
                               History& history) {
  const std::uint32_t relative = segment.sequence - me.start_sequence;
  // Once, and again when the packet is not a repetition of the last.
  const auto unless_repeated = [&](char seen_as, char letter,
                                   std::uint32_t position,
                                   std::uint32_t& last) {
    if (!history.MarkSeen(side, seen_as) && position == last) {
      return;
    }
    last = position;
    history.Add(side, letter);
  };
  const int bits = ControlBits(segment);
  if (bits > 1) {
    const bool fin_rst = Has(segment, kFin) && Has(segment, kRst);
    history.AddOnce(side, fin_rst ? 'i' : 'q');
  } else if (Has(segment, kSyn)) {
    unless_repeated('s', Has(segment, kAck) ? 'h' : 's', relative, me.last_syn);
  } else if (Has(segment, kFin)) {
    if (!me.fin_seen) {
      me.fin_seen = true;
      me.stream_end = segment.sequence + segment.payload_octets;
    }
    unless_repeated('f', 'f', relative + segment.payload_octets, me.last_fin);
  } else if (Has(segment, kRst)) {
    unless_repeated('r', 'r', relative, me.last_rst);
  } else if (segment.payload_octets > 0) {
    history.AddOnce(side, 'd');
  } else if (Has(segment, kAck)) {
    history.AddOnce(side, 'a');
  }
}

void TcpConnection::WindowLetter(Side side, End& me, const End& peer,
                                 const TcpSegment& segment, History& history) {
  if (segment.window == 0 && !Has(segment, kRst) &&
      peer.state != Endpoint::kClosed && me.state != Endpoint::kReset) {
    ++me.zero_windows;
    history.AddLogScaled(side, 'w', me.zero_windows);
  }
}

void TcpConnection::Acknowledge(End& peer, const TcpSegment& segment) {
  const std::uint32_t ack = segment.acknowledgment;
  if (peer.state == Endpoint::kInactive) {
    peer.start_sequence = ack - 1;
    peer.acknowledged = ack - 1;
    peer.next_sequence = ack - 1;
    peer.delivered = ack;
    return;
  }
  const std::int32_t advance = Distance(ack, peer.acknowledged);
  const bool wild = ack == 0 && std::abs(advance) > kWildJump;
  if (!Has(segment, kRst) && !wild && advance > 0 &&
      (peer.start_is_far || Distance(ack, peer.start_sequence) >= 0)) {
    peer.acknowledged = ack;
  }
}

// Answers whether the letter for a retransmission is due.
bool TcpConnection::AdvanceSequence(Side side, End& me,
                                    const TcpSegment& segment,
                                    History& history) {
  const std::uint32_t end = SegmentEnd(segment);
  const std::int32_t advance = Distance(end, me.next_sequence);
  if ((Has(segment, kSyn) || Has(segment, kRst)) &&
      (advance > kWildJump || advance < -kWildJump)) {
    return false;
  }
  const bool first_data_is_fin =
      Has(segment, kFin) && me.next_sequence == me.start_sequence + 1;
  if (me.state == Endpoint::kReset && !first_data_is_fin) {
    return false;
  }
  if (first_data_is_fin || advance > 0) {
    me.AdvanceTo(end);
    return false;
  }
  if (StreamLength(segment) == 0 || segment.continuation) {
    return false;  // of a segment in fragments, the first one tells
  }
  ++me.retransmitted;
  history.AddLogScaled(side, 't', me.retransmitted);
  return true;
}

// Which of the stream was seen. Of a segment that was cut by the snap length,
// all: the wire carried it.
void TcpConnection::SeeData(End& me, const TcpSegment& segment,
                            BlockPool& blocks) {
  if (StreamLength(segment) == 0 || me.gaps_unknown ||
      (!me.start_is_far && Distance(segment.sequence, me.start_sequence) < 0)) {
    return;
  }
  std::uint32_t begin = segment.sequence + (Has(segment, kSyn) ? 1 : 0);
  const std::uint32_t end = begin + segment.payload_octets;
  if (Distance(me.acknowledged, begin) > 0) {
    begin = me.acknowledged;
  }
  if (Distance(end, begin) <= 0 || Distance(end, me.delivered) <= 0) {
    return;
  }
  if (Distance(begin, me.delivered) > 0) {
    KeepBlock(me, begin, end, blocks);
    return;
  }
  me.delivered = end;
  if (me.blocks != BlockPool::kNone) {
    me.delivered = blocks[me.blocks].Advance(end);
    if (blocks[me.blocks].Empty()) {
      blocks.Return(me.blocks);
    }
  }
}

void TcpConnection::KeepBlock(End& me, std::uint32_t begin, std::uint32_t end,
                              BlockPool& blocks) {
  // Beyond these the segments are no stream that anybody receives.
  constexpr std::uint64_t kMostUnacknowledged = 16'384;
  constexpr std::uint64_t kMostOctets = 10 << 20;
  if (me.blocks == BlockPool::kNone) {
    me.blocks = blocks.Lend();
  }
  if (me.blocks == BlockPool::kNone) {
    me.gaps_unknown = true;
    return;
  }
  blocks[me.blocks].Insert(begin, end);
  const bool ever_acknowledged =
      me.start_is_far || Distance(me.acknowledged, me.start_sequence + 1) > 0;
  if (blocks[me.blocks].Octets() >
      (ever_acknowledged ? kMostOctets : kMostUnacknowledged)) {
    me.gaps_unknown = true;
    blocks.Return(me.blocks);
  }
}

// Octets that the other side acknowledged to `side`, but that were not seen.
// They count, and have a letter, in connections whose opening was seen.
std::uint32_t TcpConnection::FindGaps(Side side, BlockPool& blocks,
                                      History& history) {
  End& me = At(side);
  std::uint32_t acknowledged = me.acknowledged;
  if (me.fin_seen && Distance(acknowledged, me.stream_end) > 0) {
    acknowledged = me.stream_end;  // FIN takes a number, and is no octet
  }
  if (me.gaps_unknown || Distance(acknowledged, me.delivered) <= 0) {
    return 0;
  }
  const auto opened = [](const End& end) {
    return end.state == Endpoint::kEstablished ||
           (end.state == Endpoint::kClosed &&
            end.previous == Endpoint::kEstablished);
  };
  const bool counts = opened(ends_[0]) && opened(ends_[1]);
  std::uint32_t missing = 0;
  const auto hole = [&](std::uint32_t octets) {
    if (counts) {
      missing += octets;
      ++me.gaps;
      history.AddLogScaled(side, 'g', me.gaps);
    }
  };
  if (me.blocks == BlockPool::kNone) {
    hole(acknowledged - me.delivered);
    me.delivered = acknowledged;
    return missing;
  }
  StreamBlocks& seen = blocks[me.blocks];
  seen.ForEachHole(me.delivered, acknowledged, hole);
  me.delivered = seen.Advance(acknowledged);
  if (seen.Empty()) {
    blocks.Return(me.blocks);
  }
  return missing;
}

// Retransmissions make it ambiguous which packet was answered; the last one is
// the closest to the path.
void TcpConnection::TimeHandshake(Side side, const TcpSegment& segment,
                                  Timestamp time) {
  const auto since_last_step = [&] {
    constexpr std::int64_t kMost = 0xffffffff;
    const auto micros =
        std::chrono::floor<std::chrono::microseconds>(time - handshake_step_)
            .count();
    return static_cast<std::uint32_t>(
        std::clamp<std::int64_t>(micros, 1, kMost));
  };
  const bool syn = Has(segment, kSyn) && ControlBits(segment) == 1;
  const End& initiator = At(Side::kInitiator);
  if (syn && !Has(segment, kAck) && side == Side::kInitiator &&
      handshake_server_time_ == 0) {
    handshake_begun_ = true;
    handshake_step_ = time;
  } else if (syn && Has(segment, kAck) && side == Side::kResponder &&
             initiator.state != Endpoint::kInactive &&
             Distance(segment.acknowledgment, initiator.start_sequence) > 0 &&
             handshake_begun_ && !handshake_done_) {
    if (handshake_server_time_ == 0) {
      handshake_server_time_ = since_last_step();
    }
    handshake_step_ = time;
  } else if (!handshake_done_ && CompletesHandshake(side, segment)) {
    handshake_client_time_ = handshake_server_time_ > 0 ? since_last_step() : 0;
  }
}

void TcpConnection::ReturnBlocks(BlockPool& blocks) {
  for (End& end : ends_) {
    blocks.Return(end.blocks);
  }
}

void TcpConnection::FromInactive(Side side, const TcpSegment& segment) {
  End& me = At(side);
  End& peer = At(Other(side));
  if (Has(segment, kSyn)) {
    if (side == Side::kInitiator) {
      me.Become(Has(segment, kAck) ? Endpoint::kSynAckSent
                                   : Endpoint::kSynSent);
    } else {
      if (peer.state == Endpoint::kSynSent) {
        peer.Become(Endpoint::kEstablished);
      }
      me.Become(Endpoint::kEstablished);
    }
  }
  if (Has(segment, kFin)) {
    me.Become(Endpoint::kClosed);
  }
  if (Has(segment, kRst)) {
    me.Become(Endpoint::kReset);
  }
  if (me.state != Endpoint::kInactive) {
    return;
  }
  if (side == Side::kResponder && segment.payload_octets == 0 &&
      peer.state == Endpoint::kSynSent) {
    return;  // an ACK to a SYN that is no SYN-ACK: nothing is agreed yet
  }
  me.Become(Has(segment, kAck) && peer.state == Endpoint::kEstablished
                ? Endpoint::kEstablished
                : Endpoint::kPartial);
}

void TcpConnection::AdvanceState(Side side, const TcpSegment& segment) {
  End& me = At(side);
  End& peer = At(Other(side));
  const bool fin = Has(segment, kFin);
  const bool rst = Has(segment, kRst);
  switch (me.state) {
    case Endpoint::kInactive:
      FromInactive(side, segment);
      return;
    case Endpoint::kSynSent:
    case Endpoint::kSynAckSent:
      if (fin) {
        me.Become(Endpoint::kClosed);
      }
      if (rst) {
        me.Become(Endpoint::kReset);
      }
      return;
    case Endpoint::kPartial:
    case Endpoint::kEstablished:
      if (me.state == Endpoint::kPartial && Has(segment, kSyn) &&
          !Has(segment, kAck) && peer.state == Endpoint::kInactive) {
        me.Become(Endpoint::kSynSent);
      }
      if (rst) {
        me.Become(Endpoint::kReset);
      } else if (fin) {
        me.Become(Endpoint::kClosed);
        if (peer.state == Endpoint::kReset &&
            peer.previous == Endpoint::kClosed) {
          peer.Become(Endpoint::kClosed);
        }
      }
      return;
    case Endpoint::kClosed:
      if (rst && peer.state != Endpoint::kClosed) {
        me.Become(Endpoint::kReset);
      }
      return;
    case Endpoint::kReset:
      return;
  }
}

bool TcpConnection::IsSynAfterSynAck(Side side, const TcpSegment& segment,
                                     const History& history) const {
  const End& me = At(side);
  return side == Side::kResponder && me.state == Endpoint::kInactive &&
         At(Side::kInitiator).state == Endpoint::kSynAckSent &&
         Has(segment, kSyn) && !Has(segment, kAck) &&
         ControlBits(segment) == 1 && history.Letters() == "H" &&
         segment.sequence == me.start_sequence;
}

bool TcpConnection::CompletesHandshake(Side side,
                                       const TcpSegment& segment) const {
  const End& peer = At(Other(side));
  return side == Side::kInitiator && Has(segment, kAck) &&
         !Has(segment, kSyn) && !Has(segment, kRst) &&
         At(side).state == Endpoint::kEstablished &&
         peer.state == Endpoint::kEstablished &&
         Distance(segment.acknowledgment, peer.start_sequence) > 0;
}

TcpConnection::Outcome TcpConnection::Add(Side side, const TcpSegment& segment,
                                          Timestamp time, History& history,
                                          Environment environment) {
  Outcome outcome;
  const bool may_flip = environment.may_flip;
  BlockPool& blocks = environment.blocks;
  const bool plain = ControlBits(segment) == 0 &&
                     (segment.payload_octets > 0 || Has(segment, kAck));
  if (may_flip && plain && history.Letters() == "H") {
    std::swap(ends_[0], ends_[1]);
    history.RewriteLoneSynAck();
    outcome.flipped = true;
    side = Other(side);
  }
  const bool reordered = may_flip && IsSynAfterSynAck(side, segment, history);
  TimeHandshake(side, segment, time);
  if (!handshake_done_ && CompletesHandshake(side, segment)) {
    handshake_done_ = true;
    outcome.established = true;
  }

  const bool begins = StartSequence(At(side), segment, blocks);
  FlagLetter(side, At(side), segment, history);
  WindowLetter(side, At(side), At(Other(side)), segment, history);
  if (Has(segment, kAck)) {
    Acknowledge(At(Other(side)), segment);
  }
  // Data that comes with the SYN (RFC 7413) has the letter, in Zeek too, but is
  // new.
  outcome.retransmission =
      AdvanceSequence(side, At(side), segment, history) && !begins;
  SeeData(At(side), segment, blocks);

  if (reordered) {
    At(side).Become(Endpoint::kEstablished);
    At(Other(side)).Become(Endpoint::kEstablished);
    std::swap(ends_[0], ends_[1]);
    history.AddFlip();
    outcome.flipped = true;
    return outcome;
  }
  AdvanceState(side, segment);
  outcome.missing_octets = FindGaps(Other(side), blocks, history);
  return outcome;
}

bool TcpConnection::IsReplacedBy(Side side, const TcpSegment& segment) const {
  const End& initiator = At(Side::kInitiator);
  const End& responder = At(Side::kResponder);
  if (!Has(segment, kSyn)) {
    return false;
  }
  if (Has(segment, kAck) && initiator.state != Endpoint::kInactive) {
    return false;
  }
  const auto ended = [](const End& end) {
    return end.state == Endpoint::kClosed || end.state == Endpoint::kReset;
  };
  if (ended(initiator) || ended(responder)) {
    return true;
  }
  // The SYN that belongs before a SYN-ACK which was seen first.
  if (side == Side::kResponder && initiator.state == Endpoint::kSynAckSent &&
      responder.state == Endpoint::kInactive &&
      segment.sequence == responder.start_sequence) {
    return false;
  }
  return segment.sequence !=
         (Has(segment, kAck) ? responder : initiator).start_sequence;
}

TcpState TcpConnection::State() const {
  const Endpoint initiator = ends_[0].state;
  const Endpoint responder = ends_[1].state;
  const auto either = [&](Endpoint state) {
    return initiator == state || responder == state;
  };
  if (either(Endpoint::kReset)) {
    return TcpState::kReset;
  }
  if (either(Endpoint::kClosed)) {
    return initiator == responder ? TcpState::kClosed : TcpState::kClosing;
  }
  if (handshake_done_) {
    return TcpState::kEstablished;
  }
  if (either(Endpoint::kPartial)) {
    return TcpState::kMidstream;
  }
  if (initiator == Endpoint::kSynAckSent ||
      responder == Endpoint::kEstablished) {
    return TcpState::kSynReceived;
  }
  return initiator == Endpoint::kSynSent ? TcpState::kSynSent : TcpState::kNone;
}

bool TcpConnection::OverAndAcknowledged() const {
  const auto acknowledged = [](const End& end) {
    return Distance(end.acknowledged, end.next_sequence) >= 0;
  };
  const TcpState state = State();
  return state == TcpState::kReset ||
         (state == TcpState::kClosed && acknowledged(ends_[0]) &&
          acknowledged(ends_[1]));
}

std::uint32_t TcpConnection::StreamOctets(Side side) const {
  const End& me = At(side);
  const End& peer = At(Other(side));
  const bool acked = me.acknowledged != me.start_sequence;
  if (me.state == Endpoint::kReset && me.previous == Endpoint::kSynSent &&
      peer.state == Endpoint::kInactive && acked) {
    return 0;
  }
  const std::uint32_t sent = me.next_sequence - me.start_sequence;
  const std::uint32_t confirmed = me.acknowledged - me.start_sequence;
  std::uint32_t octets =
      Distance(me.next_sequence, me.acknowledged) > 0 ? sent : confirmed;
  octets -= octets > 0 ? 1 : 0;  // SYN
  const bool fin =
      me.state == Endpoint::kClosed || me.previous == Endpoint::kClosed;
  return fin && octets > 0 ? octets - 1 : octets;
}

// The letters of a connection that was reset by its initiator before any
// answer: a SYN, then the RST with nothing but S, T, W, D and ^ between.
std::string_view TcpConnection::ResetState(const History& history) {
  std::string_view letters = history.Letters();
  if (!letters.empty() && letters.front() == '^') {
    letters.remove_prefix(1);
  }
  if (letters.empty() || letters.front() != 'S') {
    return "OTH";
  }
  const std::size_t other = letters.find_first_of("HAFGIQ", 1);
  const std::size_t reset = letters.find('R', 1);
  return reset != std::string_view::npos && reset < other ? "RSTOS0" : "OTH";
}

std::string_view TcpConnection::ConnectionState(const History& history) const {
  const Endpoint o = ends_[0].state;
  const Endpoint r = ends_[1].state;
  const bool o_silent = o == Endpoint::kInactive || o == Endpoint::kPartial;
  const bool r_silent = r == Endpoint::kInactive || r == Endpoint::kPartial;
  if (r == Endpoint::kReset) {
    const bool no_data = StreamOctets(Side::kInitiator) == 0 &&
                         StreamOctets(Side::kResponder) == 0;
    if (IsOpening(o) || (o == Endpoint::kReset && no_data)) {
      return "REJ";
    }
    return o_silent ? "RSTRH" : "RSTR";
  }
  if (o == Endpoint::kReset) {
    return r_silent ? ResetState(history) : "RSTO";
  }
  if (o == Endpoint::kClosed && r == Endpoint::kClosed) {
    return "SF";
  }
  if (o == Endpoint::kClosed) {
    return r_silent ? "SH" : "S2";
  }
  if (r == Endpoint::kClosed) {
    return o_silent ? "SHR" : "S3";
  }
  if (o == Endpoint::kSynSent && r == Endpoint::kInactive) {
    return "S0";
  }
  return o == Endpoint::kEstablished && r == Endpoint::kEstablished ? "S1"
                                                                    : "OTH";
}

}  // namespace tracker
