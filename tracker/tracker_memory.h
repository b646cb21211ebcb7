// SPDX-License-Identifier: Apache-2.0
// Definitions of tracker.h: slots, rings and the clock.
#pragma once

#include "tracker/tracker.h"

namespace tracker {

template <Extractor E, typename State>
FlowTracker<E, State>::FlowTracker(const TrackerConfig& config, E extractor,
                                   MakeState make_state, KeyHasher hasher)
    : extractor_(std::move(extractor)),
      make_state_(std::move(make_state)),
      hasher_(hasher),
      keys_(0),
      contexts_(0, hasher),
      rares_(0),
      blocks_(kMaxStreamsWithHoles) {
  Adopt(config);
  Grow(config_.max_flows);
}

template <Extractor E, typename State>
FlowTracker<E, State>::~FlowTracker() {
  for (SlotIndex slot = ages_.Front(); slot != kNoSlot;
       slot = ages_.Next(slot)) {
    slab_.Destroy(slot);
  }
}

template <Extractor E, typename State>
void FlowTracker<E, State>::Adopt(const TrackerConfig& config) {
  config_ = config;
  config_.max_flows = std::max<std::size_t>(config_.max_flows, 1);
  shortest_interval_ = config_.active_timeout;
  if (config_.active_timeout == Duration::zero()) {
    shortest_interval_ = Duration::max();
  } else if (config_.active_align) {
    shortest_interval_ = Duration::zero();
  }
}

// Each flow moves to another slot, once all the memory is there.
template <Extractor E, typename State>
void FlowTracker<E, State>::Grow(std::size_t max_flows) {
  Slab<Entry> entries(2 * max_flows);
  ExpiryArray links(2 * max_flows);
  FlowBodies bodies(max_flows);
  if (config_.large_pages) {
    entries.UseLargePages();
    links.UseLargePages();
    bodies.UseLargePages();
  }
  SlotQueue ages(2 * max_flows, max_flows);
  LingerQueue closed(max_flows);
  keys_.Grow(max_flows);
  contexts_.Grow(max_flows);
  rares_.Grow(max_flows);
  tcp_slots_.Reserve(max_flows);
  other_slots_.Reserve(max_flows);
  index_.Reserve(max_flows);

  closed_.Keep(IsStillClosed());
  std::swap(slab_, entries);
  std::swap(bodies_, bodies);
  std::swap(links_, links);
  std::swap(ages_, ages);
  std::swap(closed_, closed);
  FreeSlots(max_flows);
  const std::optional<Suspect> suspect = suspect_;
  for (const SlotIndex before : ages.All()) {
    const bool tcp = entries[before].head.IsTcp();
    const SlotIndex slot = TakeSlot(tcp);
    const Entry& entry = slab_.Construct(slot, std::move(entries[before]));
    entries.Destroy(before);
    if (entry.HasBody()) {
      bodies_.Construct(slot) = bodies[before];
      if (tcp) {
        bodies_.ConnectionOf(slot) = bodies.ConnectionOf(before);
      }
    }
    index_.Insert(HashOf(slot), slot);
    ages_.Append(slot);
    if (suspect && suspect->slot == before) {
      suspect_->slot = slot;
    }
    links[before].ring_next = slot;  // where it went
  }
  for (const LingerQueue::Closed& before : closed.All()) {
    FileAsClosed(links[before.slot].ring_next);
  }
  MakeRings();
}

template <Extractor E, typename State>
void FlowTracker<E, State>::MakeRings() {
  rings_.clear();
  shortest_timeout_ =
      std::min({config_.idle_timeout_tcp, config_.idle_timeout_udp,
                config_.idle_timeout_other});
  for (std::size_t ring = 0; ring < kRings; ++ring) {
    rings_.emplace_back(links_, TimeoutOf(static_cast<Ring>(ring)));
  }
  for (SlotIndex slot = ages_.Front(); slot != kNoSlot;
       slot = ages_.Next(slot)) {
    FileInRing(slot);
  }
}

template <Extractor E, typename State>
Duration FlowTracker<E, State>::TimeoutOf(Ring ring) const {
  switch (ring) {
    case kTcpRing:
      return config_.idle_timeout_tcp;
    case kUdpRing:
      return config_.idle_timeout_udp;
    case kOtherRing:
      return config_.idle_timeout_other;
  }
  return {};
}

template <Extractor E, typename State>
auto FlowTracker<E, State>::RingOf(const FlowHead& head) -> Ring {
  switch (head.protocol) {
    case kTcp:
      return kTcpRing;
    case kUdp:
      return kUdpRing;
    default:
      return kOtherRing;
  }
}

template <Extractor E, typename State>
auto FlowTracker<E, State>::View(SlotIndex slot) const -> Flow {
  const Entry& entry = slab_[slot];
  Flow flow{{}, RareStatsOf(entry), entry.state};
  Describe(slot, flow);
  return flow;
}

template <Extractor E, typename State>
void FlowTracker<E, State>::Describe(SlotIndex slot,
                                     FlowValues<Key>& values) const {
  const Entry& entry = slab_[slot];
  const LinkContext& context = contexts_[entry.context];
  const FlowHead& head = entry.head;
  keys_.Restore(entry.key, values.key);
  FlowStats& stats = values.stats;
  static_cast<FlowHead&>(stats) = head;
  stats.interval_start = entry.IntervalStart();
  stats.initiator_mac = context.Mac(Side::kInitiator);
  stats.responder_mac = context.Mac(Side::kResponder);
  stats.vlan_id = {context.VlanId(Side::kInitiator),
                   context.VlanId(Side::kResponder)};
  stats.interface = context.Interface();
  if (entry.HasBody()) {
    stats.sides = bodies_[slot].sides;
    stats.tcp = head.IsTcp() ? bodies_.ConnectionOf(slot) : TcpConnection{};
  } else {
    stats.sides = {};
    stats.tcp = {};
    entry.lone.CountIn(stats.sides[0], head);
    if (head.IsTcp()) {
      entry.lone.OpenIn(stats.tcp, head);
    }
  }
}

template <Extractor E, typename State>
FlowBody& FlowTracker<E, State>::GiveBody(SlotIndex slot,
                                          Timestamp interval_start) {
  Entry& entry = slab_[slot];
  entry.rare = RarePool::kNone;
  std::construct_at(&entry.interval_start, interval_start);
  return bodies_.Construct(slot);
}

template <Extractor E, typename State>
void FlowTracker<E, State>::Unfold(SlotIndex slot) {
  const FlowHead& head = slab_[slot].head;
  const LonePacket lone = slab_[slot].lone;
  lone.CountIn(GiveBody(slot, head.idle_since).sides[0], head);
  if (head.IsTcp()) {
    lone.OpenIn(bodies_.ConnectionOf(slot), head);
  }
}

template <Extractor E, typename State>
void FlowTracker<E, State>::FileInRing(SlotIndex slot) {
  const FlowHead& head = slab_[slot].head;
  rings_[RingOf(head)].File(slot, head.idle_since);
}

template <Extractor E, typename State>
void FlowTracker<E, State>::FileAsClosed(SlotIndex slot) {
  const FlowHead& head = slab_[slot].head;
  closed_.Add({head.idle_since, slot, LowHalf(head.id)}, IsStillClosed());
}

// A step this large is believed when two packets in a row agree on it. A quiet
// capture loses nothing by that: its flows look at their own packets' times.
template <Extractor E, typename State>
void FlowTracker<E, State>::AdvanceClock(Timestamp time) {
  if (!clock_set_) {
    clock_set_ = true;
    clock_ = time;
    last_sweep_ = time;
    suspect_ = Suspect{time};  // nothing speaks for the first time but itself
    return;
  }
  if (suspect_ && time >= suspect_->time) {
    clock_ = std::max(clock_, suspect_->time);  // confirmed
    suspect_.reset();
  }
  if (time - clock_ > kPlausibleStep) {
    ClearSuspect();
    suspect_ = Suspect{time};
    return;
  }
  const bool only_first_packet = suspect_ && suspect_->time == clock_;
  if (only_first_packet && clock_ - time > kPlausibleStep) {
    clock_ = time;  // the one time that it is set back
    last_sweep_ = time;
  }
  ClearSuspect();
  clock_ = std::max(clock_, time);
}

// The suspect was wrong: its flow was seen now, not then.
template <Extractor E, typename State>
void FlowTracker<E, State>::ClearSuspect() {
  if (!suspect_) {
    return;
  }
  const Suspect suspect = *suspect_;
  suspect_.reset();
  if (suspect.slot == kNoSlot) {
    return;
  }
  Entry& entry = slab_[suspect.slot];
  const bool ahead = entry.head.idle_since > clock_;
  entry.head.idle_since = std::min(entry.head.idle_since, clock_);
  if (entry.interval_start > clock_) {
    entry.interval_start = clock_;
    ages_.Remove(suspect.slot);
    ages_.Append(suspect.slot);
  }
  if (!entry.head.closed) {
    rings_[RingOf(entry.head)].Remove(suspect.slot);
    FileInRing(suspect.slot);
  } else if (ahead) {
    FileAsClosed(suspect.slot);
  }
}

template <Extractor E, typename State>
SlotIndex FlowTracker<E, State>::TakeSlot(bool tcp) {
  FreePlaces& slots = SlotsOf(tcp);
  const bool fresh = slots.OnlyFresh();
  const SlotIndex slot = slots.Take();
  if (fresh) {
    slab_.PopulateAhead(slot);
    links_.PopulateAhead(slot);
  }
  return slot;
}

template <Extractor E, typename State>
SlotIndex FlowTracker<E, State>::Allocate(std::uint64_t hash, const Key& key,
                                          std::uint8_t protocol) {
  const SlotIndex slot = TakeSlot(protocol == kTcp);
  slab_.Construct(slot, keys_.Keep(key), make_state_(key));
  index_.Insert(hash, slot);
  ages_.Append(slot);
  bodies_.CountFlow();
  ++flow_count_;
  ++stats_.flows_created;
  FlowHead& head = slab_[slot].head;
  head.SetId(stats_.flows_created);
  head.protocol = protocol;
  return slot;
}

template <Extractor E, typename State>
void FlowTracker<E, State>::Free(SlotIndex slot) {
  Entry& entry = slab_[slot];
  guesses_hold_ = false;
  if (suspect_ && suspect_->slot == slot) {
    suspect_->slot = kNoSlot;
  }
  if (entry.HasRare()) {
    TcpConnection::ReturnBlocks(blocks_, rares_[entry.rare]);
    rares_.Return(entry.rare);
  }
  rings_[RingOf(entry.head)].Remove(slot);
  ages_.Remove(slot);
  index_.Erase(HashOf(slot), slot);
  keys_.Forget(entry.key);
  contexts_.Drop(entry.context);
  SlotsOf(entry.head.IsTcp()).GiveBack(slot);
  slab_.Destroy(slot);
  --flow_count_;
}

template <Extractor E, typename State>
void FlowTracker<E, State>::FreeAll() {
  if (suspect_) {
    suspect_->slot = kNoSlot;
  }
  ages_.Clear();
  closed_.Clear();
  MakeRings();
  index_.Reserve(Capacity());
  keys_.ForgetAll();
  contexts_.Clear(Capacity());
  rares_.Clear();
  blocks_.Clear();
  FreeSlots(Capacity());
  flow_count_ = 0;
}

template <Extractor E, typename State>
void FlowTracker<E, State>::FreeSlots(std::size_t max_flows) {
  tcp_slots_.Reset(0);
  other_slots_.Reset(static_cast<SlotIndex>(max_flows));
}

}  // namespace tracker
