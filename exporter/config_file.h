// SPDX-License-Identifier: Apache-2.0
// The config file: one option a line, `name = value`, named as on the command
// line. `#` begins a comment at the beginning of a line or behind a blank.
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

namespace exporter {

// What the config file and those who describe it must know of an option.
struct OptionInfo {
  std::string name;           // long, without dashes
  std::string value_name;     // empty: a switch, in the file yes or no
  std::string default_value;  // empty: it has none
  bool whole_number = false;  // the value is one
  bool repeatable = false;
};

struct Setting {
  int line = 0;  // of the file, from 1
  std::string name;
  std::string value;
};

// Throws SetupError that names an option of `settings`, or a value of theirs,
// when they cannot be had together.
using SettingsCheck = std::function<void(const std::vector<Setting>&)>;

// The settings in `text`, in their order, switches that are off left out.
// Throws SetupError about all errors of the file at once: what() has a line for
// each, in their order, "NAME:LINE: what is wrong and what to do".
std::vector<Setting> ParseConfig(std::string_view text, const std::string& name,
                                 const std::vector<OptionInfo>& options,
                                 const SettingsCheck& check);

// The same for a file. Throws SetupError also when it cannot be read.
std::vector<Setting> ReadConfigFile(const std::string& path,
                                    const std::vector<OptionInfo>& options,
                                    const SettingsCheck& check);

}  // namespace exporter
