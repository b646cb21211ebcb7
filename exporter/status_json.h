// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "exporter/run_snapshot.h"
#include "exporter/summary.h"

namespace exporter {

// What the status page shows, as one object. Names of interfaces and files that
// are not UTF-8 have U+FFFD where they are not.
std::string StatusJson(const RunSnapshot& run);

// The account of a run, as one object: what SummaryText() says.
std::string SummaryJson(const CaptureReport& capture,
                        const ExportReport& exported, std::size_t max_flows);

}  // namespace exporter
