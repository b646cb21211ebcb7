// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "tracker/time.h"

namespace exporter {

enum class LinkState : std::uint8_t {
  kUp,
  kNoCarrier,  // up, but nothing is plugged in
  kDown,
  kGone,  // there is no interface of that name
};

struct Link {
  std::uint32_t index = 0;  // its ifIndex; 0: gone
  LinkState state = LinkState::kGone;
};

// What the kernel says of the interface that has this name now.
Link LinkNamed(const std::string& name);

// Octets on the wire of the longest frame that the interface is made for, with
// the Ethernet header and two VLAN tags; 0: nobody knows.
std::uint32_t LongestFrame(const std::string& name);

// An interface that is captured.
struct InterfaceStatus {
  std::string name;
  std::uint32_t index = 0;  // of records; while it is gone, the one it had
  LinkState state = LinkState::kGone;
  tracker::Timestamp since{};  // when the state began
  bool open = false;           // what it delivers is captured
};

// Why nothing comes from it, in a sentence; empty when all is well.
std::string Trouble(const InterfaceStatus& interface);

}  // namespace exporter
