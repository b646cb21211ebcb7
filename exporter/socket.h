// SPDX-License-Identifier: Apache-2.0
// What the socket transports share.
#pragma once

#include <netdb.h>

#include <cstdint>
#include <memory>
#include <string>

#include "exporter/collector_url.h"

namespace exporter {

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

// The addresses of the URL's host and port, `type` as in socket(2); with a
// source, those of its IP version. Throws SetupError when the name does not
// resolve, or when this host cannot send as the URL says.
Addresses Resolve(const CollectorUrl& url, int type);

// The same later, when the host may have others: nullptr when there are none.
Addresses LookUpAddresses(const CollectorUrl& url, int type);

// Between socket(2) and connect(2): gives `socket` the source, the TTL and the
// interface of the URL, and if it is not 0, the source port. `family` is the
// socket's. Returns 0, or -1 and errno.
int Prepare(int socket, int family, const CollectorUrl& url,
            std::uint16_t port = 0);
// The source port of a socket; 0: none.
std::uint16_t LocalPort(int socket);

}  // namespace exporter
