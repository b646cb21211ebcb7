// SPDX-License-Identifier: Apache-2.0
// What is wrong with a mirror, in plain words.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "exporter/finding.h"
#include "exporter/observation.h"

namespace exporter {

// Empty when nothing is wrong, or too little was seen to say so. `interface` is
// for the finding, and for the commands in the sentences.
std::vector<Finding> Diagnose(std::string_view interface,
                              const Observation& seen);

// Lines for people: what the diagnosis rests on, and each finding, behind the
// name of the interface.
std::string DiagnosisText(std::string_view interface, const Observation& seen,
                          const std::vector<Finding>& findings);

}  // namespace exporter
