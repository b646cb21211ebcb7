// SPDX-License-Identifier: Apache-2.0
#include "tests/support/conversation.h"

#include <algorithm>

namespace tests {
namespace {

using tracker::kAck;
using tracker::kFin;
using tracker::kPsh;
using tracker::kRst;
using tracker::kSyn;
using tracker::Side;

constexpr std::size_t kSegment = 1400;
constexpr tracker::MacAddress kClientMac = {2, 0, 0, 0, 0, 0x0c};
constexpr tracker::MacAddress kServerMac = {2, 0, 0, 0, 0, 0x0e};

std::size_t Index(Side side) { return static_cast<std::size_t>(side); }

}  // namespace

PacketBuilder Conversation::Ip(Side from) const {
  const bool client = from == Side::kInitiator;
  PacketBuilder packet = Eth();
  packet.Macs(client ? kClientMac : kServerMac,
              client ? kServerMac : kClientMac);
  if (endpoints_.vlan != 0) {
    packet.Vlan(endpoints_.vlan);
  }
  const std::string& source = client ? endpoints_.client : endpoints_.server;
  const std::string& target = client ? endpoints_.server : endpoints_.client;
  if (source.find(':') == std::string::npos) {
    packet.Ipv4(source, target);
  } else {
    packet.Ipv6(source, target);
  }
  return packet.PadTo(60);
}

PacketBuilder Conversation::Segment(Side from, int flags) const {
  const bool client = from == Side::kInitiator;
  return Ip(from)
      .Tcp(client ? endpoints_.client_port : endpoints_.server_port,
           client ? endpoints_.server_port : endpoints_.client_port)
      .Flags(flags)
      .Seq(next_[Index(from)])
      .Ack((flags & kAck) != 0 ? next_[Index(Other(from))] : 0);
}

void Conversation::Send(const PacketBuilder& packet) {
  frames_.push_back(packet.At(clock_));
  clock_ += step_;
}

Conversation& Conversation::Syn() {
  Send(Segment(Side::kInitiator, kSyn));
  ++next_[Index(Side::kInitiator)];
  return *this;
}

Conversation& Conversation::SynAck() {
  Send(Segment(Side::kResponder, kSyn | kAck));
  ++next_[Index(Side::kResponder)];
  return *this;
}

Conversation& Conversation::Acknowledge(Side side) {
  Send(Segment(side, kAck));
  return *this;
}

Conversation& Conversation::Handshake() {
  return Syn().SynAck().Acknowledge(Side::kInitiator);
}

Conversation& Conversation::Data(Side side, std::size_t octets) {
  return Data(side, std::string(octets, 'x'));
}

Conversation& Conversation::Data(Side side, std::string_view payload) {
  while (!payload.empty()) {
    const std::string_view part = payload.substr(0, kSegment);
    payload.remove_prefix(part.size());
    const int push = payload.empty() ? kPsh : 0;
    Send(Segment(side, kAck | push).Payload(part));
    next_[Index(side)] += static_cast<std::uint32_t>(part.size());
  }
  return Acknowledge(Other(side));
}

Conversation& Conversation::Fin(Side side) {
  Send(Segment(side, kFin | kAck));
  ++next_[Index(side)];
  return *this;
}

Conversation& Conversation::Close() {
  return Fin(Side::kInitiator)
      .Fin(Side::kResponder)
      .Acknowledge(Side::kInitiator);
}

Conversation& Conversation::Reset(Side side) {
  Send(Segment(side, kRst | kAck));
  return *this;
}

Conversation& Conversation::Datagram(Side side, std::string_view payload) {
  const bool client = side == Side::kInitiator;
  Send(Ip(side)
           .Udp(client ? endpoints_.client_port : endpoints_.server_port,
                client ? endpoints_.server_port : endpoints_.client_port)
           .Payload(payload));
  return *this;
}

Conversation& Conversation::Echo(Side side, std::uint16_t sequence,
                                 std::size_t octets) {
  constexpr std::uint8_t kRequest = 8;
  constexpr std::uint8_t kReply = 0;
  Send(Ip(side)
           .Icmp(side == Side::kInitiator ? kRequest : kReply, 0)
           .EchoId(1, sequence)
           .Payload(octets));
  return *this;
}

std::vector<CapturedFrame> Merge(
    const std::vector<Conversation>& conversations) {
  std::vector<CapturedFrame> all;
  for (const Conversation& conversation : conversations) {
    all.insert(all.end(), conversation.Frames().begin(),
               conversation.Frames().end());
  }
  std::stable_sort(all.begin(), all.end(),
                   [](const CapturedFrame& a, const CapturedFrame& b) {
                     return a.time < b.time;
                   });
  return all;
}

}  // namespace tests
