// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

namespace exporter {

// Whether a host is this one by its name alone: "localhost" (RFC 6761 section
// 6.3), an address of 127.0.0.0/8, or ::1 without brackets.
bool IsLoopback(const std::string& host);

}  // namespace exporter
