// SPDX-License-Identifier: Apache-2.0
// Finds packets that a mirror delivered twice: both ports of a link mirrored, a
// VLAN leg and a bare leg, a bond and its member.
//
// A copy has the same octets from the IP header on, TTL included; the link
// layer may differ. What a sender repeats is no copy: over IPv4 a
// retransmission has another identification, and where there is none, time
// tells.
//
//   IPv4 with an identification    50 ms   nothing but a copy has the same
//   else, by another way           20 ms   other MAC addresses, tags, interface
//   else                            1 ms   no sender repeats itself so soon
//
// A router between the two points of the mirror changes the TTL: that is
// another packet. Compared are 128 octets, which hold the headers and in them a
// checksum of the rest; fewer where both copies are cut by the same snap
// length. Fixed memory: the latest 65 536 packets are remembered.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "tracker/flow_key.h"
#include "tracker/frame.h"
#include "tracker/packet.h"
#include "tracker/time.h"

namespace tracker {

class DuplicateFilter {
 public:
  // `packet` was decoded from `frame`. True: it was seen a moment ago, and is
  // to be left out. Else it is remembered.
  bool IsDuplicate(const Frame& frame, const Packet& packet);

 private:
  static constexpr std::size_t kWays = 4;
  static constexpr std::size_t kSets = 1 << 14;

  struct Seen {
    std::uint64_t fingerprint = 0;
    Timestamp time;
    std::uint64_t way = 0;  // how it came here
    bool used = false;
  };
  struct Set {
    Seen seen[kWays];
  };

  [[nodiscard]] std::uint64_t Fingerprint(const Frame& frame,
                                          const Packet& packet) const;
  [[nodiscard]] std::uint64_t WayOf(const Packet& packet) const;

  KeyHasher hasher_;
  std::unique_ptr<Set[]> sets_ = std::make_unique<Set[]>(kSets);
};

}  // namespace tracker
