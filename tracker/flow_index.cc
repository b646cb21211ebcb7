// SPDX-License-Identifier: Apache-2.0
#include "tracker/flow_index.h"

#include <algorithm>
#include <bit>
#include <cassert>
#include <utility>
#include <vector>

namespace tracker {
namespace {

constexpr std::size_t kFirstLines = 128;

}  // namespace

// Three of four places may be used.
void FlowIndex::Reserve(std::size_t max_flows) {
  lines_ = PageArray<Line>(std::bit_ceil(
      std::max((max_flows + max_flows / 3) / kPlaces + 1, kFirstLines)));
  lines_.UseLargePages();  // few, and each packet looks anywhere in them
  mask_ = kFirstLines - 1;
  used_ = 0;
}

void FlowIndex::Put(Entry entry) {
  std::size_t at = Home(entry.tag);
  while (lines_[at].IsFull()) {
    at = Behind(at);
  }
  Line& line = lines_[at];
  const std::size_t place = line.Free().First();
  line.tags[place] = entry.tag;
  line.slots[place] = entry.slot;
}

void FlowIndex::Insert(std::uint64_t hash, SlotIndex slot) {
  ++used_;
  if (used_ > (mask_ + 1) * kPlaces / 4 * 3) {
    Double();
  }
  Put({Tag(hash), slot});
}

// In place: an entry's new home is the old one or as far into the new half, so
// none of those of a line, put there in the old order, comes behind that line,
// or the one as far into the new half: both are empty when it is their turn.
// Those that had probed across the end come last.
void FlowIndex::Double() {
  const std::size_t before = mask_ + 1;
  lines_.Populate(before, before);
  std::vector<Entry> across;
  bool full = true;
  for (std::size_t at = 0; full; ++at) {
    Line& line = lines_[at];
    full = line.IsFull();
    for (std::size_t i = 0; i < kPlaces; ++i) {
      if (line.tags[i] != kFree && Home(line.tags[i]) > at) {
        across.push_back({line.tags[i], line.slots[i]});
        line.tags[i] = kFree;
      }
    }
  }
  mask_ = before * 2 - 1;
  for (std::size_t at = 0; at < before; ++at) {
    Split(at);
  }
  for (const Entry& entry : across) {
    Put(entry);
  }
}

// What was in a line of the half that was all there was. Whether an entry stays
// or moves is a toss of a coin, so it keeps its place in the line, and both
// lines are made without asking.
void FlowIndex::Split(std::size_t at) {
  const std::size_t half = (mask_ + 1) / 2;
  Line& low = lines_[at];
  Line& high = lines_[at + half];
  assert(high.IsEmpty());
  const Line before = low;
  Line strangers = before;
  for (std::size_t i = 0; i < kPlaces; ++i) {
    const std::uint32_t tag = before.tags[i];
    const auto home = static_cast<std::uint32_t>(Home(tag));
    low.tags[i] = home == static_cast<std::uint32_t>(at) ? tag : kFree;
    high.tags[i] = home == static_cast<std::uint32_t>(at + half) ? tag : kFree;
    strangers.tags[i] = tag ^ low.tags[i] ^ high.tags[i];
  }
  high.slots = before.slots;
  for (Places left = strangers.Used(); left.Any(); left.DropFirst()) {
    Put({strangers.tags[left.First()], strangers.slots[left.First()]});
  }
}

void FlowIndex::Erase(std::uint64_t hash, SlotIndex slot) {
  --used_;
  std::size_t at = Home(Tag(hash));
  Places found = lines_[at].Of(Tag(hash), slot);
  while (!found.Any()) {
    at = Behind(at);
    found = lines_[at].Of(Tag(hash), slot);
  }
  const bool was_full = lines_[at].IsFull();
  lines_[at].tags[found.First()] = kFree;
  if (was_full) {
    Fill(at, found.First());
  }
}

// The line was full before the place became free: what probed across it comes
// back.
void FlowIndex::Fill(std::size_t line, std::size_t place) {
  bool full = true;
  for (std::size_t at = Behind(line); full; at = Behind(at)) {
    Line& from = lines_[at];
    full = from.IsFull();
    for (std::size_t i = 0; i < kPlaces; ++i) {
      const std::size_t probed = (at - Home(from.tags[i])) & mask_;
      if (from.tags[i] != kFree && probed >= ((at - line) & mask_)) {
        lines_[line].slots[place] = from.slots[i];
        lines_[line].tags[place] = std::exchange(from.tags[i], kFree);
        line = at;
        place = i;
        break;
      }
    }
  }
}

}  // namespace tracker
