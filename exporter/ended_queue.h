// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "exporter/record.h"
#include "exporter/ring.h"

namespace exporter {

// From a capture thread to the export thread.
using EndedQueue = Ring<EndedInterval>;

}  // namespace exporter
