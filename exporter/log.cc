// SPDX-License-Identifier: Apache-2.0
#include "exporter/log.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <ctime>

#include <nlohmann/json.hpp>
#include <sys/stat.h>

namespace exporter {
namespace {

using Json = nlohmann::ordered_json;

// Its value is "DEVICE:INODE" of the stream that we were given.
bool IsJournal(int descriptor) {
  // NOLINTNEXTLINE(concurrency-mt-unsafe): nobody sets the environment.
  const char* const stream = std::getenv("JOURNAL_STREAM");
  struct stat file {};
  return stream != nullptr && fstat(descriptor, &file) == 0 &&
         stream ==
             std::to_string(file.st_dev) + ':' + std::to_string(file.st_ino);
}

// RFC 3339, in UTC.
std::string TimeText(tracker::Timestamp time) {
  using std::chrono::milliseconds;
  const auto since = std::chrono::floor<milliseconds>(time).time_since_epoch();
  const std::time_t seconds =
      std::chrono::floor<std::chrono::seconds>(since).count();
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 32> text{};
  std::strftime(text.data(), text.size(), "%Y-%m-%dT%H:%M:%S", &parts);
  const std::string fraction = std::to_string(1000 + since.count() % 1000);
  return std::string(text.data()) + '.' + fraction.substr(1) + 'Z';
}

std::string JsonLine(const Json& object) {
  return object.dump(-1, ' ', false, Json::error_handler_t::replace);
}

// A line stays one line, and moves no cursor, whatever a name has in it.
std::string Printable(std::string text) {
  std::replace_if(
      text.begin(), text.end(),
      [](unsigned char c) { return c < ' ' || c == 0x7f; }, '?');
  return text;
}

}  // namespace

Log::Log(const LogOptions& options, int descriptor, const Clock& clock)
    : options_(options),
      level_(options.level),
      descriptor_(descriptor),
      journal_(IsJournal(descriptor)),
      clock_(clock) {}

Log::~Log() {
  try {
    WriteHeld(tracker::Timestamp::max());
  } catch (...) {  // without memory there is no line
  }
}

void Log::Write(LogLevel level, std::string_view event, std::string message,
                LogFields fields) {
  if (level > level_.load()) {
    return;
  }
  std::string key(event);
  key += ' ' + (fields.empty() ? message : fields.front().second);
  Event happened{level, event, std::move(message), std::move(fields)};
  const tracker::Timestamp now = clock_.Now();
  const std::lock_guard lock(mutex_);
  const auto [entry, is_new] = recent_.try_emplace(std::move(key));
  Recent& recent = entry->second;
  if (!is_new && now < recent.quiet_until) {
    ++recent.held;
    recent.last = std::move(happened);
    return;
  }
  WriteEvent(happened, recent.held + 1);
  recent.held = 0;
  recent.quiet_until = now + kQuiet;
}

void Log::WriteHeld() { WriteHeld(clock_.Now()); }

void Log::WriteHeld(tracker::Timestamp from) {
  const std::lock_guard lock(mutex_);
  for (auto entry = recent_.begin(); entry != recent_.end();) {
    Recent& recent = entry->second;
    if (from < recent.quiet_until) {
      ++entry;
    } else if (recent.held == 0) {
      entry = recent_.erase(entry);
    } else {
      WriteEvent(recent.last, recent.held);
      recent.held = 0;
      recent.quiet_until += kQuiet;
      ++entry;
    }
  }
}

void Log::WriteEvent(const Event& event, std::uint64_t times) {
  if (options_.format == LogFormat::kJson) {
    Json object{{"time", TimeText(clock_.Now())},
                {"level", Name(event.level)},
                {"event", event.name},
                {"message", event.message}};
    for (const auto& [name, value] : event.fields) {
      object[std::string(name)] = value;
    }
    if (times > 1) {
      object["times"] = times;
    }
    WriteLine(event.level, JsonLine(object));
    return;
  }
  // The journal knows who we are.
  std::string line = (journal_ ? "" : "spanfix: ") + Printable(event.message);
  if (times > 1) {
    line += " (" + std::to_string(times) + " times)";
  }
  WriteLine(event.level, line);
}

void Log::Summary(const std::string& text, const std::string& object) {
  WriteHeld(tracker::Timestamp::max());
  const std::lock_guard lock(mutex_);
  if (options_.format == LogFormat::kJson) {
    Json line{{"time", TimeText(clock_.Now())},
              {"level", Name(LogLevel::kInfo)},
              {"event", "summary"},
              {"message", "the account of the run so far"}};
    line.update(Json::parse(object));
    WriteLine(LogLevel::kInfo, JsonLine(line));
    return;
  }
  // At once, so that who reads it meanwhile has all of it or nothing.
  std::string lines;
  std::string_view rest = text;
  while (!rest.empty()) {
    const std::size_t end = rest.find('\n');
    lines += Line(LogLevel::kInfo, rest.substr(0, end));
    rest.remove_prefix(end == std::string_view::npos ? rest.size() : end + 1);
  }
  WriteText(lines);
}

std::string Log::Line(LogLevel level, std::string_view line) const {
  std::string text;
  if (journal_) {
    text = '<' + std::to_string(static_cast<int>(level)) + '>';
  }
  text.append(line).push_back('\n');
  return text;
}

// Where it cannot be written, there is nobody to tell.
void Log::WriteText(std::string_view text) const {
  std::string_view rest = text;
  while (!rest.empty()) {
    const ssize_t written = write(descriptor_, rest.data(), rest.size());
    if (written < 0 && errno != EINTR) {
      return;
    }
    rest.remove_prefix(static_cast<std::size_t>(std::max<ssize_t>(written, 0)));
  }
}

}  // namespace exporter
