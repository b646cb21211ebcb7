// SPDX-License-Identifier: Apache-2.0
#include "tracker/duplicate_filter.h"

#include <algorithm>
#include <array>

namespace tracker {
namespace {

using std::chrono::milliseconds;

// Octets that are compared. All headers, and in them a checksum of the rest.
constexpr std::size_t kCompared = 128;

// The two copies of a packet that was cut by the snap length end at different
// places, by the length of a tag or two: so fewer octets of both, in steps that
// fit the snap lengths 68, 96, 128 and 256. Ports are in the fewest.
std::size_t ComparedOctets(std::size_t captured, std::size_t packet_octets) {
  const std::size_t wanted = std::min(packet_octets, kCompared);
  if (captured >= wanted) {
    return wanted;
  }
  constexpr std::array<std::size_t, 3> kSteps = {96, 64, 46};
  for (const std::size_t step : kSteps) {
    if (captured >= step) {
      return step;
    }
  }
  return captured;
}

// Nanoseconds between two times, however far they are.
std::uint64_t Apart(Timestamp a, Timestamp b) {
  const auto [first, second] = std::minmax(a, b);
  return static_cast<std::uint64_t>(second.time_since_epoch().count()) -
         static_cast<std::uint64_t>(first.time_since_epoch().count());
}

}  // namespace

std::uint64_t DuplicateFilter::Fingerprint(const Frame& frame,
                                           const Packet& packet) const {
  const auto captured = frame.captured.subspan(packet.network_offset);
  std::array<std::uint8_t, kCompared> octets{};
  std::copy_n(captured.begin(), ComparedOctets(captured.size(), packet.octets),
              octets.begin());
  return hasher_(octets);
}

std::uint64_t DuplicateFilter::WayOf(const Packet& packet) const {
  struct Way {
    MacAddress source;
    MacAddress destination;
    std::uint32_t interface;
    std::uint32_t network_offset;
    std::uint16_t vlan_id;
    std::uint16_t inner_vlan_id;
  };
  return hasher_(Way{packet.source_mac, packet.destination_mac,
                     packet.interface, packet.network_offset, packet.vlan_id,
                     packet.inner_vlan_id});
}

bool DuplicateFilter::IsDuplicate(const Frame& frame, const Packet& packet) {
  const std::uint64_t fingerprint = Fingerprint(frame, packet);
  const std::uint64_t way = WayOf(packet);
  const bool identified = packet.ip_version == 4 && packet.fragment_id != 0;
  Set& set = sets_[fingerprint % kSets];
  Seen* oldest = &set.seen[0];
  for (Seen& seen : set.seen) {
    if (seen.used && seen.fingerprint == fingerprint) {
      const Duration window = identified        ? milliseconds{50}
                              : seen.way != way ? milliseconds{20}
                                                : milliseconds{1};
      // Two queues of a mirror may deliver out of order.
      if (Apart(packet.time, seen.time) <=
          static_cast<std::uint64_t>(window.count())) {
        return true;
      }
      oldest = &seen;
      break;
    }
    if (oldest->used && (!seen.used || seen.time < oldest->time)) {
      oldest = &seen;
    }
  }
  *oldest = {fingerprint, packet.time, way, true};
  return false;
}

}  // namespace tracker
