// SPDX-License-Identifier: Apache-2.0
#include <deque>
#include <filesystem>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "exporter/capture_file.h"
#include "exporter/setup_error.h"
#include "exporter/source.h"

namespace exporter {
namespace {

// Files one after the other. All are checked at the start, but only pipes stay
// open until it is their turn.
class FileSource final : public Source {
 public:
  FileSource(const std::vector<std::string>& paths, std::string filter,
             const std::atomic<bool>& stop)
      : filter_(std::move(filter)), stop_(stop) {
    for (const std::string& path : paths) {
      auto file = OpenCaptureFile(path, filter_, stop_);
      total_ += file->Size();
      const bool again = path != "-" && std::filesystem::is_regular_file(path);
      waiting_.push_back({path, again ? nullptr : std::move(file)});
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
    std::unique_ptr<CaptureFile> open;
  };

  bool OpenNext() {
    while (current_ == nullptr && !waiting_.empty()) {
      Waiting next = std::move(waiting_.front());
      waiting_.pop_front();
      current_is_pipe_ = next.open != nullptr;
      try {
        current_ = next.open != nullptr
                       ? std::move(next.open)
                       : OpenCaptureFile(next.path, filter_, stop_);
      } catch (const SetupError& error) {
        AddError(error.what());  // it was there when the program started
      }
    }
    return current_ != nullptr;
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
