// SPDX-License-Identifier: Apache-2.0
// Community ID v1: one name for a conversation in the logs of every monitor
// (https://github.com/corelight/community-id-spec).
#pragma once

#include "templates/flow_record.h"

namespace exporter {

// Sets record.community_id, with seed 0, from the record's addresses, ports,
// protocol and ICMP type. The same for both halves of a biflow.
void AssignCommunityId(templates::FlowRecord& record);

}  // namespace exporter
