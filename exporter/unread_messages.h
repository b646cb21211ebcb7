// SPDX-License-Identifier: Apache-2.0
// What was sent over a connection, until it is sure that it was read.
#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <span>
#include <utility>
#include <vector>

#include "exporter/backlog.h"

namespace exporter {

class UnreadMessages {
 public:
  // `end`: of the message, in octets of the connection, which is more than its
  // own where it is encrypted.
  void Add(std::span<const std::uint8_t> octets, std::uint64_t flow_records,
           std::uint64_t end) {
    octets_ += octets.size();
    messages_.push_back({{{octets.begin(), octets.end()}, flow_records}, end});
  }
  // Those that end at or before `end`.
  void Forget(std::uint64_t end) {
    while (!messages_.empty() && messages_.front().end <= end) {
      octets_ -= messages_.front().message.octets.size();
      messages_.pop_front();
    }
    trim_at_ = octets_ + kTrimStep;
  }
  // There are many more than after the last Forget(), which costs system calls.
  [[nodiscard]] bool WorthTrimming() const { return octets_ >= trim_at_; }
  // The oldest first.
  std::vector<KeptMessage> TakeAll() {
    std::vector<KeptMessage> all;
    all.reserve(messages_.size());
    for (Sent& sent : messages_) {
      all.push_back(std::move(sent.message));
    }
    messages_.clear();
    octets_ = 0;
    trim_at_ = kTrimStep;
    return all;
  }

 private:
  static constexpr std::size_t kTrimStep = 256 << 10;
  struct Sent {
    KeptMessage message;
    std::uint64_t end;
  };

  std::deque<Sent> messages_;
  std::size_t octets_ = 0;
  std::size_t trim_at_ = kTrimStep;
};

}  // namespace exporter
