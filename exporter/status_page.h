// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace exporter {

// status_page.html, as it is in the source, with @NONCE@ for the answer's
// nonce.
std::string_view StatusPage();

}  // namespace exporter
