// SPDX-License-Identifier: Apache-2.0
// The usual handshake, which most connections have, the short way; and its
// time.
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

}  // namespace tracker
