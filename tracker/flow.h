// SPDX-License-Identifier: Apache-2.0
// What is known of one flow. It is kept for each of millions, so it is packed.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>
#include <utility>

#include "tracker/flow_key.h"
#include "tracker/history.h"
#include "tracker/packet.h"
#include "tracker/rare_stats.h"
#include "tracker/tcp_connection.h"
#include "tracker/time.h"

namespace tracker {

// Why a flow, or one reported interval of it, ended. The values are those of
// the element flowEndCause and never change.
enum class EndReason : std::uint8_t {
  kFin = 1,            // both sides closed
  kRst = 2,            // one side reset
  kIdleTimeout = 3,    // no packet for the idle timeout
  kEvicted = 4,        // pushed out by max_flows
  kActiveTimeout = 5,  // an interval was reported; the flow goes on
  kShutdown = 6,       // Finish()
  kReplaced = 7,       // a SYN began a new connection with the same key
};
inline constexpr std::size_t kEndReasons = 8;  // array size, by value

// "fin", "rst", "idle_timeout", ...; a name never changes.
constexpr std::string_view Name(EndReason reason) {
  constexpr std::array<std::string_view, kEndReasons> kNames = {
      "",         "fin",     "rst", "idle_timeout", "evicted", "active_timeout",
      "shutdown", "replaced"};
  return kNames[static_cast<std::size_t>(reason)];
}

// One direction of the present interval. No counter can overflow: it would take
// a link of 100 Gbit/s two months.
struct SideStats {
  std::uint64_t class_of_service : 8 = 0;  // first packet of the interval
  std::uint64_t octets : 56 = 0;           // of IP, never of the link layer
  std::uint64_t ttl_minimum : 8 = 0;
  std::uint64_t ttl_maximum : 8 = 0;
  // It sent a packet, in this interval or an earlier one; the first in this.
  std::uint64_t seen : 1 = 0;
  std::uint64_t began : 1 = 0;
  std::uint64_t packets : 46 = 0;
  // Earliest and latest time of a packet, as the capture says, in microseconds
  // since 1970; 0 while packets == 0.
  std::uint64_t initial_tcp_flags : 8 = 0;  // of its first packet in the flow
  std::uint64_t first_seen_us : 56 = 0;
  std::uint64_t later_tcp_flags : 8 = 0;  // of the others in the interval
  std::uint64_t last_seen_us : 56 = 0;

  [[nodiscard]] Timestamp FirstSeen() const {
    return Timestamp{std::chrono::microseconds{first_seen_us}};
  }
  [[nodiscard]] Timestamp LastSeen() const {
    return Timestamp{std::chrono::microseconds{last_seen_us}};
  }
  // The union over the interval.
  [[nodiscard]] std::uint8_t TcpFlags() const {
    return static_cast<std::uint8_t>(later_tcp_flags |
                                     (began != 0 ? initial_tcp_flags : 0));
  }
  // One packet more. Answers whether it is the side's first in the flow.
  bool Count(const Packet& packet);
  // What is counted of it.
  struct Counted {
    std::uint32_t octets = 0;
    std::uint8_t class_of_service = 0;
    std::uint8_t ttl = 0;
    std::uint8_t tcp_flags = 0;
  };
  bool Count(Timestamp time, const Counted& packet);
  // The same for the first of the interval, and for another, which is not the
  // side's first.
  bool CountFirst(Timestamp time, const Counted& packet);
  void CountNext(Timestamp time, std::uint32_t ip_octets, std::uint8_t ttl,
                 std::uint8_t tcp_flags);
  // Another interval begins.
  void Restart() {
    const SideStats before = *this;
    *this = {};
    seen = before.seen;
    initial_tcp_flags = before.initial_tcp_flags;
  }

 private:
  // What packets change is loaded and stored by words, one at a time: that is
  // half the work of going by fields, and nothing waits for a part of what it
  // loads to have been stored.
  enum Word : std::size_t { kOctets, kPackets, kFirstSeen, kLastSeen };
  static constexpr std::uint64_t kLowOctet = 0xff;
  static constexpr std::uint64_t kSeen = 1 << 16;
  static constexpr std::uint64_t kBegan = 1 << 17;
  static constexpr std::uint64_t kOnePacket = 1 << 18;

  [[nodiscard]] std::uint64_t Load(Word word) const {
    std::uint64_t value = 0;
    std::memcpy(&value,
                reinterpret_cast<const std::byte*>(this) + word * sizeof(value),
                sizeof(value));
    return value;
  }
  void Store(Word word, std::uint64_t value) {
    std::memcpy(reinterpret_cast<std::byte*>(this) + word * sizeof(value),
                &value, sizeof(value));
  }
};
static_assert(sizeof(SideStats) == 32);

// What every packet looks at.
struct FlowHead {
  // By the tracker's clock: what the idle timeout (or, once closed, the linger)
  // counts from.
  Timestamp idle_since;

  std::uint64_t id : 48 = 0;  // 1, 2, ... in order of creation
  std::uint64_t protocol : 8 = 0;
  Orientation initiator : 1 = Orientation::kFirstToSecond;
  // There is better evidence for the initiator than the order of arrival.
  bool direction_known : 1 = false;
  // Both sides closed or one reset; what comes now are stragglers.
  bool closed : 1 = false;

