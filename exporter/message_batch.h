// SPDX-License-Identifier: Apache-2.0
// Whole messages on their way to a transport: copied out of the encoder, in
// order, one behind the other, so that many go with one system call.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <system_error>
#include <vector>

#include "exporter/encoder.h"

namespace exporter {

class MessageBatch {
 public:
  struct Entry {
    std::size_t octets = 0;
    std::uint64_t flow_records = 0;  // 0: templates, types
  };

  // Takes up to `most_messages`, at least 1. An empty one has room for any
  // message (RFC 7011 section 3.1: up to 65535 octets).
  explicit MessageBatch(std::size_t most_messages);

  [[nodiscard]] bool HasRoomFor(const Message& message) const;
  // As many messages as it takes.
  [[nodiscard]] bool Full() const { return entries_.size() == most_messages_; }
  // There is room.
  void Add(const Message& message);

  [[nodiscard]] bool Empty() const { return first_ == entries_.size(); }
  // Those that were not taken off, and the octets of them all.
  [[nodiscard]] std::span<const Entry> Entries() const {
    return std::span(entries_).subspan(first_);
  }
  [[nodiscard]] std::span<const std::uint8_t> Octets() const {
    return std::span(octets_).first(end_).subspan(begin_);
  }
  [[nodiscard]] std::uint64_t FlowRecords() const { return flow_records_; }
  // The oldest one; there is one.
  [[nodiscard]] std::span<const std::uint8_t> Front() const {
    return Octets().first(Entries().front().octets);
  }
  // Takes off the oldest `count`; there are as many.
  void Pop(std::size_t count);
  // Takes off one after the other what `send` takes, from the oldest on, until
  // it returns an error, which is then about the front.
  template <typename Send>
  std::error_code PopEach(Send send) {
    while (!Empty()) {
      if (const std::error_code error = send(Front())) {
        return error;
      }
      Pop(1);
    }
    return {};
  }

 private:
  std::size_t most_messages_;
  std::vector<std::uint8_t> octets_;
  std::vector<Entry> entries_;
  std::size_t first_ = 0;  // entry
  std::size_t begin_ = 0;  // octet
  std::size_t end_ = 0;
  std::uint64_t flow_records_ = 0;
};

}  // namespace exporter
