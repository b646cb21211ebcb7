// SPDX-License-Identifier: Apache-2.0
#include "exporter/uptime.h"

#include <algorithm>
#include <chrono>

namespace exporter {
namespace {

constexpr std::uint64_t kMost = 0xffffffff;
// Between the boot and the first time: more than the longest active timeout, so
// that flows which began before the first one fit, too.
constexpr std::uint64_t kBefore =
    std::chrono::milliseconds{std::chrono::hours{8 * 24}}.count();

}  // namespace

std::uint64_t Milliseconds(tracker::Timestamp time) {
  const auto since =
      std::chrono::floor<std::chrono::milliseconds>(time.time_since_epoch());
  return static_cast<std::uint64_t>(std::max<std::int64_t>(since.count(), 0));
}

std::uint64_t MessageTime(std::uint64_t now_ms, std::uint64_t first_ms,
                          std::uint64_t last_ms) {
  constexpr std::uint64_t kReach = kMost - kBefore;
  return now_ms > first_ms + kReach ? last_ms : std::max(now_ms, last_ms);
}

bool Uptime::Holds(std::uint64_t first_ms, std::uint64_t last_ms) const {
  return first_ms >= boot_ms_ && last_ms - boot_ms_ <= kMost;
}

void Uptime::Boot(std::uint64_t first_ms, std::uint64_t last_ms) {
  boot_ms_ = std::max(first_ms - std::min(first_ms, kBefore),
                      last_ms - std::min(last_ms, kMost));
}

std::uint32_t Uptime::At(std::uint64_t time_ms) const {
  return static_cast<std::uint32_t>(
      std::min(time_ms - std::min(time_ms, boot_ms_), kMost));
}

}  // namespace exporter
