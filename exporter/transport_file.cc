// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstdint>
#include <span>
#include <string>

#include "exporter/descriptor.h"
#include "exporter/last_error.h"
#include "exporter/setup_error.h"
#include "exporter/transport.h"

namespace exporter {
namespace {

// An IPFIX file (RFC 5655): the messages, one after the other; "-" is the
// standard output. Until the first
// message an older file keeps its content, and one that is new goes away again
// when the program cannot start.
class FileTransport final : public Transport {
 public:
  explicit FileTransport(const CollectorUrl& url) : path_(url.path) {
    constexpr int kFlags = O_WRONLY | O_CREAT | O_CLOEXEC;
    if (path_ == "-") {
      file_ = Descriptor(dup(STDOUT_FILENO));
    } else {
      file_ = Descriptor(open(path_.c_str(), kFlags | O_EXCL, 0644));
      created_ = file_.Valid();
    }
    if (!file_.Valid() && errno == EEXIST) {
      file_ = Descriptor(open(path_.c_str(), kFlags, 0644));
    }
    if (!file_.Valid()) {
      throw SetupError("cannot write '" + path_ +
                       "': " + LastError().message());
    }
  }
  FileTransport(const FileTransport&) = delete;
  FileTransport& operator=(const FileTransport&) = delete;
  ~FileTransport() override {
    if (created_ && !begun_) {
      unlink(path_.c_str());
    }
  }

  std::error_code Open() override { return {}; }
  [[nodiscard]] bool IsOpen() override { return file_.Valid(); }

  std::error_code Send(MessageBatch& batch) override {
    if (!begun_) {
      begun_ = true;
      // Fails for what has no length, such as a pipe.
      static_cast<void>(ftruncate(file_.Get(), 0));
    }
    return batch.PopEach([this](auto message) { return Write(message); });
  }

  // Some file systems say only now that the disk was full.
  std::error_code Close() override {
    const bool failed = fsync(file_.Get()) != 0 && errno != EINVAL;
    const std::error_code error = failed ? LastError() : std::error_code{};
    file_.Reset();
    return error;
  }

 private:
  // A file that took half a message, as on a full disk, goes back to where it
  // was: what was written stays readable, and later messages may fit again.
  std::error_code Write(std::span<const std::uint8_t> message) {
    const off_t start = lseek(file_.Get(), 0, SEEK_CUR);
    while (!message.empty()) {
      const ssize_t written =
          write(file_.Get(), message.data(), message.size());
      if (written >= 0) {
        message = message.subspan(static_cast<std::size_t>(written));
      } else if (errno != EINTR) {
        const std::error_code error = LastError();
        if (start >= 0 && ftruncate(file_.Get(), start) == 0) {
          lseek(file_.Get(), start, SEEK_SET);
        }
        return error;
      }
    }
    return {};
  }

  std::string path_;
  Descriptor file_;
  bool created_ = false;
  bool begun_ = false;  // a message was written, or tried to be
};

}  // namespace

std::unique_ptr<Transport> MakeFileTransport(const CollectorUrl& url) {
  return std::make_unique<FileTransport>(url);
}

}  // namespace exporter
