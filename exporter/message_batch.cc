// SPDX-License-Identifier: Apache-2.0
#include "exporter/message_batch.h"

#include <algorithm>

namespace exporter {
namespace {

constexpr std::size_t kOctets = 65536;

}  // namespace

MessageBatch::MessageBatch(std::size_t most_messages)
    : most_messages_(most_messages), octets_(kOctets) {
  entries_.reserve(most_messages);
}

bool MessageBatch::HasRoomFor(const Message& message) const {
  return !Full() && message.octets.size() <= octets_.size() - end_;
}

void MessageBatch::Add(const Message& message) {
  std::copy(message.octets.begin(), message.octets.end(),
            octets_.begin() + static_cast<std::ptrdiff_t>(end_));
  entries_.push_back({message.octets.size(), message.flow_records});
  end_ += message.octets.size();
  flow_records_ += message.flow_records;
}

void MessageBatch::Pop(std::size_t count) {
  for (const Entry& entry : Entries().first(count)) {
    begin_ += entry.octets;
    flow_records_ -= entry.flow_records;
  }
  first_ += count;
  if (Empty()) {
    entries_.clear();
    first_ = begin_ = end_ = 0;
  }
}

}  // namespace exporter
