// SPDX-License-Identifier: Apache-2.0
#include "exporter/traffic_watch.h"

#include <algorithm>
#include <chrono>
#include <numeric>
#include <utility>

#include "tracker/decode.h"
#include "tracker/packet.h"

namespace exporter {
namespace {

using tracker::Frame;
using tracker::Packet;
using tracker::Timestamp;

constexpr std::int64_t kSlots = HeavyHitters<Host>::kSlots;
constexpr auto kSlot = TrafficWatch::kWindow / kSlots;

Conversation ConversationOf(const Packet& packet) {
  Conversation conversation{
      .low = packet.source,
      .high = packet.destination,
      .port = std::min(packet.source_port, packet.destination_port),
      .protocol = packet.protocol,
      .ip_version = packet.ip_version};
  if (conversation.high < conversation.low) {
    std::swap(conversation.low, conversation.high);
  }
  return conversation;
}

// Sums what has the same key. The lists are short.
template <typename Entries>
void AddTo(Entries& sum, const Entries& more) {
  for (const auto& entry : more) {
    const auto same =
        std::find_if(sum.begin(), sum.end(),
                     [&](const auto& other) { return other.key == entry.key; });
    if (same == sum.end()) {
      sum.push_back(entry);
    } else {
      same->octets += entry.octets;
    }
  }
}

template <typename Entries>
void KeepLargest(Entries& entries, std::size_t most) {
  std::stable_sort(
      entries.begin(), entries.end(),
      [](const auto& a, const auto& b) { return a.octets > b.octets; });
  entries.resize(std::min(most, entries.size()));
}

}  // namespace

void TrafficWatch::Watch(std::span<const Frame> frames) {
  if (frames.empty()) {
    return;
  }
  octets_seen_ = std::accumulate(frames.begin(), frames.end(), octets_seen_,
                                 [](std::uint64_t sum, const Frame& frame) {
                                   return sum + frame.wire_length;
                                 });
  Advance(frames.back().time);
  SetInterval(frames.back().time);
  packets_ += frames.size();
  while (skip_ < frames.size()) {
    Look(frames[skip_]);
    skip_ += Gap();
  }
  skip_ -= frames.size();
}

void TrafficWatch::Look(const Frame& frame) {
  Packet packet;
  Packet fragmented;
  const tracker::DecodeResult result =
      innermost_ ? tracker::DecodeInnermost(frame, packet, fragmented)
                 : tracker::Decode(frame, packet);
  if (result == tracker::DecodeResult::kOk) {
    const std::uint64_t octets = weight_ * packet.octets;
    hosts_.Add({packet.source, packet.ip_version}, octets);
    if (packet.destination != packet.source) {
      hosts_.Add({packet.destination, packet.ip_version}, octets);
    }
    conversations_.Add(ConversationOf(packet), octets);
  }
  // The second may bring far more than the one before.
  if (++looks_ == kLooks) {
    looks_ = 0;
    interval_ *= 2;
  }
}

void TrafficWatch::SetInterval(Timestamp now) {
  const std::int64_t second =
      std::chrono::floor<std::chrono::seconds>(now).time_since_epoch().count();
  if (second != second_) {
    interval_ = std::max<std::uint64_t>(packets_ / kLooks, 1);
    second_ = second;
    packets_ = 0;
    looks_ = 0;
  }
}

// By chance: traffic has a rhythm, and every tenth packet may be the same
// host's.
std::uint64_t TrafficWatch::Gap() {
  random_ ^= random_ << 13;
  random_ ^= random_ >> 7;
  random_ ^= random_ << 17;
  weight_ = interval_;
  return 1 + random_ % (2 * interval_ - 1);
}

void TrafficWatch::Advance(Timestamp now) {
  const std::int64_t slot = now.time_since_epoch() / kSlot;
  // Captures are not always in order; far back, it is another one.
  if (slot > slot_ || slot + kSlots < slot_) {
    const auto slots =
        static_cast<std::uint64_t>(slot > slot_ ? slot - slot_ : kSlots);
    hosts_.Advance(slots);
    conversations_.Advance(slots);
    slot_ = slot;
  }
}

TrafficReport TrafficWatch::Report() const {
  return {.octets_seen = octets_seen_,
          .interval = interval_,
          .hosts = hosts_.Top(kReported),
          .conversations = conversations_.Top(kReported)};
}

TrafficReport Together(const std::vector<TrafficReport>& threads,
                       std::size_t most) {
  TrafficReport all;
  for (const TrafficReport& thread : threads) {
    all.octets_seen += thread.octets_seen;
    all.interval = std::max(all.interval, thread.interval);
    AddTo(all.hosts, thread.hosts);
    AddTo(all.conversations, thread.conversations);
  }
  KeepLargest(all.hosts, most);
  KeepLargest(all.conversations, most);
  return all;
}

}  // namespace exporter
