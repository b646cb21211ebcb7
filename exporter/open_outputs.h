// SPDX-License-Identifier: Apache-2.0
// From the options to the outputs that they name.
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <vector>

#include "exporter/clock.h"
#include "exporter/open_collector.h"
#include "exporter/options.h"
#include "exporter/output.h"
#include "exporter/retired_outputs.h"
#include "exporter/spool_directory.h"

namespace exporter {

// The collectors by a network come first, numbered from 1 in their order. Those
// that write files are opened last, so that a run that cannot start leaves none
// behind. `clock` is referred to. Throws SetupError.
std::vector<NumberedOutput> OpenOutputs(
    const Options& options, const Clock& clock, const DeliveryHooks& hooks,
    const std::optional<SpoolDirectory>& spool);

// One of those by a network; `url` is one of options.collectors.
std::unique_ptr<Output> OpenNetworkCollector(
    const CollectorUrl& url, const Options& options, const Clock& clock,
    const DeliveryHooks& hooks, const std::optional<SpoolDirectory>& spool);

// So many of the first outputs divide the flows.
std::size_t Balanced(const Options& options);

// Whether one of the outputs shows our own elements.
bool AnyShowsOwnElements(const Options& options);

}  // namespace exporter
