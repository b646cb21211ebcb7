// SPDX-License-Identifier: Apache-2.0
#include "exporter/record_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <span>
#include <utility>
#include <vector>

#include "exporter/capture_stream.h"
#include "exporter/descriptor.h"
#include "exporter/flow_message.h"
#include "exporter/ipfix_file.h"
#include "exporter/last_error.h"
#include "exporter/setup_error.h"

namespace exporter {
namespace {

const std::atomic<bool>& NeverStopped() {
  static const std::atomic<bool> never{false};
  return never;
}

// A length as Protobuf has it: seven bits in each octet, the low ones first,
// the highest bit set where more follow.
constexpr std::uint8_t kMoreFollows = 0x80;
constexpr unsigned kMostShift = 28;  // 32 bits
// A record of ours has less than 600; the rest is room for fields to come, and
// keeps a damaged length from taking all memory.
constexpr std::uint64_t kMostOctets = 65536;

// What `-c protobuf:` writes.
class ProtobufFile final : public RecordFile {
 public:
  explicit ProtobufFile(std::unique_ptr<CaptureStream> stream)
      : stream_(std::move(stream)) {}

  // By the length of the first message and the tag that it begins with.
  static bool Recognises(std::span<const std::uint8_t> start) {
    const auto last = std::find_if(start.begin(), start.end(), [](auto octet) {
      return (octet & kMoreFollows) == 0;
    });
    return start.empty() ||
           (start.end() - last > 1 && MayBeginFlowMessage(*(last + 1)));
  }

  bool Next(templates::FlowRecord& record) override {
    std::uint64_t length = 0;
    if (!ReadLength(length)) {
      return false;
    }
    message_.resize(length);
    if (stream_->ReadAll(message_) < length) {
      return Torn();
    }
    if (!ParseFlowMessage(message_, record)) {
      return Damaged();
    }
    begin_ = end_ += length;
    return true;
  }

 private:
  bool ReadLength(std::uint64_t& length) {
    std::uint8_t octet = kMoreFollows;
    for (unsigned shift = 0; (octet & kMoreFollows) != 0; shift += 7) {
      if (stream_->ReadAll({&octet, 1}) == 0) {
        return shift == 0 && stream_->Error().empty() ? false : Torn();
      }
      ++end_;
      length |= std::uint64_t{octet & 0x7fU} << shift;
      if (shift > kMostShift || length > kMostOctets) {
        return Damaged();
      }
    }
    return true;
  }

  bool Torn() {
    return Fail(stream_->Error().empty() ? "it ends inside a record"
                                         : stream_->Error());
  }
  bool Damaged() {
    return Fail("it is damaged: no record at octet " + std::to_string(begin_));
  }

  std::unique_ptr<CaptureStream> stream_;
  std::vector<std::uint8_t> message_;
  std::uint64_t begin_ = 0;  // of the record being read, its length included
  std::uint64_t end_ = 0;
};

}  // namespace

std::unique_ptr<RecordFile> OpenRecordFile(const std::string& path,
                                           std::uint32_t pen) {
  Descriptor file(path == "-" ? dup(STDIN_FILENO)
                              : open(path.c_str(), O_RDONLY | O_CLOEXEC));
  if (!file.Valid()) {
    throw SetupError("cannot read '" + path + "': " + LastError().message());
  }
  auto stream =
      std::make_unique<CaptureStream>(std::move(file), NeverStopped());
  const std::span<const std::uint8_t> start = stream->Peek();
  if (start.empty() && !stream->Error().empty()) {
    throw SetupError("cannot read '" + path + "': " + stream->Error());
  }
  if (IsIpfixFile(start)) {
    return OpenIpfixFile(std::move(stream), pen);
  }
  if (ProtobufFile::Recognises(start)) {
    return std::make_unique<ProtobufFile>(std::move(stream));
  }
  throw SetupError("'" + path +
                   "' is neither a file of -c protobuf: nor an IPFIX file; a "
                   "capture is read with -r");
}

}  // namespace exporter
