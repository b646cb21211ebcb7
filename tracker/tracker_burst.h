// SPDX-License-Identifier: Apache-2.0
// Definitions of tracker.h: bursts, and the short way of most packets in them.
#pragma once

#include "tracker/tracker.h"

namespace tracker {

// What is known of a frame before it is its turn.
template <Extractor E, typename State>
template <typename Sink>
void FlowTracker<E, State>::PrepareInBurst(const Frame& frame, Item& item,
                                           bool may_glance) {
  item.glanced = false;
  if constexpr (kGlances<Sink>) {
    item.glanced = may_glance && extractor_.TakeGlance(frame, item.glance);
    if (item.glanced) {
      item.result = DecodeResult::kOk;
      item.hash = item.glance.is_short ? hasher_(item.glance.short_key)
                                       : hasher_(item.glance.long_key);
      return;
    }
  }
  Prepare(frame, item);
}

// The flow, or the place of a new one, on its way. Whether it has a body is
// seen too late to ask.
template <Extractor E, typename State>
void FlowTracker<E, State>::LookUp(Item& item, NewFlows& new_flows) {
  Guess(item);
  if (item.guess != kNoSlot) {
    slab_.Prefetch(item.guess);
    bodies_.PrefetchLine(item.guess, item.body_line);
    return;
  }
  const bool tcp = ProtocolOf(item) == kTcp;
  std::size_t& before = new_flows[tcp ? 0 : 1];
  const std::size_t slot = SlotsOf(tcp).Next(before);
  slab_.Prefetch(slot);
  links_.Prefetch(slot);
  ages_.PrefetchPosition(static_cast<SlotIndex>(slot));
  ++before;
}

// Until when no packet moves more than the clock: none is due for a sweep, and
// none comes so late that its time would be doubted.
template <Extractor E, typename State>
Timestamp FlowTracker<E, State>::QuietUntil() const {
  return suspect_ || sweep_unfinished_
             ? Timestamp::min()
             : last_sweep_ + std::min(config_.sweep_interval, kPlausibleStep);
}

// The packet is counted, if its flow is there and does not end before it.
// False, and nothing done: it takes Advance().
template <Extractor E, typename State>
template <typename Sink>
bool FlowTracker<E, State>::CarryOn(const Frame& frame, Item& item,
                                    Sink& sink) {
  // One of the burst may have begun it.
  if (!guesses_hold_ || item.guess == kNoSlot) {
    Guess(item);
  }
  if (item.guess == kNoSlot) {
    return false;
  }
  const Glance& glance = item.glance;
  Entry& entry = slab_[item.guess];
  FlowHead& head = entry.head;
  if ((glance.is_short ? !keys_.Same(entry.key, glance.short_key)
                       : !keys_.Same(entry.key, glance.long_key)) ||
      frame.time - head.idle_since >= shortest_timeout_) {
    return false;
  }
  if (!entry.HasBody() || head.closed) {
    return CarryOnSlowly(frame, item, sink);
  }
  if (IsOver(entry.interval_start, frame.time)) {
    return false;
  }
  FlowBody& body = bodies_.AtLine(item.body_line);
  const Side side = SideOf(head, glance.orientation);
  SideStats& counts = body.sides[static_cast<std::size_t>(side)];
  if (counts.packets == 0 ||
      (glance.protocol == kTcp
           ? !static_cast<TcpFlowBody&>(body).connection.AddInOrder(
                 side, glance.tcp, head.history)
           : !head.history.Has(side, 'd'))) {
    return CarryOnSlowly(frame, item, sink);
  }
  // Nearly all come here, and no event is due.
  counts.CountNext(frame.time, glance.octets, glance.ttl, glance.tcp.flags);
  clock_ = frame.time;
  head.idle_since = clock_;
  ++stats_.packets_tracked;
  return true;
}

// The same, as Advance() would go on once it has found the flow: for what is
// the first of its side or of its kind, out of order, or moves the connection.
template <Extractor E, typename State>
template <typename Sink>
bool FlowTracker<E, State>::CarryOnSlowly(const Frame& frame, const Item& item,
                                          Sink& sink) {
  const Entry& entry = slab_[item.guess];
  if (IsOver(entry.IntervalStart(), frame.time) ||
      (entry.head.closed &&
       frame.time - entry.head.idle_since >= config_.close_linger)) {
    return false;
  }
  if (!entry.HasBody()) {
    Unfold(item.guess);
  }
  const Glance& glance = item.glance;
  const Whole flow = WholeAt(item.guess);
  FlowHead& head = flow.entry.head;
  Side side = SideOf(head, glance.orientation);
  const bool tcp = glance.protocol == kTcp;
  if (tcp && flow.Connection().IsReplacedBy(side, glance.tcp)) {
    return false;
  }
  clock_ = frame.time;
  ++stats_.packets_tracked;
  if (tcp) {
    side = AdvanceTcp(flow, glance.tcp, clock_, side, sink);
  } else {
    RareLoan rare = RareOf(flow.entry);
    head.history.AddOnce(side, 'd', rare);
  }
  const GlanceRest rest = RestOf(frame);
  SideStats& counts = flow.body.sides[static_cast<std::size_t>(side)];
  if (counts.Count(clock_, {.octets = glance.octets,
                            .class_of_service = rest.class_of_service,
                            .ttl = glance.ttl,
                            .tcp_flags = glance.tcp.flags})) {
    KeepVlan(flow.entry, side, rest.vlan_id);
  }
  if (!head.closed) {
    head.idle_since = clock_;
  }
  CloseIfOver(flow, clock_, sink);
  return true;
}

// A flow of which a LonePacket tells all there is yet begins, if it is new.
// False, and nothing done: it takes Advance(), which would have done the same.
template <Extractor E, typename State>
bool FlowTracker<E, State>::Begin(const Frame& frame, const Item& item) {
  const Glance& glance = item.glance;
  if (item.guess != kNoSlot || flow_count_ >= config_.max_flows ||
      !LonePacket::CanBe(glance.protocol, glance.octets, glance.tcp)) {
    return false;
  }
  Key key;
  glance.CopyKeyTo(key);
  const Direction direction = DirectionOf(OpeningOf(glance, key));
  if (direction.turned) {
    return false;
  }
  const SlotIndex slot = Allocate(item.hash, key, glance.protocol);
  Entry& entry = slab_[slot];
  entry.head.Begin(glance.orientation, direction.known, frame.time);
  const GlanceRest rest = RestOf(frame);
  entry.context = contexts_.Take(LinkContext(frame, rest.vlan_id));
  KeepLone(
      LonePacket(glance.tcp, glance.octets, glance.ttl, rest.class_of_service),
      entry);
  FileInRing(slot);
  clock_ = frame.time;
  ++stats_.packets_tracked;
  return true;
}

// Whether it went to all hosts is not looked at: it only keeps a flow from
// being turned.
template <Extractor E, typename State>
auto FlowTracker<E, State>::OpeningOf(const Glance& glance, const FlowKey& key)
    -> Opening {
  const std::size_t source = SenderOf(glance.orientation);
  return {.protocol = glance.protocol,
          .tcp_flags = glance.tcp.flags,
          .source_port = key.port[source],
          .destination_port = key.port[1 - source]};
}

// Of few flows nothing needs to be fetched: that would be a tenth of the work.
template <Extractor E, typename State>
void FlowTracker<E, State>::GuessAll(std::span<Item> items) {
  for (Item& item : items) {
    if (IsSettled(item)) {
      Guess(item);
    }
  }
}

// All that are settled, and then those whose keys are kept apart.
template <Extractor E, typename State>
void FlowTracker<E, State>::LookUpAll(std::span<Item> items) {
  NewFlows new_flows{};
  std::array<const Item*, kBurst> apart{};
  std::size_t count = 0;
  for (Item& item : items) {
    if (IsSettled(item)) {
      LookUp(item, new_flows);
      // No branch: which version of IP comes next is anybody's guess.
      apart[count] = &item;
      count += static_cast<std::size_t>(KeyIsApart(item)) &
               static_cast<std::size_t>(item.guess != kNoSlot);
    }
  }
  for (const Item* item : std::span(apart).first(count)) {
    keys_.Prefetch(slab_[item->guess].key);
  }
}

template <Extractor E, typename State>
template <typename Sink>
void FlowTracker<E, State>::AdvanceAll(std::span<const Frame> frames,
                                       std::span<Item> items, Sink& sink) {
  Timestamp quiet = QuietUntil();
  for (std::size_t i = 0; i < frames.size(); ++i) {
    Item& item = items[i];
    if constexpr (kGlances<Sink>) {
      // The clock moves by little; see QuietUntil().
      const bool short_way =
          item.glanced && frames[i].time >= clock_ && frames[i].time < quiet;
      if (short_way && (CarryOn(frames[i], item, sink) ||
                        (kKeepsLone<Sink> && Begin(frames[i], item)))) {
        continue;
      }
      if (item.glanced) {
        extractor_.LookAgain(frames[i], item.glance, item.extracted);
      }
    }
    if (item.result == DecodeResult::kOk) {
      Advance(frames[i], item, sink);
      quiet = QuietUntil();
    }
  }
}

// Three passes, so that the cache misses of a burst overlap: the index lines of
// all are fetched when all are decoded (in a row: on its way into the page
// tables, a prefetch holds up what is behind it, but not another one), the
// slots of all while the next is looked up, and the last pass finds both in the
// cache.
template <Extractor E, typename State>
template <typename Sink>
void FlowTracker<E, State>::TrackBurst(std::span<const Frame> frames,
                                       Sink&& sink) {
  using Wants = std::remove_reference_t<Sink>;
  bool may_glance = false;
  if constexpr (kGlances<Wants>) {
    may_glance = extractor_.MayGlance();
  }
  while (!frames.empty()) {
    const auto burst = frames.first(std::min(frames.size(), kBurst));
    frames = frames.subspan(burst.size());
    const std::span<Item> items(burst_->data(), burst.size());
    for (std::size_t i = 0; i < burst.size(); ++i) {
      PrepareInBurst<Wants>(burst[i], items[i], may_glance);
    }
    guesses_hold_ = true;
    if (flow_count_ <= kInCache) {
      GuessAll(items);
    } else {
      for (const Item& item : items) {
        index_.Prefetch(item.hash);
      }
      LookUpAll(items);
    }
    AdvanceAll(burst, items, sink);
  }
}

}  // namespace tracker
