// SPDX-License-Identifier: Apache-2.0
// From a frame to the key of its flow.
//
// An extractor is any type with a `Key` and an Extract() as below; FlowTracker
// is generic over it. The ones here cover the usual meanings of "flow".
#pragma once

#include <concepts>
#include <memory>

#include "tracker/decode.h"
#include "tracker/duplicate_filter.h"
#include "tracker/flow_key.h"
#include "tracker/fragment_table.h"
#include "tracker/glance.h"

namespace tracker {

template <typename Key>
struct Extracted {
  Packet packet;
  Key key{};
  Orientation orientation = Orientation::kFirstToSecond;
  // The key names one conversation, so that its TCP state and history have a
  // meaning. Not so where a flow is all traffic of two hosts.
  bool one_conversation = true;
  // The key is not known before Settle(), because it depends on packets before:
  // a fragment.
  bool unsettled = false;
};

// Extract() fills `out` and answers kOk, or says why the frame belongs to no
// flow; then `out` is not used.
template <typename E>
concept Extractor = requires(E& extractor, const Frame& frame,
                             Extracted<typename E::Key>& out) {
  { extractor.Extract(frame, out) } -> std::same_as<DecodeResult>;
};

// An extractor that leaves packets unsettled is asked again when it is their
// turn, in order. Settle() answers kOk, or kHeld for what it gives out later,
// by the rules of FragmentTable.
template <typename E>
concept HoldsPackets = requires(E& extractor, const Frame& frame,
                                Timestamp clock,
                                Extracted<typename E::Key>& out) {
  { extractor.Settle(frame, out) } -> std::same_as<DecodeResult>;
  { extractor.TakeReady(out) } -> std::same_as<bool>;
  extractor.Expire(clock);
  extractor.ReleaseAll();
};

// An extractor that knows the usual packets at a glance, if it MayGlance():
// TakeGlance() says false, and has done nothing, or `glance` has what Extract()
// would have found. From that, LookAgain() makes the rest of it.
template <typename E>
concept Glances = requires(const E& extractor, const Frame& frame,
                           Glance& glance, Extracted<typename E::Key>& out) {
  { extractor.MayGlance() } -> std::same_as<bool>;
  { extractor.TakeGlance(frame, glance) } -> std::same_as<bool>;
  extractor.LookAgain(frame, glance, out);
};

struct FiveTupleOptions {
  // Look into tunnels: the innermost IP packet is the one that counts.
  bool innermost = false;
  bool vlan_in_key = false;    // the same five-tuple in two VLANs is two flows
  bool tunnel_in_key = false;  // and in two overlay networks
  bool drop_duplicates = false;  // kDuplicate, as duplicate_filter.h says
};

// Protocol, addresses and ports. Fragments belong to the flow of their first.
// ICMP: types that ask and answer are one flow (icmp.h).
template <bool kBidirectional>
class BasicFiveTuple {
 public:
  using Key = FlowKey;

  BasicFiveTuple() : BasicFiveTuple(FiveTupleOptions{}) {}
  explicit BasicFiveTuple(FiveTupleOptions options);
  DecodeResult Extract(const Frame& frame, Extracted<Key>& out);
  DecodeResult Settle(const Frame& frame, Extracted<Key>& out);
  [[nodiscard]] bool MayGlance() const {
    return !options_.innermost && duplicates_ == nullptr;
  }
  bool TakeGlance(const Frame& frame,
                  Glance& glance) const requires kBidirectional {
    return tracker::TakeGlance(frame, options_.vlan_in_key, glance);
  }
  static void LookAgain(const Frame& frame, const Glance& glance,
                        Extracted<Key>& out) {
    Decode(frame, out.packet);
    glance.CopyKeyTo(out.key);
    out.orientation = glance.orientation;
    out.unsettled = false;
  }

  bool TakeReady(Extracted<Key>& out) {
    return fragments_.TakeReady(out.packet) && (FillKey(out), true);
  }
  void Expire(Timestamp clock) { fragments_.Expire(clock); }
  void ReleaseAll() { fragments_.ReleaseAll(); }

  [[nodiscard]] const FragmentCounts& Fragments() const {
    return fragments_.Counts();
  }

 private:
  [[nodiscard]] std::uint32_t TunnelIdOf(const Packet& packet) const;
  // What keeps datagrams apart beside their addresses.
  [[nodiscard]] std::uint64_t ScopeOf(const Packet& packet) const;
  void FillKey(Extracted<Key>& out) const;

  FiveTupleOptions options_;
  FragmentTable fragments_;
  std::unique_ptr<DuplicateFilter> duplicates_;  // null: not asked for
};

// Both directions are one flow.
using FiveTuple = BasicFiveTuple<true>;
// Each direction is a flow of its own.
using UnidirectionalFiveTuple = BasicFiveTuple<false>;
static_assert(Glances<FiveTuple> && !Glances<UnidirectionalFiveTuple>);

// Everything between two IP addresses.
class IpPair {
 public:
  using Key = IpPairKey;
  static DecodeResult Extract(const Frame& frame, Extracted<Key>& out);
};

// Everything between two MAC addresses, also what is not IP; octets are those
// behind the link layer.
class MacPair {
 public:
  using Key = MacPairKey;
  static DecodeResult Extract(const Frame& frame, Extracted<Key>& out);
};

}  // namespace tracker
