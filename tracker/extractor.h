// SPDX-License-Identifier: Apache-2.0
// From a frame to the key of its flow.
//
// An extractor is any type with a `Key` and an Extract() as below; FlowTracker
// is generic over it. The ones here cover the usual meanings of "flow".
#pragma once

#include <concepts>

#include "tracker/decode.h"
#include "tracker/flow_key.h"

namespace tracker {

template <typename Key>
struct Extracted {
  Packet packet;
  Key key{};
  Orientation orientation = Orientation::kFirstToSecond;
  // The key names one conversation, so that its TCP state and history have a
  // meaning. Not so where a flow is all traffic of two hosts.
  bool one_conversation = true;
};

// Extract() fills `out` and answers kOk, or says why the frame belongs to no
// flow; then `out` is not used.
template <typename E>
concept Extractor = requires(E& extractor, const Frame& frame,
                             Extracted<typename E::Key>& out) {
  { extractor.Extract(frame, out) } -> std::same_as<DecodeResult>;
};

// Protocol, addresses and ports; both directions are one flow. ICMP has ports
// 0.
class FiveTuple {
 public:
  using Key = FlowKey;
  struct Options {
    bool vlan_in_key = false;  // the same five-tuple in two VLANs is two flows
  };

  FiveTuple() = default;
  explicit FiveTuple(Options options) : options_(options) {}
  DecodeResult Extract(const Frame& frame, Extracted<Key>& out) const;

 private:
  Options options_;
};

// The same fields, each direction a flow of its own.
class UnidirectionalFiveTuple {
 public:
  using Key = FlowKey;

  UnidirectionalFiveTuple() = default;
  explicit UnidirectionalFiveTuple(FiveTuple::Options options)
      : options_(options) {}
  DecodeResult Extract(const Frame& frame, Extracted<Key>& out) const;

 private:
  FiveTuple::Options options_;
};

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
