// SPDX-License-Identifier: Apache-2.0
// From what was given on the command line and in the config file to what it
// means. All throw SetupError that names the option and what is wrong with it.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

#include <boost/program_options.hpp>

#include "exporter/options.h"

namespace exporter {

// That go with interfaces only.
inline constexpr std::array<std::string_view, 5> kInterfaceOptions = {
    "threads", "ring-size", "snaplen", "promiscuous", "immediate"};

Options OptionsFrom(const boost::program_options::variables_map& given);
// --show; refuses what only a capture has.
ShowOptions ShowFrom(const boost::program_options::variables_map& given);
// --pen.
std::uint32_t PenFrom(const boost::program_options::variables_map& given);

}  // namespace exporter
