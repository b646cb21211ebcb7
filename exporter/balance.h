// SPDX-License-Identifier: Apache-2.0
// Which of several collectors a flow belongs to.
#pragma once

#include <cstddef>

#include "tracker/flow_key.h"

namespace exporter {

// 0 .. collectors - 1, by a hash of the key: both directions and all intervals
// of a flow have the same, in every run. `collectors` is at least 1.
std::size_t ShareOf(const tracker::FlowKey& key, std::size_t collectors);

}  // namespace exporter
