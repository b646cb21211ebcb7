// SPDX-License-Identifier: Apache-2.0
// How far reading a capture has come, as a line that is rewritten in place.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace exporter {

struct ReadProgress {
  std::uint64_t octets_read = 0;
  std::uint64_t octets_total = 0;
  std::uint64_t packets = 0;
};

// " 43 %  1.20 M packets/s  12 s left", without a line end.
std::string ProgressText(const ReadProgress& progress,
                         std::chrono::duration<double> elapsed);

}  // namespace exporter
