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

int SetSource(int socket, const std::string& source) {
  const Addresses address = ParseSource(source);
  if (address == nullptr) {
    errno = EINVAL;
    return -1;
  }
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

}  // namespace

Addresses Resolve(const CollectorUrl& url, int type) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = type;
  if (!url.source.empty()) {
    const Addresses source = ParseSource(url.source);
    if (source == nullptr) {
      Refuse(url, "source: '" + url.source +
                      "' is not an address; give one that `ip address` lists");
    }
    hints.ai_family = source->ai_family;
  }
  addrinfo* list = nullptr;
  const int error =
      getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &list);
  if (error != 0) {
    Refuse(url,
           "cannot resolve '" + url.host + "'" +
               (url.source.empty() ? ""
                                   : " to an address of the kind of source '" +
                                         url.source + "'") +
               ": " + gai_strerror(error));
  }
  Addresses addresses(list);
  Try(url, addresses->ai_family, type);
  return addresses;
}

int Prepare(int socket, int family, const CollectorUrl& url) {
  if (!url.interface.empty() && SetInterface(socket, url.interface) != 0) {
    return -1;
  }
  if (url.ttl && SetTtl(socket, family, *url.ttl) != 0) {
    return -1;
  }
  return url.source.empty() ? 0 : SetSource(socket, url.source);
}

}  // namespace exporter
