// SPDX-License-Identifier: Apache-2.0
// What happens while running, for those who watch the standard error: a line
// for each event, never for a packet.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/clock.h"

namespace exporter {

// The values are syslog's severities (RFC 5424 section 6.2.1).
enum class LogLevel : std::uint8_t { kError = 3, kWarning = 4, kInfo = 6 };

// As --log-level has it.
constexpr std::string_view Name(LogLevel level) {
  switch (level) {
    case LogLevel::kError:
      return "error";
    case LogLevel::kWarning:
      return "warning";
    case LogLevel::kInfo:
      break;
  }
  return "info";
}

enum class LogFormat : std::uint8_t {
  kText,
  kJson,  // an object a line: time, level, event, message, fields
};

struct LogOptions {
  LogFormat format = LogFormat::kText;
  LogLevel level = LogLevel::kInfo;  // and what is worse
};

// Names of the event's own members in JSON, and their values. The first says
// what the event happened to.
using LogFields = std::vector<std::pair<std::string_view, std::string>>;

// Any thread may call it.
class Log {
 public:
  // How long after an event the same one is held back: one of its name that
  // happened to the same thing, or without fields, has the same message.
  static constexpr std::chrono::seconds kQuiet{10};

  // Writes to `descriptor`, which stays the caller's. If that is the journal's
  // stream (systemd.exec(5), $JOURNAL_STREAM), each line begins with its level
  // as sd-daemon(3) says.
  Log(const LogOptions& options, int descriptor, const Clock& clock);
  Log(const Log&) = delete;
  Log& operator=(const Log&) = delete;
  // What is held back is written.
  ~Log();

  // `event` is for programs and never changes: "interface-lost".
  void Error(std::string_view event, std::string message,
             LogFields fields = {}) {
    Write(LogLevel::kError, event, std::move(message), std::move(fields));
  }
  void Warn(std::string_view event, std::string message,
            LogFields fields = {}) {
    Write(LogLevel::kWarning, event, std::move(message), std::move(fields));
  }
  void Info(std::string_view event, std::string message,
            LogFields fields = {}) {
    Write(LogLevel::kInfo, event, std::move(message), std::move(fields));
  }

  // What was asked for, whatever the level: the lines of `text`, or one of JSON
  // with the members of `object`.
  void Summary(const std::string& text, const std::string& object);

  // Writes the last of each event that was held back until now, and how many
  // there were. To be called now and then.
  void WriteHeld();

  [[nodiscard]] LogFormat Format() const { return options_.format; }
  void SetLevel(LogLevel level) { level_.store(level); }

 private:
  struct Event {
    LogLevel level = LogLevel::kInfo;
    std::string_view name;
    std::string message;
    LogFields fields;
  };
  struct Recent {
    tracker::Timestamp quiet_until;
    std::uint64_t held = 0;
    Event last;  // of those held
  };

  void Write(LogLevel level, std::string_view event, std::string message,
             LogFields fields);
  void WriteHeld(tracker::Timestamp from);
  // `times`: that it happened since it was written last.
  void WriteEvent(const Event& event, std::uint64_t times);
  void WriteLine(LogLevel level, std::string_view line) const {
    WriteText(Line(level, line));
  }
  // With its end, and its level for the journal.
  [[nodiscard]] std::string Line(LogLevel level, std::string_view line) const;
  void WriteText(std::string_view text) const;

  const LogOptions options_;
  std::atomic<LogLevel> level_;
  int descriptor_;
  bool journal_;
  const Clock& clock_;
  std::mutex mutex_;  // all below, and the order of the lines
  std::map<std::string, Recent> recent_;  // by what makes events the same
};

}  // namespace exporter
