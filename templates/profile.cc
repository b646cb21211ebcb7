// SPDX-License-Identifier: Apache-2.0
#include "templates/profile.h"

#include <algorithm>
#include <array>

namespace templates {
namespace {

// Where element_types is off, nobody learns from them: they are logged as odd
// records, or not read. So is statistics where nobody shows them.
constexpr std::array kProfiles = {
    Profile{.name = "generic"},
    // It shows nobody else's elements, and the flags of one direction only.
    Profile{.name = "nfdump",
            .biflow = false,
            .own_elements = false,
            .cert_elements = false,
            .element_types = false,
            .statistics = false,
            .options_in_sequence = false,
            .udp_only = true},
    Profile{.name = "elastiflow",
            .biflow = false,
            .statistics = false,
            .interface_names = true,
            .udp_only = true},
    // One element that it was not taught, and it drops the template and all its
    // flows.
    Profile{.name = "logstash",
            .own_elements = false,
            .element_types = false,
            .udp_only = true},
    Profile{.name = "filebeat",
            .element_types = false,
            .udp_only = true,
            .most_octets = 10240},
    Profile{.name = "pmacct",
            .biflow = false,
            .element_types = false,
            .statistics = false,
            .udp_only = true,
            .most_octets = 10000},
    Profile{.name = "goflow2",
            .biflow = false,
            .element_types = false,
            .statistics = false,
            .udp_only = true,
            .most_octets = 9000},
    // It splits records of both directions since 2.0.1.
    Profile{.name = "akvorado",
            .element_types = false,
            .statistics = false,
            .sampling_interval = true,
            .udp_only = true,
            .most_octets = 9000},
    Profile{.name = "telegraf",
            .biflow = false,
            .element_types = false,
            .statistics = false,
            .udp_only = true},
    // One element of an enterprise that its model lacks, and it drops the
    // message.
    Profile{.name = "vflow",
            .biflow = false,
            .own_elements = false,
            .cert_elements = false,
            .element_types = false,
            .statistics = false,
            .udp_only = true,
            .most_octets = 1472},
    Profile{.name = "ipfixcol2"},
    // Makes two flows of a record that has reverseFlowDeltaMilliseconds of
    // CERT, and of no other.
    Profile{.name = "silk"},
};

}  // namespace

std::span<const Profile> Profiles() { return kProfiles; }

const Profile* FindProfile(std::string_view name) {
  const auto* found = std::find_if(
      kProfiles.begin(), kProfiles.end(),
      [&](const Profile& profile) { return profile.name == name; });
  return found == kProfiles.end() ? nullptr : found;
}

}  // namespace templates
