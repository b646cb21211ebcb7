// SPDX-License-Identifier: Apache-2.0
#include "exporter/socket.h"

#include "exporter/setup_error.h"

namespace exporter {

Addresses Resolve(const CollectorUrl& url, int type) {
  addrinfo hints{};
  hints.ai_family = AF_UNSPEC;
  hints.ai_socktype = type;
  addrinfo* list = nullptr;
  const int error =
      getaddrinfo(url.host.c_str(), url.port.c_str(), &hints, &list);
  if (error != 0) {
    throw SetupError("collector '" + url.text + "': cannot resolve '" +
                     url.host + "': " + gai_strerror(error));
  }
  return Addresses(list);
}

}  // namespace exporter
