// SPDX-License-Identifier: Apache-2.0
// Sources by libpcap, the only file that knows it.
#include <fcntl.h>
#include <poll.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <system_error>
#include <utility>

#include <net/if.h>
#include <pcap/pcap.h>
#include <sys/stat.h>

#include "exporter/capture_stream.h"
#include "exporter/descriptor.h"
#include "exporter/setup_error.h"
#include "exporter/source.h"

namespace exporter {
namespace {

using tracker::Frame;
using tracker::LinkType;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using Stdio = std::unique_ptr<std::FILE, CloseFile>;
struct ClosePcap {
  void operator()(pcap_t* handle) const { pcap_close(handle); }
};
using Pcap = std::unique_ptr<pcap_t, ClosePcap>;

std::string SystemError(int error) {
  return std::generic_category().message(error);
}

LinkType LinkTypeOf(int dlt) {
  switch (dlt) {
    case DLT_EN10MB:
      return LinkType::kEthernet;
    case DLT_RAW:
    case DLT_IPV4:
    case DLT_IPV6:
    case 14:   // DLT_RAW of OpenBSD
    case 101:  // LINKTYPE_RAW, where a reader does not map it
      return LinkType::kRawIp;
    case DLT_NULL:
      return LinkType::kBsdNull;
    case DLT_LOOP:
      return LinkType::kBsdLoop;
    case DLT_PPP:
    case DLT_PPP_SERIAL:
      return LinkType::kPpp;
    case DLT_C_HDLC:
      return LinkType::kCiscoHdlc;
    case DLT_LINUX_SLL:
      return LinkType::kLinuxSll;
    case DLT_LINUX_SLL2:
      return LinkType::kLinuxSll2;
    default:
      return LinkType::kUnknown;
  }
}

LinkType CheckedLinkType(pcap_t* handle, const std::string& what) {
  const int dlt = pcap_datalink(handle);
  const LinkType link = LinkTypeOf(dlt);
  if (link == LinkType::kUnknown) {
    const char* name = pcap_datalink_val_to_name(dlt);
    throw SetupError(
        what + ": link type " +
        (name != nullptr ? std::string(name) : std::to_string(dlt)) +
        " is not supported");
  }
  return link;
}

void SetFilter(pcap_t* handle, const std::string& filter) {
  if (filter.empty()) {
    return;
  }
  bpf_program program{};
  if (pcap_compile(handle, &program, filter.c_str(), 1, PCAP_NETMASK_UNKNOWN) !=
      0) {
    throw SetupError("filter '" + filter + "': " + pcap_geterr(handle));
  }
  const int set = pcap_setfilter(handle, &program);
  pcap_freecode(&program);
  if (set != 0) {
    throw SetupError("filter '" + filter + "': " + pcap_geterr(handle));
  }
}

// A burst of frames. libpcap may reuse a packet's memory for the next, so the
// headers are copied.
class Burst {
 public:
  static constexpr int kFrames = 64;
  // More than any stack of headers that is decoded.
  static constexpr std::size_t kHeaderOctets = 1024;

  Burst() : octets_(kFrames * kHeaderOctets) { frames_.reserve(kFrames); }

  void Clear() { frames_.clear(); }
  void Add(const pcap_pkthdr& header, const std::uint8_t* octets, LinkType link,
           std::uint32_t interface) {
    const std::size_t count =
        std::min<std::size_t>(header.caplen, kHeaderOctets);
    std::uint8_t* copy = octets_.data() + frames_.size() * kHeaderOctets;
    std::memcpy(copy, octets, count);
    // The handles deliver nanoseconds in tv_usec. A pcapng file can hold times
    // that nanoseconds in 64 bits cannot.
    constexpr std::int64_t kLastSecond = 8'000'000'000;  // in 2223
    const auto time = std::chrono::seconds{std::clamp<std::int64_t>(
                          header.ts.tv_sec, 0, kLastSecond)} +
                      std::chrono::nanoseconds{header.ts.tv_usec};
    frames_.push_back({.time = tracker::Timestamp{time},
                       .captured = {copy, count},
                       .wire_length = std::max(header.len, header.caplen),
                       .interface = interface,
                       .link = link});
  }
  [[nodiscard]] std::span<const Frame> Frames() const { return frames_; }

 private:
  std::vector<std::uint8_t> octets_;
  std::vector<Frame> frames_;
};

// ---- files ----

extern "C" ssize_t ReadStream(void* stream, char* octets, size_t count) {
  const std::ptrdiff_t got = static_cast<CaptureStream*>(stream)->Read(
      {reinterpret_cast<std::uint8_t*>(octets), count});
  errno = got < 0 ? EIO : errno;  // libpcap reports it
  return got;
}

// One capture file: pcap or pcapng, plain or compressed by gzip.
class File {
 public:
  // Files have no ifIndex; 0 would make collectors drop the flow.
  static constexpr std::uint32_t kInterface = 1;

