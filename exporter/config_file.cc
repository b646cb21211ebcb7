// SPDX-License-Identifier: Apache-2.0
#include "exporter/config_file.h"

#include <algorithm>
#include <cerrno>
#include <charconv>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <map>
#include <numeric>
#include <optional>
#include <sstream>
#include <system_error>

#include "exporter/setup_error.h"

namespace exporter {
namespace {

constexpr std::string_view kBlanks = " \t\r\v\f";

std::string_view Trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(kBlanks);
  if (first == std::string_view::npos) {
    return {};
  }
  return text.substr(first, text.find_last_not_of(kBlanks) - first + 1);
}

// A '#' within a word is part of it, such as of a file's name.
std::string_view WithoutComment(std::string_view line) {
  for (std::size_t at = line.find('#'); at != std::string_view::npos;
       at = line.find('#', at + 1)) {
    if (at == 0 || kBlanks.find(line[at - 1]) != std::string_view::npos) {
      return line.substr(0, at);
    }
  }
  return line;
}

// How many letters must be put in, left out or changed (Levenshtein).
std::size_t Distance(std::string_view from, std::string_view to) {
  std::vector<std::size_t> row(to.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 0; i < from.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i + 1;
    for (std::size_t j = 0; j < to.size(); ++j) {
      const std::size_t change = diagonal + (from[i] == to[j] ? 0 : 1);
      diagonal = row[j + 1];
      row[j + 1] = std::min({change, row[j] + 1, diagonal + 1});
    }
  }
  return row.back();
}

std::string UnknownOption(const std::string& name,
                          const std::vector<OptionInfo>& options) {
  std::string text = "there is no option '" + name + "'; ";
  const auto nearest =
      std::min_element(options.begin(), options.end(),
                       [&](const OptionInfo& a, const OptionInfo& b) {
                         return Distance(name, a.name) < Distance(name, b.name);
                       });
  // A slip or two; anything more is another word.
  if (nearest != options.end() &&
      Distance(name, nearest->name) <=
          std::min<std::size_t>(name.size() / 3, 3)) {
    return text + "is it '" + nearest->name + "'?";
  }
  return text + "spanfix --help lists them";
}

bool IsControl(char letter) {
  return (letter >= 0 && letter < ' ' && letter != '\t') || letter == '\x7f';
}

bool IsWholeNumber(const std::string& text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && behind == end;
}

// Reads a file's text and gathers what is wrong with it.
class Parser {
 public:
  explicit Parser(const std::vector<OptionInfo>& options) : options_(options) {}

  void Add(std::string_view line) {
    ++line_;
    line = Trimmed(WithoutComment(line));
    if (line.empty()) {
      return;
    }
    if (std::any_of(line.begin(), line.end(), IsControl)) {
      Report(line_, "is no text; is this the config file?");
      return;
    }
    const std::size_t equals = line.find('=');
    Setting setting{line_, std::string(Trimmed(line.substr(0, equals))), ""};
    const auto option = std::find_if(
        options_.begin(), options_.end(),
        [&](const OptionInfo& known) { return known.name == setting.name; });
    if (option == options_.end()) {
      Report(line_, setting.name.empty()
                        ? "there is no name before the '='; write NAME = VALUE"
                        : UnknownOption(setting.name, options_));
      return;
    }
    if (!option->repeatable) {
      const auto [earlier, first] = seen_.emplace(setting.name, line_);
      if (!first) {
        Report(line_, setting.name + ": is in line " +
                          std::to_string(earlier->second) +
                          ", too; leave one of them");
        return;
      }
    }
    if (equals != std::string_view::npos) {
      setting.value = Trimmed(line.substr(equals + 1));
    }
    Add(std::move(setting), *option);
  }

  // Those that do not go together.
  void Check(const SettingsCheck& check);

  [[nodiscard]] std::vector<Setting> Settings() && {
    return std::move(settings_);
  }
  // The lines of all errors; empty when there is none.
  [[nodiscard]] std::string Errors(const std::string& name) const {
    std::string text;
    for (const auto& [line, what] : errors_) {
      text.append(text.empty() ? "" : "\n").append(name).append(":");
      text.append(std::to_string(line)).append(": ").append(what);
    }
    return text;
  }