  History history;
  // ICMP: type << 8 | code of each side's first packet in the flow.
  std::array<std::uint16_t, 2> icmp_type_code{};

  void SetId(std::uint64_t number) {
    id = number & ((std::uint64_t{1} << 48) - 1);
  }
  // By its first packet; the id and the protocol are set already.
  void Begin(Orientation orientation, bool known, Timestamp now) {
    initiator = orientation;
    direction_known = known;
    idle_since = now;
  }
  // Index into the key's address and port for a side.
  [[nodiscard]] std::size_t Endpoint(Side side) const {
    return SenderOf(side == Side::kInitiator ? initiator : Opposite(initiator));
  }
  [[nodiscard]] bool IsTcp() const { return protocol == kTcp; }
  [[nodiscard]] bool IsIcmp() const {
    return protocol == kIcmp || protocol == kIcmpV6;
  }
};

// What a flow has beside its head, from the second packet on at the latest.
struct FlowBody {
  // Index with a Side. Initiator: the sender of the first packet, or who the
  // direction evidence names, if the tracker is configured to use it.
  std::array<SideStats, 2> sides;

  [[nodiscard]] const SideStats& Of(Side side) const {
    return sides[static_cast<std::size_t>(side)];
  }
  [[nodiscard]] std::uint64_t Packets() const {
    return std::uint64_t{sides[0].packets} + sides[1].packets;
  }
  [[nodiscard]] std::uint64_t Octets() const {
    return std::uint64_t{sides[0].octets} + sides[1].octets;
  }
};

// All of it, brought together.
struct FlowStats : FlowHead, FlowBody {
  // By the tracker's clock: what the active timeout counts from.
  Timestamp interval_start;
  MacAddress initiator_mac{};  // as in the first packet; zero without MACs
  MacAddress responder_mac{};
  // Of each side's first packet in the flow; 0: untagged.
  std::array<std::uint16_t, 2> vlan_id{};
  std::uint32_t interface = 0;
  TcpConnection tcp;  // of another protocol, one without segments
};

// A flow as values, of which nothing stays behind in the tracker but its rare
// part.
template <typename Key>
struct FlowValues {
  Key key;
  FlowStats stats;
};

// Microseconds since 1970, as SideStats has them. What was before was then.
inline std::uint64_t Microseconds(Timestamp time) {
  return static_cast<std::uint64_t>(
             std::max<std::int64_t>(time.time_since_epoch().count(), 0)) /
         1000;
}

[[gnu::always_inline]] inline void SideStats::CountNext(
    Timestamp time, std::uint32_t ip_octets, std::uint8_t ttl,
    std::uint8_t tcp_flags) {
  Store(kOctets, Load(kOctets) + (std::uint64_t{ip_octets} << 8));
  std::uint64_t counted = Load(kPackets) + kOnePacket;
  const std::uint64_t lowest = counted & kLowOctet;
  const std::uint64_t highest = counted >> 8 & kLowOctet;
  if (ttl < lowest || ttl > highest) {
    counted &= ~std::uint64_t{0xffff};
    counted |= std::min<std::uint64_t>(lowest, ttl) |
               std::max<std::uint64_t>(highest, ttl) << 8;
  }
  Store(kPackets, counted);
  const std::uint64_t micros = Microseconds(time) << 8;
  if (const std::uint64_t first = Load(kFirstSeen);
      micros < (first & ~kLowOctet)) {
    Store(kFirstSeen, micros | (first & kLowOctet));
  }
  const std::uint64_t last = Load(kLastSeen);
  Store(kLastSeen,
        std::max(micros, last & ~kLowOctet) | (last & kLowOctet) | tcp_flags);
}

[[gnu::always_inline]] inline bool SideStats::CountFirst(
    Timestamp time, const Counted& packet) {
  const bool first = seen == 0;
  const std::uint64_t flags = packet.tcp_flags;
  const std::uint64_t ttl = packet.ttl;
  const std::uint64_t micros = Microseconds(time) << 8;
  Store(kOctets, std::uint64_t{packet.octets} << 8 | packet.class_of_service);
  Store(kPackets,
        kOnePacket | (first ? kSeen | kBegan : kSeen) | ttl << 8 | ttl);
  Store(kFirstSeen, micros | (first ? flags : initial_tcp_flags));
  Store(kLastSeen, micros | (first ? 0 : flags));
  return first;
}

[[gnu::always_inline]] inline bool SideStats::Count(Timestamp time,
                                                    const Counted& packet) {
  if (packets != 0) {
    CountNext(time, packet.octets, packet.ttl, packet.tcp_flags);
    return false;
  }
  return CountFirst(time, packet);
}

inline bool SideStats::Count(const Packet& packet) {
  return Count(packet.time, {.octets = packet.octets,
                             .class_of_service = packet.class_of_service,
                             .ttl = packet.ttl,
                             .tcp_flags = packet.tcp.flags});
}

// How the conversation went, in Zeek's terms: "SF", "S0", "REJ", ... `letters`
// are those of its history.
std::string_view ConnectionState(const FlowStats& stats,
                                 std::string_view letters);

}  // namespace tracker
