// SPDX-License-Identifier: Apache-2.0
// Packets in, flow events out.
//
// FlowTracker follows every conversation that its Extractor can name, in both
// directions, and tells a sink (event.h) when one starts, changes and ends. It
// does no I/O, starts no thread and reads no clock; after construction it
// allocates nothing but what a user State allocates. One thread may use it at a
// time.
//
// Invariants
//   * A packet that the extractor holds back is tracked when it gives it out.
//   * A live flow is in exactly one slot, once in the index, once among the
//     ages, and once in the ring of its timeout; or, from its close on, once
//     among the closed, which the ring may not have heard of.
//   * A flow without a body had one packet, and its LonePacket tells all of it.
//   * Every flow that was Started gets exactly one Ended.
//   * The clock is the latest time of a packet or a Sweep(); it never runs
//     backwards. A packet older than the clock counts as seen now. One packet
//     far in the future, or the first one far ahead of the second, does not
//     move the clock; two that agree do.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <limits>
#include <memory>
#include <optional>
#include <span>
#include <type_traits>
#include <utility>
#include <vector>

#include "tracker/config.h"
#include "tracker/event.h"
#include "tracker/expiry.h"
#include "tracker/extractor.h"
#include "tracker/flow_body.h"
#include "tracker/flow_index.h"
#include "tracker/free_places.h"
#include "tracker/gap_tracker.h"
#include "tracker/interned.h"
#include "tracker/key_store.h"
#include "tracker/linger_queue.h"
#include "tracker/link_context.h"
#include "tracker/lone_packet.h"
#include "tracker/rare_stats.h"
#include "tracker/slab.h"
#include "tracker/slot_queue.h"
#include "tracker/stats.h"
#include "tracker/well_known_ports.h"

namespace tracker {

// No user state.
struct NoState {};

template <Extractor E, typename State = NoState>
class FlowTracker {
 public:
  using Key = typename E::Key;
  // A view of one flow, valid until the next call that is not const.
  struct Flow : FlowValues<Key> {
    const RareStats& rare;
    const State& state;

    // `rare` is of this flow; else it is what a flow without one has.
    [[nodiscard]] bool HasRare() const { return &rare != &kNoRareStats; }
  };
  // Makes the user state of a new flow from its key; called once per flow.
  using MakeState = std::function<State(const Key&)>;

  // Directions of TCP whose holes are known at a time; of more, none is.
  static constexpr std::size_t kMaxStreamsWithHoles = 1 << 16;
  // Frames that TrackBurst() overlaps the memory accesses of.
  static constexpr std::size_t kBurst = 32;

  explicit FlowTracker(
      const TrackerConfig& config, E extractor = E(),
      MakeState make_state = [](const Key&) { return State(); },
      KeyHasher hasher = KeyHasher());
  FlowTracker(const FlowTracker&) = delete;
  FlowTracker& operator=(const FlowTracker&) = delete;
  ~FlowTracker();

  // One frame; how it was decoded. Sweeps first when the clock has moved by
  // sweep_interval.
  template <typename Sink>
  DecodeResult Track(const Frame& frame, Sink&& sink);
  // The events as a list instead.
  std::vector<Event<Key>> Track(const Frame& frame);
  // The same, and callback(key, side, sequence, payload) when the frame brought
  // captured transport payload; sequence is TCP's, 0 for other protocols.
  template <typename Sink, typename Callback>
  DecodeResult TrackWithPayload(const Frame& frame, Sink&& sink,
                                Callback&& callback);
  // Any number of frames, with the same outcome as Track() of each.
  template <typename Sink>
  void TrackBurst(std::span<const Frame> frames, Sink&& sink);

  // Ends every flow that is due at `now`, which also moves the clock. True:
  // sweep_limit was reached, and there may be more.
  template <typename Sink>
  bool Sweep(Timestamp now, Sink&& sink);
  // Ends every flow: kShutdown, or how it had closed. The tracker can go on.
  template <typename Sink>
  void Finish(Sink&& sink);
  // Flows beyond a smaller max_flows end as kEvicted, least recently seen
  // first.
  template <typename Sink>
  void SetConfig(const TrackerConfig& config, Sink&& sink);

  [[nodiscard]] std::optional<Flow> Get(const Key& key) const;
  // Valid until the next call that is not const.
  [[nodiscard]] State* GetMut(const Key& key);
  // Calls visit(flow) for each live flow, oldest interval first.
  template <typename Visit>
  void ForEach(Visit&& visit) const;

