// SPDX-License-Identifier: Apache-2.0
// From what the tracker knows to what a record says: the only place that knows
// both.
#pragma once

#include "templates/flow_record.h"
#include "tracker/flow.h"

namespace exporter {

// One interval of a flow that ended, as it leaves the capture thread. What few
// have comes last, so that the others' cache lines end before it.
struct EndedInterval {
  tracker::FlowValues<tracker::FlowKey> flow;
  tracker::EndReason reason = tracker::EndReason::kShutdown;
  bool has_rare = false;  // else `rare` has no meaning
  tracker::Timestamp at;  // by the tracker's clock
  tracker::RareStats rare;

  [[nodiscard]] const tracker::RareStats& Rare() const {
    return has_rare ? rare : tracker::kNoRareStats;
  }
};

// Pure and total. flowEndReason gets IANA's value, flowEndCause the tracker's.
templates::FlowRecord MakeRecord(const EndedInterval& ended);

}  // namespace exporter
