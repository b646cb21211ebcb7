// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace exporter {

enum class Severity : std::uint8_t { kNotice, kWarning, kError };

constexpr std::string_view Name(Severity severity) {
  switch (severity) {
    case Severity::kNotice:
      return "notice";
    case Severity::kWarning:
      return "warning";
    case Severity::kError:
      break;
  }
  return "error";
}

// Something that is wrong, or odd, with what is captured.
struct Finding {
  std::string name;  // "one_direction", ...: a label that never changes
  std::string interface;
  Severity severity = Severity::kWarning;
  std::string sentence;  // for people: what it is, and what to do
};

}  // namespace exporter
