// SPDX-License-Identifier: Apache-2.0
#include "exporter/delivery_queue.h"

#include <utility>

namespace exporter {

void DeliveryQueue::Add(std::span<const std::uint8_t> octets,
                        std::uint64_t records) {
  if (spool_ != nullptr) {
    spool_->Add(octets, records);
  } else if (const std::uint64_t lost = backlog_.Add(octets, records);
             lost > 0) {
    dropped_["queue full"] += lost;
  }
}

void DeliveryQueue::AddBefore(std::vector<KeptMessage> messages,
                              std::size_t earlier) {
  if (messages.empty()) {
    return;
  }
  if (spool_ != nullptr) {
    spool_->AddBefore(std::move(messages), earlier);
  } else {
    backlog_.AddBefore(std::move(messages));
  }
}

std::optional<SpooledMessage> DeliveryQueue::Take() {
  if (spool_ != nullptr) {
    return spool_->Take();
  }
  if (backlog_.Empty()) {
    return std::nullopt;
  }
  return SpooledMessage{backlog_.Take(), false};
}

void DeliveryQueue::Close(const std::string& why) {
  if (spool_ != nullptr) {
    spool_->Close();
  }
  while (!backlog_.Empty()) {
    if (const std::uint64_t records = backlog_.Take().flow_records;
        records > 0) {
      dropped_[why] += records;
    }
  }
}

void DeliveryQueue::Count(DeliveryCounts& counts) const {
  for (const auto& [reason, records] : dropped_) {
    counts.dropped[reason] += records;
  }
  if (spool_ == nullptr) {
    return;
  }
  const SpoolCounts& spool = spool_->Counts();
  counts.spooled = spool.on_disk.own;
  counts.earlier.made = spool.found;
  counts.earlier.spooled = spool.on_disk.earlier;
  for (const auto& [reason, records] : spool.dropped.own) {
    counts.dropped[reason] += records;
  }
  for (const auto& [reason, records] : spool.dropped.earlier) {
    counts.earlier.dropped[reason] += records;
  }
}

}  // namespace exporter
