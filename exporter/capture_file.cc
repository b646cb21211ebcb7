// SPDX-License-Identifier: Apache-2.0
#include "exporter/capture_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include <sys/stat.h>

#include "exporter/capture_stream.h"
#include "exporter/descriptor.h"
#include "exporter/pcap.h"
#include "exporter/pcapng_reader.h"
#include "exporter/setup_error.h"

namespace exporter {
namespace {

using tracker::Frame;

struct CloseStdio {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using Stdio = std::unique_ptr<std::FILE, CloseStdio>;

std::string Quoted(const std::string& path) { return "'" + path + "'"; }

extern "C" ssize_t ReadStream(void* stream, char* octets, size_t count) {
  const std::ptrdiff_t got = static_cast<CaptureStream*>(stream)->Read(
      {reinterpret_cast<std::uint8_t*>(octets), count});
  errno = got < 0 ? EIO : errno;  // libpcap reports it
  return got;
}

// By libpcap, which also knows the odd relatives of the format.
class ClassicFile final : public CaptureFile {
 public:
  // Owns `stream`, which is behind `file` unless it is null.
  ClassicFile(std::string path, std::uint64_t size, Stdio file,
              std::unique_ptr<CaptureStream> stream, const std::string& filter)
      : CaptureFile(size), path_(std::move(path)), stream_(std::move(stream)) {
    std::setvbuf(file.get(), buffer_.get(), _IOFBF, kBufferOctets);
    std::array<char, PCAP_ERRBUF_SIZE> error{};
    handle_.reset(pcap_fopen_offline_with_tstamp_precision(
        file.get(), PCAP_TSTAMP_PRECISION_NANO, error.data()));
    if (handle_ == nullptr) {
      throw SetupError(Quoted(path_) +
                       " is not a capture: " + Explain(error.data()));
    }
    file_ = file.release();
    link_ = CheckedLinkType(handle_.get(), Quoted(path_));
    if (!filter.empty()) {
      BpfFilter(handle_.get(), filter).ApplyTo(handle_.get());
    }
  }

  std::size_t Read(FrameBurst& burst) override {
    std::size_t count = 0;
    while (!ended_ && count < FrameBurst::kFrames) {
      pcap_pkthdr* header = nullptr;
      const std::uint8_t* octets = nullptr;
      const int got = pcap_next_ex(handle_.get(), &header, &octets);
      if (got != 1) {
        // Asked again, libpcap would forget that it failed.
        ended_ = true;
        failed_ = got == PCAP_ERROR;
        break;
      }
      Frame frame = FrameOf(*header, octets);
      frame.link = link_;
      frame.interface = kInterface;
      burst.Add(frame);
      ++count;
    }
    return count;
  }

  [[nodiscard]] std::string Error() const override {
    if (stream_ != nullptr && !stream_->Error().empty()) {
      return Quoted(path_) + ": " + stream_->Error();
    }
    return failed_ ? Quoted(path_) + ": " + Explain(pcap_geterr(handle_.get()))
                   : "";
  }
  [[nodiscard]] std::uint64_t Position() const override {
    return stream_ != nullptr ? stream_->Position()
                              : static_cast<std::uint64_t>(
                                    std::max<std::int64_t>(ftello(file_), 0));
  }

 private:
  // libpcap's words may span lines; users get one.
  static std::string Explain(std::string message) {
    std::replace(message.begin(), message.end(), '\n', ' ');
    return message;
  }

  std::string path_;
  // Large reads: in stdio's 4096 octets they cost as much as the tracking.
  static constexpr std::size_t kBufferOctets = 1 << 20;

