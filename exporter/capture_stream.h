// SPDX-License-Identifier: Apache-2.0
// The octets of a capture file, decompressed.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "exporter/descriptor.h"

namespace exporter {

// Reads a file or a pipe once, from its start: gzip (RFC 1952, also several
// members) is decompressed, anything else passes as it is. Whatever could be
// decompressed before a fault is delivered before the fault.
class CaptureStream {
 public:
  // A small part of the second-level cache: what is read passes through it, and
  // the flows are to stay. A Read() of so many takes no detour by a copy.
  static constexpr std::size_t kAtOnce = 1 << 17;

  // `stop` may be set by any thread, and outlives this: what waits for a pipe
  // then finds its end.
  CaptureStream(Descriptor file, const std::atomic<bool>& stop);
  CaptureStream(const CaptureStream&) = delete;
  CaptureStream& operator=(const CaptureStream&) = delete;
  ~CaptureStream();

  // Fills some of `octets`; 0 at the end, -1 when Error() says why not.
  std::ptrdiff_t Read(std::span<std::uint8_t> octets);
  // Fills all of `octets` unless the end or a fault comes before; how many.
  std::size_t ReadAll(std::span<std::uint8_t> octets);
  // The octets that the file begins with, fewer only where it ends; they stay
  // to be read. Before any Read().
  std::span<const std::uint8_t> Peek();
  [[nodiscard]] const std::string& Error() const { return error_; }
  // Octets read from the file itself.
  [[nodiscard]] std::uint64_t Position() const { return position_; }

 private:
  struct Inflater;
  // Enough to tell any capture format.
  static constexpr std::size_t kPeekOctets = 24;

  std::ptrdiff_t ReadFile(std::span<std::uint8_t> octets);
  std::ptrdiff_t Refill();
  std::ptrdiff_t ReadPlain(std::span<std::uint8_t> octets);
  std::ptrdiff_t ReadGzip(std::span<std::uint8_t> octets);
  std::ptrdiff_t Fail(const std::string& why);

  Descriptor file_;
  bool may_wait_;  // for what is not there yet
  const std::atomic<bool>& stop_;
  std::unique_ptr<std::uint8_t[]> buffer_;
  std::span<const std::uint8_t> unread_;  // in buffer_
  std::uint64_t position_ = 0;
  std::unique_ptr<Inflater> inflater_;  // while the file is gzip
  bool looked_ = false;                 // whether it is, is known
  std::array<std::uint8_t, kPeekOctets> peeked_{};
  std::span<const std::uint8_t> unread_peeked_;  // in peeked_
  std::string error_;
};

}  // namespace exporter
