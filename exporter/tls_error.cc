// SPDX-License-Identifier: Apache-2.0
#include "exporter/tls_error.h"

#include <string>

#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509_vfy.h>

namespace exporter {
namespace {

// Values are X509_V_ERR_*, which are small, and OpenSSL's packed error codes,
// which have the number of the library above bit 23.
constexpr int kFirstPacked = 1 << ERR_LIB_OFFSET;

class TlsCategory final : public std::error_category {
 public:
  [[nodiscard]] const char* name() const noexcept override { return "tls"; }

  [[nodiscard]] std::string message(int value) const override {
    if (value < kFirstPacked) {
      return std::string("TLS: the collector's certificate is refused: ") +
             X509_verify_cert_error_string(value);
    }
    const auto packed = static_cast<unsigned long>(value);
    const char* const reason = ERR_reason_error_string(packed);
    const std::string text =
        reason != nullptr ? reason : "error " + std::to_string(value);
    // A reason above the offset is an alert that came from the peer.
    const bool from_peer = ERR_GET_LIB(packed) == ERR_LIB_SSL &&
                           ERR_GET_REASON(packed) > SSL_AD_REASON_OFFSET;
    return (from_peer ? "TLS: refused by the collector: " : "TLS: ") + text;
  }
};

std::error_code Make(int value) {
  static const TlsCategory category;
  return {value, category};
}

}  // namespace

std::error_code CertificateError(long result) {
  return Make(static_cast<int>(result));
}

std::error_code TakeTlsError() {
  const unsigned long packed = ERR_get_error();
  ERR_clear_error();
  if (packed == 0) {
    return std::make_error_code(std::errc::protocol_error);
  }
  if (ERR_SYSTEM_ERROR(packed)) {
    return {ERR_GET_REASON(packed), std::generic_category()};
  }
  return Make(static_cast<int>(packed));
}

}  // namespace exporter
