// SPDX-License-Identifier: Apache-2.0
// What all TLS connections to one collector have in common: whom we trust, and
// who we are.
#pragma once

#include <memory>
#include <string>

#include "exporter/collector_url.h"
#include "exporter/tls_session.h"

namespace exporter {

// TLS 1.2 and 1.3. The collector must have a certificate of a CA in the URL's
// file, or of one that this host trusts, for the URL's name, or its host.
class TlsContext {
 public:
  // Reads the files that the URL names; they are not read again. Throws
  // SetupError that names the parameter and the fix.
  explicit TlsContext(const CollectorUrl& url);

  [[nodiscard]] std::unique_ptr<TlsSession> NewSession() const;

 private:
  struct Free {
    void operator()(ssl_ctx_st* context) const;
  };

  std::unique_ptr<ssl_ctx_st, Free> context_;
  std::string name_;
};

}  // namespace exporter
