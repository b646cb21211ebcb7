// SPDX-License-Identifier: Apache-2.0
#include "exporter/command_line.h"

#include <algorithm>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include <boost/program_options.hpp>

#include "exporter/given_options.h"
#include "exporter/option_list.h"
#include "exporter/setup_error.h"
#include "templates/definition_file.h"

namespace exporter {
namespace {

namespace po = boost::program_options;

bool IsOfInterfaces(std::string_view option) {
  return std::find(kInterfaceOptions.begin(), kInterfaceOptions.end(),
                   option) != kInterfaceOptions.end();
}

std::string Usage(const po::options_description& options) {
  std::ostringstream text;
  text << "usage: spanfix (-i INTERFACE... | -r FILE...) [-c URL...] [options] "
          "[FILTER]\n"
          "       spanfix --doctor -i INTERFACE\n"
          "       spanfix --show FILE [--format json]\n\n"
          "Follows every conversation on a mirror port or in a capture, in "
          "both directions,\nand sends one IPFIX record for each.\n"
       << options;
  return text.str();
}

std::string DefinitionsFor(const std::string& collector, std::uint32_t pen) {
  std::optional<std::string> file = templates::DefinitionFile(collector, pen);
  if (!file) {
    throw SetupError("--print-elements: there are " +
                     templates::DefinitionFileNames() + ", not '" + collector +
                     "'");
  }
  return *std::move(file);
}

po::variables_map Parse(int argc, const char* const* argv,
                        const po::options_description& visible) {
  po::options_description all;
  all.add(visible).add_options()("filter-words",
                                 po::value<std::vector<std::string>>());
  po::positional_options_description words;
  words.add("filter-words", -1);
  namespace style = po::command_line_style;
  po::variables_map given;
  try {
    po::store(po::command_line_parser(argc, argv)
                  .options(all)
                  .positional(words)
                  .style(style::unix_style & ~style::allow_guessing)
                  .run(),
              given);
  } catch (const po::error& error) {
    throw SetupError(std::string(error.what()) + "; --help lists the options");
  }
  return given;
}

// What `given` has already stays.
void Store(const std::vector<Setting>& settings, po::variables_map& given) {
  const po::options_description options = ConfigurableOptions();
  po::parsed_options parsed(&options);
  for (const Setting& setting : settings) {
    po::option option;
    option.string_key = setting.name;
    // That of a switch is that it is there.
    if (options.find(setting.name, false).semantic()->max_tokens() > 0) {
      option.value.push_back(setting.value);
    }
    parsed.options.push_back(std::move(option));
  }
  try {
    po::store(parsed, given);
  } catch (const po::error& error) {
    throw SetupError(error.what());
  }
}

bool Has(const std::vector<Setting>& settings, std::string_view name) {
  return std::any_of(
      settings.begin(), settings.end(),
      [&](const Setting& setting) { return setting.name == name; });
}

// For a file alone: which interface it is may be left to the command line.
void CheckSettings(const std::vector<Setting>& settings) {
  po::variables_map given;
  Store(settings, given);
  if (!Has(settings, "interface") && !Has(settings, "read")) {
    Store({{0, "interface", "any"}}, given);
  }
  static_cast<void>(OptionsFrom(given));
}

// The file's settings that the command line has not overridden. An input there
// replaces the file's, whichever kind it is.
void AddConfigFile(const std::string& path, po::variables_map& given) {
  std::vector<Setting> settings =
      ReadConfigFile(path, ConfigOptions(), CheckSettings);
  const bool reads = given.count("read") > 0;
  const bool captures = given.count("interface") > 0;
  const bool filters = given.count("filter-words") > 0;
  settings.erase(std::remove_if(settings.begin(), settings.end(),
                                [&](const Setting& setting) {
                                  const std::string& name = setting.name;
                                  return (reads && (name == "interface" ||
                                                    IsOfInterfaces(name))) ||
                                         (captures && name == "read") ||
                                         (filters && name == "filter");
                                }),
                 settings.end());
  Store(settings, given);
}

std::string CheckedConfig(const po::variables_map& given) {
  std::string path = "/etc/spanfix/spanfix.conf";
  std::vector<std::string> words;
  if (given.count("filter-words") > 0) {
    words = given["filter-words"].as<std::vector<std::string>>();
  }
  if (given.count("config") > 0) {
    words.insert(words.begin(), given["config"].as<std::string>());
  }
  if (words.size() > 1) {
    throw SetupError("--check-config: checks one file; leave out '" + words[1] +
                     "'");
  }
  if (!words.empty()) {
    path = words.front();
  }
  static_cast<void>(ReadConfigFile(path, ConfigOptions(), CheckSettings));
  return path + ": ok\n";
}

}  // namespace

std::vector<OptionInfo> ConfigOptions() {
  constexpr std::string_view kDefault = " (=";
  const po::options_description options = ConfigurableOptions();
  std::vector<OptionInfo> known;
  for (const auto& option : options.options()) {
    OptionInfo info;
    info.name = option->long_name();
    const po::value_semantic* const values = option->semantic().get();
    if (values->max_tokens() > 0) {
      // "SECONDS (=60)"
      const std::string text = values->name();
      const std::size_t behind = text.find(kDefault);
      info.value_name = text.substr(0, behind);
      if (behind != std::string::npos) {
        const std::size_t begin = behind + kDefault.size();
        info.default_value = text.substr(begin, text.size() - 1 - begin);
      }
    }
    info.whole_number =
        dynamic_cast<const po::typed_value<std::int64_t>*>(values) != nullptr;
    info.repeatable =
        dynamic_cast<const po::typed_value<std::vector<std::string>>*>(
            values) != nullptr;
    known.push_back(std::move(info));
  }
  return known;
}

CommandLine ParseCommandLine(int argc, const char* const* argv) {
  const po::options_description visible = VisibleOptions();
  po::variables_map given = Parse(argc, argv, visible);
  CommandLine line;
  if (given.count("help") > 0) {
    line.answer = Usage(visible);
  } else if (given.count("version") > 0) {
    line.answer = "spanfix " SPANFIX_VERSION "\n";
  } else if (given.count("check-config") > 0) {
    line.answer = CheckedConfig(given);
  } else if (given.count("show") > 0) {
    line.show = ShowFrom(given);
  } else {
    if (given.count("config") > 0) {
      AddConfigFile(given["config"].as<std::string>(), given);
    }
    if (given.count("print-elements") > 0) {
      line.answer = DefinitionsFor(given["print-elements"].as<std::string>(),
                                   PenFrom(given));
    } else {
      line.options = OptionsFrom(given);
    }
  }
  return line;
}

}  // namespace exporter
