// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdexcept>

namespace exporter {

// The program cannot start. what() is one line that names the option and what
// to do, or for a config file a line for each error; main prints it and exits
// with 2. Never thrown once packets are read.
class SetupError : public std::runtime_error {
 public:
  using std::runtime_error::runtime_error;
};

}  // namespace exporter
