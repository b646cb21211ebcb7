// SPDX-License-Identifier: Apache-2.0
// Bursts of frames of TCP connections that have a number instead of a story.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <vector>

#include "tests/support/packet_builder.h"
#include "tracker/frame.h"

namespace bench {

// Each Add() costs a copy of one small frame: about what reading it would.
class Burst {
 public:
  static constexpr std::size_t kFrames = 64;

  void Clear() { frames_.clear(); }
  void Syn(std::size_t flow) { Add(syn_, flow, kFromClient); }
  void SynAck(std::size_t flow) { Add(syn_ack_, flow, kFromServer); }
  // Completes the handshake; repeated, it brings nothing new.
  void Ack(std::size_t flow) { Add(ack_, flow, kFromClient); }
  [[nodiscard]] std::span<const tracker::Frame> Frames() const {
    return frames_;
  }

 private:
  // Where the client's address and port are in a frame.
  struct Places {
    std::size_t address;
    std::size_t port;
  };
  static constexpr Places kFromClient{26, 34};
  static constexpr Places kFromServer{30, 36};
  static constexpr std::size_t kOctets = 64;

  static tests::Octets Segment(bool from_client, int flags, std::uint32_t seq,
                               std::uint32_t ack) {
    const char* const client = "10.0.0.0";
    const char* const server = "192.0.2.1";
    return tests::Eth()
        .Ipv4(from_client ? client : server, from_client ? server : client)
        .Tcp(from_client ? 0 : 443, from_client ? 443 : 0)
        .Flags(flags)
        .Seq(seq)
        .Ack(ack)
        .Window(1000)
        .Build();
  }

  void Add(const tests::Octets& segment, std::size_t flow, Places places) {
    constexpr std::size_t kPorts = 50'000;
    std::uint8_t* const octets = octets_[frames_.size()].data();
    std::memcpy(octets, segment.data(), segment.size());
    const std::size_t host = flow / kPorts;
    const std::size_t port = 1024 + flow % kPorts;
    octets[places.address + 2] = static_cast<std::uint8_t>(host >> 8);
    octets[places.address + 3] = static_cast<std::uint8_t>(host);
    octets[places.port] = static_cast<std::uint8_t>(port >> 8);
    octets[places.port + 1] = static_cast<std::uint8_t>(port);
    frames_.push_back(
        {.time = tracker::Timestamp{std::chrono::seconds{1'700'000'000}},
         .captured = {octets, segment.size()},
         .wire_length = static_cast<std::uint32_t>(segment.size()),
         .interface = 1});
  }

  tests::Octets syn_ = Segment(true, tracker::kSyn, 1000, 0);
  tests::Octets syn_ack_ =
      Segment(false, tracker::kSyn | tracker::kAck, 5000, 1001);
  tests::Octets ack_ = Segment(true, tracker::kAck, 1001, 5001);
  std::array<std::array<std::uint8_t, kOctets>, kFrames> octets_{};
  std::vector<tracker::Frame> frames_;
};

}  // namespace bench
