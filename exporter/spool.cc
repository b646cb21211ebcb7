// SPDX-License-Identifier: Apache-2.0
#include "exporter/spool.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <iterator>
#include <utility>

#include "exporter/last_error.h"
#include "exporter/setup_error.h"
#include "exporter/spool_file.h"

namespace exporter {
namespace {

// So that one file can come before all others again and again.
constexpr std::uint64_t kFirstNumber = 500'000'000'000;
// In memory before it is worth a write.
constexpr std::size_t kWriteOctets = 64 << 10;

constexpr const char* kFull = "spool full";
constexpr const char* kDamaged = "spool damaged";

std::string Reason(const std::error_code& error) {
  return "spool: " + error.message();
}

bool IsFull(const std::error_code& error) {
  return error == std::errc::no_space_on_device ||
         error == std::error_code(EDQUOT, std::generic_category());
}

}  // namespace

Spool::Spool(SpoolOptions options, std::unique_ptr<SpoolFraming> framing)
    : options_(std::move(options)),
      framing_(std::move(framing)),
      tail_(options_.memory_octets),
      first_number_(kFirstNumber),
      next_number_(kFirstNumber) {
  options_.file_octets =
      std::min(options_.file_octets, options_.most_octets / 4);
  const ActingAs acting(options_.user);
  TakeOver();
}

Spool::~Spool() { Close(); }

void Spool::TakeOver() {
  const std::vector<SpoolFileName> names =
      ListSpoolFiles(options_.directory, framing_->Suffix());
  if (!names.empty()) {
    first_number_ = names.front().number;
    next_number_ = names.back().number + 1;
  }
  for (const SpoolFileName& name : names) {
    TakeOver(name);
  }
  if (foreign_ > 0) {
    Note("'" + options_.directory + "' has " + std::to_string(foreign_) +
         (foreign_ == 1 ? " file" : " files") +
         " of records that are laid out otherwise than today's, left there "
         "for spanfix --show");
  }
}

void Spool::TakeOver(const SpoolFileName& name) {
  File file;
  file.number = name.number;
  file.path = SpoolFilePath(options_.directory, name, framing_->Suffix());
  file.earlier = true;
  const SpoolFileState state =
      ExamineSpoolFile(file.path, name.records.has_value(), *framing_);
  if (!state.fits) {
    ++foreign_;
    return;
  }
  if (state.torn) {
    Note("'" + file.path + "' ended inside a message, which is left out");
  }
  file.octets = state.octets;
  file.records = name.records.value_or(state.records);
  if (file.records == 0) {
    unlink(file.path.c_str());
    return;
  }
  if (!name.records) {
    Seal(file);
  }
  on_disk_ += file.octets;
  counts_.found += file.records;
  counts_.on_disk.earlier += file.records;
  files_.push_back(std::move(file));
}

void Spool::Note(const std::string& what) {
  notice_ += (notice_.empty() ? "" : "; ") + what;
}

void Spool::Add(std::span<const std::uint8_t> octets, std::uint64_t records) {
  Drop(false, WhyNoRoom(), tail_.Add(octets, records));
  if (tail_.Octets() >= kWriteOctets) {
    WriteTail();
  }
}

void Spool::AddBefore(std::vector<KeptMessage> messages, std::size_t earlier) {
  for (std::size_t i = messages.size(); i > 0; --i) {
    returned_.push_front({std::move(messages[i - 1]), i <= earlier});
  }
  WriteReturned();
  Release(0);
}

void Spool::Flush() {
  WriteReturned();
  WriteTail();
}

void Spool::Close() {
  Flush();
  if (writing_.Valid()) {
    Seal(files_.back());
  }
  const std::string why = WhyNoRoom();
  if (released_ == messages_taken_) {
    std::for_each(files_.begin(), files_.end(),
                  [this](File& file) { LeaveOutTaken(file); });
  }
  for (; !returned_.empty(); returned_.pop_front()) {
    Drop(returned_.front().earlier, why,
         returned_.front().message.flow_records);
  }
  while (!tail_.Empty()) {
    Drop(false, why, tail_.Take().flow_records);
  }
}

// The file becomes one of the rest. If the disk does not take that, the next
// run has what was taken again.
void Spool::LeaveOutTaken(File& file) {
  if (file.taken == 0 || !Load(file)) {
    return;
  }
  loaded_ = 0;
  File rest;
  rest.number = file.number;
  rest.earlier = file.earlier;
  std::error_code error;
  while (const std::optional<KeptMessage> message = NextLoaded()) {
    if (!writing_.Valid()) {
      error = Open(rest, message->octets);
    }
    error = error ? error : Write(rest, *message);
    if (error) {
      break;
    }
  }
  if (error || rest.records != file.records) {
    writing_.Reset();
    unlink(rest.path.c_str());
    on_disk_ -= rest.octets;
    return;
  }
  Seal(rest);
  unlink(file.path.c_str());
  on_disk_ -= file.octets;
  file = std::move(rest);
}

void Spool::WriteTail() {
  while (!tail_.Empty()) {
    if (const std::error_code error = Append(tail_.Front())) {
      Failed(error);
      return;
    }
    counts_.on_disk.own += tail_.Take().flow_records;
  }
  failure_.clear();
}

// Behind all files; the oldest of them make room for it.
std::error_code Spool::Append(const KeptMessage& message) {
  while (on_disk_ + message.octets.size() > options_.most_octets &&
         DropOldest(kFull)) {
  }
  for (;;) {
    if (writing_.Valid() &&
        files_.back().octets + message.octets.size() > options_.file_octets) {
      Seal(files_.back());
    }
    std::error_code error;
    if (!writing_.Valid()) {
      File file;
      file.number = next_number_++;
      error = Open(file, message.octets);
      if (!error) {
        files_.push_back(std::move(file));
      }
    }
    if (!error) {
      error = Write(files_.back(), message);
      if (error && files_.back().records == 0) {
        unlink(files_.back().path.c_str());
        on_disk_ -= files_.back().octets;
        files_.pop_back();
      }
    }
    // The last one would not make room for long.
    if (!IsFull(error) || files_.size() + sent_.size() < 2 ||
        !DropOldest(Reason(error))) {
      return error;
    }
    Failed(error);
  }
}

std::error_code Spool::Open(File& file, std::span<const std::uint8_t> first) {
  file.path = SpoolFilePath(options_.directory, {file.number, std::nullopt},
                            framing_->Suffix());
  writing_ = Descriptor(
      open(file.path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0640));
  if (!writing_.Valid()) {
    return LastError();
  }
  const std::vector<std::uint8_t> front = framing_->BeginFile(first);
  if (const std::error_code error = WriteWhole(writing_.Get(), front, 0)) {
    writing_.Reset();
    unlink(file.path.c_str());
    return error;
  }
  file.octets = front.size();
  on_disk_ += front.size();
  return {};
}

std::error_code Spool::Write(File& file, const KeptMessage& message) {
  std::vector<std::uint8_t> octets = message.octets;
  framing_->Place(octets, message.flow_records);
  if (const std::error_code error =
          WriteWhole(writing_.Get(), octets, file.octets)) {
    Seal(file);  // the next one is numbered as if this one were there
    return error;
  }
  file.octets += octets.size();
  file.records += message.flow_records;
  on_disk_ += octets.size();
  return {};
}

// Its name says what is in it, so that the next run need not read it all.
void Spool::Seal(File& file) {
  writing_.Reset();
  if (file.records == 0 && file.taken == 0) {
    return;
  }
  const std::string sealed = SpoolFilePath(
      options_.directory, {.number = file.number, .records = file.records},
      framing_->Suffix());
  if (std::rename(file.path.c_str(), sealed.c_str()) == 0) {
    file.path = sealed;
  }
}

// They are more than there may be, or the disk takes nothing: they stay in
// memory, as few as a transport has on its way.
void Spool::WriteReturned() {
  while (!returned_.empty()) {
    if (writing_.Valid()) {
      Seal(files_.back());
    }
    // A file is of one run.
    const bool earlier = returned_.back().earlier;
    const auto begin = std::find_if(
        returned_.rbegin(), returned_.rend(),
        [&](const SpooledMessage& each) { return each.earlier != earlier; });
    const auto first = begin.base();
    std::uint64_t octets = 0;
    std::for_each(first, returned_.end(), [&](const SpooledMessage& each) {
      octets += each.message.octets.size();
    });
    if (on_disk_ + octets > options_.most_octets) {
      return;
    }
    File file;
    file.number = --first_number_;
    file.earlier = earlier;
    std::error_code error = Open(file, first->message.octets);
    for (auto at = first; !error && at != returned_.end(); ++at) {
      error = Write(file, at->message);
    }
    if (error) {
      on_disk_ -= file.octets;
      writing_.Reset();
      unlink(file.path.c_str());
      Failed(error);
      return;
    }
    Seal(file);
    counts_.on_disk.Of(earlier) += file.records;
    files_.push_front(std::move(file));
    returned_.erase(first, returned_.end());
  }
}

bool Spool::DropOldest(const std::string& why) {
  if (!sent_.empty()) {
    unlink(sent_.front().path.c_str());
    on_disk_ -= sent_.front().octets;
    sent_.pop_front();
    return true;
  }
  if (files_.empty()) {
    return false;
  }
  if (files_.size() == 1) {
    writing_.Reset();
  }
  File& oldest = files_.front();
  counts_.on_disk.Of(oldest.earlier) -= oldest.records;
  Drop(oldest.earlier, why, oldest.records);
  unlink(oldest.path.c_str());
  on_disk_ -= oldest.octets;
  files_.pop_front();
  return true;
}

void Spool::Failed(const std::error_code& error) {
  failure_ = Reason(error);
  if (!std::exchange(said_[failure_], true) && options_.say) {
    options_.say("--spool: cannot write in '" + options_.directory +
                 "': " + error.message() +
                 "; what finds no room is dropped, the oldest first");
  }
}

void Spool::Drop(bool earlier, const std::string& why, std::uint64_t records) {
  if (records > 0) {
    counts_.dropped.Of(earlier)[why] += records;
  }
}

std::optional<SpooledMessage> Spool::Take() {
  if (!returned_.empty()) {
    SpooledMessage message = std::move(returned_.front());
    returned_.pop_front();
    ++messages_taken_;
    return message;
  }
  while (!files_.empty()) {
    File& file = files_.front();
    if (files_.size() == 1 && writing_.Valid()) {
      Seal(file);
    }
    std::optional<KeptMessage> message;
    if (loaded_ == file.number || Load(file)) {
      message = NextLoaded();
    }
    const bool earlier = file.earlier;
    if (message) {
      const std::uint64_t records =
          std::min(file.records, message->flow_records);
      ++messages_taken_;
      ++file.taken;
      file.records -= records;
      counts_.on_disk.Of(earlier) -= records;
      if (file.records == 0) {
        Finished();
      }
      return SpooledMessage{*std::move(message), earlier};
    }
    counts_.on_disk.Of(earlier) -= file.records;
    Drop(earlier, kDamaged, file.records);
    Finished();
  }
  if (!tail_.Empty()) {
    ++messages_taken_;
    return SpooledMessage{tail_.Take(), false};
  }
  return std::nullopt;
}

bool Spool::Load(const File& file) {
  loaded_ = 0;
  read_ = 0;
  if (!ReadWhole(file.path, content_)) {
    return false;
  }
  framing_->BeginReading();
  loaded_ = file.number;
  for (std::uint64_t i = 0; i < file.taken; ++i) {
    if (!NextLoaded()) {
      return false;
    }
  }
  return true;
}

std::optional<KeptMessage> Spool::NextLoaded() {
  for (;;) {
    const auto rest = std::span<const std::uint8_t>(content_).subspan(read_);
    const std::optional<SpoolFraming::Frame> frame = framing_->Next(rest);
    if (!frame) {
      return std::nullopt;
    }
    read_ += frame->octets;
    if (frame->records > 0) {
      const auto octets = rest.first(frame->octets);
      return KeptMessage{{octets.begin(), octets.end()}, frame->records};
    }
  }
}

void Spool::Finished() {
  File& file = files_.front();
  sent_.push_back({std::move(file.path), file.octets, messages_taken_});
  files_.pop_front();
  loaded_ = 0;
}

void Spool::Release(std::size_t messages) {
  released_ =
      messages_taken_ - std::min<std::uint64_t>(messages_taken_, messages);
  while (!sent_.empty() && sent_.front().end <= released_) {
    unlink(sent_.front().path.c_str());
    on_disk_ -= sent_.front().octets;
    sent_.pop_front();
  }
}

}  // namespace exporter
