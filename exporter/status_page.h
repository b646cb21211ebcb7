// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace exporter {

// status_page.html, as it is in the source, with @NONCE@ for the answer's
// nonce.
extern const std::string_view kStatusPage;

}  // namespace exporter
