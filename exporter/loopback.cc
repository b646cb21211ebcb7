// SPDX-License-Identifier: Apache-2.0
#include "exporter/loopback.h"

#include <arpa/inet.h>
#include <netinet/in.h>

namespace exporter {

bool IsLoopback(const std::string& host) {
  in_addr v4{};
  in6_addr v6{};
  return host == "localhost" ||
         (inet_pton(AF_INET, host.c_str(), &v4) == 1 &&
          ntohl(v4.s_addr) >> 24 == IN_LOOPBACKNET) ||
         (inet_pton(AF_INET6, host.c_str(), &v6) == 1 &&
          IN6_IS_ADDR_LOOPBACK(&v6) != 0);
}

}  // namespace exporter
