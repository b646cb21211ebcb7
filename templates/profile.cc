// SPDX-License-Identifier: Apache-2.0
#include "templates/profile.h"

#include <algorithm>
#include <array>

namespace templates {
namespace {

constexpr std::array kProfiles = {
    Profile{.name = "generic"},
    // It shows nobody else's elements, and the flags of one direction only.
    Profile{.name = "nfdump",
            .biflow = false,
            .own_elements = false,
            .cert_elements = false,
            .element_types = false},
    Profile{.name = "elastiflow", .biflow = false},
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
