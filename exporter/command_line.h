// SPDX-License-Identifier: Apache-2.0
// The command line, and the config file that it may name.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "exporter/config_file.h"
#include "exporter/options.h"

namespace exporter {

struct CommandLine {
  Options options;
  std::optional<ShowOptions> show;  // then options are not set
  // Set for --help, --version, --print-elements and --check-config: print it
  // and leave.
  std::optional<std::string> answer;
};

// Throws SetupError that names the option and what is wrong with it; for a
// config file with a line for each of its errors.
CommandLine ParseCommandLine(int argc, const char* const* argv);

// Those that a config file may have, in the order of --help.
std::vector<OptionInfo> ConfigOptions();

}  // namespace exporter
