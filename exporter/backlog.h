// SPDX-License-Identifier: Apache-2.0
// Messages that wait for a collector to come back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <iterator>
#include <span>
#include <utility>
#include <vector>

namespace exporter {

// A message of data records that may have to go again.
struct KeptMessage {
  std::vector<std::uint8_t> octets;
  std::uint64_t flow_records = 0;
};

// Bounded: the oldest make room for what is new.
class Backlog {
 public:
  explicit Backlog(std::size_t most_octets) : most_octets_(most_octets) {}

  [[nodiscard]] bool Empty() const { return messages_.empty(); }
  [[nodiscard]] bool HasRoomFor(std::size_t octets) const {
    return octets_ + octets <= most_octets_;
  }
  [[nodiscard]] std::size_t Octets() const { return octets_; }
  // The oldest one; there is one.
  [[nodiscard]] const KeptMessage& Front() const { return messages_.front(); }
  // Behind all others. Returns how many records had to go for it.
  std::uint64_t Add(std::span<const std::uint8_t> octets,
                    std::uint64_t flow_records) {
    std::uint64_t lost = 0;
    while (!Empty() && !HasRoomFor(octets.size())) {
      lost += Take().flow_records;
    }
    octets_ += octets.size();
    messages_.push_back({{octets.begin(), octets.end()}, flow_records});
    return lost;
  }
  // Before all others, in their order. They came first, so they may be more
  // than there is room for.
  void AddBefore(std::vector<KeptMessage> messages) {
    for (const KeptMessage& message : messages) {
      octets_ += message.octets.size();
    }
    messages_.insert(messages_.begin(),
                     std::make_move_iterator(messages.begin()),
                     std::make_move_iterator(messages.end()));
  }
  // The oldest one; there is one.
  KeptMessage Take() {
    KeptMessage oldest = std::move(messages_.front());
    messages_.pop_front();
    octets_ -= oldest.octets.size();
    return oldest;
  }

 private:
  std::size_t most_octets_;
  std::size_t octets_ = 0;
  std::deque<KeptMessage> messages_;
};

}  // namespace exporter
