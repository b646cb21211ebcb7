// SPDX-License-Identifier: Apache-2.0
// Community ID v1: one name for a conversation in the logs of every monitor
// (https://github.com/corelight/community-id-spec).
#pragma once

#include <cstddef>
#include <span>

#include "exporter/sha1_blocks.h"
#include "templates/flow_record.h"

namespace exporter {

// So many at once cost the least each.
inline constexpr std::size_t kCommunityIdsAtOnce = kSha1AtOnce;

// Sets each record's community_id, with seed 0, from its addresses, ports,
// protocol and ICMP type. The same for both halves of a biflow.
void AssignCommunityIds(std::span<templates::FlowRecord> records);

}  // namespace exporter
