// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <deque>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include <sys/resource.h>

#include "exporter/capture_file.h"
#include "exporter/descriptor.h"
#include "exporter/last_error.h"
#include "exporter/setup_error.h"
#include "exporter/source.h"

namespace exporter {
namespace {

// As many as are kept open, and others. Else the limit says so when they are
// opened.
void AllowDescriptors(std::size_t files) {
  constexpr std::size_t kOthers = 256;
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 ||
      limit.rlim_cur >= files + kOthers) {
    return;
  }
  limit.rlim_cur = std::min<rlim_t>(files + kOthers, limit.rlim_max);
  static_cast<void>(setrlimit(RLIMIT_NOFILE, &limit));
}

// None, unless what was read of it can be read again.
Descriptor Rereadable(const std::string& path, const Descriptor& file) {
  if (path == "-" || !file.IsRegularFile()) {
    return {};
  }
  Descriptor again(fcntl(file.Get(), F_DUPFD_CLOEXEC, 0));
  if (!again.Valid()) {
    throw SetupError("cannot read '" + path + "': " + LastError().message());
  }
  return again;
}

// Files one after the other. All are checked at the start, and stay open until
// it is their turn, when the user may be one who could not open them; but only
// of pipes is kept what was read.
class FileSource final : public Source {
 public:
  FileSource(const std::vector<std::string>& paths, std::string filter,
             const std::atomic<bool>& stop)
      : filter_(std::move(filter)), stop_(stop) {
    AllowDescriptors(paths.size());
    for (const std::string& path : paths) {
      Descriptor file = OpenCapture(path);
      Descriptor again = Rereadable(path, file);
      auto capture = ReadCapture(path, std::move(file), filter_, stop_);
      total_ += capture->Size();
      waiting_.push_back({path, again.Valid() ? nullptr : std::move(capture),
                          std::move(again)});
    }
  }

  Next Read() override {
    burst_.Clear();
    if (stop_.load(std::memory_order_relaxed)) {
      // A pipe cannot be read again: what came out of it already is measured,
      // also when its turn has not come, and its stream ends behind that.
      std::erase_if(waiting_, [](const Waiting& w) { return !w.open; });
      if (!current_is_pipe_) {
        current_.reset();
      }
    }
    while (current_ != nullptr || OpenNext()) {
      if (current_->Read(burst_) > 0) {
        return Next::kFrames;
      }
      // What is left of a broken file is lost; the files behind it are not.
      AddError(current_->Error());
      finished_ += current_->Size();
      current_.reset();
    }
    return Next::kEnd;
  }

  [[nodiscard]] std::span<const tracker::Frame> Frames() const override {
    return burst_.Frames();
  }
  [[nodiscard]] std::string Error() const override { return error_; }
  [[nodiscard]] CaptureCounts Counts() override { return {}; }
  [[nodiscard]] std::uint64_t OctetsRead() const override {
    return finished_ + (current_ != nullptr ? current_->Position() : 0);
  }
  [[nodiscard]] std::uint64_t OctetsTotal() const override { return total_; }

 private:
  struct Waiting {
    std::string path;
    std::unique_ptr<CaptureFile> open;  // a pipe
    Descriptor file;                    // else
  };

  bool OpenNext() {
    while (current_ == nullptr && !waiting_.empty()) {
      Waiting next = std::move(waiting_.front());
      waiting_.pop_front();
      current_is_pipe_ = next.open != nullptr;
      try {
        current_ = next.open != nullptr ? std::move(next.open)
                                        : Reread(std::move(next));
      } catch (const SetupError& error) {
        AddError(error.what());  // it was there when the program started
      }
    }
    return current_ != nullptr;
  }

  std::unique_ptr<CaptureFile> Reread(Waiting next) {
    if (lseek(next.file.Get(), 0, SEEK_SET) != 0) {
      throw SetupError("cannot read '" + next.path +
                       "': " + LastError().message());
    }
    return ReadCapture(next.path, std::move(next.file), filter_, stop_);
  }

  void AddError(const std::string& error) {
    error_ += (error_.empty() || error.empty() ? "" : "; ") + error;
  }

  std::string filter_;
  const std::atomic<bool>& stop_;
  std::deque<Waiting> waiting_;
  std::unique_ptr<CaptureFile> current_;
  bool current_is_pipe_ = false;
  std::uint64_t finished_ = 0;
  std::uint64_t total_ = 0;
  std::string error_;
  FrameBurst burst_;
};

}  // namespace

std::unique_ptr<Source> OpenFiles(const std::vector<std::string>& paths,
                                  const std::string& filter,
                                  const std::atomic<bool>& stop) {
  return std::make_unique<FileSource>(paths, filter, stop);
}

}  // namespace exporter