  [[nodiscard]] std::size_t FlowCount() const { return flow_count_; }
  [[nodiscard]] const TrackerStats& Stats() const { return stats_; }
  [[nodiscard]] const TrackerConfig& Config() const { return config_; }
  [[nodiscard]] Timestamp Clock() const { return clock_; }
  [[nodiscard]] const E& GetExtractor() const { return extractor_; }
  // Gives the extractor back; the tracker is used up.
  [[nodiscard]] E IntoExtractor() && { return std::move(extractor_); }

 private:
  enum Ring : std::uint8_t { kTcpRing, kUdpRing, kOtherRing };
  static constexpr std::size_t kRings = 3;
  using Keys = KeyStore<Key>;

  using Contexts = Interned<LinkContext>;
  struct Entry {
    Entry(const typename Keys::Kept& kept_key, State user_state)
        : key(kept_key), state(std::move(user_state)) {}

    typename Keys::Kept key;
    typename Contexts::Index context = 0;
    RarePool::Index rare = kNoBody;  // kNone, or a rare part: it has a body
    union {
      LonePacket lone{};         // without a body
      Timestamp interval_start;  // with one; as in FlowStats
    };
    [[no_unique_address]] State state;
    FlowHead head;

    static constexpr RarePool::Index kNoBody = RarePool::kNone - 1;
    [[nodiscard]] bool HasBody() const { return rare != kNoBody; }
    [[nodiscard]] bool HasRare() const { return rare < kNoBody; }
    [[nodiscard]] Timestamp IntervalStart() const {
      return HasBody() ? interval_start : head.idle_since;
    }
  };
  static_assert(!std::is_same_v<Key, FlowKey> ||
                    !std::is_same_v<State, NoState> || sizeof(Entry) == 64,
                "a cache line a flow, and a body");
  struct Item {
    std::uint64_t hash = 0;
    // The slot of its flow if that is one, until a flow ends.
    SlotIndex guess = kNoSlot;
    std::size_t body_line = 0;  // of the guess
    DecodeResult result = DecodeResult::kOk;
    bool glanced = false;  // `glance` is what is known; else `extracted`
    Glance glance;
    Extracted<Key> extracted;
  };
  // Whether a burst is looked at briefly first: not if the sink wants to see
  // whole packets.
  template <typename Sink>
  static constexpr bool kGlances = Glances<E> && !WantsPacket<Sink, Flow>;
  static bool KeyIsApart(const Item& item) {
    return item.glanced ? !item.glance.is_short
                        : Keys::IsApart(item.extracted.key);
  }
  // Whether a flow may begin without a body: not if the sink wants to hear of
  // more than its end.
  template <typename Sink>
  static constexpr bool kKeepsLone =
      !WantsStarted<Sink, Flow> && !WantsPacket<Sink, Flow> &&
      !WantsEstablished<Sink, Flow> && !WantsStateChange<Sink, Flow>;
  // So many flows stay in the second-level cache by themselves.
  static constexpr std::size_t kInCache = 1024;
  // Further ahead, a packet does not move the clock alone.
  static constexpr Duration kPlausibleStep = std::chrono::minutes{10};
  // A packet far in the future, and the flow that it was counted for.
  struct Suspect {
    Timestamp time;
    SlotIndex slot = kNoSlot;
  };
  // What of the first packet tells who opened the conversation.
  struct Opening {
    std::uint8_t protocol = 0;
    std::uint8_t tcp_flags = 0;
    std::uint16_t source_port = 0;
    std::uint16_t destination_port = 0;
    bool broadcast = false;  // to all hosts
  };
  // Whether there is evidence, and that it was the receiver.
  struct Direction {
    bool known = false;
    bool turned = false;
  };

  // tracker_memory.h: slots, rings and the clock.
  void Adopt(const TrackerConfig& config);
  void Grow(std::size_t max_flows);
  [[nodiscard]] std::size_t Capacity() const { return slab_.Capacity() / 2; }
  void MakeRings();
  [[nodiscard]] Duration TimeoutOf(Ring ring) const;
  static Ring RingOf(const FlowHead& head);
  // Whether the flow in a slot has this key.
  [[nodiscard]] auto HasKey(const Key& key) const {
    return [&](SlotIndex slot) { return keys_.Same(slab_[slot].key, key); };
  }
  [[nodiscard]] SlotIndex Find(const Key& key) const {
    return index_.Find(hasher_(key), HasKey(key));
  }
  [[nodiscard]] std::uint64_t HashOf(SlotIndex slot) const {
    return keys_.HashOf(slab_[slot].key, hasher_);
  }
  [[nodiscard]] Flow View(SlotIndex slot) const;
  // Its values, whatever `values` was before.
  void Describe(SlotIndex slot, FlowValues<Key>& values) const;
  // The same where the sink says.
  template <typename Sink>
  FlowValues<Key>& DescribeInRoom(SlotIndex slot, Sink& sink) const {
    FlowValues<Key>& values = sink.Room();
    Describe(slot, values);
    return values;
  }
  [[nodiscard]] const RareStats& RareStatsOf(const Entry& entry) const {
    return entry.HasRare() ? rares_[entry.rare] : kNoRareStats;
  }
  // A body for a flow that has none yet, whose interval began then.
  FlowBody& GiveBody(SlotIndex slot, Timestamp interval_start);
  // And what it had instead goes there.
  void Unfold(SlotIndex slot);
  // A flow with a body, found once.
  struct Whole {
    SlotIndex slot;
    Entry& entry;
    FlowBody& body;

