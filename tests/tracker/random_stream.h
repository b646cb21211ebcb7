// SPDX-License-Identifier: Apache-2.0
// Random traffic from a seed: the same seed gives the same packets everywhere.
//
//   const RandomStream stream(7, {.flows = 200});
//   for (const SentPacket& packet : stream.Packets()) {
//     frames.push_back(Render(packet, View::kAsSent));
//   }
#pragma once

#include <array>
#include <cstdint>
#include <random>
#include <string>
#include <vector>

#include "tests/support/packet_builder.h"
#include "tracker/packet.h"

namespace tests {

class Random {
 public:
  explicit Random(std::uint64_t seed) : engine_(seed) {}
  // 0 to `count` - 1.
  std::uint32_t Below(std::uint32_t count) {
    return static_cast<std::uint32_t>(engine_() % count);
  }
  std::uint32_t Between(std::uint32_t least, std::uint32_t most) {
    return least + Below(most - least + 1);
  }
  bool Percent(std::uint32_t chance) { return Below(100) < chance; }
  std::uint32_t Word() { return static_cast<std::uint32_t>(engine_()); }
  template <typename T>
  const T& Of(const std::vector<T>& choices) {
    return choices[Below(static_cast<std::uint32_t>(choices.size()))];
  }

 private:
  std::mt19937_64 engine_;
};

// Two hosts, by their numbers; no two flows have the same pair.
struct HostPair {
  std::uint32_t client = 0;
  std::uint32_t server = 0;
  bool v6 = false;
};

std::string AddressText(std::uint32_t host, bool v6);
tracker::IpAddress AddressOf(std::uint32_t host, bool v6);

// A packet before it has octets, so that it can be sent the other way round.
struct SentPacket {
  tracker::Timestamp time;
  HostPair hosts;
  bool from_client = true;
  std::uint8_t protocol = tracker::kTcp;
  std::uint8_t ttl = 64;
  std::uint8_t class_of_service = 0;
  std::uint16_t vlan = 0;
  std::uint16_t client_port = 0;
  std::uint16_t server_port = 0;
  std::uint8_t icmp_type = 0;
  std::uint8_t icmp_code = 0;
  // TCP.
  std::uint8_t flags = 0;
  std::uint16_t window = 1000;
  std::uint32_t seq = 0;
  std::uint32_t ack = 0;
  std::uint32_t payload = 0;
  // Of a datagram in pieces.
  bool fragment = false;
  bool more = false;
  std::uint16_t offset = 0;
  std::uint32_t datagram = 0;
};

enum class View {
  kAsSent,
  kHostsSwapped,  // each host has the other's address and plays its own role
  kMirrored,      // every packet goes from its receiver to its sender
};
CapturedFrame Render(const SentPacket& packet, View view = View::kAsSent);
// By the sizes of the headers.
std::uint64_t IpOctets(const SentPacket& packet);

class RandomStream {
 public:
  struct Options {
    int flows = 100;
    // A few times that are absurd, or run backwards.
    bool wild_times = false;
    bool fragments = true;
    // Datagrams whose first fragment is lost.
    bool orphans = true;
    // Some servers at the ports that servers have.
    bool well_known_ports = false;
    // Only TCP connections with a complete handshake, one for each key, with no
    // RST but as the last packet.
    bool only_whole_connections = false;
  };

  RandomStream(std::uint64_t seed, Options options);
  [[nodiscard]] const std::vector<SentPacket>& Packets() const {
    return packets_;
  }

 private:
  using Flow = std::vector<SentPacket>;
  // What the client and the server send next.
  using Sequences = std::array<std::uint32_t, 2>;

  SentPacket NewFlow(std::uint8_t protocol);
  void Pause(tracker::Duration least, tracker::Duration most);
  void Send(SentPacket packet, Flow& flow);
  void Segment(SentPacket packet, int flags, Sequences& next, Flow& flow);
  void AddTcp();
  void AddConnection(SentPacket packet, Flow& flow);
  void AddHandshake(SentPacket packet, Sequences& next, Flow& flow);
  void AddExchange(SentPacket packet, Sequences& next, Flow& flow);
  void AddClose(SentPacket packet, Sequences& next, Flow& flow);
  void AddUdp();
  void AddIcmp();
  void AddOtherProtocol();
  void AddDatagrams();
  void AddPieces(SentPacket packet, Flow& flow);
  // What happens between the wire and the capture, from a packet on.
  void Disturb(Flow& flow, std::size_t from);
  void SpoilTimes();

  Random random_;
  Options options_;
  tracker::Timestamp now_;  // in the flow that is being made
  std::uint32_t hosts_ = 0;
  std::uint32_t datagrams_ = 0;
  Flow packets_;
};

}  // namespace tests
