// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include <sys/socket.h>

namespace exporter {

// Where --http listens.
struct ListenAddress {
  std::string text;  // as given, for messages
  sockaddr_storage address{};
  socklen_t length = 0;
  bool loopback = true;  // nobody from outside can reach it
};

// "ADDRESS:PORT", "[ADDRESS]:PORT" for IPv6, or "PORT" on 127.0.0.1. Throws
// SetupError that names --http.
ListenAddress ParseListenAddress(const std::string& text);

}  // namespace exporter
