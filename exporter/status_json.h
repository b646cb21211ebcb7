// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "exporter/run_snapshot.h"

namespace exporter {

// What the status page shows, as one object. Names of interfaces and files that
// are not UTF-8 have U+FFFD where they are not.
std::string StatusJson(const RunSnapshot& run);

}  // namespace exporter
