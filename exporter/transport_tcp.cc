// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstdint>
#include <deque>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "exporter/descriptor.h"
#include "exporter/last_error.h"
#include "exporter/resolver.h"
#include "exporter/socket.h"
#include "exporter/transport.h"

namespace exporter {
namespace {

// The other outputs wait meanwhile.
constexpr std::chrono::seconds kConnectTimeout{1};
// A collector that takes nothing for so long is taken for dead.
constexpr std::chrono::seconds kStallTimeout{10};
constexpr std::chrono::seconds kCloseTimeout{5};

// Copies of what was sent, until it is sure that it was read.
class UnreadMessages {
 public:
  // `end`: of the message, in octets of the connection.
  void Add(std::span<const std::uint8_t> octets, std::uint64_t flow_records,
           std::uint64_t end) {
    octets_ += octets.size();
    messages_.push_back({{{octets.begin(), octets.end()}, flow_records}, end});
  }
  // Those that end at or before `end`.
  void Forget(std::uint64_t end) {
    while (!messages_.empty() && messages_.front().end <= end) {
      octets_ -= messages_.front().message.octets.size();
      messages_.pop_front();
    }
    trim_at_ = octets_ + kTrimStep;
  }
  // There are many more than after the last Forget(), which costs system calls.
  [[nodiscard]] bool WorthTrimming() const { return octets_ >= trim_at_; }
  std::vector<KeptMessage> TakeAll() {
    std::vector<KeptMessage> all;
    all.reserve(messages_.size());
    for (Sent& sent : messages_) {
      all.push_back(std::move(sent.message));
    }
    messages_.clear();
    octets_ = 0;
    trim_at_ = kTrimStep;
    return all;
  }

 private:
  static constexpr std::size_t kTrimStep = 256 << 10;
  struct Sent {
    KeptMessage message;
    std::uint64_t end;
  };

  std::deque<Sent> messages_;
  std::size_t octets_ = 0;
  std::size_t trim_at_ = kTrimStep;
};

// Never blocks without a limit: the socket is non-blocking and every wait has
// a timeout.
class TcpTransport final : public Transport {
 public:
  explicit TcpTransport(const CollectorUrl& url)
      : url_(url), resolver_(url, SOCK_STREAM) {}

  std::error_code Open() override {
    if (std::exchange(opened_, true)) {
      resolver_.Again();
    }
    std::error_code error;
    for (const addrinfo* at = resolver_.Latest(); at != nullptr;
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
    for (; !batch.Empty(); batch.Pop(1)) {
      if (const std::error_code error = SendOne(batch.Front())) {
        return error;
      }
      if (const auto records = batch.Entries().front().flow_records;
          records > 0) {
        unread_.Add(batch.Front(), records, sent_octets_);
      }
    }
    if (unread_.WorthTrimming()) {
      ForgetWhatWasRead(false);
    }
    return {};
  }

  [[nodiscard]] bool ComesAgain() const override { return true; }
  [[nodiscard]] std::vector<KeptMessage> TakeUnread() override {
    return socket_.Valid() ? std::vector<KeptMessage>{} : unread_.TakeAll();
  }

  std::error_code Close() override {
    if (!socket_.Valid()) {
      return {};
    }
    shutdown(socket_.Get(), SHUT_WR);
    std::error_code error = WaitForAcknowledgment();
    if (!error) {
      error = WaitForPeersEnd();
    }
    if (!error) {
      unread_.TakeAll();
    }
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
        sent_octets_ += static_cast<std::uint64_t>(sent);
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
    if (socket_.Valid()) {
      ForgetWhatWasRead(false);
    }
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
      ForgetWhatWasRead(true);
      return Lose(std::make_error_code(std::errc::connection_reset));
    }
    if (got < 0 && errno != EAGAIN && errno != EINTR) {
      return Lose(LastError());
    }
    return {};
  }

  // What the peer's kernel has acknowledged may still wait for the peer to read
  // it, and is lost if that dies. How much does, TCP does not tell: the windows
  // that it offers are what is left of its buffer. A peer that ended in order
  // had read it all.
  void ForgetWhatWasRead(bool in_order) {
    constexpr std::uint64_t kMostUnread = 4 << 20;  // Linux's default is 3
    int unacknowledged = 0;
    if (ioctl(socket_.Get(), SIOCOUTQ, &unacknowledged) != 0) {
      return;
    }
    const std::uint64_t doubtful = static_cast<std::uint64_t>(unacknowledged) +
                                   (in_order ? 0 : kMostUnread);
    unread_.Forget(sent_octets_ - std::min(sent_octets_, doubtful));
  }

  std::error_code Connect(const addrinfo& address) {
    sent_octets_ = 0;
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

  // Its end says that it has read all there was, and a reset that it has not. A
  // peer that goes on listening says neither.
  std::error_code WaitForPeersEnd() {
    constexpr std::chrono::milliseconds kPeersEnd{1000};
    if (Wait(POLLIN, kPeersEnd)) {
      return {};
    }
    char octet = 0;
    return recv(socket_.Get(), &octet, sizeof(octet), MSG_DONTWAIT) < 0
               ? LastError()
               : std::error_code{};
  }

  CollectorUrl url_;
  Resolver resolver_;
  bool opened_ = false;  // or tried, so that its answer may be old
  Descriptor socket_;
  UnreadMessages unread_;
  std::uint64_t sent_octets_ = 0;  // on this connection
  std::error_code loss_ = std::make_error_code(std::errc::not_connected);
};

}  // namespace

std::unique_ptr<Transport> MakeTcpTransport(const CollectorUrl& url) {
  return std::make_unique<TcpTransport>(url);
}

}  // namespace exporter