    // It is of TCP.
    [[nodiscard]] TcpConnection& Connection() const {
      return static_cast<TcpFlowBody&>(body).connection;
    }
  };
  Whole WholeAt(SlotIndex slot) { return {slot, slab_[slot], bodies_[slot]}; }
  // Of a flow with a body.
  RareLoan RareOf(Entry& entry) { return {rares_, entry.rare}; }
  // What a ring asks of flows.
  struct RingFlows {
    const FlowTracker& tracker;

    [[nodiscard]] bool HasLeft(SlotIndex slot) const {
      return tracker.slab_[slot].head.closed;
    }
    [[nodiscard]] Timestamp LastSeen(SlotIndex slot) const {
      return tracker.slab_[slot].head.idle_since;
    }
    // Inline always, as in Slab::Prefetch().
    [[gnu::always_inline]] void Fetch(SlotIndex slot) const {
      tracker.slab_.Prefetch(slot);
      tracker.ages_.PrefetchPosition(slot);
    }
    [[gnu::always_inline]] void FetchEnd(SlotIndex slot) const {
      tracker.ages_.PrefetchPlace(slot);
      tracker.FetchBody(slot);
      tracker.index_.PrefetchToErase(tracker.HashOf(slot));
    }
  };
  void FileInRing(SlotIndex slot);
  void AdvanceClock(Timestamp time);
  void ClearSuspect();
  // The body of a flow whose head was fetched before, if it has one.
  [[gnu::always_inline]] void FetchBody(SlotIndex slot) const {
    if (slab_[slot].HasBody()) {
      bodies_.Prefetch(slot);
    }
  }
  FreePlaces& SlotsOf(bool tcp) { return tcp ? tcp_slots_ : other_slots_; }
  SlotIndex TakeSlot(bool tcp);
  // For a new flow.
  SlotIndex Allocate(std::uint64_t hash, const Key& key, std::uint8_t protocol);
  void Free(SlotIndex slot);
  // After every entry was destroyed: what is left of them, at once.
  void FreeAll();
  void FreeSlots(std::size_t max_flows);

  // tracker_burst.h: bursts.
  template <typename Sink>
  void PrepareInBurst(const Frame& frame, Item& item, bool may_glance);
  using NewFlows = std::array<std::size_t, 2>;  // that are TCP, and that not
  [[gnu::always_inline]] void Guess(Item& item) const {
    item.guess = index_.Guess(item.hash);
    item.body_line = bodies_.LineOf(item.guess);
  }
  void LookUp(Item& item, NewFlows& new_flows);
  static std::uint8_t ProtocolOf(const Item& item) {
    return item.glanced ? item.glance.protocol : item.extracted.packet.protocol;
  }
  // Its key is known.
  static bool IsSettled(const Item& item) {
    return item.glanced ||
           (item.result == DecodeResult::kOk && !item.extracted.unsettled);
  }
  void GuessAll(std::span<Item> items);
  void LookUpAll(std::span<Item> items);
  [[nodiscard]] Timestamp QuietUntil() const;
  template <typename Sink>
  bool CarryOn(const Frame& frame, Item& item, Sink& sink);
  template <typename Sink>
  bool CarryOnSlowly(const Frame& frame, const Item& item, Sink& sink);
  bool Begin(const Frame& frame, const Item& item);
  static Opening OpeningOf(const Glance& glance, const FlowKey& key);
  template <typename Sink>
  void AdvanceAll(std::span<const Frame> frames, std::span<Item> items,
                  Sink& sink);

