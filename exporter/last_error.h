// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cerrno>
#include <system_error>

namespace exporter {

// Why the system call that just failed did.
inline std::error_code LastError() { return {errno, std::generic_category()}; }

}  // namespace exporter
