// SPDX-License-Identifier: Apache-2.0
// Packets out of a classic capture file (draft-ietf-opsawg-pcap), in place:
// each stays where read(2) put it. Its relatives are left to libpcap.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "exporter/capture_stream.h"
#include "tracker/frame.h"

namespace exporter {

class PcapReader {
 public:
  static constexpr std::size_t kFileHeaderOctets = 24;
  using FileHeader = std::array<std::uint8_t, kFileHeaderOctets>;

  // Whether the file that begins with `header` can be read here: version 2.4,
  // microseconds or nanoseconds, in either byte order.
  static bool Recognises(std::span<const std::uint8_t> header);

  // Refers to `stream` for its lifetime; it stands at the start of a file that
  // is recognised.
  explicit PcapReader(CaptureStream& stream);

  [[nodiscard]] const FileHeader& Header() const { return header_; }
  // The next of the packets that were read: time, up to `most_octets` octets,
  // which stay until More(), and length on the wire; link and interface as in
  // `like`. As many of `frames` as are whole.
  std::size_t Next(std::span<tracker::Frame> frames, std::size_t most_octets,
                   const tracker::Frame& like);
  // Reads on behind the last Next(). False at the end; Error() says whether
  // that is a failure.
  bool More();
  [[nodiscard]] const std::string& Error() const { return error_; }

 private:
  template <bool kSwapped>
  std::size_t Fill(std::span<tracker::Frame> frames, std::size_t most_octets,
                   const tracker::Frame& like);
  [[nodiscard]] std::string Truncation() const;

  CaptureStream& stream_;
  FileHeader header_{};
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::size_t next_ = 0;          // in buffer_
  std::size_t end_ = 0;           // likewise
  std::uint64_t offset_ = 0;      // of buffer_ in the file
  bool swapped_ = false;          // written in the other byte order
  std::int64_t nanoseconds_ = 1;  // of a unit of the fraction
  std::uint32_t snap_length_ = 0;
  std::string error_;
};

}  // namespace exporter
