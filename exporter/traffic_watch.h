// SPDX-License-Identifier: Apache-2.0
// What a capture thread can say of the traffic at once, long before the flows
// end: how much it is, and who has the most of it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "exporter/heavy_hitters.h"
#include "tracker/address.h"
#include "tracker/frame.h"
#include "tracker/time.h"

namespace exporter {

struct Host {
  tracker::IpAddress address;
  std::uint8_t ip_version = 0;

  bool operator==(const Host&) const = default;
};

// All that two hosts say by one protocol and service, in both directions.
struct Conversation {
  tracker::IpAddress low;  // the smaller address, whoever began
  tracker::IpAddress high;
  std::uint16_t port = 0;  // the smaller one: mostly the server's; 0: none
  std::uint8_t protocol = 0;
  std::uint8_t ip_version = 0;

  bool operator==(const Conversation&) const = default;
};

struct TrafficReport {
  // On the wire, with the link layer, without its check sequence; since the
  // start.
  std::uint64_t octets_seen = 0;
  // The last minute, in octets of IP: those of a host are what it sent and
  // got. One packet of `interval` was looked at lately.
  std::uint64_t interval = 1;
  std::vector<HeavyHitters<Host>::Entry> hosts;
  std::vector<HeavyHitters<Conversation>::Entry> conversations;
};

// What the threads say together, each list with the largest `most`.
TrafficReport Together(const std::vector<TrafficReport>& threads,
                       std::size_t most);

// Used by one thread. Its memory is fixed, and its work bounded: while there
// are few packets it looks at all, else at about kLooks a second, taken by
// chance, each of which stands for those that were not.
class TrafficWatch {
 public:
  static constexpr std::uint64_t kLooks = 4096;
  static constexpr std::size_t kReported = 64;  // of each kind
  static constexpr tracker::Duration kWindow = std::chrono::seconds{60};

  // `innermost`: the hosts are those inside of tunnels.
  explicit TrafficWatch(bool innermost) : innermost_(innermost) {}

  void Watch(std::span<const tracker::Frame> frames);
  // Time passes without frames.
  void Advance(tracker::Timestamp now);
  [[nodiscard]] TrafficReport Report() const;

 private:
  void Look(const tracker::Frame& frame);
  // A new second has begun, if it has.
  void SetInterval(tracker::Timestamp now);
  // How many frames to the next look, from 1; `interval_` on average.
  std::uint64_t Gap();

  bool innermost_;
  std::uint64_t octets_seen_ = 0;
  std::uint64_t random_ = 0x9e3779b97f4a7c15;  // of xorshift64, never 0
  std::uint64_t interval_ = 1;
  std::uint64_t skip_ = 0;     // frames before the next look,
  std::uint64_t weight_ = 1;   // which stands for so many
  std::int64_t second_ = 0;    // that the counts are of
  std::uint64_t packets_ = 0;  // in this second
  std::uint64_t looks_ = 0;    // likewise, since interval_ grew
  std::int64_t slot_ = 0;      // of time, of HeavyHitters
  HeavyHitters<Host> hosts_;
  HeavyHitters<Conversation> conversations_;
};

}  // namespace exporter