  // tracker_impl.h: the path of a packet.
  DecodeResult Prepare(const Frame& frame, Item& item);
  template <typename Sink>
  void SweepIfDue(Timestamp time, Sink& sink);
  template <typename Sink>
  std::optional<Side> Advance(const Frame& frame, Item& item, Sink& sink);
  template <typename Sink>
  void TrackReady(Sink& sink);
  // The clock, or the frame's own time while that is only suspected.
  [[nodiscard]] Timestamp TimeFor(const Frame& frame) const {
    return std::max(clock_, frame.time);
  }
  template <typename Sink>
  Side TrackOne(const Item& item, Timestamp now, Sink& sink);
  template <typename Sink>
  SlotIndex EndIfStale(SlotIndex slot, const Extracted<Key>& extracted,
                       Timestamp now, Sink& sink);
  template <typename Sink>
  SlotIndex Start(const Item& item, Timestamp now, Sink& sink);
  [[nodiscard]] Direction DirectionOf(const Opening& opening) const;
  [[nodiscard]] Direction DirectionOf(const Packet& packet) const;
  static void KeepLone(LonePacket lone, Entry& entry);
  bool AdvanceInOrder(const Whole& flow, const Packet& packet, Side side);
  template <typename Sink>
  [[gnu::always_inline]] inline Side AdvanceTcp(const Whole& flow,
                                                const TcpSegment& segment,
                                                Timestamp time, Side side,
                                                Sink& sink);
  template <typename Sink>
  Side AdvanceTcpSlowly(const Whole& flow, const TcpSegment& segment,
                        Timestamp time, Side side, Sink& sink);
  void Count(const Whole& flow, const Packet& packet, Side side);
  [[gnu::always_inline]] inline void KeepVlan(Entry& entry, Side side,
                                              std::uint16_t vlan_id);
  template <typename Sink>
  [[gnu::always_inline]] inline void CloseIfOver(const Whole& flow,
                                                 Timestamp now, Sink& sink);
  template <typename Sink>
  void Close(const Whole& flow, Timestamp now, Sink& sink);
  template <typename Sink>
  void End(SlotIndex slot, EndReason reason, Sink& sink);
  template <typename Sink>
  void TellEnd(SlotIndex slot, EndReason reason, Sink& sink);
  template <typename Sink>
  void TellInterval(SlotIndex slot, Sink& sink);
  template <typename Sink>
  void Evict(Sink& sink);
  template <typename Sink>
  void CutInterval(SlotIndex slot, Timestamp now, Sink& sink);
  [[nodiscard]] Timestamp IntervalEnd(Timestamp start) const;
  // Whether an interval that began at `start` is.
  [[nodiscard]] bool IsOver(Timestamp start, Timestamp now) const {
    return now - start >= shortest_interval_ && now >= IntervalEnd(start);
  }
  void FileAsClosed(SlotIndex slot);
  static std::uint32_t LowHalf(std::uint64_t id) {
    return static_cast<std::uint32_t>(id);
  }
  // Whether the flow that closed then is still there.
  [[nodiscard]] auto IsStillClosed() const {
    return [this](const LingerQueue::Closed& closed) {
      if (!ages_.Has(closed.slot)) {
        return false;
      }
      const FlowHead& head = slab_[closed.slot].head;
      return head.closed && head.idle_since == closed.since &&
             LowHalf(head.id) == closed.id;
    };
  }
  template <typename Sink>
  bool SweepClosed(std::size_t& allowed, Sink& sink);
  template <typename Sink>
  bool SweepActive(std::size_t& allowed, Sink& sink);
  static Side SideOf(const FlowHead& head, Orientation orientation);
  // A connection that is over ended by that, whatever made it leave.
  [[nodiscard]] EndReason ReasonFor(SlotIndex slot, EndReason otherwise) const;
  void FlipSides(SlotIndex slot);

  TrackerConfig config_;
  E extractor_;
  MakeState make_state_;
  KeyHasher hasher_;
  TrackerStats stats_;

  Slab<Entry> slab_;
  FlowBodies bodies_;
  Keys keys_;
  Contexts contexts_;
  RarePool rares_;
  FlowIndex index_{0};
  ExpiryArray links_;
  BlockPool blocks_;
  std::vector<RecencyRing> rings_;  // by Ring
  Duration shortest_timeout_{};     // of flows that are not closed
  // What no interval is shorter than.
  Duration shortest_interval_{};
  // All, in the order in which their present interval began.
  SlotQueue ages_;
  LingerQueue closed_;
  // Slots of TCP are the first max_flows, those of the others as many behind
  // them; see FlowBodies.
  FreePlaces tcp_slots_;
  FreePlaces other_slots_;
  std::size_t flow_count_ = 0;

  Timestamp clock_;
  Timestamp last_sweep_;
  bool sweep_unfinished_ = false;
  bool clock_set_ = false;
  bool guesses_hold_ = false;  // no flow ended since they were made
  std::optional<Suspect> suspect_;
  std::unique_ptr<std::array<Item, kBurst>> burst_ =
      std::make_unique<std::array<Item, kBurst>>();
};

}  // namespace tracker

// The definitions of the members above.
#include "tracker/tracker_burst.h"
#include "tracker/tracker_impl.h"
#include "tracker/tracker_memory.h"
