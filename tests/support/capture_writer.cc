// SPDX-License-Identifier: Apache-2.0
#include "tests/support/capture_writer.h"

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <fstream>

namespace tests {
namespace {

constexpr std::uint32_t kMagicMicroseconds = 0xa1b2c3d4;
constexpr std::uint32_t kMagicNanoseconds = 0xa1b23c4d;
constexpr std::uint32_t kSnapLength = 262'144;

void Append16(Octets& out, std::uint16_t value) {
  out.push_back(static_cast<std::uint8_t>(value));
  out.push_back(static_cast<std::uint8_t>(value >> 8));
}

void Append32(Octets& out, std::uint32_t value) {
  Append16(out, static_cast<std::uint16_t>(value));
  Append16(out, static_cast<std::uint16_t>(value >> 16));
}

// https://www.tcpdump.org/linktypes.html
std::uint32_t LinkTypeNumber(tracker::LinkType link) {
  switch (link) {
    case tracker::LinkType::kEthernet:
      return 1;
    case tracker::LinkType::kRawIp:
      return 101;
    case tracker::LinkType::kBsdNull:
      return 0;
    case tracker::LinkType::kBsdLoop:
      return 108;
    case tracker::LinkType::kPpp:
      return 9;
    case tracker::LinkType::kCiscoHdlc:
      return 104;
    case tracker::LinkType::kLinuxSll:
      return 113;
    case tracker::LinkType::kLinuxSll2:
      return 276;
    case tracker::LinkType::kUnknown:
      break;
  }
  return 147;  // reserved for private use
}

}  // namespace

Octets CaptureFile(std::span<const CapturedFrame> frames,
                   Resolution resolution) {
  const bool nanoseconds = resolution == Resolution::kNanoseconds;
  Octets out;
  Append32(out, nanoseconds ? kMagicNanoseconds : kMagicMicroseconds);
  Append16(out, 2);
  Append16(out, 4);
  Append32(out, 0);
  Append32(out, 0);
  Append32(out, kSnapLength);
  Append32(out, LinkTypeNumber(frames.empty() ? tracker::LinkType::kEthernet
                                              : frames.front().link));
  for (const CapturedFrame& frame : frames) {
    const auto since_epoch = frame.time.time_since_epoch();
    const auto seconds =
        std::chrono::duration_cast<std::chrono::seconds>(since_epoch);
    const auto fraction = (since_epoch - seconds).count();
    Append32(out, static_cast<std::uint32_t>(seconds.count()));
    Append32(out, static_cast<std::uint32_t>(nanoseconds ? fraction
                                                         : fraction / 1000));
    Append32(out, static_cast<std::uint32_t>(frame.octets.size()));
    Append32(out, frame.wire_length);
    out.insert(out.end(), frame.octets.begin(), frame.octets.end());
  }
  return out;
}

void WriteCapture(const std::filesystem::path& path,
                  std::span<const CapturedFrame> frames,
                  Resolution resolution) {
  const Octets octets = CaptureFile(frames, resolution);
  std::ofstream out(path, std::ios::binary);
  out.write(reinterpret_cast<const char*>(octets.data()),
            static_cast<std::streamsize>(octets.size()));
  out.close();
  if (!out) {
    std::fprintf(stderr, "cannot write %s\n", path.c_str());
    std::abort();
  }
}

}  // namespace tests
