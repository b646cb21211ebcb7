// SPDX-License-Identifier: Apache-2.0
#include "exporter/link_state.h"

#include <optional>

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "exporter/descriptor.h"

namespace exporter {

namespace {

Descriptor AskingSocket() {
  return Descriptor(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
}

// None: no interface can have that name.
std::optional<ifreq> RequestFor(const std::string& name) {
  ifreq request{};
  if (name.size() >= sizeof(request.ifr_name)) {
    return std::nullopt;
  }
  name.copy(request.ifr_name, name.size());
  return request;
}

}  // namespace

Link LinkNamed(const std::string& name) {
  const Descriptor socket = AskingSocket();
  std::optional<ifreq> named = RequestFor(name);
  if (!named || ioctl(socket.Get(), SIOCGIFINDEX, &*named) != 0) {
    return {};
  }
  ifreq& request = *named;
  Link link{.index = static_cast<std::uint32_t>(request.ifr_ifindex)};
  // Of one that is removed between the questions, the next look tells.
  if (ioctl(socket.Get(), SIOCGIFFLAGS, &request) != 0) {
    return {};
  }
  const auto flags = static_cast<unsigned>(request.ifr_flags);
  link.state = (flags & IFF_UP) == 0        ? LinkState::kDown
               : (flags & IFF_RUNNING) == 0 ? LinkState::kNoCarrier
                                            : LinkState::kUp;
  return link;
}

std::uint32_t LongestFrame(const std::string& name) {
  constexpr std::uint32_t kEthernetAndTags = 14 + 2 * 4;
  const Descriptor socket = AskingSocket();
  std::optional<ifreq> request = RequestFor(name);
  if (!request || ioctl(socket.Get(), SIOCGIFMTU, &*request) != 0 ||
      request->ifr_mtu <= 0) {
    return 0;
  }
  return static_cast<std::uint32_t>(request->ifr_mtu) + kEthernetAndTags;
}

std::string Trouble(const InterfaceStatus& interface) {
  const std::string what = "interface '" + interface.name + "' ";
  switch (interface.state) {
    case LinkState::kGone:
      return what + "is gone";
    case LinkState::kDown:
      return what + "is down";
    case LinkState::kNoCarrier:
      return what + "has no carrier";
    case LinkState::kUp:
      break;
  }
  return interface.open ? "" : what + "cannot be opened";
}

}  // namespace exporter
