// SPDX-License-Identifier: Apache-2.0
// Whole conversations for tests: each call adds the packets of one act, and a
// clock moves with them.
//
//   Conversation web({.client = "192.0.2.1", .server = "198.51.100.1"}, start);
//   web.Handshake().Request(100).Response(2000).Close();
//   for (const CapturedFrame& frame : web.Frames()) { ... }
#pragma once

#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "tests/support/packet_builder.h"
#include "tracker/flow_key.h"
#include "tracker/time.h"

namespace tests {

// An address with a colon is IPv6.
struct Endpoints {
  std::string client = "192.0.2.1";
  std::string server = "198.51.100.1";
  std::uint16_t client_port = 40000;
  std::uint16_t server_port = 443;
  std::uint16_t vlan = 0;  // 0: untagged
};

class Conversation {
 public:
  Conversation(Endpoints endpoints, tracker::Timestamp start,
               tracker::Duration step = std::chrono::milliseconds{10})
      : endpoints_(std::move(endpoints)), clock_(start), step_(step) {}

  // TCP. Sequence numbers follow what was sent.
  Conversation& Syn();
  Conversation& SynAck();
  Conversation& Acknowledge(tracker::Side side);
  Conversation& Handshake();  // SYN, SYN-ACK, ACK
  // Payload of `octets` in segments of at most 1400, and an ACK.
  Conversation& Data(tracker::Side side, std::size_t octets);
  Conversation& Data(tracker::Side side, std::string_view payload);
  Conversation& Request(std::size_t octets) {
    return Data(tracker::Side::kInitiator, octets);
  }
  Conversation& Response(std::size_t octets) {
    return Data(tracker::Side::kResponder, octets);
  }
  Conversation& Fin(tracker::Side side);
  Conversation& Close();  // FIN of the client, FIN of the server, last ACK
  Conversation& Reset(tracker::Side side);

  // Other protocols: one packet.
  Conversation& Datagram(tracker::Side side, std::string_view payload);
  Conversation& Echo(tracker::Side side, std::uint16_t sequence,
                     std::size_t octets);

  // The next packet comes this much later.
  Conversation& Wait(tracker::Duration pause) {
    clock_ += pause;
    return *this;
  }
  [[nodiscard]] tracker::Timestamp Clock() const { return clock_; }
  [[nodiscard]] const std::vector<CapturedFrame>& Frames() const {
    return frames_;
  }

 private:
  [[nodiscard]] PacketBuilder Ip(tracker::Side from) const;
  [[nodiscard]] PacketBuilder Segment(tracker::Side from, int flags) const;
  void Send(const PacketBuilder& packet);

  Endpoints endpoints_;
  tracker::Timestamp clock_;
  tracker::Duration step_;
  // By Side: the sequence number of its next octet.
  std::array<std::uint32_t, 2> next_ = {1000, 5000};
  std::vector<CapturedFrame> frames_;
};

// The frames of several conversations in the order of their times.
std::vector<CapturedFrame> Merge(
    const std::vector<Conversation>& conversations);

}  // namespace tests
