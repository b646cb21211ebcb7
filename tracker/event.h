// SPDX-License-Identifier: Apache-2.0
// What FlowTracker tells a sink.
//
// A sink is any object with some of these members; events whose member it does
// not have cost nothing. Flow is FlowTracker::Flow; references are valid during
// the call, in which the tracker must not be used.
//
//   void Started(const Flow&);
//   void Established(const Flow&);                     // three-way handshake
//   void StateChange(const Flow&, TcpState before);    // the other TCP states
//   void Packet(const Flow&, Side, const Packet&);     // already counted
//   void Interval(const Flow&);    // active timeout: report; the flow goes on
//   void Ended(const Flow&, EndReason);
//
// A sink that wants to hear of records only may say where their values are to
// be put, which saves a copy of each:
//
//   FlowValues<Key>& Room();       // before each of these; they get it back
//   void Interval(const FlowValues<Key>&, const RareStats&);
//   void Ended(const FlowValues<Key>&, const RareStats&, EndReason);
//
// Order for one packet: Ended(kReplaced | kIdleTimeout) of the flow whose key
// it reuses, Ended(kEvicted) of a flow pushed out, Started, Established or
// StateChange, Packet, Ended(kFin | kRst).
#pragma once

#include <concepts>
#include <cstdint>

#include "tracker/flow.h"

namespace tracker {

template <typename Sink, typename Flow>
concept WantsStarted = requires(Sink& s, const Flow& f) {
  s.Started(f);
};
template <typename Sink, typename Flow>
concept WantsEstablished = requires(Sink& s, const Flow& f) {
  s.Established(f);
};
template <typename Sink, typename Flow>
concept WantsStateChange = requires(Sink& s, const Flow& f) {
  s.StateChange(f, TcpState{});
};
template <typename Sink, typename Flow>
concept WantsPacket = requires(Sink& s, const Flow& f, const Packet& p) {
  s.Packet(f, Side{}, p);
};
template <typename Sink, typename Flow>
concept WantsInterval = requires(Sink& s, const Flow& f) {
  s.Interval(f);
};
template <typename Sink, typename Flow>
concept WantsEnded = requires(Sink& s, const Flow& f) {
  s.Ended(f, EndReason{});
};

template <typename Sink, typename Values>
concept GivesRoom = requires(Sink& s, const Values& v, const RareStats& r) {
  { s.Room() } -> std::same_as<Values&>;
  s.Interval(v, r);
  s.Ended(v, r, EndReason{});
};

// An event as a value, for callers that prefer a list to a sink.
template <typename Key>
struct Event {
  enum class Kind : std::uint8_t {
    kStarted,
    kEstablished,
    kStateChange,
    kPacket,
    kInterval,
    kEnded,
  };
  Kind kind = Kind::kStarted;
  Side side = Side::kInitiator;             // kPacket
  EndReason reason = EndReason::kShutdown;  // kEnded
  Key key{};
  FlowStats stats;  // as they were at the event
  RareStats rare;   // likewise
};

}  // namespace tracker
