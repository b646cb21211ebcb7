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
// or moves is a toss of a coin, so it is written for both and counted for one.
void FlowIndex::Split(std::size_t at) {
  const Line before = std::exchange(lines_[at], Line{});
  const std::size_t half = (mask_ + 1) / 2;
  assert(lines_[at + half].IsEmpty());
  std::array<Line, 2> own{};
  std::array<std::uint32_t, 2> count{};
  bool strangers = false;
  for (std::size_t i = 0; i < kPlaces; ++i) {
    const std::size_t home = Home(before.tags[i]);
    const bool used = before.tags[i] != kFree;
    const bool is_own = (home & (half - 1)) == at;
    strangers = strangers || (used && !is_own);
    for (std::size_t to = 0; to < own.size(); ++to) {
      own[to].tags[count[to]] = before.tags[i];
      own[to].slots[count[to]] = before.slots[i];
      count[to] += static_cast<std::uint32_t>(used) &
                   static_cast<std::uint32_t>(home == at + to * half);
    }
  }
  for (std::size_t to = 0; to < own.size(); ++to) {
    for (std::size_t i = 0; i < kPlaces; ++i) {
      own[to].tags[i] = i < count[to] ? own[to].tags[i] : kFree;
    }
  }
  lines_[at] = own[0];
  lines_[at + half] = own[1];
  for (std::size_t i = 0; i < kPlaces && strangers; ++i) {
    if (before.tags[i] != kFree && (Home(before.tags[i]) & (half - 1)) != at) {
      Put({before.tags[i], before.slots[i]});
    }
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
