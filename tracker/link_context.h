// SPDX-License-Identifier: Apache-2.0
// Where a flow was seen, and between whom on that link: what it has in common
// with many others.
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <utility>

#include "tracker/address.h"
#include "tracker/flow_key.h"
#include "tracker/frame.h"
#include "tracker/packet.h"

namespace tracker {

// In words, which is how it is compared and hashed: what is written in smaller
// parts is waited for.
class LinkContext {
 public:
  LinkContext() = default;
  // The initiator has sent it, and nobody an answer.
  explicit LinkContext(const Packet& packet)
      : LinkContext(packet.source_mac.data(), packet.destination_mac.data(),
                    packet.interface, packet.vlan_id) {}
  // The same, of Ethernet; so much was captured.
  LinkContext(const Frame& frame, std::uint16_t vlan_id)
      : LinkContext(frame.captured.data() + sizeof(MacAddress),
                    frame.captured.data(), frame.interface, vlan_id) {}

  // As in FlowStats.
  [[nodiscard]] MacAddress Mac(Side side) const {
    MacAddress mac;
    std::memcpy(mac.data(), &End(side), mac.size());
    return mac;
  }
  [[nodiscard]] std::uint16_t VlanId(Side side) const {
    return static_cast<std::uint16_t>(End(side) >> kVlanAt);
  }
  [[nodiscard]] std::uint32_t Interface() const {
    return static_cast<std::uint32_t>(interface_);
  }

  void SetVlanId(Side side, std::uint16_t vlan_id) {
    std::uint64_t& end = ends_[static_cast<std::size_t>(side)];
    end = (end & kMacMask) | std::uint64_t{vlan_id} << kVlanAt;
  }
  void SwapSides() { std::swap(ends_[0], ends_[1]); }

  // Two that differ in an address or a VLAN seldom have the same.
  [[nodiscard]] std::uint64_t Mixed() const {
    constexpr std::uint64_t kOdd = 0x9e3779b97f4a7c15;
    return (std::rotr(ends_[0], 40) * 3 + std::rotr(ends_[1], 40) +
            interface_) *
           kOdd;
  }

  bool operator==(const LinkContext& other) const {
    return ends_[0] == other.ends_[0] && ends_[1] == other.ends_[1] &&
           interface_ == other.interface_;
  }

 private:
  LinkContext(const std::uint8_t* source, const std::uint8_t* destination,
              std::uint32_t interface, std::uint16_t vlan_id)
      : ends_{MacWord(source), MacWord(destination)}, interface_(interface) {
    SetVlanId(Side::kInitiator, vlan_id);
  }

  static constexpr unsigned kVlanAt = 48;
  static constexpr std::uint64_t kMacMask = (std::uint64_t{1} << kVlanAt) - 1;

  static std::uint64_t MacWord(const std::uint8_t* mac) {
    std::uint32_t first = 0;
    std::uint16_t rest = 0;
    std::memcpy(&first, mac, sizeof(first));
    std::memcpy(&rest, mac + sizeof(first), sizeof(rest));
    return first | std::uint64_t{rest} << 32;
  }
  [[nodiscard]] const std::uint64_t& End(Side side) const {
    return ends_[static_cast<std::size_t>(side)];
  }

  std::array<std::uint64_t, 2> ends_{};  // MAC address, and VLAN id above it
  std::uint64_t interface_ = 0;
};

}  // namespace tracker
