// SPDX-License-Identifier: Apache-2.0
#include "exporter/spool_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <filesystem>
#include <limits>

#include <sys/stat.h>

#include "exporter/descriptor.h"
#include "exporter/last_error.h"
#include "exporter/spool_directory.h"

namespace exporter {
namespace {

constexpr std::size_t kNumberDigits = 12;
// Of a sealed file: more than templates take.
constexpr std::size_t kFront = 256 << 10;

std::optional<std::uint64_t> Number(std::string_view text) {
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

std::optional<SpoolFileName> Parse(std::string_view text,
                                   std::string_view suffix) {
  if (!text.ends_with(suffix) || text.size() < kNumberDigits + suffix.size()) {
    return std::nullopt;
  }
  text.remove_suffix(suffix.size());
  const std::optional<std::uint64_t> number =
      Number(text.substr(0, kNumberDigits));
  if (!number) {
    return std::nullopt;
  }
  if (text.size() == kNumberDigits) {
    return SpoolFileName{*number, std::nullopt};
  }
  const std::optional<std::uint64_t> records =
      text[kNumberDigits] == '.' ? Number(text.substr(kNumberDigits + 1))
                                 : std::nullopt;
  return records ? std::optional(SpoolFileName{*number, records})
                 : std::nullopt;
}

bool ReadUpTo(const std::string& path, std::size_t most,
              std::vector<std::uint8_t>& content) {
  content.clear();
  const Descriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC));
  struct stat status {};
  if (!file.Valid() || fstat(file.Get(), &status) != 0 ||
      !S_ISREG(status.st_mode)) {
    return false;
  }
  content.resize(std::min(static_cast<std::size_t>(status.st_size), most));
  std::size_t got = 0;
  while (got < content.size()) {
    const ssize_t octets =
        read(file.Get(), content.data() + got, content.size() - got);
    if (octets < 0 && errno == EINTR) {
      continue;
    }
    if (octets < 0) {
      return false;
    }
    if (octets == 0) {
      break;
    }
    got += static_cast<std::size_t>(octets);
  }
  content.resize(got);
  return true;
}

std::uint64_t OctetsOf(const std::string& path) {
  std::error_code error;
  const std::uintmax_t octets = std::filesystem::file_size(path, error);
  return error ? 0 : octets;
}

}  // namespace

std::string SpoolFilePath(const std::string& directory,
                          const SpoolFileName& name, std::string_view suffix) {
  std::string number = std::to_string(name.number);
  number.insert(0, kNumberDigits - std::min(kNumberDigits, number.size()), '0');
  return directory + '/' + number +
         (name.records ? '.' + std::to_string(*name.records) : "") +
         std::string(suffix);
}

std::vector<SpoolFileName> ListSpoolFiles(const std::string& directory,
                                          std::string_view suffix) {
  const auto allowed = [](const std::string& path, int how) {
    return faccessat(AT_FDCWD, path.c_str(), how, AT_EACCESS) == 0;
  };
  if ((mkdir(directory.c_str(), 0750) != 0 && errno != EEXIST) ||
      !allowed(directory, R_OK | W_OK | X_OK)) {
    RefuseSpool(directory, LastError());
  }
  std::error_code error;
  std::vector<SpoolFileName> names;
  for (std::filesystem::directory_iterator at(directory, error), end;
       !error && at != end; at.increment(error)) {
    if (const auto name = Parse(at->path().filename().native(), suffix)) {
      if (!allowed(at->path(), R_OK)) {
        RefuseSpool(at->path(), LastError());
      }
      names.push_back(*name);
    }
  }
  if (error) {
    RefuseSpool(directory, error);
  }
  std::sort(names.begin(), names.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  return names;
}

SpoolFileState ExamineSpoolFile(const std::string& path, bool sealed,
                                SpoolFraming& framing) {
  SpoolFileState state;
  state.octets = OctetsOf(path);
  std::vector<std::uint8_t> content;
  if (!ReadUpTo(path, sealed ? kFront : std::numeric_limits<std::size_t>::max(),
                content)) {
    state.fits = false;
    return state;
  }
  framing.BeginReading();
  std::span<const std::uint8_t> rest = content;
  while (!rest.empty()) {
    const std::optional<SpoolFraming::Frame> frame = framing.Next(rest);
    if (!frame) {
      break;
    }
    if (frame->records > 0 && state.records == 0) {
      state.fits = framing.Fits();
    }
    state.records += frame->records;
    rest = rest.subspan(frame->octets);
    if (!state.fits || (sealed && state.records > 0)) {
      return state;
    }
  }
  if (!sealed && !rest.empty()) {
    state.torn = true;
    state.octets -= rest.size();
    static_cast<void>(truncate(path.c_str(), static_cast<off_t>(state.octets)));
  }
  return state;
}

bool ReadWhole(const std::string& path, std::vector<std::uint8_t>& content) {
  return ReadUpTo(path, std::numeric_limits<std::size_t>::max(), content);
}

std::error_code WriteWhole(int file, std::span<const std::uint8_t> octets,
                           std::uint64_t offset) {
  auto at = static_cast<off_t>(offset);
  while (!octets.empty()) {
    const ssize_t written = pwrite(file, octets.data(), octets.size(), at);
    if (written >= 0) {
      octets = octets.subspan(static_cast<std::size_t>(written));
      at += written;
    } else if (errno != EINTR) {
      const std::error_code error = LastError();
      static_cast<void>(ftruncate(file, static_cast<off_t>(offset)));
      return error;
    }
  }
  return {};
}

}  // namespace exporter
