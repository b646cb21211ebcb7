// SPDX-License-Identifier: Apache-2.0
// The options that there are, for those that read them.
#pragma once

#include <cstdint>

#include <boost/program_options.hpp>

namespace exporter {

// The type of an option that is a time.
using Seconds = std::int64_t;

// Those that the config file may have, too.
boost::program_options::options_description ConfigurableOptions();
// All that --help shows.
boost::program_options::options_description VisibleOptions();

}  // namespace exporter
