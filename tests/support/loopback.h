// SPDX-License-Identifier: Apache-2.0
// For tests of transports: a socket of this process, on loopback.
#pragma once

#include <cstdint>

#include <netinet/in.h>
#include <sys/socket.h>

#include "exporter/descriptor.h"

namespace test_support {

// Binds an IPv4 socket to this port of 127.0.0.1, or to a free one for 0.
// Returns the port that it has; 0 on failure, with the cause in errno.
inline std::uint16_t BindToLoopback(const exporter::Descriptor& socket,
                                    std::uint16_t port = 0) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  socklen_t length = sizeof(address);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  if (bind(socket.Get(), generic, length) != 0 ||
      getsockname(socket.Get(), generic, &length) != 0) {
    return 0;
  }
  return ntohs(address.sin_port);
}

// Whether it is connected to that port of 127.0.0.1.
inline bool ConnectToLoopback(const exporter::Descriptor& socket,
                              std::uint16_t port) {
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  return connect(socket.Get(), reinterpret_cast<sockaddr*>(&address),
                 sizeof(address)) == 0;
}

}  // namespace test_support
