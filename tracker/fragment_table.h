// SPDX-License-Identifier: Apache-2.0
// Which flow the later fragments of a datagram belong to: only the first has
// ports.
//
// Nothing is reassembled. A fragment whose first was seen is told the ports and
// counts at once; one that comes earlier is held until the first arrives, for
// kPatience at most. What then still has no first is an orphan, which counts on
// ports 0. The table has a fixed size: a flood pushes out the oldest datagrams,
// overlaps cost nothing.
//
// Datagrams are forgotten in the order in which they began, never when they are
// complete: a mirror may deliver fragments twice.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <vector>

#include "tracker/flow_index.h"
#include "tracker/flow_key.h"
#include "tracker/packet.h"
#include "tracker/time.h"

namespace tracker {

// Why a fragment was counted without its ports.
enum class Orphan : std::uint8_t {
  kNoFirst,    // the first fragment did not come in time
  kTableFull,  // too many datagrams, or held fragments, at once
  kShutdown,   // the tracker was finished first
};
inline constexpr std::size_t kOrphans = 3;

// "no_first_fragment", ...: a name never changes.
std::string_view Name(Orphan orphan);

struct FragmentCounts {
  std::uint64_t held = 0;                         // now
  std::array<std::uint64_t, kOrphans> orphans{};  // by Orphan
};

class FragmentTable {
 public:
  static constexpr std::size_t kDatagrams = 4096;
  static constexpr std::size_t kHeldPackets = 4096;
  static constexpr Duration kPatience = std::chrono::seconds{30};

  // `packet` is a fragment. True: it can be counted; a later fragment now has
  // ports, protocol and ICMP type of its first, and a TCP sequence number.
  // False: it is held. Either way other fragments may have become ready.
  // `scope` keeps apart what may have the same addresses and identification.
  bool Add(Packet& packet, std::uint64_t scope = 0);

  // Time has come to `clock`, which never runs backwards.
  void Expire(Timestamp clock);
  // All that is held becomes ready, as orphans.
  void ReleaseAll();
  // The next fragment that was held and can be counted now. To be called until
  // it answers false, after each burst of Add() and after the two above.
  bool TakeReady(Packet& packet);

  [[nodiscard]] const FragmentCounts& Counts() const { return counts_; }

 private:
  struct Key {
    IpAddress source;
    IpAddress destination;
    std::uint32_t id = 0;
    std::uint16_t protocol = 0;  // IPv4 only (RFC 791); RFC 8200 has none
    std::uint16_t ip_version = 0;
    std::uint64_t scope = 0;

    bool operator==(const Key&) const = default;
  };
  // A list of held packets, oldest first.
  struct List {
    std::uint32_t first = kNoSlot;
    std::uint32_t last = kNoSlot;
  };
  struct Datagram {
    Key key;
    std::uint64_t hash = 0;
    Timestamp since;
    List held;
    bool live = false;
    // Of the first fragment.
    bool has_first = false;
    std::uint8_t protocol = 0;
    std::uint8_t icmp_type = 0;
    std::uint8_t icmp_code = 0;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    TcpSegment tcp;  // sequence: of offset 0, as if the header were data
  };
  struct Held {
    Packet packet;
    std::uint32_t next = kNoSlot;
  };

  static Key KeyOf(const Packet& packet, std::uint64_t scope);
  void Allocate();
  [[nodiscard]] SlotIndex Find(const Key& key, std::uint64_t hash) const;
  SlotIndex Open(const Key& key, std::uint64_t hash, Timestamp time);
  void Forget(Datagram& datagram);
  void ForgetOldest(Orphan why);
  void LearnFirst(Datagram& datagram, const Packet& packet);
  static void Join(const Datagram& datagram, Packet& packet);
  bool Hold(Datagram& datagram, const Packet& packet);
  void Append(List& list, std::uint32_t place);
  std::uint32_t TakeFirst(List& list);

  KeyHasher hasher_;
  FlowIndex index_{0};
  std::vector<Datagram> datagrams_;  // a ring; empty until it is needed
  std::size_t oldest_ = 0;
  std::size_t used_ = 0;  // places of the ring, dead ones included
  std::vector<Held> places_;
  List free_;
  List ready_;
  Timestamp clock_;
  bool clock_set_ = false;
  FragmentCounts counts_;
};

}  // namespace tracker
