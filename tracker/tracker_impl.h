// SPDX-License-Identifier: Apache-2.0
// Definitions of tracker.h: the path of a packet, sweeps, and the ends of
// flows.
#pragma once

#include "tracker/icmp.h"
#include "tracker/tracker.h"

namespace tracker {

template <Extractor E, typename State>
DecodeResult FlowTracker<E, State>::Prepare(const Frame& frame, Item& item) {
  item.result = extractor_.Extract(frame, item.extracted);
  item.guess = kNoSlot;
  if (item.result != DecodeResult::kOk) {
    ++stats_.unmatched[static_cast<std::size_t>(item.result)];
  } else if (!item.extracted.unsettled) {
    item.hash = hasher_(item.extracted.key);
  }
  return item.result;
}

// It is the frame's turn. The side that sent it, if it is tracked now.
template <Extractor E, typename State>
template <typename Sink>
std::optional<Side> FlowTracker<E, State>::Advance(const Frame& frame,
                                                   Item& item, Sink& sink) {
  SweepIfDue(frame.time, sink);
  if constexpr (HoldsPackets<E>) {
    if (item.extracted.unsettled) {
      item.result = extractor_.Settle(frame, item.extracted);
      item.hash = hasher_(item.extracted.key);
    }
  }
  std::optional<Side> side;
  if (item.result == DecodeResult::kOk) {
    ++stats_.packets_tracked;
    side = TrackOne(item, TimeFor(frame), sink);
  }
  if (item.extracted.unsettled) {
    TrackReady(sink);
  }
  return side;
}

template <Extractor E, typename State>
template <typename Sink>
void FlowTracker<E, State>::SweepIfDue(Timestamp time, Sink& sink) {
  AdvanceClock(time);
  if (sweep_unfinished_ || clock_ - last_sweep_ >= config_.sweep_interval) {
    Sweep(clock_, sink);
  }
}

// Packets that the extractor had held back.
template <Extractor E, typename State>
template <typename Sink>
void FlowTracker<E, State>::TrackReady(Sink& sink) {
  if constexpr (HoldsPackets<E>) {
    Item item;
    while (extractor_.TakeReady(item.extracted)) {
      item.hash = hasher_(item.extracted.key);
      ++stats_.packets_tracked;
      TrackOne(item, clock_, sink);
    }
  }
}

template <Extractor E, typename State>
template <typename Sink>
DecodeResult FlowTracker<E, State>::Track(const Frame& frame, Sink&& sink) {
  return TrackWithPayload(frame, sink, [](auto&&...) {});
}

template <Extractor E, typename State>
template <typename Sink, typename Callback>
DecodeResult FlowTracker<E, State>::TrackWithPayload(const Frame& frame,
                                                     Sink&& sink,
                                                     Callback&& callback) {
  Item& item = (*burst_)[0];
  if (Prepare(frame, item) != DecodeResult::kOk) {
    return item.result;
  }
  const std::optional<Side> side = Advance(frame, item, sink);
  const Packet& packet = item.extracted.packet;
  if (side && packet.payload_captured > 0) {
    callback(
        item.extracted.key, *side, packet.tcp.sequence,
        frame.captured.subspan(packet.payload_offset, packet.payload_captured));
  }
  return item.result;
}

template <Extractor E, typename State>
template <typename Sink>
Side FlowTracker<E, State>::TrackOne(const Item& item, Timestamp now,
                                     Sink& sink) {
  const Packet& packet = item.extracted.packet;
  const auto has_key = HasKey(item.extracted.key);
  const bool guessed =
      guesses_hold_ && item.guess != kNoSlot && has_key(item.guess);
  SlotIndex slot = guessed ? item.guess : index_.Find(item.hash, has_key);
  if (slot != kNoSlot) {
    slot = EndIfStale(slot, item.extracted, now, sink);
  }
  if (slot == kNoSlot) {
    slot = Start(item, now, sink);
    if (!slab_[slot].HasBody()) {
      return Side::kInitiator;
    }
  }
  if (suspect_ && suspect_->time == now) {
    suspect_->slot = slot;
  }

  // Beyond this point the packet's flow is in its slot, and has a body.
  const Whole flow = WholeAt(slot);
  FlowHead& head = flow.entry.head;
  Side side = SideOf(head, item.extracted.orientation);
  const bool in_order =
      !item.extracted.one_conversation || AdvanceInOrder(flow, packet, side);
  if (!in_order) {
    side = AdvanceTcp(flow, packet.tcp, packet.time, side, sink);
  }
  Count(flow, packet, side);
  if (!head.closed) {
    head.idle_since = now;
  }
  if constexpr (WantsPacket<Sink, Flow>) {
    sink.Packet(View(slot), side, packet);
  }
  if (!in_order) {
    CloseIfOver(flow, now, sink);
  }
  return side;
}

// The slot, or kNoSlot when the flow there had to end first; one that goes on
// has a body. Sweeps come once a second; here the timeouts hold to the packet.
template <Extractor E, typename State>
template <typename Sink>
SlotIndex FlowTracker<E, State>::EndIfStale(SlotIndex slot,
                                            const Extracted<Key>& extracted,
                                            Timestamp now, Sink& sink) {
  Entry& entry = slab_[slot];
  const FlowHead& head = entry.head;
  const Duration idle = now - head.idle_since;
  if (head.closed
          ? idle >= config_.close_linger
          : idle >= shortest_timeout_ && idle >= TimeoutOf(RingOf(head))) {
    End(slot, ReasonFor(slot, EndReason::kIdleTimeout), sink);
    return kNoSlot;
  }
  if (!entry.HasBody()) {
    Unfold(slot);
  }
  const Packet& packet = extracted.packet;
  if (extracted.one_conversation && packet.protocol == kTcp &&
      packet.tcp.complete &&
      bodies_.ConnectionOf(slot).IsReplacedBy(
          SideOf(head, extracted.orientation), packet.tcp)) {
    End(slot, ReasonFor(slot, EndReason::kReplaced), sink);
    return kNoSlot;
  }
  if (!head.closed && IsOver(entry.interval_start, now)) {
    CutInterval(slot, now, sink);
  }
  return slot;
}

// Its first packet is still to be counted, unless it has no body.
template <Extractor E, typename State>
template <typename Sink>
SlotIndex FlowTracker<E, State>::Start(const Item& item, Timestamp now,
                                       Sink& sink) {
  if (flow_count_ >= config_.max_flows) {
    Evict(sink);
  }
  const Packet& packet = item.extracted.packet;
  const bool one_conversation = item.extracted.one_conversation;
  const Direction direction =
      one_conversation ? DirectionOf(packet) : Direction{};
  const SlotIndex slot =
      Allocate(item.hash, item.extracted.key, packet.protocol);
  Entry& entry = slab_[slot];
  entry.head.Begin(item.extracted.orientation, direction.known, now);
  entry.context = contexts_.Take(LinkContext(packet));
  if (kKeepsLone<Sink> && one_conversation && !direction.turned && !suspect_ &&
      packet.time == now && LonePacket::CanBe(packet)) {
    KeepLone(LonePacket(packet), entry);
    if (entry.head.IsIcmp()) {
      entry.head.icmp_type_code[0] = packet.IcmpTypeCode();
    }
  } else {
    GiveBody(slot, now);
    if (packet.segment_id != 0) {
      RareOf(entry).Write().segment_id = packet.segment_id;
    }
    if (direction.turned) {
      FlipSides(slot);
      RareLoan rare = RareOf(entry);
      entry.head.history.AddFlip(rare);
    }
  }
  FileInRing(slot);
  if constexpr (WantsStarted<Sink, Flow>) {
    sink.Started(View(slot));
  }
  return slot;
}

template <Extractor E, typename State>
auto FlowTracker<E, State>::DirectionOf(const Packet& packet) const
    -> Direction {
  if (packet.protocol == kIcmp || packet.protocol == kIcmpV6) {
    return {.known = IsIcmpRequest(packet.protocol, packet.icmp_type)};
  }
  constexpr IpAddress kBroadcast = IpAddress::V4(255, 255, 255, 255);
  return DirectionOf({.protocol = packet.protocol,
                      .tcp_flags = packet.tcp.flags,
                      .source_port = packet.source_port,
                      .destination_port = packet.destination_port,
                      .broadcast = packet.ip_version == 4 &&
                                   packet.destination == kBroadcast});
}

template <Extractor E, typename State>
auto FlowTracker<E, State>::DirectionOf(const Opening& opening) const
    -> Direction {
  const bool tcp = opening.protocol == kTcp;
  const bool syn = tcp && (opening.tcp_flags & kSyn) != 0;
  if (syn && (opening.tcp_flags & kAck) == 0) {
    return {.known = true};
  }
  const bool from_server =
      IsLikelyServerPort(opening.protocol, opening.source_port);
  const bool to_server =
      IsLikelyServerPort(opening.protocol, opening.destination_port);
  if (!config_.use_direction_evidence || !from_server || opening.broadcast) {
    return {.known = to_server && !from_server};
  }
  const bool lower_port =
      tcp && !syn && opening.source_port < opening.destination_port;
  const bool turned = !to_server || lower_port;
  return {.known = turned, .turned = turned};
}

// All that there is to count of the packet, but for ICMP, in the flow's head.
template <Extractor E, typename State>
void FlowTracker<E, State>::KeepLone(LonePacket lone, Entry& entry) {
  FlowHead& head = entry.head;
  entry.lone = lone;
  if (const char letter = LonePacket::LetterOf(head.protocol); letter != 0) {
    head.history.Begin(Side::kInitiator, letter);
  }
}

// False, and nothing done: it takes AdvanceTcp().
template <Extractor E, typename State>
bool FlowTracker<E, State>::AdvanceInOrder(const Whole& flow,
                                           const Packet& packet, Side side) {
  History& history = flow.entry.head.history;
  if (packet.protocol == kTcp) {
    return !packet.tcp.complete ||
           flow.Connection().AddInOrder(side, packet.tcp, history);
  }
  if (packet.protocol == kUdp && !packet.later_fragment &&
      !history.Has(side, 'd')) {
    RareLoan rare = RareOf(flow.entry);
    history.AddOnce(side, 'd', rare);
  }
  return true;
}

template <Extractor E, typename State>
template <typename Sink>
Side FlowTracker<E, State>::AdvanceTcp(const Whole& flow,
                                       const TcpSegment& segment,
                                       Timestamp time, Side side, Sink& sink) {
  if constexpr (!WantsEstablished<Sink, Flow> &&
                !WantsStateChange<Sink, Flow>) {
    TcpConnection& connection = flow.Connection();
    History& history = flow.entry.head.history;
    if (connection.AddHandshake(side, segment, time, history) ||
        connection.AddClose(side, segment, history)) {
      return side;
    }
  }
  return AdvanceTcpSlowly(flow, segment, time, side, sink);
}

template <Extractor E, typename State>
template <typename Sink>
Side FlowTracker<E, State>::AdvanceTcpSlowly(const Whole& flow,
                                             const TcpSegment& segment,
                                             Timestamp time, Side side,
                                             Sink& sink) {
  Entry& entry = flow.entry;
  TcpConnection& connection = flow.Connection();
  const TcpState before = connection.State();
  const auto outcome =
      connection.Add(side, segment, time, entry.head.history,
                     {config_.use_direction_evidence, blocks_, RareOf(entry)});
  if (outcome.flipped) {
    FlipSides(flow.slot);
    entry.head.direction_known = true;
    side = Other(side);
  }
  if (outcome.retransmission) {
    ++RareOf(entry)
          .Write()
          .directions[static_cast<std::size_t>(side)]
          .retransmitted_packets;
  }
  if (outcome.missing_octets > 0) {
    RareOf(entry)
        .Write()
        .directions[static_cast<std::size_t>(Other(side))]
        .missing_octets += outcome.missing_octets;
  }
  if (outcome.established) {
    if constexpr (WantsEstablished<Sink, Flow>) {
      sink.Established(View(flow.slot));
    }
  } else if (connection.State() != before) {
    if constexpr (WantsStateChange<Sink, Flow>) {
      sink.StateChange(View(flow.slot), before);
    }
  }
  return side;
}

template <Extractor E, typename State>
void FlowTracker<E, State>::Count(const Whole& flow, const Packet& packet,
                                  Side side) {
  Entry& entry = flow.entry;
  const auto index = static_cast<std::size_t>(side);
  if (!flow.body.sides[index].Count(packet)) {
    return;
  }
  KeepVlan(entry, side, packet.vlan_id);
  if (packet.inner_vlan_id != 0) {
    RareOf(entry).Write().directions[index].inner_vlan_id =
        packet.inner_vlan_id;
  }
  if (entry.head.IsIcmp()) {
    entry.head.icmp_type_code[index] = packet.IcmpTypeCode();
  }
}

template <Extractor E, typename State>
void FlowTracker<E, State>::KeepVlan(Entry& entry, Side side,
                                     std::uint16_t vlan_id) {
  if (contexts_[entry.context].VlanId(side) != vlan_id) {
    LinkContext context = contexts_[entry.context];
    context.SetVlanId(side, vlan_id);
    contexts_.Change(entry.context, context);
  }
}

template <Extractor E, typename State>
template <typename Sink>
void FlowTracker<E, State>::CloseIfOver(const Whole& flow, Timestamp now,
                                        Sink& sink) {
  FlowHead& head = flow.entry.head;
  if (head.IsTcp() && !head.closed && flow.Connection().Over()) {
    Close(flow, now, sink);
  }
}

template <Extractor E, typename State>
template <typename Sink>
void FlowTracker<E, State>::Close(const Whole& flow, Timestamp now,
                                  Sink& sink) {
  const SlotIndex slot = flow.slot;
  FlowHead& head = flow.entry.head;
  if (config_.close_linger > Duration::zero()) {
    // Its ring hears of it when it asks.
    head.closed = true;
    head.idle_since = now;
    FileAsClosed(slot);
  } else if (flow.Connection().OverAndAcknowledged()) {
    End(slot, ReasonFor(slot, EndReason::kFin), sink);
  }
}

template <Extractor E, typename State>
template <typename Sink>
void FlowTracker<E, State>::End(SlotIndex slot, EndReason reason, Sink& sink) {
  TellEnd(slot, reason, sink);
  Free(slot);
}

template <Extractor E, typename State>
template <typename Sink>
void FlowTracker<E, State>::TellEnd(SlotIndex slot, EndReason reason,
                                    Sink& sink) {
  ++stats_.ended[static_cast<std::size_t>(reason)];
  if constexpr (GivesRoom<Sink, FlowValues<Key>>) {
    sink.Ended(DescribeInRoom(slot, sink), RareStatsOf(slab_[slot]), reason);
  } else if constexpr (WantsEnded<Sink, Flow>) {
    sink.Ended(View(slot), reason);
  }
}

template <Extractor E, typename State>
template <typename Sink>
void FlowTracker<E, State>::TellInterval(SlotIndex slot, Sink& sink) {
  ++stats_.intervals_reported;
  if constexpr (GivesRoom<Sink, FlowValues<Key>>) {
    sink.Interval(DescribeInRoom(slot, sink), RareStatsOf(slab_[slot]));
  } else if constexpr (WantsInterval<Sink, Flow>) {
    sink.Interval(View(slot));
  }
}

template <Extractor E, typename State>
template <typename Sink>
void FlowTracker<E, State>::Evict(Sink& sink) {
  SlotIndex oldest = kNoSlot;
  const auto choose = [&](SlotIndex slot) {
    if (slot != kNoSlot &&
        (oldest == kNoSlot ||
         slab_[slot].head.idle_since < slab_[oldest].head.idle_since)) {
      oldest = slot;
    }
  };
  for (RecencyRing& ring : rings_) {
    choose(ring.Oldest(RingFlows{*this}));
  }
  choose(closed_.Front(IsStillClosed()));
  End(oldest, ReasonFor(oldest, EndReason::kEvicted), sink);
}

template <Extractor E, typename State>
template <typename Sink>
void FlowTracker<E, State>::CutInterval(SlotIndex slot, Timestamp now,
                                        Sink& sink) {
  Entry& entry = slab_[slot];
  if (!entry.HasBody()) {
    Unfold(slot);
  }
  FlowBody& body = bodies_[slot];
  // An interval without packets has nothing to report.
  if (body.Packets() > 0) {
    TellInterval(slot, sink);
  }
  for (SideStats& side : body.sides) {
    side.Restart();
  }
  if (entry.HasRare()) {
    for (RareStats::Direction& direction : rares_[entry.rare].directions) {
      direction = {.inner_vlan_id = direction.inner_vlan_id};
    }
  }
  entry.interval_start = now;
  ages_.Remove(slot);
  ages_.Append(slot);
}

// False: no more are allowed, and there may be some.
template <Extractor E, typename State>
template <typename Sink>
bool FlowTracker<E, State>::SweepClosed(std::size_t& allowed, Sink& sink) {
  const Timestamp cutoff = clock_ - config_.close_linger;
  const RingFlows flows{*this};
  const auto is_still = IsStillClosed();
  for (;;) {
    const auto due = closed_.Due(cutoff, kBurst);
    for (const LingerQueue::Closed& closed : due) {
      flows.Fetch(closed.slot);
      links_.Prefetch(closed.slot);
    }
    for (const LingerQueue::Closed& closed : due) {
      if (is_still(closed)) {
        flows.FetchEnd(closed.slot);
        RecencyRing::PrefetchNeighbours(links_, closed.slot);
      }
    }
    for (const LingerQueue::Closed& closed : due) {
      closed_.DropFirst();
      if (!is_still(closed)) {
        continue;
      }
      End(closed.slot, ReasonFor(closed.slot, EndReason::kIdleTimeout), sink);
      --allowed;
      if (allowed == 0) {
        return false;
      }
    }
    if (due.size() < kBurst) {
      return true;
    }
  }
}

// Ascends with `start`, so the oldest interval is the first to end.
template <Extractor E, typename State>
Timestamp FlowTracker<E, State>::IntervalEnd(Timestamp start) const {
  const Duration interval = config_.active_timeout;
  return start + interval -
         (config_.active_align ? start.time_since_epoch() % interval
                               : Duration::zero());
}

template <Extractor E, typename State>
template <typename Sink>
bool FlowTracker<E, State>::SweepActive(std::size_t& allowed, Sink& sink) {
  if (config_.active_timeout == Duration::zero()) {
    return true;
  }
  for (SlotIndex slot = ages_.FrontNotPassed(); slot != kNoSlot;) {
    const Entry& entry = slab_[slot];
    const Timestamp start = entry.IntervalStart();
    const bool suspected = start > clock_;
    if (!suspected && !IsOver(start, clock_)) {
      break;
    }
    const SlotIndex next = ages_.Next(slot);
    if (!suspected && entry.head.closed) {
      // It is left to its linger, which will soon be over.
      if (slot == ages_.FrontNotPassed()) {
        ages_.Pass(slot);
      }
    } else if (!suspected) {
      if (allowed == 0) {
        return false;
      }
      --allowed;
      CutInterval(slot, clock_, sink);
    }
    slot = next;
  }
  return true;
}

template <Extractor E, typename State>
template <typename Sink>
bool FlowTracker<E, State>::Sweep(Timestamp now, Sink&& sink) {
  clock_ = clock_set_ ? std::max(clock_, now) : now;
  clock_set_ = true;
  last_sweep_ = clock_;
  if constexpr (HoldsPackets<E>) {
    extractor_.Expire(clock_);
    TrackReady(sink);
  }
  std::size_t allowed = config_.sweep_limit > 0
                            ? config_.sweep_limit
                            : std::numeric_limits<std::size_t>::max();
  sweep_unfinished_ = false;
  for (std::size_t i = 0; i < kRings && !sweep_unfinished_; ++i) {
    const Timestamp cutoff = clock_ - TimeoutOf(static_cast<Ring>(i));
    sweep_unfinished_ =
        !rings_[i].Advance(cutoff, RingFlows{*this}, [&](SlotIndex slot) {
          End(slot, ReasonFor(slot, EndReason::kIdleTimeout), sink);
          --allowed;
          return allowed > 0;
        });
  }
  sweep_unfinished_ = sweep_unfinished_ || !SweepClosed(allowed, sink) ||
                      !SweepActive(allowed, sink);
  return sweep_unfinished_;
}

template <Extractor E, typename State>
template <typename Sink>
void FlowTracker<E, State>::Finish(Sink&& sink) {
  if constexpr (HoldsPackets<E>) {
    extractor_.ReleaseAll();
    TrackReady(sink);
  }
  const std::span<const SlotIndex> slots = ages_.All();
  // Who comes so much later, or the last.
  const auto ahead = [&](std::size_t at) {
    return slots[std::min(at, slots.size() - 1)];
  };
  constexpr std::size_t kAhead = 16;
  for (std::size_t at = 0; at < slots.size(); ++at) {
    slab_.Prefetch(ahead(at + 2 * kAhead));
    FetchBody(ahead(at + kAhead));
    TellEnd(slots[at], ReasonFor(slots[at], EndReason::kShutdown), sink);
    slab_.Destroy(slots[at]);
  }
  FreeAll();
}

template <Extractor E, typename State>
template <typename Sink>
void FlowTracker<E, State>::SetConfig(const TrackerConfig& config,
                                      Sink&& sink) {
  const TrackerConfig before = config_;
  Adopt(config);
  while (flow_count_ > config_.max_flows) {
    Evict(sink);
  }
  if (config_.max_flows > Capacity()) {
    Grow(config_.max_flows);
    return;  // its rings are new
  }
  // It looks at every flow.
  if (config_.idle_timeout_tcp != before.idle_timeout_tcp ||
      config_.idle_timeout_udp != before.idle_timeout_udp ||
      config_.idle_timeout_other != before.idle_timeout_other) {
    MakeRings();
  }
}

template <Extractor E, typename State>
auto FlowTracker<E, State>::Get(const Key& key) const -> std::optional<Flow> {
  const SlotIndex slot = Find(key);
  if (slot == kNoSlot) {
    return std::nullopt;
  }
  return View(slot);
}

template <Extractor E, typename State>
State* FlowTracker<E, State>::GetMut(const Key& key) {
  const SlotIndex slot = Find(key);
  return slot == kNoSlot ? nullptr : &slab_[slot].state;
}

template <Extractor E, typename State>
template <typename Visit>
void FlowTracker<E, State>::ForEach(Visit&& visit) const {
  for (SlotIndex slot = ages_.Front(); slot != kNoSlot;
       slot = ages_.Next(slot)) {
    visit(View(slot));
  }
}

template <Extractor E, typename State>
Side FlowTracker<E, State>::SideOf(const FlowHead& head,
                                   Orientation orientation) {
  return orientation == head.initiator ? Side::kInitiator : Side::kResponder;
}

template <Extractor E, typename State>
EndReason FlowTracker<E, State>::ReasonFor(SlotIndex slot,
                                           EndReason otherwise) const {
  const Entry& entry = slab_[slot];
  if (!entry.head.IsTcp() || !entry.HasBody()) {
    return otherwise;
  }
  const TcpConnection& connection = bodies_.ConnectionOf(slot);
  if (!connection.Over()) {
    return otherwise;
  }
  return connection.State() == TcpState::kReset ? EndReason::kRst
                                                : EndReason::kFin;
}

template <Extractor E, typename State>
void FlowTracker<E, State>::FlipSides(SlotIndex slot) {
  Entry& entry = slab_[slot];
  FlowBody& body = bodies_[slot];
  entry.head.initiator = Opposite(entry.head.initiator);
  std::swap(body.sides[0], body.sides[1]);
  LinkContext context = contexts_[entry.context];
  context.SwapSides();
  contexts_.Change(entry.context, context);
  if (entry.HasRare()) {
    auto& directions = rares_[entry.rare].directions;
    std::swap(directions[0], directions[1]);
  }
}

template <Extractor E, typename State>
std::vector<Event<typename E::Key>> FlowTracker<E, State>::Track(
    const Frame& frame) {
  using Kind = typename Event<Key>::Kind;
  struct Recorder {
    void Started(const Flow& f) { Add(Kind::kStarted, f); }
    void Established(const Flow& f) { Add(Kind::kEstablished, f); }
    void StateChange(const Flow& f, TcpState /*before*/) {
      Add(Kind::kStateChange, f);
    }
    void Packet(const Flow& f, Side side, const tracker::Packet& /*packet*/) {
      Add(Kind::kPacket, f).side = side;
    }
    void Interval(const Flow& f) { Add(Kind::kInterval, f); }
    void Ended(const Flow& f, EndReason reason) {
      Add(Kind::kEnded, f).reason = reason;
    }
    Event<Key>& Add(Kind kind, const Flow& f) {
      return events.emplace_back(Event<Key>{.kind = kind,
                                            .side = Side::kInitiator,
                                            .reason = EndReason::kShutdown,
                                            .key = f.key,
                                            .stats = f.stats,
                                            .rare = f.rare});
    }
    std::vector<Event<Key>> events;
  };
  Recorder recorder;
  Track(frame, recorder);
  return std::move(recorder.events);
}

}  // namespace tracker
