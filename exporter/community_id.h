// SPDX-License-Identifier: Apache-2.0
// Community ID v1: one name for a conversation in the logs of every monitor
// (https://github.com/corelight/community-id-spec).
#pragma once

#include <memory>

#include "templates/flow_record.h"

struct evp_md_ctx_st;
struct evp_md_st;

namespace exporter {

// With seed 0. Keeps what the digest needs, so one thread uses one of these.
class CommunityId {
 public:
  CommunityId();
  // Sets record.community_id, from the record's addresses, ports, protocol and
  // ICMP type. The same for both halves of a biflow.
  void Assign(templates::FlowRecord& record);

 private:
  struct Free {
    void operator()(evp_md_ctx_st* context) const;
    void operator()(evp_md_st* digest) const;
  };
  std::unique_ptr<evp_md_ctx_st, Free> context_;
  std::unique_ptr<evp_md_st, Free> sha1_;
};

}  // namespace exporter
