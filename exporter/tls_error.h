// SPDX-License-Identifier: Apache-2.0
// Why TLS refused, as an error_code whose message() is for the user.
#pragma once

#include <system_error>

namespace exporter {

// The collector's certificate was not accepted; `result` is an X509_V_ERR_*.
std::error_code CertificateError(long result);

// The oldest error in OpenSSL's queue of this thread, which is emptied.
std::error_code TakeTlsError();

}  // namespace exporter
