// SPDX-License-Identifier: Apache-2.0
#include <cerrno>

#include <sys/socket.h>

#include "exporter/descriptor.h"
#include "exporter/setup_error.h"
#include "exporter/socket.h"
#include "exporter/transport.h"

namespace exporter {
namespace {

std::error_code LastError() { return {errno, std::generic_category()}; }

// A connected socket: it learns from ICMP that nobody listens, and its source
// port, which collectors take for the exporter's identity, never changes.
class UdpTransport final : public Transport {
 public:
  explicit UdpTransport(const CollectorUrl& url)
      : addresses_(Resolve(url, SOCK_DGRAM)) {}

  std::error_code Open() override {
    std::error_code error;
    for (const addrinfo* at = addresses_.get(); at != nullptr;
         at = at->ai_next) {
      socket_ = Descriptor(
          socket(at->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, at->ai_protocol));
      if (socket_.Valid() &&
          connect(socket_.Get(), at->ai_addr, at->ai_addrlen) == 0) {
        return {};
      }
      error = LastError();
      socket_.Reset();
    }
    return error;
  }

  [[nodiscard]] bool IsOpen() override { return socket_.Valid(); }

  std::error_code Send(std::span<const std::uint8_t> message) override {
    const ssize_t sent =
        send(socket_.Get(), message.data(), message.size(), MSG_NOSIGNAL);
    return sent < 0 ? LastError() : std::error_code{};
  }

  std::error_code LateError() override {
    int error = 0;
    socklen_t length = sizeof(error);
    getsockopt(socket_.Get(), SOL_SOCKET, SO_ERROR, &error, &length);
    return {error, std::generic_category()};
  }

  std::error_code Close() override {
    socket_.Reset();
    return {};
  }

 private:
  Addresses addresses_;
  Descriptor socket_;
};

}  // namespace

std::unique_ptr<Transport> MakeUdpTransport(const CollectorUrl& url) {
  return std::make_unique<UdpTransport>(url);
}

}  // namespace exporter
