// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include <cerrno>
#include <chrono>
#include <cstdint>
#include <span>
#include <thread>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "exporter/descriptor.h"
#include "exporter/last_error.h"
#include "exporter/socket.h"
#include "exporter/transport.h"

namespace exporter {
namespace {

// The other outputs wait meanwhile.
constexpr std::chrono::seconds kConnectTimeout{1};
// A collector that takes nothing for so long is taken for dead.
constexpr std::chrono::seconds kStallTimeout{10};
constexpr std::chrono::seconds kCloseTimeout{5};

// Never blocks without a limit: the socket is non-blocking and every wait has
// a timeout.
class TcpTransport final : public Transport {
 public:
  explicit TcpTransport(const CollectorUrl& url)
      : url_(url), addresses_(Resolve(url, SOCK_STREAM)) {}

  std::error_code Open() override {
    std::error_code error;
    for (const addrinfo* at = addresses_.get(); at != nullptr;
         at = at->ai_next) {
      error = Connect(*at);
      if (!error) {
        return {};
      }
      Lose(error);
    }
    return error;
  }

  [[nodiscard]] bool IsOpen() override { return !PeerLoss(); }

  std::error_code Send(MessageBatch& batch) override {
    return batch.PopEach([this](auto message) { return SendOne(message); });
  }

  std::error_code Close() override {
    if (!socket_.Valid()) {
      return {};
    }
    shutdown(socket_.Get(), SHUT_WR);
    const std::error_code error = WaitForAcknowledgment();
    socket_.Reset();
    return error;
  }

 private:
  std::error_code SendOne(std::span<const std::uint8_t> message) {
    if (const std::error_code loss = PeerLoss()) {
      return loss;
    }
    while (!message.empty()) {
      const ssize_t sent =
          send(socket_.Get(), message.data(), message.size(), MSG_NOSIGNAL);
      std::error_code error;
      if (sent >= 0) {
        message = message.subspan(static_cast<std::size_t>(sent));
      } else if (errno == EAGAIN) {
        error = Wait(POLLOUT, kStallTimeout);
      } else if (errno != EINTR) {
        error = LastError();
      }
      if (error) {
        return Lose(error);  // the peer may have half a message
      }
    }
    return {};
  }

  std::error_code Lose(const std::error_code& why) {
    socket_.Reset();
    loss_ = why;
    return why;
  }

  // Why there is no connection, or nothing. A collector never sends, so an end
  // to be read is the end: without this look, the first message after it would
  // be taken and lost.
  std::error_code PeerLoss() {
    if (!socket_.Valid()) {
      return loss_;
    }
    char octet = 0;
    const ssize_t got =
        recv(socket_.Get(), &octet, sizeof(octet), MSG_PEEK | MSG_DONTWAIT);
    if (got == 0) {
      return Lose(std::make_error_code(std::errc::connection_reset));
    }
    if (got < 0 && errno != EAGAIN && errno != EINTR) {
      return Lose(LastError());
    }
    return {};
  }

  std::error_code Connect(const addrinfo& address) {
    socket_ = Descriptor(socket(address.ai_family,
                                SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                                address.ai_protocol));
    if (!socket_.Valid() ||
        Prepare(socket_.Get(), address.ai_family, url_) != 0) {
      return LastError();
    }
    if (connect(socket_.Get(), address.ai_addr, address.ai_addrlen) == 0) {
      return {};
    }
    if (errno != EINPROGRESS) {
      return LastError();
    }
    if (const std::error_code error = Wait(POLLOUT, kConnectTimeout)) {
      return error;
    }
    return SocketError();
  }

  std::error_code SocketError() {
    int error = 0;
    socklen_t length = sizeof(error);
    getsockopt(socket_.Get(), SOL_SOCKET, SO_ERROR, &error, &length);
    return {error, std::generic_category()};
  }

  std::error_code Wait(short events, std::chrono::milliseconds timeout) {
    pollfd ready{socket_.Get(), events, 0};
    const int got = poll(&ready, 1, static_cast<int>(timeout.count()));
    if (got < 0) {
      return LastError();
    }
    return got == 0 ? std::make_error_code(std::errc::timed_out)
                    : std::error_code{};
  }

  // send() only fills the kernel's buffer; the peer's kernel has the data when
  // ours has nothing left to be acknowledged.
  std::error_code WaitForAcknowledgment() {
    const auto deadline = std::chrono::steady_clock::now() + kCloseTimeout;
    int unacknowledged = 0;
    while (ioctl(socket_.Get(), SIOCOUTQ, &unacknowledged) == 0 &&
           unacknowledged > 0) {
      if (const std::error_code error = SocketError()) {
        return error;
      }
      if (std::chrono::steady_clock::now() > deadline) {
        return std::make_error_code(std::errc::timed_out);
      }
      std::this_thread::sleep_for(std::chrono::milliseconds{1});
    }
    return SocketError();
  }

  CollectorUrl url_;
  Addresses addresses_;
  Descriptor socket_;
  std::error_code loss_ = std::make_error_code(std::errc::not_connected);
};

}  // namespace

std::unique_ptr<Transport> MakeTcpTransport(const CollectorUrl& url) {
  return std::make_unique<TcpTransport>(url);
}

}  // namespace exporter
