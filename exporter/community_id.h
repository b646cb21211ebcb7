// SPDX-License-Identifier: Apache-2.0
// Community ID v1: one name for a conversation in the logs of every monitor
// (https://github.com/corelight/community-id-spec).
#pragma once

#include <span>

#include "templates/flow_record.h"

namespace exporter {

// Sets each record's community_id, with seed 0, from its addresses, ports,
// protocol and ICMP type. The same for both halves of a biflow. The more at
// once, the less each costs; 16 are enough.
void AssignCommunityIds(std::span<templates::FlowRecord> records);

}  // namespace exporter
