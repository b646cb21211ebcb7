// SPDX-License-Identifier: Apache-2.0
// Time as the tracker knows it. Nothing here reads a clock: every time comes
// from a frame or from the caller.
#pragma once

#include <chrono>

namespace tracker {

// Nanoseconds since 1970-01-01 00:00:00 UTC, without leap seconds.
using Timestamp = std::chrono::sys_time<std::chrono::nanoseconds>;
using Duration = std::chrono::nanoseconds;

}  // namespace tracker
