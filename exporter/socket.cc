// SPDX-License-Identifier: Apache-2.0
#include "exporter/socket.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "exporter/descriptor.h"
#include "exporter/last_error.h"
#include "exporter/setup_error.h"

namespace exporter {
namespace {

[[noreturn]] void Refuse(const CollectorUrl& url, const std::string& why) {
  throw SetupError("collector '" + url.text + "': " + why);
}

// nullptr when `source` is not an address.
Addresses ParseSource(const std::string& source) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = SOCK_DGRAM;  // so that there is one entry only
  hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV;
  addrinfo* list = nullptr;
  return Addresses(
      getaddrinfo(source.c_str(), "0", &hints, &list) == 0 ? list : nullptr);
}

int SetTtl(int socket, int family, int ttl) {
  return family == AF_INET6
             ? setsockopt(socket, IPPROTO_IPV6, IPV6_UNICAST_HOPS, &ttl,
                          sizeof(ttl))
             : setsockopt(socket, IPPROTO_IP, IP_TTL, &ttl, sizeof(ttl));
}

int SetInterface(int socket, const std::string& name) {
  return setsockopt(socket, SOL_SOCKET, SO_BINDTODEVICE, name.c_str(),
                    static_cast<socklen_t>(name.size()));
}

void SetPort(std::uint16_t port, sockaddr* address) {
  if (address->sa_family == AF_INET6) {
    reinterpret_cast<sockaddr_in6*>(address)->sin6_port = htons(port);
  } else {
    reinterpret_cast<sockaddr_in*>(address)->sin_port = htons(port);
  }
}

int SetSource(int socket, const std::string& source, std::uint16_t port = 0) {
  const Addresses address = ParseSource(source);
  if (address == nullptr) {
    errno = EINVAL;
    return -1;
  }
  SetPort(port, address->ai_addr);
  return bind(socket, address->ai_addr, address->ai_addrlen);
}

// Tries on a socket of its own what Prepare() will do, to name what fails.
void Try(const CollectorUrl& url, int family, int type) {
  const Descriptor trial(socket(family, type | SOCK_CLOEXEC, 0));
  if (!trial.Valid()) {
    return;  // connecting will say it
  }
  if (!url.interface.empty() && SetInterface(trial.Get(), url.interface) != 0) {
    Refuse(url, "interface: cannot send by '" + url.interface + "': " +
                    LastError().message() + "; name one that `ip link` lists");
  }
  if (!url.source.empty() && SetSource(trial.Get(), url.source) != 0) {
    Refuse(url, "source: cannot send from '" + url.source +
                    "': " + LastError().message() +
                    "; give an address that `ip address` lists");
  }
}

// Returns the error of getaddrinfo(3).
int GetAddresses(const CollectorUrl& url, int family, int type,
                 Addresses& addresses) {
  addrinfo hints{};
  hints.ai_family = family;
  hints.ai_socktype = type;
  addrinfo* list = nullptr;
  const int error =
      getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &list);
  addresses.reset(error == 0 ? list : nullptr);
  return error;
}

}  // namespace

Addresses Resolve(const CollectorUrl& url, int type) {
  int family = AF_UNSPEC;
  if (!url.source.empty()) {
    const Addresses source = ParseSource(url.source);
    if (source == nullptr) {
      Refuse(url, "source: '" + url.source +
                      "' is not an address; give one that `ip address` lists");
    }
    family = source->ai_family;
  }
  Addresses addresses;
  if (const int error = GetAddresses(url, family, type, addresses);
      error != 0) {
    Refuse(url,
           "cannot resolve '" + url.host + "'" +
               (url.source.empty() ? ""
                                   : " to an address of the kind of source '" +
                                         url.source + "'") +
               ": " + gai_strerror(error));
  }
  Try(url, addresses->ai_family, type);
  return addresses;
}

Addresses LookUpAddresses(const CollectorUrl& url, int type) {
  const Addresses source = ParseSource(url.source);
  Addresses addresses;
  static_cast<void>(GetAddresses(
      url, source != nullptr ? source->ai_family : AF_UNSPEC, type, addresses));
  return addresses;
}

int Prepare(int socket, int family, const CollectorUrl& url,
            std::uint16_t port) {
  if (!url.interface.empty() && SetInterface(socket, url.interface) != 0) {
    return -1;
  }
  if (url.ttl && SetTtl(socket, family, *url.ttl) != 0) {
    return -1;
  }
  if (!url.source.empty()) {
    return SetSource(socket, url.source, port);
  }
  return port == 0
             ? 0
             : SetSource(socket, family == AF_INET6 ? "::" : "0.0.0.0", port);
}

std::uint16_t LocalPort(int socket) {
  sockaddr_storage address{};
  socklen_t length = sizeof(address);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &length) !=
      0) {
    return 0;
  }
  return ntohs(address.ss_family == AF_INET6
                   ? reinterpret_cast<sockaddr_in6*>(&address)->sin6_port
                   : reinterpret_cast<sockaddr_in*>(&address)->sin_port);
}

}  // namespace exporter
