// SPDX-License-Identifier: Apache-2.0
// TLS over a TCP connection. Never blocks without a limit, as that does not.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <system_error>
#include <utility>

#include "exporter/tcp_connection.h"
#include "exporter/tls_session.h"

namespace exporter {

class TlsChannel {
 public:
  // `connection` is one that was just made, and is borrowed.
  TlsChannel(TcpConnection& connection, std::unique_ptr<TlsSession> session)
      : connection_(connection), session_(std::move(session)) {}

  // Until both sides have accepted each other, as far as that can be known.
  [[nodiscard]] std::error_code Handshake();
  // All of it, or an error, and some of it may have gone.
  [[nodiscard]] std::error_code Send(std::span<const std::uint8_t> octets);
  // What was received from the connection.
  [[nodiscard]] std::error_code Take(std::span<const std::uint8_t> octets);
  [[nodiscard]] bool PeerEnded() const { return session_->PeerEnded(); }
  // The peer is told that this was all.
  [[nodiscard]] std::error_code End();

 private:
  [[nodiscard]] std::error_code AwaitVerdict();
  [[nodiscard]] std::error_code SendToWire();
  // `error` of the session, or none. What it has to say goes out, also about
  // the error.
  [[nodiscard]] std::error_code After(const std::error_code& error);

  TcpConnection& connection_;
  std::unique_ptr<TlsSession> session_;
};

}  // namespace exporter
