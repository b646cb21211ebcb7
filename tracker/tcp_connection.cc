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

// Which of the flags that begin and end a stream.
unsigned ControlBits(const TcpSegment& segment) {
  return segment.flags & unsigned{kSyn | kFin | kRst};
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

std::uint32_t TcpConnection::Party::LastFin(const RareStats& rare) const {
  return state.fin_at_end ? end.next_sequence - 1 - end.start_sequence
                          : rare.tcp_ends[Index()].last_fin;
}

std::uint32_t TcpConnection::Party::LastRst(const RareStats& rare) const {
  return state.rst_at_end ? end.next_sequence - end.start_sequence
                          : rare.tcp_ends[Index()].last_rst;
}

std::uint32_t TcpConnection::Party::StreamEnd(const RareStats& rare) const {
  return state.fin_at_end ? end.next_sequence - 1
                          : rare.tcp_ends[Index()].stream_end;
}

void TcpConnection::Party::KeepPositions(const RareLoan& rare) const {
  if (!state.fin_at_end && !state.rst_at_end) {
    return;
  }
  RareStats& kept = rare.Write();
  RareStats::TcpEnd& mine = kept.tcp_ends[Index()];
  mine.last_fin = LastFin(kept);
  mine.last_rst = LastRst(kept);
  mine.stream_end = StreamEnd(kept);
  state.fin_at_end = false;
  state.rst_at_end = false;
}

void TcpConnection::SwapEnds(const RareLoan& rare) {
  std::swap(ends_[0], ends_[1]);
  std::swap(states_[0], states_[1]);
  if (rare.Lent()) {
    std::swap(rare.Write().tcp_ends[0], rare.Write().tcp_ends[1]);
  }
}

// Answers whether the sequence of this side begins with the segment.
bool TcpConnection::StartSequence(const Party& me, const TcpSegment& segment,
                                  const Environment& environment) {
  const bool syn = Has(segment, kSyn);
  const bool moved = segment.sequence != me.end.start_sequence;
  const bool first = me.state.now == Endpoint::kInactive;
  bool starts = false;
  switch (me.state.now) {
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
      starts = syn && me.state.previous == Endpoint::kInactive;
      break;
    case Endpoint::kClosed:
      break;
  }
  if (starts) {
    me.KeepPositions(environment.rare);
    me.end.start_sequence = syn ? segment.sequence : segment.sequence - 1;
    me.end.acknowledged = me.end.start_sequence;
    me.end.next_sequence = syn ? SegmentEnd(segment) : segment.sequence;
  }
  // A SYN that is only repeated brings nothing new, and what was seen stays so.
  const bool begins = starts && (first || moved);
  if (begins) {
    me.end.delivered = me.end.start_sequence + 1;
    me.state.start_is_far = false;
    ForgetBlocks(me, environment);
  }
  return begins;
}

bool TcpConnection::FlagLetter(const Party& me, const TcpSegment& segment,
                               History& history, const RareLoan& rare) {
  const std::uint32_t relative = segment.sequence - me.end.start_sequence;
  // Once, and again when the packet is not a repetition of the last.
  const auto letter_unless = [&](bool repeated, char seen_as, char letter) {
    const bool first = history.MarkSeen(me.side, seen_as);
    if (first || !repeated) {
      history.Add(me.side, letter, rare);
    }
  };
  const bool at_end = segment.sequence == me.end.next_sequence;
  const unsigned bits = ControlBits(segment);
  if (bits == 0) {
    if (segment.payload_octets > 0 || Has(segment, kAck)) {
      history.AddOnce(me.side, segment.payload_octets > 0 ? 'd' : 'a', rare);
    }
  } else if ((bits & (bits - 1)) != 0) {
    const bool fin_rst = Has(segment, kFin) && Has(segment, kRst);
    history.AddOnce(me.side, fin_rst ? 'i' : 'q', rare);
  } else if (bits == kSyn) {
    const bool repeated = rare.Read().tcp_ends[me.Index()].last_syn == relative;
    if (!repeated) {
      rare.Write().tcp_ends[me.Index()].last_syn = relative;
    }
    letter_unless(repeated, 's', Has(segment, kAck) ? 'h' : 's');
  } else if (bits == kFin) {
    const std::uint32_t position = relative + segment.payload_octets;
    const bool repeated = me.LastFin(rare.Read()) == position;
    const bool first = !me.state.fin_seen;
    me.state.fin_seen = true;
    const bool next = first && at_end && me.state.now != Endpoint::kReset;
    if (!next && (first || !repeated)) {
      me.KeepPositions(rare);
      RareStats::TcpEnd& mine = rare.Write().tcp_ends[me.Index()];
      mine.last_fin = position;
      if (first) {
        mine.stream_end = segment.sequence + segment.payload_octets;
      }
    }
    letter_unless(repeated, 'f', 'f');
    return next;
  } else {
    const bool repeated = me.LastRst(rare.Read()) == relative;
    if (!repeated) {
      me.state.rst_at_end = at_end;
      if (!at_end) {
        rare.Write().tcp_ends[me.Index()].last_rst = relative;
      }
    }
    letter_unless(repeated, 'r', 'r');
  }
  return false;
}

void TcpConnection::WindowLetter(const Party& me, const TcpSegment& segment,
                                 History& history, const RareLoan& rare) const {
  if (segment.window == 0 && !Has(segment, kRst) &&
      StateOf(Other(me.side)).now != Endpoint::kClosed &&
      me.state.now != Endpoint::kReset) {
    const std::uint32_t count =
        ++rare.Write().tcp_ends[me.Index()].zero_windows;
    history.AddLogScaled(me.side, 'w', count, rare);
  }
}

void TcpConnection::Acknowledge(const Party& peer, const TcpSegment& segment) {
  const std::uint32_t ack = segment.acknowledgment;
  End& end = peer.end;
  if (peer.state.now == Endpoint::kInactive) {
    end.start_sequence = ack - 1;
    end.acknowledged = ack - 1;
    end.next_sequence = ack - 1;
    end.delivered = ack;
    return;
  }
  const std::int32_t advance = Distance(ack, end.acknowledged);
  const bool wild = ack == 0 && std::abs(advance) > kWildJump;
  if (!Has(segment, kRst) && !wild && advance > 0 &&
      (peer.state.start_is_far || Distance(ack, end.start_sequence) >= 0)) {
    end.acknowledged = ack;
  }
}

// Answers whether the letter for a retransmission is due.
bool TcpConnection::AdvanceSequence(const Party& me, const TcpSegment& segment,
                                    History& history, const RareLoan& rare) {
  const std::uint32_t end = SegmentEnd(segment);
  const std::int32_t advance = Distance(end, me.end.next_sequence);
  if ((Has(segment, kSyn) || Has(segment, kRst)) &&
      (advance > kWildJump || advance < -kWildJump)) {
    return false;
  }
  const bool first_data_is_fin =
      Has(segment, kFin) && me.end.next_sequence == me.end.start_sequence + 1;
  if (me.state.now == Endpoint::kReset && !first_data_is_fin) {
    return false;
  }
  if (first_data_is_fin || advance > 0) {
    me.KeepPositions(rare);
    me.AdvanceTo(end);
    return false;
  }
  if (StreamLength(segment) == 0 || segment.continuation) {
    return false;  // of a segment in fragments, the first one tells
  }
  const std::uint32_t count = ++rare.Write().tcp_ends[me.Index()].retransmitted;
  history.AddLogScaled(me.side, 't', count, rare);
  return true;
}

// Which of the stream was seen. Of a segment that was cut by the snap length,
// all: the wire carried it.
void TcpConnection::SeeData(const Party& me, const TcpSegment& segment,
                            const Environment& environment) {
  if (StreamLength(segment) == 0 || me.state.gaps_unknown ||
      (!me.state.start_is_far &&
       Distance(segment.sequence, me.end.start_sequence) < 0)) {
    return;
  }
  std::uint32_t begin = segment.sequence + (Has(segment, kSyn) ? 1 : 0);
  const std::uint32_t end = begin + segment.payload_octets;
  if (Distance(me.end.acknowledged, begin) > 0) {
    begin = me.end.acknowledged;
  }
  if (Distance(end, begin) <= 0 || Distance(end, me.end.delivered) <= 0) {
    return;
  }
  if (Distance(begin, me.end.delivered) > 0) {
    KeepBlock(me, begin, end, environment);
    return;
  }
  me.end.delivered = end;
  if (me.state.has_blocks) {
    StreamBlocks& seen =
        environment.blocks[environment.rare.Read().tcp_ends[me.Index()].blocks];
    me.end.delivered = seen.Advance(end);
    if (seen.Empty()) {
      ForgetBlocks(me, environment);
    }
  }
}

void TcpConnection::ForgetBlocks(const Party& me,
                                 const Environment& environment) {
  if (me.state.has_blocks) {
    environment.blocks.Return(
        environment.rare.Write().tcp_ends[me.Index()].blocks);
    me.state.has_blocks = false;
  }
}

void TcpConnection::KeepBlock(const Party& me, std::uint32_t begin,
                              std::uint32_t end,
                              const Environment& environment) {
  // Beyond these the segments are no stream that anybody receives.
  constexpr std::uint64_t kMostUnacknowledged = 16'384;
  constexpr std::uint64_t kMostOctets = 10 << 20;
  BlockPool::Index& blocks =
      environment.rare.Write().tcp_ends[me.Index()].blocks;
  if (!me.state.has_blocks) {
    blocks = environment.blocks.Lend();
    me.state.has_blocks = blocks != BlockPool::kNone;
  }
  if (!me.state.has_blocks) {
    me.state.gaps_unknown = true;
    return;
  }
  StreamBlocks& seen = environment.blocks[blocks];
  seen.Insert(begin, end);
  const bool ever_acknowledged =
      me.state.start_is_far ||
      Distance(me.end.acknowledged, me.end.start_sequence + 1) > 0;
  if (seen.Octets() > (ever_acknowledged ? kMostOctets : kMostUnacknowledged)) {
    me.state.gaps_unknown = true;
    ForgetBlocks(me, environment);
  }
}

// Octets that the other side acknowledged to this one, but that were not seen.
// They count, and have a letter, in connections whose opening was seen.
std::uint32_t TcpConnection::FindGaps(const Party& me,
                                      const Environment& environment,
                                      History& history) {
  const RareLoan& rare = environment.rare;
  std::uint32_t acknowledged = me.end.acknowledged;
  if (me.state.fin_seen) {
    // FIN takes a number, and is no octet.
    const std::uint32_t end = me.StreamEnd(rare.Read());
    if (Distance(acknowledged, end) > 0) {
      acknowledged = end;
    }
  }
  if (me.state.gaps_unknown || Distance(acknowledged, me.end.delivered) <= 0) {
    return 0;
  }
  const auto opened = [](const EndState& end) {
    return end.now == Endpoint::kEstablished ||
           (end.now == Endpoint::kClosed &&
            end.previous == Endpoint::kEstablished);
  };
  const bool counts = opened(states_[0]) && opened(states_[1]);
  std::uint32_t missing = 0;
  const auto hole = [&](std::uint32_t octets) {
    if (counts) {
      missing += octets;
      const std::uint32_t count = ++rare.Write().tcp_ends[me.Index()].gaps;
      history.AddLogScaled(me.side, 'g', count, rare);
    }
  };
  if (!me.state.has_blocks) {
    hole(acknowledged - me.end.delivered);
    me.end.delivered = acknowledged;
    return missing;
  }
  StreamBlocks& seen =
      environment.blocks[rare.Read().tcp_ends[me.Index()].blocks];
  seen.ForEachHole(me.end.delivered, acknowledged, hole);
  me.end.delivered = seen.Advance(acknowledged);
  if (seen.Empty()) {
    ForgetBlocks(me, environment);
  }
  return missing;
}

// Answers whether the segment completes it. Retransmissions make it ambiguous
// which packet was answered; the last one is the closest to the path.
bool TcpConnection::TimeHandshake(Side side, const TcpSegment& segment,
                                  Timestamp time) {
  const bool syn = ControlBits(segment) == kSyn;
  if (HandshakeDone()) {
    return false;
  }
  EndState& initiator = states_[0];
  if (syn && !Has(segment, kAck) && side == Side::kInitiator &&
      handshake_server_time_ == 0) {
    initiator.handshake_begun = true;
    handshake_step_ = time;
  } else if (syn && Has(segment, kAck) && side == Side::kResponder &&
             initiator.now != Endpoint::kInactive &&
             Distance(segment.acknowledgment, ends_[0].start_sequence) > 0 &&
             initiator.handshake_begun) {
    if (handshake_server_time_ == 0) {
      handshake_server_time_ = SinceLastStep(time);
    }
    handshake_step_ = time;
  } else if (CompletesHandshake(side, segment)) {
    FinishHandshake(time);
    return true;
  }
  return false;
}

void TcpConnection::ReturnBlocks(BlockPool& blocks, RareStats& rare) {
  for (RareStats::TcpEnd& end : rare.tcp_ends) {
    blocks.Return(end.blocks);
  }
}

void TcpConnection::FromInactive(Side side, const TcpSegment& segment) {
  EndState& me = At(side).state;
  EndState& peer = At(Other(side)).state;
  if (Has(segment, kSyn)) {
    // The port may have told who is the server before its SYN-ACK, captured
    // ahead of this SYN, could be taken for the initiator's.
    const bool answered = peer.now == Endpoint::kEstablished &&
                          segment.sequence == EndOf(side).start_sequence;
    if (side == Side::kInitiator && Has(segment, kAck)) {
      me.Become(Endpoint::kSynAckSent);
    } else if (side == Side::kInitiator) {
      me.Become(answered ? Endpoint::kEstablished : Endpoint::kSynSent);
    } else {
      if (peer.now == Endpoint::kSynSent) {
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
  if (me.now != Endpoint::kInactive) {
    return;
  }
  if (side == Side::kResponder && segment.payload_octets == 0 &&
      peer.now == Endpoint::kSynSent) {
    return;  // an ACK to a SYN that is no SYN-ACK: nothing is agreed yet
  }
  me.Become(Has(segment, kAck) && peer.now == Endpoint::kEstablished
                ? Endpoint::kEstablished
                : Endpoint::kPartial);
}

void TcpConnection::AdvanceState(Side side, const TcpSegment& segment) {
  EndState& me = At(side).state;
  EndState& peer = At(Other(side)).state;
  const bool fin = Has(segment, kFin);
  const bool rst = Has(segment, kRst);
  switch (me.now) {
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
      if (me.now == Endpoint::kPartial && Has(segment, kSyn) &&
          !Has(segment, kAck) && peer.now == Endpoint::kInactive) {
        me.Become(Endpoint::kSynSent);
      }
      if (rst) {
        me.Become(Endpoint::kReset);
      } else if (fin) {
        me.Become(Endpoint::kClosed);
        if (peer.now == Endpoint::kReset &&
            peer.previous == Endpoint::kClosed) {
          peer.Become(Endpoint::kClosed);
        }
      }
      return;
    case Endpoint::kClosed:
      if (rst && peer.now != Endpoint::kClosed) {
        me.Become(Endpoint::kReset);
      }
      return;
    case Endpoint::kReset:
      return;
  }
}

bool TcpConnection::IsSynAfterSynAck(Side side, const TcpSegment& segment,
                                     const History& history) const {
  return side == Side::kResponder && StateOf(side).now == Endpoint::kInactive &&
         StateOf(Side::kInitiator).now == Endpoint::kSynAckSent &&
         ControlBits(segment) == kSyn && !Has(segment, kAck) &&
         history.IsLoneSynAck() &&
         segment.sequence == EndOf(side).start_sequence;
}

bool TcpConnection::CompletesHandshake(Side side,
                                       const TcpSegment& segment) const {
  return side == Side::kInitiator && Has(segment, kAck) &&
         !Has(segment, kSyn) && !Has(segment, kRst) &&
         StateOf(side).now == Endpoint::kEstablished &&
         StateOf(Other(side)).now == Endpoint::kEstablished &&
         Distance(segment.acknowledgment, EndOf(Other(side)).start_sequence) >
             0;
}

TcpConnection::Outcome TcpConnection::Add(Side side, const TcpSegment& segment,
                                          Timestamp time, History& history,
                                          const Environment& environment) {
  Outcome outcome;
  if (segment.OnlyOpens() && side == Side::kInitiator && IsFresh()) {
    Open(segment.sequence, time);
    history.AddOnce(side, 's', environment.rare);
    return outcome;
  }
  const bool may_flip = environment.may_flip;
  const RareLoan& rare = environment.rare;
  const bool plain = ControlBits(segment) == 0 &&
                     (segment.payload_octets > 0 || Has(segment, kAck));
  if (may_flip && plain && history.IsLoneSynAck()) {
    SwapEnds(rare);
    history.RewriteLoneSynAck();
    outcome.flipped = true;
    side = Other(side);
  }
  const bool reordered = may_flip && IsSynAfterSynAck(side, segment, history);
  outcome.established = TimeHandshake(side, segment, time);

  const Party me = At(side);
  const Party peer = At(Other(side));
  const bool begins = StartSequence(me, segment, environment);
  const bool ends_in_order = FlagLetter(me, segment, history, rare);
  WindowLetter(me, segment, history, rare);
  if (Has(segment, kAck)) {
    Acknowledge(peer, segment);
  }
  // Data that comes with the SYN (RFC 7413) has the letter, in Zeek too, but is
  // new.
  outcome.retransmission =
      AdvanceSequence(me, segment, history, rare) && !begins;
  if (ends_in_order) {
    me.state.fin_at_end = true;
  }
  SeeData(me, segment, environment);

  if (reordered) {
    me.state.Become(Endpoint::kEstablished);
    peer.state.Become(Endpoint::kEstablished);
    SwapEnds(rare);
    history.AddFlip(rare);
    outcome.flipped = true;
    return outcome;
  }
  AdvanceState(side, segment);
  outcome.missing_octets = FindGaps(peer, environment, history);
  return outcome;
}

bool TcpConnection::IsReplacedBySyn(Side side,
                                    const TcpSegment& segment) const {
  const Endpoint initiator = StateOf(Side::kInitiator).now;
  const Endpoint responder = StateOf(Side::kResponder).now;
  if (Has(segment, kAck) && initiator != Endpoint::kInactive) {
    return false;
  }
  const auto ended = [](Endpoint end) {
    return end == Endpoint::kClosed || end == Endpoint::kReset;
  };
  if (ended(initiator) || ended(responder)) {
    return true;
  }
  // The SYN that belongs before a SYN-ACK which was seen first.
  const std::uint32_t expected = EndOf(Side::kResponder).start_sequence;
  if (side == Side::kResponder && initiator == Endpoint::kSynAckSent &&
      responder == Endpoint::kInactive && segment.sequence == expected) {
    return false;
  }
  return segment.sequence != (Has(segment, kAck)
                                  ? expected
                                  : EndOf(Side::kInitiator).start_sequence);
}

TcpState TcpConnection::State() const {
  const Endpoint initiator = states_[0].now;
  const Endpoint responder = states_[1].now;
  const auto either = [&](Endpoint state) {
    return initiator == state || responder == state;
  };
  if (either(Endpoint::kReset)) {
    return TcpState::kReset;
  }
  if (either(Endpoint::kClosed)) {
    return initiator == responder ? TcpState::kClosed : TcpState::kClosing;
  }
  if (HandshakeDone()) {
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
  const End& me = EndOf(side);
  const EndState& state = StateOf(side);
  const bool acked = me.acknowledged != me.start_sequence;
  if (state.now == Endpoint::kReset && state.previous == Endpoint::kSynSent &&
      StateOf(Other(side)).now == Endpoint::kInactive && acked) {
    return 0;
  }
  const std::uint32_t sent = me.next_sequence - me.start_sequence;
  const std::uint32_t confirmed = me.acknowledged - me.start_sequence;
  std::uint32_t octets =
      Distance(me.next_sequence, me.acknowledged) > 0 ? sent : confirmed;
  octets -= octets > 0 ? 1 : 0;  // SYN
  const bool fin =
      state.now == Endpoint::kClosed || state.previous == Endpoint::kClosed;
  return fin && octets > 0 ? octets - 1 : octets;
}

// The letters of a connection that was reset by its initiator before any
// answer: a SYN, then the RST with nothing but S, T, W, D and ^ between.
std::string_view TcpConnection::ResetState(std::string_view letters) {
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

std::string_view TcpConnection::ConnectionState(
    std::string_view history) const {
  const Endpoint o = states_[0].now;
  const Endpoint r = states_[1].now;
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