 private:
  void Report(int line, const std::string& what) {
    errors_.emplace(line, what);
  }

  void Add(Setting setting, const OptionInfo& option) {
    const std::string& value = setting.value;
    if (value.empty()) {
      Report(setting.line,
             setting.name + ": has no value; write " + setting.name + " = " +
                 (option.value_name.empty() ? "yes or no" : option.value_name));
    } else if (option.value_name.empty() && value != "yes" && value != "no") {
      Report(setting.line,
             setting.name + ": there are yes and no, not '" + value + "'");
    } else if (option.whole_number && !IsWholeNumber(value)) {
      Report(setting.line,
             setting.name + ": must be a whole number, not '" + value + "'");
    } else if (!option.value_name.empty() || value == "yes") {
      settings_.push_back(std::move(setting));
    }
  }

  void Blame(const SettingsCheck& check, std::string what);

  const std::vector<OptionInfo>& options_;
  int line_ = 0;
  std::map<std::string, int> seen_;  // options that are given once: the line
  std::vector<Setting> settings_;
  std::multimap<int, std::string> errors_;  // by line
};

std::optional<std::string> Complaint(const SettingsCheck& check,
                                     const std::vector<Setting>& settings) {
  try {
    check(settings);
  } catch (const SetupError& error) {
    return error.what();
  }
  return std::nullopt;
}

// The check names options, not lines, and only the first thing that it finds.
// So the settings without which it would not say so are the ones to blame; they
// are taken out, and it is asked again for the next.
void Parser::Check(const SettingsCheck& check) {
  for (auto what = Complaint(check, settings_); what && !settings_.empty();
       what = Complaint(check, settings_)) {
    Blame(check, *std::move(what));
  }
}

void Parser::Blame(const SettingsCheck& check, std::string what) {
  // Of two that exclude each other, the one that is named first, else the last.
  const auto named_first = [&](const Setting& setting) {
    return what.rfind("--" + setting.name, 0) == 0;
  };
  const auto without = [&](const Setting& guilty) {
    std::vector<Setting> rest;
    std::copy_if(settings_.begin(), settings_.end(), std::back_inserter(rest),
                 [&](const Setting& other) {
                   return other.name != guilty.name ||
                          other.value != guilty.value;
                 });
    return rest;
  };
  const Setting* guilty = nullptr;
  for (const Setting& setting : settings_) {
    if ((guilty == nullptr || !named_first(*guilty)) &&
        Complaint(check, without(setting)) != what) {
      guilty = &setting;
    }
  }
  if (guilty == nullptr) {
    guilty = &settings_.back();
  }
  std::vector<Setting> rest = without(*guilty);
  const std::string text = what.rfind("--", 0) == 0 ? what.substr(2) : what;
  for (const Setting& setting : settings_) {
    if (setting.name == guilty->name && setting.value == guilty->value) {
      Report(setting.line, text);
    }
  }
  settings_ = std::move(rest);
}

}  // namespace

std::vector<Setting> ParseConfig(std::string_view text, const std::string& name,
                                 const std::vector<OptionInfo>& options,
                                 const SettingsCheck& check) {
  Parser parser(options);
  for (std::size_t begin = 0; begin < text.size();) {
    const std::size_t end = std::min(text.find('\n', begin), text.size());
    parser.Add(text.substr(begin, end - begin));
    begin = end + 1;
  }
  parser.Check(check);
  if (const std::string errors = parser.Errors(name); !errors.empty()) {
    throw SetupError(errors);
  }
  return std::move(parser).Settings();
}

std::vector<Setting> ReadConfigFile(const std::string& path,
                                    const std::vector<OptionInfo>& options,
                                    const SettingsCheck& check) {
  const auto refuse = [&](int error) {
    throw SetupError("--config: cannot read '" + path +
                     "': " + std::generic_category().message(error));
  };
  std::error_code none;
  if (std::filesystem::is_directory(path, none)) {
    refuse(EISDIR);  // a stream opens one
  }
  errno = 0;
  std::ifstream file(path, std::ios::binary);
  if (!file) {
    refuse(errno);
  }
  std::ostringstream text;
  text << file.rdbuf();
  if (file.bad()) {
    refuse(errno);
  }
  return ParseConfig(text.str(), path, options, check);
}

}  // namespace exporter
