// SPDX-License-Identifier: Apache-2.0
// What the socket transports share.
#pragma once

#include <netdb.h>

#include <memory>
#include <string>

#include "exporter/collector_url.h"

namespace exporter {

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

// The addresses of the URL's host and port, `type` as in socket(2). Throws
// SetupError when the name does not resolve.
Addresses Resolve(const CollectorUrl& url, int type);

}  // namespace exporter