  std::unique_ptr<CaptureStream> stream_;
  std::unique_ptr<char[]> buffer_ =
      std::make_unique_for_overwrite<char[]>(kBufferOctets);
  std::FILE* file_ = nullptr;  // closed by handle_
  Pcap handle_;
  tracker::LinkType link_ = tracker::LinkType::kUnknown;
  bool ended_ = false;
  bool failed_ = false;
};

class PcapngFile final : public CaptureFile {
 public:
  PcapngFile(std::string path, std::uint64_t size,
             std::unique_ptr<CaptureStream> stream, std::string filter)
      : CaptureFile(size),
        path_(std::move(path)),
        filter_(std::move(filter)),
        stream_(std::move(stream)),
        reader_(*stream_) {
    // A filter that is wrong has to be found before anything is measured.
    constexpr std::uint16_t kEthernet = 1;
    has_next_ = reader_.Next(next_);
    Matches({}, has_next_ ? next_.link_type : kEthernet);
  }

  std::size_t Read(FrameBurst& burst) override {
    std::size_t count = 0;
    while (has_next_ && count < FrameBurst::kFrames) {
      Frame frame;
      frame.time = next_.time;
      frame.captured = next_.captured;
      frame.wire_length = next_.wire_length;
      frame.interface = kInterface;
      frame.link = LinkTypeOf(next_.link_type);
      if (Matches(frame, next_.link_type)) {
        burst.Add(frame);
        ++count;
      }
      has_next_ = reader_.Next(next_);
    }
    return count;
  }

  [[nodiscard]] std::string Error() const override {
    return reader_.Error().empty() ? ""
                                   : Quoted(path_) + ": " + reader_.Error();
  }
  [[nodiscard]] std::uint64_t Position() const override {
    return stream_->Position();
  }

 private:
  // An expression compiles differently for each link type.
  bool Matches(const Frame& frame, std::uint16_t link_type) {
    if (filter_.empty()) {
      return true;
    }
    auto found = compiled_.find(link_type);
    if (found == compiled_.end()) {
      constexpr int kLinkTypeRaw = 101;
      const Pcap dead(pcap_open_dead(
          link_type == kLinkTypeRaw ? DLT_RAW : link_type, 262144));
      found = compiled_.try_emplace(link_type, dead.get(), filter_).first;
    }
    return found->second.Matches(frame);
  }

  std::string path_;
  std::string filter_;
  std::unique_ptr<CaptureStream> stream_;
  PcapngReader reader_;
  PcapngPacket next_;
  bool has_next_ = false;
  std::map<std::uint16_t, BpfFilter> compiled_;  // by link type
};

[[noreturn]] void Unreadable(const std::string& path, const std::string& why) {
  throw SetupError("cannot read " + Quoted(path) + ": " + why);
}

// Neither compressed nor pcapng, so far as its first octets tell.
bool IsPlainClassic(int file) {
  std::array<unsigned char, 2> magic{};
  constexpr std::array<unsigned char, 2> kGzip = {0x1f, 0x8b};
  constexpr std::array<unsigned char, 2> kPcapng = {0x0a, 0x0d};
  return pread(file, magic.data(), magic.size(), 0) != 2 ||
         (magic != kGzip && magic != kPcapng);
}

}  // namespace

std::unique_ptr<CaptureFile> OpenCaptureFile(const std::string& path,
                                             const std::string& filter,
                                             const std::atomic<bool>& stop) {
  Descriptor file(path == "-" ? dup(STDIN_FILENO)
                              : open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file.Valid() || fstat(file.Get(), &status) != 0) {
    Unreadable(path, std::generic_category().message(errno));
  }
  if (S_ISDIR(status.st_mode)) {
    Unreadable(path, "it is a directory");
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  if (S_ISREG(status.st_mode) && IsPlainClassic(file.Get())) {
    return std::make_unique<ClassicFile>(
        path, size, Stdio(fdopen(file.Release(), "rb")), nullptr, filter);
  }
  auto stream = std::make_unique<CaptureStream>(std::move(file), stop);
  if (stream->PeekMagic() == PcapngReader::kMagic) {
    return std::make_unique<PcapngFile>(path, size, std::move(stream), filter);
  }
  Stdio cookie(
      fopencookie(stream.get(), "rb", {ReadStream, nullptr, nullptr, nullptr}));
  return std::make_unique<ClassicFile>(path, size, std::move(cookie),
                                       std::move(stream), filter);
}

}  // namespace exporter
