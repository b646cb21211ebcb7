// SPDX-License-Identifier: Apache-2.0
// Capture files in the classic pcap format, from frames.
#pragma once

#include <cstdint>
#include <filesystem>
#include <span>

#include "tests/support/packet_builder.h"

namespace tests {

enum class Resolution : std::uint8_t { kMicroseconds, kNanoseconds };

// The octets of a capture file, little-endian. Its link type is that of the
// first frame, Ethernet when there is none.
Octets CaptureFile(std::span<const CapturedFrame> frames,
                   Resolution resolution = Resolution::kMicroseconds);

// Writes them to `path`; aborts when that fails.
void WriteCapture(const std::filesystem::path& path,
                  std::span<const CapturedFrame> frames,
                  Resolution resolution = Resolution::kMicroseconds);

}  // namespace tests
