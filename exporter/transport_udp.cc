// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <thread>

#include <sys/socket.h>

#include "exporter/descriptor.h"
#include "exporter/setup_error.h"
#include "exporter/socket.h"
#include "exporter/transport.h"

namespace exporter {
namespace {

std::error_code LastError() { return {errno, std::generic_category()}; }

// Lets a few messages through at once, then as many as fit into the time.
class Pacer {
 public:
  void Wait() {
    const auto now = std::chrono::steady_clock::now();
    next_ = std::max(next_ + kInterval, now - kBurst * kInterval);
    if (next_ > now) {
      std::this_thread::sleep_until(next_);
    }
  }

 private:
  // About 100 000 flows a second; nfcapd's default socket buffer holds 90
  // messages of full size.
  static constexpr std::chrono::microseconds kInterval{100};
  static constexpr int kBurst = 32;

  std::chrono::steady_clock::time_point next_;
};

// A connected socket: it learns from ICMP that nobody listens, and its source
// port, which collectors take for the exporter's identity, never changes.
class UdpTransport final : public Transport {
 public:
  UdpTransport(const CollectorUrl& url, bool paced)
      : addresses_(Resolve(url, SOCK_DGRAM)), paced_(paced) {}

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
    if (paced_) {
      pacer_.Wait();
    }
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
  bool paced_;
  Pacer pacer_;
};

}  // namespace

std::unique_ptr<Transport> MakeUdpTransport(const CollectorUrl& url,
                                            bool paced) {
  return std::make_unique<UdpTransport>(url, paced);
}

}  // namespace exporter
