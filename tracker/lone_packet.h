// SPDX-License-Identifier: Apache-2.0
// A flow of one packet, as scans and floods leave millions of: all that is
// counted of most such packets fits into a word, so that the flow needs no more
// memory until a second one comes.
#pragma once

#include <cstdint>

#include "tracker/flow.h"
#include "tracker/packet.h"
#include "tracker/tcp_connection.h"
#include "tracker/time.h"

namespace tracker {

// The first packet of a flow, from its initiator, when the head of the flow
// tells the rest: its time is when the flow was last seen.
class LonePacket {
 public:
  LonePacket() = default;
  // Of one that CanBe(). `tcp` is that of another protocol, too: without flags.
  LonePacket(const TcpSegment& tcp, std::uint32_t octets, std::uint8_t ttl,
             std::uint8_t class_of_service)
      : sequence_(tcp.sequence),
        octets_(octets & kMostOctets),
        ecn_setup_((tcp.flags & kEce) != 0 ? 1 : 0),
        ttl_(ttl),
        class_of_service_(class_of_service) {}
  explicit LonePacket(const Packet& packet)
      : LonePacket(packet.tcp, packet.octets, packet.ttl,
                   packet.class_of_service) {}

  // Whether nothing of the packet would be lost. Of TCP, it is the usual SYN,
  // with or without an offer of ECN.
  static bool CanBe(const Packet& packet) {
    return CanBe(packet.protocol, packet.octets, packet.tcp) &&
           !packet.fragment && packet.inner_vlan_id == 0 &&
           packet.segment_id == 0;
  }
  // The same of one that is no fragment, has one tag at most, and was in no
  // tunnel.
  static bool CanBe(std::uint8_t protocol, std::uint32_t octets,
                    const TcpSegment& tcp) {
    return octets <= kMostOctets &&
           (protocol != kTcp ||
            (tcp.complete && tcp.OnlyOpens() &&
             (tcp.flags == kSyn || tcp.flags == kEcnSetup)));
  }

  // The letter that it has in the history of the flow; 0: none.
  static char LetterOf(std::uint64_t protocol) {
    return protocol == kTcp ? 's' : protocol == kUdp ? 'd' : '\0';
  }

  // In the flow that has this head. `initiator` was never counted in.
  void CountIn(SideStats& initiator, const FlowHead& head) const {
    const std::uint8_t syn = ecn_setup_ != 0 ? kEcnSetup : std::uint8_t{kSyn};
    initiator.CountFirst(
        head.idle_since,
        {.octets = static_cast<std::uint32_t>(octets_),
         .class_of_service = static_cast<std::uint8_t>(class_of_service_),
         .ttl = static_cast<std::uint8_t>(ttl_),
         .tcp_flags = head.IsTcp() ? syn : std::uint8_t{0}});
  }
  // Likewise, and it is of TCP.
  void OpenIn(TcpConnection& connection, const FlowHead& head) const {
    connection.Open(sequence_, head.idle_since);
  }

 private:
  static constexpr std::uint32_t kMostOctets = (1 << 15) - 1;
  static constexpr std::uint8_t kEcnSetup = kSyn | kEce | kCwr;

  std::uint64_t sequence_ : 32 = 0;
  std::uint64_t octets_ : 15 = 0;
  std::uint64_t ecn_setup_ : 1 = 0;
  std::uint64_t ttl_ : 8 = 0;
  std::uint64_t class_of_service_ : 8 = 0;
};

}  // namespace tracker