  explicit File(std::string path) : path_(std::move(path)) {
    Stdio file = Open();
    // Large reads: with stdio's default they cost as much as the tracking.
    std::setvbuf(file.get(), nullptr, _IOFBF, 1 << 20);
    std::array<char, PCAP_ERRBUF_SIZE> error{};
    handle_.reset(pcap_fopen_offline_with_tstamp_precision(
        file.get(), PCAP_TSTAMP_PRECISION_NANO, error.data()));
    if (handle_ == nullptr) {
      throw SetupError("'" + path_ +
                       "' is not a capture: " + Explain(error.data()));
    }
    file_ = file.release();
    link_ = CheckedLinkType(handle_.get(), "'" + path_ + "'");
  }

  void Filter(const std::string& filter) { SetFilter(handle_.get(), filter); }

  // Number of frames added; 0 at the end, which may be a failure.
  int Read(Burst& burst) {
    int count = 0;
    while (!ended_ && count < Burst::kFrames) {
      pcap_pkthdr* header = nullptr;
      const std::uint8_t* octets = nullptr;
      const int got = pcap_next_ex(handle_.get(), &header, &octets);
      if (got != 1) {
        // Asked again, libpcap would forget that it failed.
        ended_ = true;
        failed_ = got == PCAP_ERROR;
        break;
      }
      burst.Add(*header, octets, link_, kInterface);
      ++count;
    }
    position_ = stream_ != nullptr
                    ? stream_->Position()
                    : static_cast<std::uint64_t>(
                          std::max<std::int64_t>(ftello(file_), 0));
    return count;
  }

  [[nodiscard]] std::string Error() const {
    if (stream_ != nullptr && !stream_->Error().empty()) {
      return "'" + path_ + "': " + stream_->Error();
    }
    return failed_ ? "'" + path_ + "': " + Explain(pcap_geterr(handle_.get()))
                   : "";
  }
  [[nodiscard]] std::uint64_t Position() const { return position_; }
  [[nodiscard]] std::uint64_t Size() const { return size_; }

 private:
  // libpcap's words may span lines and name functions; users get one line.
  static std::string Explain(std::string message) {
    std::replace(message.begin(), message.end(), '\n', ' ');
    return message;
  }

  [[noreturn]] void Unreadable(const std::string& why) const {
    throw SetupError("cannot read '" + path_ + "': " + why);
  }

  // "-" is the standard input. Plain classic captures are read by stdio; the
  // rest, and what cannot be looked at beforehand, is a CaptureStream.
  Stdio Open() {
    Descriptor file(path_ == "-" ? dup(STDIN_FILENO)
                                 : open(path_.c_str(), O_RDONLY | O_CLOEXEC));
    struct stat status {};
    if (!file.Valid() || fstat(file.Get(), &status) != 0) {
      Unreadable(SystemError(errno));
    }
    if (S_ISDIR(status.st_mode)) {
      Unreadable("it is a directory");
    }
    size_ = static_cast<std::uint64_t>(status.st_size);
    if (S_ISREG(status.st_mode) && IsClassic(file.Get())) {
      return Stdio(fdopen(file.Release(), "rb"));
    }
    stream_ = std::make_unique<CaptureStream>(std::move(file));
    return Stdio(fopencookie(stream_.get(), "rb",
                             {ReadStream, nullptr, nullptr, nullptr}));
  }

  static bool IsClassic(int file) {
    std::array<unsigned char, 2> magic{};
    constexpr std::array<unsigned char, 2> kGzip = {0x1f, 0x8b};
    constexpr std::array<unsigned char, 2> kPcapng = {0x0a, 0x0d};
    return pread(file, magic.data(), magic.size(), 0) != 2 ||
           (magic != kGzip && magic != kPcapng);
  }

  std::string path_;
  std::unique_ptr<CaptureStream> stream_;  // behind file_, if it is one
  std::FILE* file_ = nullptr;              // closed by handle_
  Pcap handle_;
  LinkType link_ = LinkType::kUnknown;
  std::uint64_t size_ = 0;
  std::uint64_t position_ = 0;
  bool ended_ = false;
  bool failed_ = false;
};

class FileSource final : public Source {
 public:
  FileSource(const std::vector<std::string>& paths, const std::string& filter) {
    for (const std::string& path : paths) {
      files_.push_back(std::make_unique<File>(path));
      files_.back()->Filter(filter);
      total_ += files_.back()->Size();
    }
  }

  Next Read() override {
    burst_.Clear();
    while (current_ < files_.size()) {
      File& file = *files_[current_];
      if (file.Read(burst_) > 0) {
        return Next::kFrames;
      }
      // What is left of a broken file is lost; the files behind it are not.
      if (const std::string error = file.Error(); !error.empty()) {
        error_ += (error_.empty() ? "" : "; ") + error;
      }
      finished_ += file.Size();
      files_[current_].reset();
      ++current_;
    }
    return Next::kEnd;
  }

