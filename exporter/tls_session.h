// SPDX-License-Identifier: Apache-2.0
// The client's side of one TLS connection (RFC 8446, RFC 5246), without its
// socket: octets of the wire come in and go out through memory.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>

struct ssl_ctx_st;  // OpenSSL's SSL_CTX and SSL
struct ssl_st;

namespace exporter {

// After every call that may fail, also one that did, what is ToWire() goes to
// the peer: it may be an alert that says why.
class TlsSession {
 public:
  // The peer's certificate must be for `name`, a host name or an address (RFC
  // 7011 section 11.3). `context` is borrowed for this call.
  TlsSession(ssl_ctx_st* context, const std::string& name);
  TlsSession(const TlsSession&) = delete;
  TlsSession& operator=(const TlsSession&) = delete;
  ~TlsSession() = default;

  // As far as what was fed allows.
  [[nodiscard]] std::error_code Handshake();
  [[nodiscard]] bool Established() const;
  // With TLS 1.3 the handshake is done before the peer has judged our
  // certificate; what it sends next tells.
  [[nodiscard]] bool AwaitsVerdict() const;

  // What came from the peer. Data in it is ignored: a collector has nothing to
  // say.
  void Feed(std::span<const std::uint8_t> octets);
  [[nodiscard]] std::error_code Read();
  // It sent close_notify.
  [[nodiscard]] bool PeerEnded() const { return peer_ended_; }

  [[nodiscard]] std::error_code Write(std::span<const std::uint8_t> octets);
  // With close_notify (RFC 8446 section 6.1).
  void End();

  // What is to be sent; the octets are there until the next call of another.
  [[nodiscard]] std::span<const std::uint8_t> ToWire() const;
  void ClearToWire();

 private:
  struct Free {
    void operator()(ssl_st* session) const;
  };
  [[nodiscard]] std::error_code ErrorOf(int result);

  std::unique_ptr<ssl_st, Free> session_;
  bool certificate_wanted_ = false;
  bool peer_ended_ = false;
};

}  // namespace exporter
