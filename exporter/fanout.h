// SPDX-License-Identifier: Apache-2.0
// Packet sockets that share what one interface delivers (packet(7),
// PACKET_FANOUT).
//
// All packets between two IP addresses go to the same socket, whatever
// protocol, ports or direction they have. The kernel's own flow hash will not
// do: it sends the fragments of a conversation elsewhere than the rest of it,
// looks into GRE and IP in IP, whose outer packets then no longer are one flow,
// takes the two directions of a VXLAN apart, which have other ports, and all
// of MPLS together. So the group runs a program of ours (BPF), which skips
// VLAN tags, MPLS labels, pseudowires and PPPoE, and hashes the outermost
// addresses. What is not IP goes to the first socket.
#pragma once

#include <cstdint>
#include <system_error>

namespace exporter {

// Odd and unknown outside, so that traffic cannot be made to meet in one place.
struct FanoutSeeds {
  std::uint32_t first = 1;
  std::uint32_t second = 1;
};
FanoutSeeds RandomFanoutSeeds();

// With the seeds and in the number of a group before, its sockets get what
// those got.
class FanoutGroup {
 public:
  explicit FanoutGroup(const FanoutSeeds& seeds) : seeds_(seeds) {}

  // `socket` is a packet socket bound to the interface of those before it. From
  // here on it gets its share only, and leaves the group when it is closed.
  std::error_code Join(int socket);

 private:
  FanoutSeeds seeds_;
  std::uint32_t id_ = 0;  // and its type, as the kernel has it
  bool made_ = false;
};

}  // namespace exporter
