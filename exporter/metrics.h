// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "exporter/run_snapshot.h"

namespace exporter {

// What the summary knows, and more, in Prometheus's text format. The names, and
// the values of `reason` and `cause`, never change; packaging/README.md lists
// them.
std::string MetricsText(const RunSnapshot& run);

}  // namespace exporter
