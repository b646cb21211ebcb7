// SPDX-License-Identifier: Apache-2.0
// A TCP connection that is fed segment by segment.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tracker/tcp_connection.h"

namespace tests {

struct Numbers {
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint32_t length = 0;
  std::uint16_t window = 1000;
};

inline tracker::TcpSegment Segment(int flags, Numbers numbers) {
  return {.sequence = numbers.seq,
          .acknowledgment = numbers.ack,
          .payload_octets = numbers.length,
          .window = numbers.window,
          .flags = static_cast<std::uint8_t>(flags),
          .complete = true};
}

// Each segment is also tried the short ways, which may not lead elsewhere. The
// client of the handshakes has the initial sequence 1000, the server 5000.
class Trace {
 public:
  Trace& Client(int flags, Numbers numbers) {
    return Add(client_, Segment(flags, numbers));
  }
  Trace& Server(int flags, Numbers numbers) {
    return Add(Other(client_), Segment(flags, numbers));
  }
  Trace& Handshake() {
    return Client(tracker::kSyn, {.seq = 1000})
        .Server(tracker::kSyn | tracker::kAck, {.seq = 5000, .ack = 1001})
        .Client(tracker::kAck, {.seq = 1001, .ack = 5001});
  }
  Trace& Later(tracker::Duration by) {
    now_ += by;
    return *this;
  }
  // Reorderings in the handshake turn the roles round.
  Trace& WithFlips() {
    may_flip_ = true;
    return *this;
  }
  // The server is taken for the initiator until a flip.
  Trace& ServerFirst() {
    client_ = tracker::Side::kResponder;
    return *this;
  }

  [[nodiscard]] std::string Letters() const {
    return std::string(history.Letters(rare_.Read().history).View());
  }
  [[nodiscard]] std::string_view Zeek() const {
    return connection.ConnectionState(Letters());
  }
  [[nodiscard]] tracker::Side ClientSide() const { return client_; }

  tracker::TcpConnection connection;
  tracker::History history;
  int established = 0;
  int retransmitted = 0;      // of both sides
  std::uint64_t missing = 0;  // of both sides
  // For which a short way would have done.
  int added_in_order = 0;
  int added_in_handshake = 0;
  int added_in_close = 0;

 private:
  Trace& Add(tracker::Side side, const tracker::TcpSegment& segment) {
    tracker::TcpConnection in_order = connection;
    tracker::History letters = history;
    const bool is_in_order = in_order.AddInOrder(side, segment, letters);
    tracker::TcpConnection in_handshake = connection;
    tracker::History first_letters = history;
    const bool is_in_handshake =
        in_handshake.AddHandshake(side, segment, now_, first_letters);
    tracker::TcpConnection in_close = connection;
    tracker::History last_letters = history;
    const bool is_in_close = in_close.AddClose(side, segment, last_letters);
    const auto outcome = connection.Add(side, segment, now_, history,
                                        {may_flip_, blocks_, rare_});
    if (is_in_order) {
      EXPECT_TRUE(in_order == connection && letters == history);
      EXPECT_TRUE(outcome == tracker::TcpConnection::Outcome{});
    }
    if (is_in_handshake) {
      EXPECT_TRUE(in_handshake == connection && first_letters == history);
      EXPECT_TRUE(outcome == tracker::TcpConnection::Outcome{
                                 .established = outcome.established});
    }
    if (is_in_close) {
      EXPECT_TRUE(in_close == connection && last_letters == history);
      EXPECT_TRUE(outcome == tracker::TcpConnection::Outcome{});
    }
    added_in_order += is_in_order ? 1 : 0;
    added_in_handshake += is_in_handshake ? 1 : 0;
    added_in_close += is_in_close ? 1 : 0;
    if (outcome.flipped) {
      client_ = Other(client_);
    }
    established += outcome.established ? 1 : 0;
    retransmitted += outcome.retransmission ? 1 : 0;
    missing += outcome.missing_octets;
    return *this;
  }

  tracker::Side client_ = tracker::Side::kInitiator;
  bool may_flip_ = false;
  tracker::Timestamp now_;
  tracker::BlockPool blocks_{64};
  tracker::RarePool rares_{1};
  tracker::RarePool::Index rare_index_ = tracker::RarePool::kNone;
  tracker::RareLoan rare_{rares_, rare_index_};
};

}  // namespace tests