  [[nodiscard]] std::span<const Frame> Frames() const override {
    return burst_.Frames();
  }
  [[nodiscard]] std::string Error() const override { return error_; }
  [[nodiscard]] CaptureCounts Counts() override { return {}; }
  [[nodiscard]] std::uint64_t OctetsRead() const override {
    return finished_ +
           (current_ < files_.size() ? files_[current_]->Position() : 0);
  }
  [[nodiscard]] std::uint64_t OctetsTotal() const override { return total_; }

 private:
  std::vector<std::unique_ptr<File>> files_;
  std::size_t current_ = 0;
  std::uint64_t finished_ = 0;
  std::uint64_t total_ = 0;
  std::string error_;
  Burst burst_;
};

// ---- interfaces ----

class LiveSource final : public Source {
 public:
  explicit LiveSource(const LiveOptions& options)
      : name_(options.interface), wait_(options.wait) {
    std::array<char, PCAP_ERRBUF_SIZE> error{};
    handle_.reset(pcap_create(name_.c_str(), error.data()));
    if (handle_ == nullptr) {
      throw SetupError("interface '" + name_ + "': " + error.data());
    }
    pcap_set_snaplen(handle_.get(), options.snaplen);
    pcap_set_promisc(handle_.get(), 1);
    pcap_set_timeout(handle_.get(), static_cast<int>(wait_.count()));
    pcap_set_buffer_size(handle_.get(), options.buffer_mebibytes << 20);
    pcap_set_tstamp_precision(handle_.get(), PCAP_TSTAMP_PRECISION_NANO);
    Activate();
    link_ = CheckedLinkType(handle_.get(), "interface '" + name_ + "'");
    SetFilter(handle_.get(), options.filter);
    if (pcap_setnonblock(handle_.get(), 1, error.data()) != 0) {
      throw SetupError("interface '" + name_ + "': " + error.data());
    }
    interface_ = if_nametoindex(name_.c_str());
  }

  // libpcap's own wait ends only with a packet, so the descriptor is polled.
  Next Read() override {
    burst_.Clear();
    int got = Dispatch();
    if (got == 0) {
      pollfd ready{pcap_get_selectable_fd(handle_.get()), POLLIN, 0};
      poll(&ready, 1, static_cast<int>(wait_.count()));
      got = Dispatch();
    }
    if (got > 0) {
      return Next::kFrames;
    }
    if (got == 0) {
      return Next::kIdle;
    }
    error_ = "interface '" + name_ + "': " + pcap_geterr(handle_.get());
    return Next::kEnd;
  }

  [[nodiscard]] std::span<const Frame> Frames() const override {
    return burst_.Frames();
  }
  [[nodiscard]] std::string Error() const override { return error_; }
  [[nodiscard]] CaptureCounts Counts() override {
    pcap_stat counts{};
    pcap_stats(handle_.get(), &counts);
    return {counts.ps_drop, counts.ps_ifdrop};
  }
  [[nodiscard]] std::uint64_t OctetsRead() const override { return 0; }
  [[nodiscard]] std::uint64_t OctetsTotal() const override { return 0; }

 private:
  void Activate() {
    const int status = pcap_activate(handle_.get());
    if (status >= 0) {
      return;  // a warning, such as no promiscuous mode, is no obstacle
    }
    const std::string what = "interface '" + name_ + "': ";
    switch (status) {
      case PCAP_ERROR_NO_SUCH_DEVICE:
        throw SetupError(what + "no such interface; 'ip link' lists them");
      case PCAP_ERROR_PERM_DENIED:
      case PCAP_ERROR_PROMISC_PERM_DENIED:
        throw SetupError(what +
                         "no permission to capture; run as root or give the "
                         "program CAP_NET_RAW");
      case PCAP_ERROR_IFACE_NOT_UP:
        throw SetupError(what + "it is down; 'ip link set " + name_ +
                         " up' brings it up");
      default:
        throw SetupError(what + pcap_statustostr(status) + ": " +
                         pcap_geterr(handle_.get()));
    }
  }

  int Dispatch() {
    const auto add = [](std::uint8_t* self, const pcap_pkthdr* header,
                        const std::uint8_t* octets) {
      auto* source = reinterpret_cast<LiveSource*>(self);
      source->burst_.Add(*header, octets, source->link_, source->interface_);
    };
    return pcap_dispatch(handle_.get(), Burst::kFrames, add,
                         reinterpret_cast<std::uint8_t*>(this));
  }

  std::string name_;
  std::chrono::milliseconds wait_;
  Pcap handle_;
  LinkType link_ = LinkType::kUnknown;
  std::uint32_t interface_ = 0;
  std::string error_;
  Burst burst_;
};

}  // namespace

std::unique_ptr<Source> OpenLive(const LiveOptions& options) {
  return std::make_unique<LiveSource>(options);
}

std::unique_ptr<Source> OpenFiles(const std::vector<std::string>& paths,
                                  const std::string& filter) {
  return std::make_unique<FileSource>(paths, filter);
}

}  // namespace exporter
