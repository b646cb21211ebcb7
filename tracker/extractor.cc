// SPDX-License-Identifier: Apache-2.0
#include "tracker/extractor.h"

#include <random>
#include <utility>

#include "tracker/icmp.h"

namespace tracker {
namespace {

std::uint64_t RandomWord(std::random_device& device) {
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

}  // namespace

KeyHasher::KeyHasher() : seed_{} {
  std::random_device device;
  for (std::uint64_t& word : seed_) {
    word = RandomWord(device);
  }
}

template <bool kBidirectional>
BasicFiveTuple<kBidirectional>::BasicFiveTuple(FiveTupleOptions options)
    : options_(options),
      duplicates_(options.drop_duplicates ? std::make_unique<DuplicateFilter>()
                                          : nullptr) {}

template <bool kBidirectional>
std::uint32_t BasicFiveTuple<kBidirectional>::TunnelIdOf(
    const Packet& packet) const {
  return options_.tunnel_in_key
             ? static_cast<std::uint32_t>(packet.segment_id >> 56 << 24 |
                                          (packet.segment_id & 0xffffff))
             : 0;
}

template <bool kBidirectional>
std::uint64_t BasicFiveTuple<kBidirectional>::ScopeOf(
    const Packet& packet) const {
  return std::uint64_t{TunnelIdOf(packet)} << 16 |
         (options_.vlan_in_key ? packet.vlan_id : 0U);
}

template <bool kBidirectional>
void BasicFiveTuple<kBidirectional>::FillKey(Extracted<Key>& out) const {
  const Packet& packet = out.packet;
  Key& key = out.key;
  const IpAddress& source = packet.source;
  const IpAddress& destination = packet.destination;
  IcmpPorts ports{packet.source_port, packet.destination_port};
  if ((packet.protocol == kIcmp || packet.protocol == kIcmpV6) &&
      !packet.later_fragment) {
    ports = IcmpPortsOf(packet.protocol, packet.icmp_type, packet.icmp_code);
  }
  const std::uint64_t turned =
      kBidirectional
          ? IsGreater(source, ports.source, destination, ports.destination)
          : 0;
  const std::uint64_t mask = 0 - turned;
  out.orientation = static_cast<Orientation>(turned);
  key.address = {Choose(mask, source, destination),
                 Choose(mask, destination, source)};
  key.SetNumbers({static_cast<std::uint16_t>(
                      Choose(mask, ports.source, ports.destination)),
                  static_cast<std::uint16_t>(
                      Choose(mask, ports.destination, ports.source))},
                 packet.protocol, packet.ip_version,
                 options_.vlan_in_key ? packet.vlan_id : std::uint16_t{0});
  key.tunnel_id = TunnelIdOf(packet);
}

template <bool kBidirectional>
DecodeResult BasicFiveTuple<kBidirectional>::Extract(const Frame& frame,
                                                     Extracted<Key>& out) {
  DecodeResult result = DecodeResult::kOk;
  out.unsettled = false;
  if (options_.innermost) {
    Packet fragmented;
    result = DecodeInnermost(frame, out.packet, fragmented);
    out.unsettled = fragmented.ip_version != 0;
  } else {
    result = Decode(frame, out.packet);
  }
  if (result != DecodeResult::kOk) {
    return result;
  }
  if (duplicates_ != nullptr && duplicates_->IsDuplicate(frame, out.packet)) {
    return DecodeResult::kDuplicate;
  }
  out.unsettled = out.unsettled || out.packet.fragment;
  if (!out.unsettled) {
    FillKey(out);
  }
  return result;
}

template <bool kBidirectional>
DecodeResult BasicFiveTuple<kBidirectional>::Settle(const Frame& frame,
                                                    Extracted<Key>& out) {
  if (options_.innermost) {
    Packet fragmented;
    DecodeInnermost(frame, out.packet, fragmented);
    if (fragmented.ip_version != 0) {
      fragments_.Add(fragmented, ScopeOf(fragmented));
    }
  }
  if (out.packet.fragment && !fragments_.Add(out.packet, ScopeOf(out.packet))) {
    return DecodeResult::kHeld;
  }
  FillKey(out);
  return DecodeResult::kOk;
}

template class BasicFiveTuple<true>;
template class BasicFiveTuple<false>;

DecodeResult IpPair::Extract(const Frame& frame, Extracted<Key>& out) {
  const DecodeResult result = Decode(frame, out.packet);
  if (result != DecodeResult::kOk) {
    return result;
  }
  out.one_conversation = false;
  out.key.address = {out.packet.source, out.packet.destination};
  out.key.ip_version = out.packet.ip_version;
  out.orientation = Orientation::kFirstToSecond;
  if (out.key.address[0] > out.key.address[1]) {
    std::swap(out.key.address[0], out.key.address[1]);
    out.orientation = Orientation::kSecondToFirst;
  }
  return result;
}

DecodeResult MacPair::Extract(const Frame& frame, Extracted<Key>& out) {
  const DecodeResult result = Decode(frame, out.packet);
  if (!out.packet.has_mac) {
    return result == DecodeResult::kOk ? DecodeResult::kUnknownLink : result;
  }
  out.one_conversation = false;
  out.key.address = {out.packet.source_mac, out.packet.destination_mac};
  out.orientation = Orientation::kFirstToSecond;
  if (out.key.address[0] > out.key.address[1]) {
    std::swap(out.key.address[0], out.key.address[1]);
    out.orientation = Orientation::kSecondToFirst;
  }
  return DecodeResult::kOk;
}

}  // namespace tracker
