// SPDX-License-Identifier: Apache-2.0
// Messages on the disk until their collector can have them, across runs.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <system_error>
#include <vector>

#include "exporter/backlog.h"
#include "exporter/descriptor.h"
#include "exporter/privileges.h"
#include "exporter/spool_file.h"
#include "exporter/spool_framing.h"

namespace exporter {

struct SpoolOptions {
  // Of one collector alone; made if it is not there.
  std::string directory;
  // Whom root becomes later, if anybody: whose the files are.
  std::optional<User> user = std::nullopt;
  std::uint64_t most_octets = std::uint64_t{1} << 30;  // on the disk
  // Of a file; at most a quarter of all.
  std::uint64_t file_octets = std::uint64_t{1} << 20;
  // In memory, while the disk takes nothing.
  std::size_t memory_octets = std::size_t{64} << 20;
  // What happens to the disk, a line without its end. Optional.
  std::function<void(const std::string&)> say;
};

// Those of this run, and those that were on the disk when it began.
template <typename T>
struct OfBothRuns {
  T own{};
  T earlier{};

  T& Of(bool from_earlier) { return from_earlier ? earlier : own; }
};

struct SpooledMessage {
  KeptMessage message;
  bool earlier = false;  // an earlier run made it
};

// Records found at the start = taken + on the disk + dropped, of earlier runs;
// records added = taken + on the disk + in memory + dropped, of this one.
struct SpoolCounts {
  OfBothRuns<std::uint64_t> on_disk;
  OfBothRuns<std::map<std::string, std::uint64_t>> dropped;  // by reason
  std::uint64_t found = 0;                                   // of earlier runs
};

// A queue of messages in files of bounded size, the oldest first. What is added
// is in memory until there is enough for a write, or until Flush(). Where there
// is no room the oldest go, counted. While the disk takes nothing, messages
// stay in memory as far as that is bounded; that is said once for each reason.
//
// A file goes when all its messages were taken and Release() says so; of one
// that was taken in part, Close() leaves the rest, if Release() said so. A run
// that is killed leaves all of it.
//
// One thread. Two must not have one directory: spool_directory.h.
class Spool {
 public:
  // Takes over what earlier runs left; of a message that a run could not finish
  // to write, and of files that do not fit, Notice() tells. Throws SetupError
  // when the directory cannot be used.
  Spool(SpoolOptions options, std::unique_ptr<SpoolFraming> framing);
  Spool(const Spool&) = delete;
  Spool& operator=(const Spool&) = delete;
  ~Spool();

  // There is nothing to take.
  [[nodiscard]] bool Empty() const {
    return returned_.empty() && files_.empty() && tail_.Empty();
  }
  [[nodiscard]] bool HasRoomFor(std::size_t octets) const {
    return on_disk_ + tail_.Octets() + octets <= options_.most_octets;
  }
  // Behind all others.
  void Add(std::span<const std::uint8_t> octets, std::uint64_t records);
  // What was taken, or has overtaken the others, comes back before all others,
  // in its order; the first `earlier` are of earlier runs.
  void AddBefore(std::vector<KeptMessage> messages, std::size_t earlier);
  // The oldest one. None: there is none, or what there was is damaged.
  std::optional<SpooledMessage> Take();
  // All that was taken is where it should be, but for the last `messages`.
  void Release(std::size_t messages);
  // What is in memory goes to the disk, if that takes it.
  void Flush();
  // The run ends: what is in memory goes to the disk, or is dropped.
  void Close();

  [[nodiscard]] const SpoolCounts& Counts() const { return counts_; }
  // What the user should know of what was found; else empty.
  [[nodiscard]] const std::string& Notice() const { return notice_; }
  [[nodiscard]] const std::string& Directory() const {
    return options_.directory;
  }

 private:
  struct File {
    std::uint64_t number = 0;
    std::string path;
    std::uint64_t octets = 0;
    std::uint64_t records = 0;  // of those that were not taken
    std::uint64_t taken = 0;    // messages
    bool earlier = false;
  };
  struct Sent {
    std::string path;
    std::uint64_t octets = 0;
    std::uint64_t end = 0;  // the count of messages taken when it was
  };

  // At the start.
  void TakeOver();
  void TakeOver(const SpoolFileName& name);
  void Note(const std::string& what);

  // Writing.
  std::error_code Open(File& file, std::span<const std::uint8_t> first);
  std::error_code Write(File& file, const KeptMessage& message);
  std::error_code Append(const KeptMessage& message);
  void Seal(File& file);
  void WriteTail();
  void WriteReturned();
  void LeaveOutTaken(File& file);
  // Of the disk; false: there is nothing that could make room.
  bool DropOldest(const std::string& why);
  void Failed(const std::error_code& error);
  [[nodiscard]] std::string WhyNoRoom() const {
    return failure_.empty() ? "spool full" : failure_;
  }

  // Reading.
  bool Load(const File& file);
  std::optional<KeptMessage> NextLoaded();
  void Drop(bool earlier, const std::string& why, std::uint64_t records);
  void Finished();  // with the oldest file

  SpoolOptions options_;
  std::unique_ptr<SpoolFraming> framing_;
  std::deque<SpooledMessage> returned_;  // before the files
  std::deque<File> files_;               // the oldest first
  Backlog tail_;                         // behind the files
  std::deque<Sent> sent_;
  std::uint64_t messages_taken_ = 0;
  std::uint64_t released_ = 0;  // of them
  std::uint64_t on_disk_ = 0;   // octets
  // The last of files_ is being written to: its descriptor.
  Descriptor writing_;
  // Of files, never used again.
  std::uint64_t first_number_;
  std::uint64_t next_number_;
  std::size_t foreign_ = 0;  // files that do not fit
  // Of the oldest file.
  std::uint64_t loaded_ = 0;  // its number; 0: none
  std::vector<std::uint8_t> content_;
  std::size_t read_ = 0;  // octets of it
  SpoolCounts counts_;
  std::string failure_;  // why the disk takes nothing; empty while it does
  std::map<std::string, bool> said_;
  std::string notice_;
};

}  // namespace exporter
