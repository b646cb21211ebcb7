// SPDX-License-Identifier: Apache-2.0
// From what the tracker knows to what a record says: the only place that knows
// both.
#pragma once

#include <optional>

#include "templates/flow_record.h"
#include "tracker/flow.h"

namespace exporter {

// One interval of a flow that ended, as it leaves the capture thread.
struct EndedInterval {
  tracker::FlowKey key;
  tracker::FlowStats stats;
  std::optional<tracker::RareStats> rare;  // few have one
  tracker::EndReason reason = tracker::EndReason::kShutdown;
  tracker::Timestamp at;  // by the tracker's clock
};

// Pure and total. flowEndReason gets IANA's value, flowEndCause the tracker's.
templates::FlowRecord MakeRecord(const EndedInterval& ended);

}  // namespace exporter
