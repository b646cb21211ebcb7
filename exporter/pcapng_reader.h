// SPDX-License-Identifier: Apache-2.0
// Packets out of a pcapng file (draft-ietf-opsawg-pcapng), with each
// interface's own link type, snap length and clock; libpcap refuses files in
// which they differ.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "exporter/capture_stream.h"
#include "tracker/time.h"

namespace exporter {

struct PcapngPacket {
  tracker::Timestamp time;
  std::span<const std::uint8_t> captured;  // until the next call
  std::uint32_t wire_length = 0;
  std::uint16_t link_type = 0;  // LINKTYPE_ value
};

class PcapngReader {
 public:
  // Whether a file that begins with `start` is pcapng.
  static bool Recognises(std::span<const std::uint8_t> start);

  // Refers to `stream` for its lifetime; it stands at the start of the file.
  explicit PcapngReader(CaptureStream& stream) : stream_(stream) {}

  // False at the end; Error() says whether that is a failure. Blocks that are
  // no packets are skipped.
  bool Next(PcapngPacket& packet);
  [[nodiscard]] const std::string& Error() const { return error_; }

 private:
  struct Interface {
    std::uint16_t link_type = 0;
    std::uint32_t snap_length = 0;  // 0: no limit
    std::uint64_t ticks_per_second = 1'000'000;
    std::int64_t offset_seconds = 0;
  };

  bool ReadBlock();
  bool AddInterface();
  void ReadOptions(std::size_t at, Interface& interface) const;
  // One for each kind of packet block (sections 4.3, 4.4 and appendix A).
  bool Enhanced(PcapngPacket& packet);
  bool Simple(PcapngPacket& packet);
  bool Obsolete(PcapngPacket& packet);
  bool Fill(std::uint32_t interface, std::uint64_t ticks, std::size_t data_at,
            std::uint32_t captured, PcapngPacket& packet);
  static tracker::Timestamp TimeOf(const Interface& interface,
                                   std::uint64_t ticks);
  bool Fail(const std::string& why);
  [[nodiscard]] std::uint16_t U16(std::size_t at) const;
  [[nodiscard]] std::uint32_t U32(std::size_t at) const;

  CaptureStream& stream_;
  std::vector<std::uint8_t> body_;  // of the block, without its lengths
  std::uint32_t type_ = 0;
  bool big_endian_ = false;
  std::vector<Interface> interfaces_;  // of the section
  std::string error_;
};

}  // namespace exporter
