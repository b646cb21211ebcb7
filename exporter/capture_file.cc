// SPDX-License-Identifier: Apache-2.0
#include "exporter/capture_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <limits>
#include <map>
#include <optional>
#include <span>
#include <system_error>
#include <utility>

#include <sys/stat.h>

#include "exporter/bpf_filter.h"
#include "exporter/capture_stream.h"
#include "exporter/descriptor.h"
#include "exporter/pcap.h"
#include "exporter/pcap_reader.h"
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

// libpcap's words may span lines; users get one.
std::string Explain(std::string message) {
  std::replace(message.begin(), message.end(), '\n', ' ');
  return message;
}

// libpcap's view of a file, which it closes. Throws SetupError.
Pcap OpenOffline(Stdio file, const std::string& path) {
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  Pcap handle(pcap_fopen_offline_with_tstamp_precision(
      file.get(), PCAP_TSTAMP_PRECISION_NANO, error.data()));
  if (handle == nullptr) {
    throw SetupError(Quoted(path) +
                     " is not a capture: " + Explain(error.data()));
  }
  static_cast<void>(file.release());
  return handle;
}

// What every format has: a name, and octets that come in order.
class StreamFile : public CaptureFile {
 public:
  StreamFile(std::string path, std::uint64_t size,
             std::unique_ptr<CaptureStream> stream)
      : CaptureFile(size), path_(std::move(path)), stream_(std::move(stream)) {}

  [[nodiscard]] std::uint64_t Position() const final {
    return stream_->Position();
  }

 protected:
  [[nodiscard]] const std::string& Path() const { return path_; }
  [[nodiscard]] CaptureStream& Stream() const { return *stream_; }
  // Nothing when `why` is nothing.
  [[nodiscard]] std::string InThisFile(const std::string& why) const {
    return why.empty() ? "" : Quoted(path_) + ": " + why;
  }

 private:
  std::string path_;
  std::unique_ptr<CaptureStream> stream_;
};

// Classic pcap as everybody writes it. libpcap is shown the file's header only:
// it knows the link types, and compiles the filter.
class ClassicFile final : public StreamFile {
 public:
  ClassicFile(std::string path, std::uint64_t size,
              std::unique_ptr<CaptureStream> stream, const std::string& filter)
      : StreamFile(std::move(path), size, std::move(stream)),
        reader_(Stream()) {
    PcapReader::FileHeader header = reader_.Header();
    const Pcap handle = OpenOffline(
        Stdio(fmemopen(header.data(), header.size(), "rb")), Path());
    like_.link = CheckedLinkType(handle.get(), Quoted(Path()));
    like_.interface = kInterface;
    if (!filter.empty()) {
      filter_.emplace(handle.get(), filter);
    }
  }

  std::size_t Read(FrameBurst& burst) override {
    std::size_t count = 0;
    do {
      count = filter_ ? ReadFiltered(burst)
                      : reader_.Next(burst.Places(), FrameBurst::kHeaderOctets,
                                     like_);
    } while (count == 0 && reader_.More());
    burst.Keep(count);
    return count;
  }

  [[nodiscard]] std::string Error() const override {
    return InThisFile(reader_.Error());
  }

 private:
  // The filter sees all of a packet. None only when none is left that is whole.
  std::size_t ReadFiltered(FrameBurst& burst) {
    std::size_t count = 0;
    for (std::span<Frame> places = burst.Places(); !places.empty();) {
      Frame& frame = places.front();
      if (reader_.Next(places.first(1), kWhole, like_) == 0) {
        break;
      }
      if (filter_->Matches(frame)) {
        frame.captured = frame.captured.first(
            std::min(frame.captured.size(), FrameBurst::kHeaderOctets));
        places = places.subspan(1);
        ++count;
      }
    }
    return count;
  }

  static constexpr std::size_t kWhole = std::numeric_limits<std::size_t>::max();

  PcapReader reader_;
  std::optional<BpfFilter> filter_;
  Frame like_;  // what all have in common
};

// The odd relatives of classic pcap, by libpcap.
class LibpcapFile final : public StreamFile {
 public:
  LibpcapFile(std::string path, std::uint64_t size,
              std::unique_ptr<CaptureStream> stream, const std::string& filter)
      : StreamFile(std::move(path), size, std::move(stream)) {
    Stdio file(
        fopencookie(&Stream(), "rb", {ReadStream, nullptr, nullptr, nullptr}));
    handle_ = OpenOffline(std::move(file), Path());
    link_ = CheckedLinkType(handle_.get(), Quoted(Path()));
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
    if (!Stream().Error().empty()) {
      return InThisFile(Stream().Error());
    }
    return InThisFile(failed_ ? Explain(pcap_geterr(handle_.get())) : "");
  }

 private:
  Pcap handle_;
  tracker::LinkType link_ = tracker::LinkType::kUnknown;
  bool ended_ = false;
  bool failed_ = false;
};

class PcapngFile final : public StreamFile {
 public:
  PcapngFile(std::string path, std::uint64_t size,
             std::unique_ptr<CaptureStream> stream, std::string filter)
      : StreamFile(std::move(path), size, std::move(stream)),
        filter_(std::move(filter)),
        reader_(Stream()) {
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
    return InThisFile(reader_.Error());
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

  std::string filter_;
  PcapngReader reader_;
  PcapngPacket next_;
  bool has_next_ = false;
  std::map<std::uint16_t, BpfFilter> compiled_;  // by link type
};

[[noreturn]] void Unreadable(const std::string& path, const std::string& why) {
  throw SetupError("cannot read " + Quoted(path) + ": " + why);
}

}  // namespace

Descriptor OpenCapture(const std::string& path) {
  Descriptor file(path == "-" ? dup(STDIN_FILENO)
                              : open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file.Valid() || fstat(file.Get(), &status) != 0) {
    Unreadable(path, std::generic_category().message(errno));
  }
  if (S_ISDIR(status.st_mode)) {
    Unreadable(path, "it is a directory");
  }
  return file;
}

std::unique_ptr<CaptureFile> ReadCapture(const std::string& path,
                                         Descriptor file,
                                         const std::string& filter,
                                         const std::atomic<bool>& stop) {
  struct stat status {};
  if (fstat(file.Get(), &status) != 0) {
    Unreadable(path, std::generic_category().message(errno));
  }
  const auto size = static_cast<std::uint64_t>(status.st_size);
  auto stream = std::make_unique<CaptureStream>(std::move(file), stop);
  const std::span<const std::uint8_t> start = stream->Peek();
  if (PcapngReader::Recognises(start)) {
    return std::make_unique<PcapngFile>(path, size, std::move(stream), filter);
  }
  if (PcapReader::Recognises(start)) {
    return std::make_unique<ClassicFile>(path, size, std::move(stream), filter);
  }
  return std::make_unique<LibpcapFile>(path, size, std::move(stream), filter);
}

}  // namespace exporter
