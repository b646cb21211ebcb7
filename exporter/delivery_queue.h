// SPDX-License-Identifier: Apache-2.0
// What a collector has not got yet, in order: in memory, or in its spool.
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "exporter/backlog.h"
#include "exporter/output.h"
#include "exporter/spool.h"

namespace exporter {

// Bounded: the oldest make room for what is new, and are counted.
class DeliveryQueue {
 public:
  // Without a spool, `most_octets` in memory.
  explicit DeliveryQueue(std::size_t most_octets) : backlog_(most_octets) {}

  // Before anything is added.
  void SetSpool(std::unique_ptr<Spool> spool) { spool_ = std::move(spool); }
  [[nodiscard]] const Spool* GetSpool() const { return spool_.get(); }

  [[nodiscard]] bool Empty() const {
    return spool_ != nullptr ? spool_->Empty() : backlog_.Empty();
  }
  [[nodiscard]] bool HasRoomFor(std::size_t octets) const {
    return spool_ != nullptr ? spool_->HasRoomFor(octets)
                             : backlog_.HasRoomFor(octets);
  }
  // Behind all others.
  void Add(std::span<const std::uint8_t> octets, std::uint64_t records);
  // Before all others, in their order; the first `earlier` are of earlier runs.
  void AddBefore(std::vector<KeptMessage> messages, std::size_t earlier);
  // The oldest one, or none. Those of earlier runs come first.
  std::optional<SpooledMessage> Take();
  // All that was taken is where it should be, but for the last `messages`.
  void Release(std::size_t messages) {
    if (spool_ != nullptr) {
      spool_->Release(messages);
    }
  }
  // To the disk, if there is a spool.
  void Flush() {
    if (spool_ != nullptr) {
      spool_->Flush();
    }
  }
  // The run ends: what is not on the disk is dropped, `why` if there is none.
  void Close(const std::string& why);

  // Adds what is on the disk, and what was dropped.
  void Count(DeliveryCounts& counts) const;

 private:
  Backlog backlog_;
  std::unique_ptr<Spool> spool_;
  std::map<std::string, std::uint64_t> dropped_;
};

}  // namespace exporter
