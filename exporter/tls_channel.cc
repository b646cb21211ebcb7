// SPDX-License-Identifier: Apache-2.0
#include "exporter/tls_channel.h"

#include <chrono>

namespace exporter {
namespace {

using std::chrono::milliseconds;
using std::chrono::steady_clock;

constexpr std::chrono::seconds kHandshakeTimeout{3};
constexpr std::chrono::seconds kVerdictTimeout{1};

std::error_code ConnectionReset() {
  return std::make_error_code(std::errc::connection_reset);
}

}  // namespace

std::error_code TlsChannel::Handshake() {
  const auto deadline = steady_clock::now() + kHandshakeTimeout;
  for (;;) {
    if (const std::error_code error = After(session_->Handshake())) {
      return error;
    }
    if (session_->Established()) {
      return session_->AwaitsVerdict() ? AwaitVerdict() : std::error_code{};
    }
    if (const std::error_code silence =
            connection_.WaitToReceive(std::chrono::duration_cast<milliseconds>(
                deadline - steady_clock::now()))) {
      return silence;
    }
    const TcpConnection::Received got = connection_.Receive();
    if (got.error || got.end) {
      return got.error ? got.error : ConnectionReset();
    }
    session_->Feed(got.octets);
  }
}

// A refusal, or the tickets that most servers send then. One that sends nothing
// may still refuse later.
std::error_code TlsChannel::AwaitVerdict() {
  if (connection_.WaitToReceive(kVerdictTimeout)) {
    return {};
  }
  const TcpConnection::Received got = connection_.Receive();
  if (got.error || got.end) {
    return got.error ? got.error : ConnectionReset();
  }
  return Take(got.octets);
}

std::error_code TlsChannel::Send(std::span<const std::uint8_t> octets) {
  return After(session_->Write(octets));
}

std::error_code TlsChannel::Take(std::span<const std::uint8_t> octets) {
  session_->Feed(octets);
  return After(session_->Read());
}

std::error_code TlsChannel::End() {
  session_->End();
  return SendToWire();
}

std::error_code TlsChannel::SendToWire() {
  const std::error_code error = connection_.Send(session_->ToWire());
  session_->ClearToWire();
  return error;
}

std::error_code TlsChannel::After(const std::error_code& error) {
  const std::error_code not_sent = SendToWire();
  return error ? error : not_sent;
}

}  // namespace exporter
