// SPDX-License-Identifier: Apache-2.0
// Makes pcapng streams readable by libpcap, which refuses a capture whose
// interfaces have different snap lengths.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>

namespace exporter {

// Passes a stream through, with "no limit" for the snap length in each
// Interface Description Block (draft-ietf-opsawg-pcapng section 4.2). A stream
// that is no pcapng, or breaks its rules, passes unchanged from there on.
class PcapngFilter {
 public:
  // Fills some of the octets; 0 at the end, negative after an error.
  using ReadOctets = std::function<std::ptrdiff_t(std::span<std::uint8_t>)>;

  explicit PcapngFilter(ReadOctets read) : read_(std::move(read)) {}

  // As ReadOctets.
  std::ptrdiff_t Read(std::span<std::uint8_t> octets);

 private:
  // Reads up to the next octet that has to be looked at, into staged_.
  void StageBlock();
  // False at the end of the stream, with what there was in staged_.
  bool Stage(std::size_t count);
  [[nodiscard]] std::uint32_t Field(std::size_t at) const;

  ReadOctets read_;
  std::array<std::uint8_t, 16> staged_{};  // the start of a block
  std::size_t staged_count_ = 0;
  std::size_t staged_given_ = 0;
  std::uint64_t unseen_ = 0;  // octets of the block behind the staged ones
  bool started_ = false;
  bool big_endian_ = false;
  bool raw_ = false;  // no more blocks are looked at
  std::ptrdiff_t error_ = 0;
};

}  // namespace exporter
