// SPDX-License-Identifier: Apache-2.0
#include "exporter/progress.h"

#include <algorithm>
#include <array>
#include <cstdio>

namespace exporter {

std::string ProgressText(const ReadProgress& progress,
                         std::chrono::duration<double> elapsed) {
  const double share =
      progress.octets_total > 0
          ? std::min(1.0, static_cast<double>(progress.octets_read) /
                              static_cast<double>(progress.octets_total))
          : 0.0;
  const double seconds = std::max(elapsed.count(), 1e-3);
  const double rate = static_cast<double>(progress.packets) / seconds;
  std::array<char, 96> text{};
  const int length =
      std::snprintf(text.data(), text.size(), "%3.0f %%  %.2f M packets/s",
                    share * 100, rate / 1e6);
  if (share > 0) {
    std::snprintf(text.data() + length,
                  text.size() - static_cast<std::size_t>(length),
                  "  %.0f s left", seconds / share - seconds);
  }
  return text.data();
}

}  // namespace exporter
