// SPDX-License-Identifier: Apache-2.0
#include "exporter/capture_stream.h"

#include <poll.h>
#include <unistd.h>
#include <zlib.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

namespace exporter {
namespace {

constexpr int kGzipOnly = 15 + 16;  // window bits, in zlib's way to say it

}  // namespace

struct CaptureStream::Inflater {
  Inflater() { inflateInit2(&state, kGzipOnly); }
  Inflater(const Inflater&) = delete;
  Inflater& operator=(const Inflater&) = delete;
  ~Inflater() { inflateEnd(&state); }

  z_stream state{};
  bool between_members = false;
};

CaptureStream::CaptureStream(Descriptor file, const std::atomic<bool>& stop)
    : file_(std::move(file)),
      may_wait_(!file_.IsRegularFile()),
      stop_(stop),
      buffer_(std::make_unique_for_overwrite<std::uint8_t[]>(kAtOnce)) {}

CaptureStream::~CaptureStream() = default;

std::size_t CaptureStream::ReadAll(std::span<std::uint8_t> octets) {
  std::size_t count = 0;
  while (count < octets.size()) {
    const std::ptrdiff_t got = Read(octets.subspan(count));
    if (got <= 0) {
      break;
    }
    count += static_cast<std::size_t>(got);
  }
  return count;
}

std::span<const std::uint8_t> CaptureStream::Peek() {
  unread_peeked_ = std::span(peeked_).first(ReadAll(peeked_));
  return unread_peeked_;
}

std::ptrdiff_t CaptureStream::Fail(const std::string& why) {
  error_ = why;
  return -1;
}

// As read(2).
std::ptrdiff_t CaptureStream::ReadFile(std::span<std::uint8_t> octets) {
  constexpr int kPollMilliseconds = 100;
  pollfd ready{file_.Get(), POLLIN, 0};
  do {
    if (stop_.load(std::memory_order_relaxed)) {
      return 0;
    }
  } while (may_wait_ && poll(&ready, 1, kPollMilliseconds) == 0);
  ssize_t got = 0;
  do {
    got = read(file_.Get(), octets.data(), octets.size());
  } while (got < 0 && errno == EINTR);
  if (got < 0) {
    return Fail(std::generic_category().message(errno));
  }
  position_ += static_cast<std::uint64_t>(got);
  return got;
}

// The empty buffer.
std::ptrdiff_t CaptureStream::Refill() {
  const std::ptrdiff_t got = ReadFile({buffer_.get(), kAtOnce});
  if (got > 0) {
    unread_ = {buffer_.get(), static_cast<std::size_t>(got)};
  }
  return got;
}

std::ptrdiff_t CaptureStream::Read(std::span<std::uint8_t> octets) {
  if (!unread_peeked_.empty()) {
    const std::size_t count = std::min(octets.size(), unread_peeked_.size());
    std::copy_n(unread_peeked_.begin(), count, octets.begin());
    unread_peeked_ = unread_peeked_.subspan(count);
    return static_cast<std::ptrdiff_t>(count);
  }
  if (!error_.empty()) {
    return -1;
  }
  if (!looked_) {
    looked_ = true;
    if (const std::ptrdiff_t got = Refill(); got <= 0) {
      return got;
    }
    // No capture format begins with gzip's first octet.
    if (unread_.front() == 0x1f) {
      inflater_ = std::make_unique<Inflater>();
    }
  }
  return inflater_ != nullptr ? ReadGzip(octets) : ReadPlain(octets);
}

std::ptrdiff_t CaptureStream::ReadPlain(std::span<std::uint8_t> octets) {
  if (unread_.empty()) {
    if (octets.size() >= kAtOnce) {
      return ReadFile(octets);  // without a detour by the buffer
    }
    if (const std::ptrdiff_t got = Refill(); got <= 0) {
      return got;
    }
  }
  const std::size_t count = std::min(octets.size(), unread_.size());
  std::copy_n(unread_.begin(), count, octets.begin());
  unread_ = unread_.subspan(count);
  return static_cast<std::ptrdiff_t>(count);
}

std::ptrdiff_t CaptureStream::ReadGzip(std::span<std::uint8_t> octets) {
  z_stream& state = inflater_->state;
  state.next_out = octets.data();
  state.avail_out = static_cast<uInt>(octets.size());
  while (state.avail_out == octets.size()) {
    if (unread_.empty()) {
      const std::ptrdiff_t got = Refill();
      if (got < 0 || (got == 0 && inflater_->between_members)) {
        return got;
      }
      if (got == 0) {
        return Fail("the compressed data is cut off");
      }
    }
    if (inflater_->between_members) {
      inflateReset(&state);
      inflater_->between_members = false;
    }
    state.next_in = const_cast<Bytef*>(unread_.data());
    state.avail_in = static_cast<uInt>(unread_.size());
    const int status = inflate(&state, Z_NO_FLUSH);
    unread_ = unread_.last(state.avail_in);
    inflater_->between_members = status == Z_STREAM_END;
    if (status != Z_OK && status != Z_STREAM_END && status != Z_BUF_ERROR) {
      Fail(std::string("the compressed data is damaged: ") +
           (state.msg != nullptr ? state.msg : zError(status)));
      break;
    }
  }
  const std::size_t count = octets.size() - state.avail_out;
  return count > 0 ? static_cast<std::ptrdiff_t>(count) : -1;
}

}  // namespace exporter
