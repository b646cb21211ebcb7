// SPDX-License-Identifier: Apache-2.0
#include "tracker/extractor.h"

#include <random>
#include <utility>

namespace tracker {
namespace {

std::uint64_t RandomWord(std::random_device& device) {
  return static_cast<std::uint64_t>(device()) << 32 | device();
}

void FillKey(const Packet& packet, FiveTuple::Options options, FlowKey& key) {
  key.address = {packet.source, packet.destination};
  key.port = {packet.source_port, packet.destination_port};
  key.tunnel_id = 0;
  key.vlan_id = options.vlan_in_key ? packet.vlan_id : std::uint16_t{0};
  key.protocol = packet.protocol;
  key.ip_version = packet.ip_version;
}

}  // namespace

KeyHasher::KeyHasher() : seed_{} {
  std::random_device device;
  for (std::uint64_t& word : seed_) {
    word = RandomWord(device);
  }
}

DecodeResult FiveTuple::Extract(const Frame& frame, Extracted<Key>& out) const {
  const DecodeResult result = Decode(frame, out.packet);
  if (result != DecodeResult::kOk) {
    return result;
  }
  FillKey(out.packet, options_, out.key);
  out.orientation = Orientation::kFirstToSecond;
  const auto order = out.key.address[0] <=> out.key.address[1];
  if (order > 0 || (order == 0 && out.key.port[0] > out.key.port[1])) {
    std::swap(out.key.address[0], out.key.address[1]);
    std::swap(out.key.port[0], out.key.port[1]);
    out.orientation = Orientation::kSecondToFirst;
  }
  return result;
}

DecodeResult UnidirectionalFiveTuple::Extract(const Frame& frame,
                                              Extracted<Key>& out) const {
  const DecodeResult result = Decode(frame, out.packet);
  if (result == DecodeResult::kOk) {
    FillKey(out.packet, options_, out.key);
    out.orientation = Orientation::kFirstToSecond;
  }
  return result;
}

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
