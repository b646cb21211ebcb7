// SPDX-License-Identifier: Apache-2.0
#include "exporter/tls_session.h"

#include <array>
#include <new>

#include <arpa/inet.h>
#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "exporter/tls_error.h"

namespace exporter {
namespace {

bool IsAddress(const std::string& name) {
  in6_addr address{};
  return inet_pton(AF_INET, name.c_str(), &address) == 1 ||
         inet_pton(AF_INET6, name.c_str(), &address) == 1;
}

// In a certificate, and in the server name indication, it is without the zone
// of an address and the root's dot (RFC 6066 section 3).
std::string WithoutZoneAndDot(std::string name) {
  name.resize(std::min(name.find('%'), name.size()));
  if (name.ends_with('.')) {
    name.pop_back();
  }
  return name;
}

}  // namespace

void TlsSession::Free::operator()(ssl_st* session) const { SSL_free(session); }

TlsSession::TlsSession(ssl_ctx_st* context, const std::string& name)
    : session_(SSL_new(context)) {
  BIO* const in = BIO_new(BIO_s_mem());
  BIO* const out = BIO_new(BIO_s_mem());
  if (session_ == nullptr || in == nullptr || out == nullptr) {
    throw std::bad_alloc();
  }
  SSL* const session = session_.get();
  SSL_set_bio(session, in, out);  // owns them from here on
  SSL_set_connect_state(session);
  SSL_set_cert_cb(
      session,
      [](SSL* /*session*/, void* wanted) {
        *static_cast<bool*>(wanted) = true;
        return 1;
      },
      &certificate_wanted_);

  const std::string wanted = WithoutZoneAndDot(name);
  X509_VERIFY_PARAM* const checks = SSL_get0_param(session);
  if (IsAddress(wanted)) {
    X509_VERIFY_PARAM_set1_ip_asc(checks, wanted.c_str());
    return;
  }
  X509_VERIFY_PARAM_set_hostflags(checks, X509_CHECK_FLAG_NO_PARTIAL_WILDCARDS);
  X509_VERIFY_PARAM_set1_host(checks, wanted.data(), wanted.size());
  SSL_set_tlsext_host_name(session, wanted.c_str());
}

std::error_code TlsSession::Handshake() {
  ERR_clear_error();
  return ErrorOf(SSL_do_handshake(session_.get()));
}

bool TlsSession::Established() const {
  return SSL_is_init_finished(session_.get()) == 1;
}

bool TlsSession::AwaitsVerdict() const {
  return certificate_wanted_ && SSL_version(session_.get()) >= TLS1_3_VERSION;
}

void TlsSession::Feed(std::span<const std::uint8_t> octets) {
  BIO_write(SSL_get_rbio(session_.get()), octets.data(),
            static_cast<int>(octets.size()));
}

std::error_code TlsSession::Read() {
  std::array<std::uint8_t, 512> ignored{};
  int got = 1;
  while (got > 0) {
    ERR_clear_error();
    got = SSL_read(session_.get(), ignored.data(),
                   static_cast<int>(ignored.size()));
  }
  return ErrorOf(got);
}

std::error_code TlsSession::Write(std::span<const std::uint8_t> octets) {
  ERR_clear_error();
  return ErrorOf(SSL_write(session_.get(), octets.data(),
                           static_cast<int>(octets.size())));
}

void TlsSession::End() {
  ERR_clear_error();
  // Not after an error: it would be one more.
  if (Established()) {
    SSL_shutdown(session_.get());
  }
}

std::span<const std::uint8_t> TlsSession::ToWire() const {
  const std::uint8_t* begin = nullptr;
  const long size = BIO_get_mem_data(SSL_get_wbio(session_.get()), &begin);
  return {begin, static_cast<std::size_t>(size)};
}

void TlsSession::ClearToWire() { BIO_reset(SSL_get_wbio(session_.get())); }

std::error_code TlsSession::ErrorOf(int result) {
  switch (SSL_get_error(session_.get(), result)) {
    case SSL_ERROR_NONE:
    case SSL_ERROR_WANT_READ:
      return {};
    case SSL_ERROR_ZERO_RETURN:
      peer_ended_ = true;
      return {};
    default:
      break;
  }
  const bool certificate =
      ERR_GET_REASON(ERR_peek_error()) == SSL_R_CERTIFICATE_VERIFY_FAILED;
  const std::error_code error = TakeTlsError();
  return certificate ? CertificateError(SSL_get_verify_result(session_.get()))
                     : error;
}

}  // namespace exporter
