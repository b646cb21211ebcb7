// SPDX-License-Identifier: Apache-2.0
// How messages lie in the files of a spool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

namespace exporter {

// All that a spool knows of the messages that it holds.
class SpoolFraming {
 public:
  struct Frame {
    std::size_t octets = 0;
    std::uint64_t records = 0;  // of flows; 0: nothing that was added
  };

  SpoolFraming() = default;
  SpoolFraming(const SpoolFraming&) = delete;
  SpoolFraming& operator=(const SpoolFraming&) = delete;
  virtual ~SpoolFraming() = default;

  // Behind a file's number, with its dot.
  [[nodiscard]] virtual std::string_view Suffix() const = 0;

  // What stands at the front of a file, so that it can be read by itself.
  // `first` is the first message that will stand behind it.
  virtual std::vector<std::uint8_t> BeginFile(
      std::span<const std::uint8_t> first) = 0;
  // Makes `message` the next one of the file that was begun last.
  virtual void Place(std::span<std::uint8_t> message,
                     std::uint64_t records) = 0;

  // A file is about to be read from its beginning.
  virtual void BeginReading() = 0;
  // What stands at the front of `octets`, which go on where the last frame of
  // the file ended. None: nothing whole.
  virtual std::optional<Frame> Next(std::span<const std::uint8_t> octets) = 0;
  // Whether what was read since BeginReading() means today what it meant when
  // it was written; asked behind the first frame with records.
  [[nodiscard]] virtual bool Fits() const = 0;
};

}  // namespace exporter
