// SPDX-License-Identifier: Apache-2.0
#include "exporter/tcp_connection.h"

#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <thread>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "exporter/last_error.h"
#include "exporter/socket.h"

namespace exporter {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;

// The other outputs wait meanwhile.
constexpr seconds kConnectTimeout{1};
// A collector that takes nothing for so long is taken for dead.
constexpr seconds kStallTimeout{5};
constexpr seconds kCloseTimeout{5};

}  // namespace

std::error_code TcpConnection::Connect(const addrinfo& address,
                                       const CollectorUrl& url) {
  sent_octets_ = 0;
  socket_ = Descriptor(socket(address.ai_family,
                              SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK,
                              address.ai_protocol));
  if (!Valid() || Prepare(socket_.Get(), address.ai_family, url) != 0) {
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

std::error_code TcpConnection::Send(std::span<const std::uint8_t> octets) {
  while (!octets.empty()) {
    const ssize_t sent =
        send(socket_.Get(), octets.data(), octets.size(), MSG_NOSIGNAL);
    std::error_code error;
    if (sent >= 0) {
      octets = octets.subspan(static_cast<std::size_t>(sent));
      sent_octets_ += static_cast<std::uint64_t>(sent);
    } else if (errno == EAGAIN) {
      error = Wait(POLLOUT, kStallTimeout);
    } else if (errno != EINTR) {
      error = LastError();
    }
    if (error) {
      return error;
    }
  }
  return {};
}

TcpConnection::Received TcpConnection::Receive() {
  const ssize_t got =
      recv(socket_.Get(), received_.data(), received_.size(), MSG_DONTWAIT);
  Received received;
  if (got >= 0) {
    received.end = got == 0;
    received.octets = std::span(received_).first(static_cast<std::size_t>(got));
  } else if (errno != EAGAIN && errno != EINTR) {
    received.error = LastError();
  }
  return received;
}

std::error_code TcpConnection::WaitToReceive(milliseconds timeout) {
  return Wait(POLLIN, std::max(timeout, milliseconds{0}));
}

std::uint64_t TcpConnection::AcknowledgedOctets() const {
  int unacknowledged = 0;
  if (ioctl(socket_.Get(), SIOCOUTQ, &unacknowledged) != 0) {
    return 0;
  }
  return sent_octets_ -
         std::min(sent_octets_, static_cast<std::uint64_t>(unacknowledged));
}

// send() only fills the kernel's buffer; the peer's kernel has the data when
// ours has nothing left to be acknowledged.
std::error_code TcpConnection::EndSending() {
  const auto deadline = std::chrono::steady_clock::now() + kCloseTimeout;
  shutdown(socket_.Get(), SHUT_WR);
  int unacknowledged = 0;
  while (ioctl(socket_.Get(), SIOCOUTQ, &unacknowledged) == 0 &&
         unacknowledged > 0) {
    if (const std::error_code error = SocketError()) {
      return error;
    }
    if (std::chrono::steady_clock::now() > deadline) {
      return std::make_error_code(std::errc::timed_out);
    }
    std::this_thread::sleep_for(milliseconds{1});
  }
  return SocketError();
}

std::error_code TcpConnection::Wait(short events, milliseconds timeout) const {
  pollfd ready{socket_.Get(), events, 0};
  const int got = poll(&ready, 1, static_cast<int>(timeout.count()));
  if (got < 0) {
    return LastError();
  }
  return got == 0 ? std::make_error_code(std::errc::timed_out)
                  : std::error_code{};
}

std::error_code TcpConnection::SocketError() const {
  int error = 0;
  socklen_t length = sizeof(error);
  getsockopt(socket_.Get(), SOL_SOCKET, SO_ERROR, &error, &length);
  return {error, std::generic_category()};
}

}  // namespace exporter
