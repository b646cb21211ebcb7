// SPDX-License-Identifier: Apache-2.0
#include "exporter/listen_address.h"

#include <charconv>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string_view>

#include <arpa/inet.h>
#include <netinet/in.h>

#include "exporter/loopback.h"
#include "exporter/setup_error.h"

namespace exporter {
namespace {

[[noreturn]] void Refuse(const std::string& text) {
  throw SetupError(
      "--http: write ADDRESS:PORT, as in 127.0.0.1:9995 or [::1]:9995, not '" +
      text + "'");
}

std::optional<in_port_t> Port(std::string_view text) {
  std::uint16_t port = 0;
  const char* const end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, port);
  if (error != std::errc{} || behind != end || port == 0) {
    return std::nullopt;
  }
  return htons(port);
}

template <typename Address>
void Store(const Address& address, ListenAddress& listen) {
  std::memcpy(&listen.address, &address, sizeof(address));
  listen.length = sizeof(address);
}

}  // namespace

ListenAddress ParseListenAddress(const std::string& text) {
  const std::size_t colon = text.rfind(':');
  std::string host =
      colon == std::string::npos ? "127.0.0.1" : text.substr(0, colon);
  const std::optional<in_port_t> port =
      Port(colon == std::string::npos ? text : text.substr(colon + 1));
  if (!port) {
    Refuse(text);
  }
  ListenAddress listen;
  listen.text = text;
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') {
    host = host.substr(1, host.size() - 2);
    sockaddr_in6 address{};
    address.sin6_family = AF_INET6;
    address.sin6_port = *port;
    if (inet_pton(AF_INET6, host.c_str(), &address.sin6_addr) != 1) {
      Refuse(text);
    }
    listen.loopback = IsLoopback(host);
    Store(address, listen);
    return listen;
  }
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = *port;
  if (inet_pton(AF_INET, host == "localhost" ? "127.0.0.1" : host.c_str(),
                &address.sin_addr) != 1) {
    Refuse(text);
  }
  listen.loopback = IsLoopback(host);
  Store(address, listen);
  return listen;
}

}  // namespace exporter
