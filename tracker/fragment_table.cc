// SPDX-License-Identifier: Apache-2.0
#include "tracker/fragment_table.h"

#include <algorithm>

namespace tracker {
namespace {

// Ready packets keep their places until they are taken, at most a burst later.
constexpr std::size_t kPlaces = FragmentTable::kHeldPackets + 64;

}  // namespace

std::string_view Name(Orphan orphan) {
  constexpr std::array<std::string_view, kOrphans> kNames = {
      "no_first_fragment", "fragment_table_full", "shutdown"};
  return kNames[static_cast<std::size_t>(orphan)];
}

FragmentTable::Key FragmentTable::KeyOf(const Packet& packet,
                                        std::uint64_t scope) {
  Key key{packet.source,      packet.destination,
          packet.fragment_id, 0,
          packet.ip_version,  scope};
  if (packet.ip_version == 4) {
    key.protocol = packet.fragment_protocol;
  }
  return key;
}

void FragmentTable::Allocate() {
  index_.Reserve(kDatagrams);
  datagrams_.resize(kDatagrams);
  places_.resize(kPlaces);
  for (std::uint32_t place = 0; place < kPlaces; ++place) {
    Append(free_, place);
  }
}

void FragmentTable::Append(List& list, std::uint32_t place) {
  places_[place].next = kNoSlot;
  (list.first == kNoSlot ? list.first : places_[list.last].next) = place;
  list.last = place;
}

std::uint32_t FragmentTable::TakeFirst(List& list) {
  const std::uint32_t place = list.first;
  list.first = places_[place].next;
  return place;
}

SlotIndex FragmentTable::Find(const Key& key, std::uint64_t hash) const {
  return index_.Find(
      hash, [&](SlotIndex slot) { return datagrams_[slot].key == key; });
}

SlotIndex FragmentTable::Open(const Key& key, std::uint64_t hash,
                              Timestamp time) {
  if (used_ == kDatagrams) {
    ForgetOldest(Orphan::kTableFull);
  }
  const auto slot = static_cast<SlotIndex>((oldest_ + used_) % kDatagrams);
  ++used_;
  Datagram& datagram = datagrams_[slot];
  datagram = Datagram{};
  datagram.key = key;
  datagram.hash = hash;
  datagram.since = clock_set_ ? clock_ : time;
  datagram.live = true;
  index_.Insert(hash, slot);
  return slot;
}

// Its place in the ring stays used until it is the oldest.
void FragmentTable::Forget(Datagram& datagram) {
  if (datagram.live) {
    index_.Erase(datagram.hash,
                 static_cast<SlotIndex>(&datagram - datagrams_.data()));
    datagram.live = false;
  }
}

void FragmentTable::ForgetOldest(Orphan why) {
  Datagram& datagram = datagrams_[oldest_];
  Forget(datagram);
  while (datagram.held.first != kNoSlot) {
    Append(ready_, TakeFirst(datagram.held));
    --counts_.held;
    ++counts_.orphans[static_cast<std::size_t>(why)];
  }
  oldest_ = (oldest_ + 1) % kDatagrams;
  --used_;
}

void FragmentTable::LearnFirst(Datagram& datagram, const Packet& packet) {
  datagram.has_first = true;
  datagram.protocol = packet.protocol;
  datagram.icmp_type = packet.icmp_type;
  datagram.icmp_code = packet.icmp_code;
  datagram.source_port = packet.source_port;
  datagram.destination_port = packet.destination_port;
  datagram.tcp = packet.tcp;
  datagram.tcp.sequence +=
      ((packet.tcp.flags & kSyn) != 0 ? 1 : 0) -
      (packet.network_payload_octets - packet.tcp.payload_octets) -
      packet.fragment_extension_octets;
  datagram.tcp.complete = packet.tcp.complete && (packet.tcp.flags & kRst) == 0;
  while (datagram.held.first != kNoSlot) {
    const std::uint32_t place = TakeFirst(datagram.held);
    Join(datagram, places_[place].packet);
    Append(ready_, place);
    --counts_.held;
  }
}

void FragmentTable::Join(const Datagram& datagram, Packet& packet) {
  packet.later_fragment = false;  // it has all that its first has
  packet.protocol = datagram.protocol;
  packet.icmp_type = datagram.icmp_type;
  packet.icmp_code = datagram.icmp_code;
  packet.source_port = datagram.source_port;
  packet.destination_port = datagram.destination_port;
  if (datagram.tcp.complete) {
    // More of the same segment: its flags were counted with the first.
    constexpr std::uint8_t kOnce = kSyn | kFin | kRst;
    packet.tcp = datagram.tcp;
    packet.tcp.sequence += packet.fragment_offset;
    packet.tcp.payload_octets = packet.network_payload_octets;
    packet.tcp.continuation = true;
    packet.tcp.flags &= static_cast<std::uint8_t>(~kOnce);
    packet.tcp.window = std::max<std::uint16_t>(packet.tcp.window, 1);
  }
}

bool FragmentTable::Hold(Datagram& datagram, const Packet& packet) {
  if (free_.first == kNoSlot) {
    return false;
  }
  const std::uint32_t place = TakeFirst(free_);
  places_[place].packet = packet;
  places_[place].packet.payload_captured = 0;  // its frame will be gone
  Append(datagram.held, place);
  ++counts_.held;
  return true;
}

bool FragmentTable::Add(Packet& packet, std::uint64_t scope) {
  if (datagrams_.empty()) {
    Allocate();
  }
  const Key key = KeyOf(packet, scope);
  const std::uint64_t hash = hasher_(key);
  SlotIndex slot = Find(key, hash);
  if (!packet.later_fragment) {
    // The same number again may be a new datagram: its patience begins anew.
    if (slot != kNoSlot && datagrams_[slot].has_first) {
      Forget(datagrams_[slot]);
      slot = kNoSlot;
    }
    slot = slot == kNoSlot ? Open(key, hash, packet.time) : slot;
    LearnFirst(datagrams_[slot], packet);
    return true;
  }
  if (slot != kNoSlot && datagrams_[slot].has_first) {
    Join(datagrams_[slot], packet);
    return true;
  }
  while (counts_.held == kHeldPackets) {
    ForgetOldest(Orphan::kTableFull);
  }
  slot = Find(key, hash);
  slot = slot == kNoSlot ? Open(key, hash, packet.time) : slot;
  if (Hold(datagrams_[slot], packet)) {
    return false;
  }
  ++counts_.orphans[static_cast<std::size_t>(Orphan::kTableFull)];
  return true;
}

void FragmentTable::Expire(Timestamp clock) {
  if (!clock_set_ || clock < clock_) {
    // They had the times of their packets, which may be anything, or those of a
    // clock that was wrong once.
    for (Datagram& datagram : datagrams_) {
      datagram.since = std::min(datagram.since, clock);
    }
  }
  clock_ = clock;
  clock_set_ = true;
  while (used_ > 0 && clock_ - datagrams_[oldest_].since >= kPatience) {
    ForgetOldest(Orphan::kNoFirst);
  }
}

void FragmentTable::ReleaseAll() {
  while (used_ > 0) {
    ForgetOldest(Orphan::kShutdown);
  }
}

bool FragmentTable::TakeReady(Packet& packet) {
  if (ready_.first == kNoSlot) {
    return false;
  }
  const std::uint32_t place = TakeFirst(ready_);
  packet = places_[place].packet;
  Append(free_, place);
  return true;
}

}  // namespace tracker
