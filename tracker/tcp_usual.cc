// SPDX-License-Identifier: Apache-2.0
// The usual handshake and the usual close, which most connections have, the
// short way.
#include <algorithm>
#include <chrono>

#include "tracker/tcp_connection.h"

namespace tracker {

std::uint32_t TcpConnection::SinceLastStep(Timestamp time) const {
  constexpr std::int64_t kMost = 0xffffffff;
  const auto micros =
      std::chrono::floor<std::chrono::microseconds>(time - handshake_step_)
          .count();
  return static_cast<std::uint32_t>(std::clamp<std::int64_t>(micros, 1, kMost));
}

void TcpConnection::FinishHandshake(Timestamp time) {
  const std::uint32_t client_time =
      handshake_server_time_ > 0 ? SinceLastStep(time) : 0;
  handshake_step_ = Timestamp{std::chrono::microseconds{client_time}};
  states_[0].handshake_done = true;
}

bool TcpConnection::HasOnlySyn() const {
  EndState opened;
  opened.Become(Endpoint::kSynSent);
  opened.handshake_begun = true;
  return WordOf(states_) == WordOf({opened, EndState{}}) && IsAtSyn(0);
}

bool TcpConnection::HasOnlyAnswer() const {
  EndState opened;
  opened.Become(Endpoint::kSynSent);
  opened.Become(Endpoint::kEstablished);
  opened.handshake_begun = true;
  EndState answer;
  answer.Become(Endpoint::kEstablished);
  return WordOf(states_) == WordOf({opened, answer}) && IsAtSyn(0) &&
         IsAtSyn(1);
}

bool TcpConnection::AddHandshake(Side side, const TcpSegment& segment,
                                 Timestamp time, History& history) {
  const unsigned flags = segment.flags & unsigned{kSyn | kFin | kRst | kAck};
  if (segment.payload_octets != 0 || segment.window == 0) {
    return false;
  }
  if (side == Side::kResponder) {
    if (flags != (kSyn | kAck) || !HasOnlySyn() ||
        segment.acknowledgment != ends_[0].next_sequence ||
        !history.AnswerLoneSyn()) {
      return false;
    }
    handshake_server_time_ = SinceLastStep(time);
    handshake_step_ = time;
    ends_[0].acknowledged = segment.acknowledgment;
    ends_[1] = EndAtSyn(segment.sequence);
    states_[0].Become(Endpoint::kEstablished);
    states_[1].Become(Endpoint::kEstablished);
    return true;
  }
  if (flags != kAck || !HasOnlyAnswer() ||
      segment.sequence != ends_[0].next_sequence ||
      segment.acknowledgment != ends_[1].next_sequence ||
      !history.AddOnceIfRoom(side, 'a')) {
    return false;
  }
  FinishHandshake(time);
  ends_[1].acknowledged = segment.acknowledgment;
  return true;
}

// FIN takes a number behind the octets, and is acknowledged with them.
std::uint32_t TcpConnection::Party::MostAcknowledged() const {
  const bool all_before_fin =
      state.fin_at_end && end.delivered + 1 == end.next_sequence;
  return end.delivered + (all_before_fin ? 1 : 0);
}

bool TcpConnection::AddClose(Side side, const TcpSegment& segment,
                             History& history) {
  const Party me = At(side);
  const Party peer = At(Other(side));
  const bool fin = (segment.flags & kFin) != 0;
  const bool moves = fin || segment.payload_octets > 0;
  const bool can_send =
      me.state.IsWholeAndOpen() && me.end.delivered == me.end.next_sequence;
  const bool can_acknowledge = me.state.IsWholeAndClosed() && !moves;
  if ((segment.flags & (kSyn | kRst | kAck)) != kAck || segment.continuation ||
      segment.window == 0 || segment.sequence != me.end.next_sequence ||
      segment.acknowledgment == 0 || !HandshakeDone() ||
      !(can_send || can_acknowledge) ||
      !(peer.state.IsWholeAndOpen() || peer.state.IsWholeAndClosed()) ||
      Distance(peer.end.acknowledged, peer.MostAcknowledged()) > 0 ||
      Distance(segment.acknowledgment, peer.end.acknowledged) < 0 ||
      Distance(segment.acknowledgment, peer.MostAcknowledged()) > 0) {
    return false;
  }
  const char letter = fin ? 'f' : moves ? 'd' : 'a';
  if ((fin && history.Has(side, 'f')) || !history.AddOnceIfRoom(side, letter)) {
    return false;
  }
  if (moves) {
    me.end.delivered = segment.sequence + segment.payload_octets;
    me.AdvanceTo(me.end.delivered + (fin ? 1 : 0));
  }
  if (fin) {
    me.state.fin_seen = true;
    me.state.fin_at_end = true;
    me.state.Become(Endpoint::kClosed);
  }
  peer.end.acknowledged = segment.acknowledgment;
  return true;
}

}  // namespace tracker
