// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include <sys/socket.h>

#include "exporter/resolver.h"
#include "exporter/tcp_connection.h"
#include "exporter/tls_channel.h"
#include "exporter/tls_context.h"
#include "exporter/transport.h"
#include "exporter/unread_messages.h"

namespace exporter {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using std::chrono::steady_clock;

constexpr seconds kPeersEndTimeout{1};

std::error_code ConnectionReset() {
  return std::make_error_code(std::errc::connection_reset);
}

milliseconds Until(steady_clock::time_point deadline) {
  return std::chrono::duration_cast<milliseconds>(deadline -
                                                  steady_clock::now());
}

// Over TCP, bare or with TLS.
class TcpTransport final : public Transport {
 public:
  // `tls` may be null.
  TcpTransport(const CollectorUrl& url, std::unique_ptr<TlsContext> tls)
      : url_(url), resolver_(url, SOCK_STREAM), tls_(std::move(tls)) {}

  std::error_code Open() override {
    if (std::exchange(opened_, true)) {
      resolver_.Again();
    }
    std::error_code error;
    for (const addrinfo* at = resolver_.Latest(); at != nullptr;
         at = at->ai_next) {
      error = connection_.Connect(*at, url_);
      if (!error && tls_) {
        error = channel_.emplace(connection_, tls_->NewSession()).Handshake();
      }
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
        unread_.Add(batch.Front(), records, connection_.SentOctets());
      }
    }
    if (unread_.WorthTrimming()) {
      ForgetWhatWasRead(false);
    }
    return {};
  }

  [[nodiscard]] bool ComesAgain() const override { return true; }
  [[nodiscard]] std::vector<KeptMessage> TakeUnread() override {
    return connection_.Valid() ? std::vector<KeptMessage>{} : unread_.TakeAll();
  }

  std::error_code Close() override {
    if (!connection_.Valid()) {
      return {};
    }
    std::error_code error = channel_ ? channel_->End() : std::error_code{};
    if (!error) {
      error = connection_.EndSending();
    }
    if (!error) {
      error = WaitForPeersEnd();
    }
    if (!error) {
      unread_.TakeAll();
    }
    connection_.Reset();
    return error;
  }

 private:
  std::error_code SendOne(std::span<const std::uint8_t> message) {
    if (const std::error_code loss = PeerLoss()) {
      return loss;
    }
    const std::error_code error =
        channel_ ? channel_->Send(message) : connection_.Send(message);
    return error ? Lose(error) : error;  // the peer may have half a message
  }

  std::error_code Lose(const std::error_code& why) {
    if (connection_.Valid()) {
      ForgetWhatWasRead(false);
    }
    connection_.Reset();
    channel_.reset();
    loss_ = why;
    return why;
  }

  // Why there is no connection, or nothing. A collector has nothing to say, so
  // what it sends is TLS's, or ignored; and its end is the end: without this
  // look, the first message after it would be taken and lost.
  std::error_code PeerLoss() {
    if (!connection_.Valid()) {
      return loss_;
    }
    for (;;) {
      const TcpConnection::Received got = connection_.Receive();
      if (got.Nothing()) {
        return {};
      }
      if (got.error) {
        return Lose(got.error);
      }
      if (got.end) {
        // With TLS it may be anybody's who is on the way.
        ForgetWhatWasRead(!channel_);
        return Lose(ConnectionReset());
      }
      if (!channel_) {
        continue;
      }
      if (const std::error_code error = channel_->Take(got.octets)) {
        return Lose(error);
      }
      if (channel_->PeerEnded()) {
        ForgetWhatWasRead(EndsAtOnce());
        return Lose(ConnectionReset());
      }
    }
  }

  // What the peer's kernel has acknowledged may still wait for the peer to read
  // it, and is lost if that dies. How much does, TCP does not tell: the windows
  // that it offers are what is left of its buffer. A peer that ended in order
  // had read it all.
  void ForgetWhatWasRead(bool in_order) {
    constexpr std::uint64_t kMostUnread = 4 << 20;  // Linux's default is 3
    const std::uint64_t acknowledged = connection_.AcknowledgedOctets();
    unread_.Forget(acknowledged -
                   std::min(acknowledged, in_order ? 0 : kMostUnread));
  }

  // Its end says that it has read all there was, and a reset that it has not. A
  // peer that goes on listening says neither.
  std::error_code WaitForPeersEnd() {
    const auto deadline = steady_clock::now() + kPeersEndTimeout;
    while (!connection_.WaitToReceive(Until(deadline))) {
      const TcpConnection::Received got = connection_.Receive();
      std::error_code error = got.error;
      if (channel_ && !got.octets.empty()) {
        error = channel_->Take(got.octets);
      }
      if (error || got.end) {
        return error;
      }
    }
    return {};
  }

  // A peer that answers close_notify by reading on would throw away what it
  // reads. One that closed, having read everything, has TCP say so.
  bool EndsAtOnce() {
    return !connection_.WaitToReceive(kPeersEndTimeout) &&
           connection_.Receive().end;
  }

  CollectorUrl url_;
  Resolver resolver_;
  bool opened_ = false;  // or tried, so that its answer may be old
  std::unique_ptr<TlsContext> tls_;
  TcpConnection connection_;
  std::optional<TlsChannel> channel_;  // with TLS, while connected
  UnreadMessages unread_;
  std::error_code loss_ = std::make_error_code(std::errc::not_connected);
};

}  // namespace

std::unique_ptr<Transport> MakeTcpTransport(const CollectorUrl& url) {
  return std::make_unique<TcpTransport>(
      url,
      url.scheme == Scheme::kTls ? std::make_unique<TlsContext>(url) : nullptr);
}

}  // namespace exporter
