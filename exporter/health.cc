// SPDX-License-Identifier: Apache-2.0
#include "exporter/health.h"

#include <cstddef>

#include "exporter/service_manager.h"

namespace exporter {

void Health::Observe(Time now, const std::vector<std::uint64_t>& rounds) {
  threads_.resize(rounds.size(), {0, now});
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    if (threads_[i].rounds != rounds[i] || rounds[i] == Watchdog::kAtEnd) {
      threads_[i] = {rounds[i], now};
    }
  }
}

std::vector<std::string> Health::Troubles(Time now) const {
  std::vector<std::string> troubles;
  for (std::size_t i = 0; i < threads_.size(); ++i) {
    if (now - threads_[i].since > kPatience) {
      const auto seconds =
          std::chrono::floor<std::chrono::seconds>(now - threads_[i].since);
      troubles.push_back(
          (i + 1 < threads_.size() ? "capture thread " + std::to_string(i + 1)
                                   : "the export thread") +
          " has stood still for " + std::to_string(seconds.count()) + " s");
    }
  }
  return troubles;
}

}  // namespace exporter
