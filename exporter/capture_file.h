// SPDX-License-Identifier: Apache-2.0
// One capture file, of whatever format.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "exporter/descriptor.h"
#include "exporter/frame_burst.h"

namespace exporter {

class CaptureFile {
 public:
  CaptureFile() = default;
  CaptureFile(const CaptureFile&) = delete;
  CaptureFile& operator=(const CaptureFile&) = delete;
  virtual ~CaptureFile() = default;

  // Fills the burst; the number of frames added, 0 at the end.
  virtual std::size_t Read(FrameBurst& burst) = 0;
  // After the end: why, naming the file; empty for a regular end.
  [[nodiscard]] virtual std::string Error() const = 0;
  // Octets read of the file, compressed ones of a compressed file.
  [[nodiscard]] virtual std::uint64_t Position() const = 0;
  [[nodiscard]] std::uint64_t Size() const { return size_; }

 protected:
  // Files have no ifIndex; 0 would make collectors drop the flow.
  static constexpr std::uint32_t kInterface = 1;

  explicit CaptureFile(std::uint64_t size) : size_(size) {}

 private:
  std::uint64_t size_ = 0;
};

// "-" is the standard input. Throws SetupError: it cannot be read.
Descriptor OpenCapture(const std::string& path);

// Classic pcap or pcapng, plain or gzip, from where `file` stands, which is its
// start. Throws SetupError that names `path`: it cannot be read, is no capture,
// or the filter is wrong. `stop` ends a pipe that others still write to; see
// CaptureStream.
std::unique_ptr<CaptureFile> ReadCapture(const std::string& path,
                                         Descriptor file,
                                         const std::string& filter,
                                         const std::atomic<bool>& stop);

}  // namespace exporter
