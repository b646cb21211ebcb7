// SPDX-License-Identifier: Apache-2.0
// What a collector can digest.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace templates {

struct Profile {
  std::string_view name;
  // One record for both directions (RFC 5103), or one for each.
  bool biflow = true;
  bool own_elements = true;
  bool cert_elements = true;
  // Describe elements that are not IANA's in options records (RFC 5610), in
  // observation domain 0, where they disturb no collector's sequence check.
  bool element_types = true;
  // Count in an options record what was sent and what was not (RFC 7011 section
  // 4), in observation domain 0 likewise.
  bool statistics = true;
  // Say in an options record what the capturing interface is called, in the
  // observation domain of the flows.
  bool interface_names = false;
  // Say in an options record also that every packet was counted
  // (samplingInterval 1): without a rate, it drops the flows. Any other rate is
  // said to every collector.
  bool sampling_interval = false;
  // It counts options records in the sequence number, as RFC 7011 section 3.1
  // has it; else they look like lost flows, so the number passes over those in
  // the observation domain of the flows.
  bool options_in_sequence = true;
  bool udp_only = false;
  // Of the largest message that it reads in its default settings.
  std::uint16_t most_octets = 65000;
  // Records may come from inside of tunnels; not the collector's choice.
  bool overlays = false;

  bool operator==(const Profile&) const = default;
};

std::span<const Profile> Profiles();

// nullptr when there is no such profile.
const Profile* FindProfile(std::string_view name);

}  // namespace templates
