// SPDX-License-Identifier: Apache-2.0
// What of new options can be had without a restart.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "exporter/options.h"

namespace exporter {

struct ReloadPlan {
  Options options;  // to run with: of `wanted` what can change, else as before
  std::vector<std::string> stays;    // a sentence for each that cannot
  std::vector<std::string> changes;  // a phrase for each that does
  bool collectors = false;           // or how flows are divided between them
};

// `most_flows`: what there is memory for.
ReloadPlan PlanReload(const Options& running, const Options& wanted,
                      std::size_t most_flows);

// Names of options, long: those that PlanReload() looks at, and those of which
// it knows by what they do to the collectors.
std::vector<std::string> OptionsKnownToReload();

}  // namespace exporter
