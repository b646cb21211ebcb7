// SPDX-License-Identifier: Apache-2.0
// Who had the most octets of late, among more than can be remembered.
//
// Space-Saving (Metwally, Agrawal, El Abbadi 2005): who is not known yet takes
// the place of the smallest, and inherits its count, so that a newcomer cannot
// be pushed out by the next one at once. Here it is the smallest of the eight
// that a seeded hash allows: an Add() looks at eight places, whatever comes.
// Every count is kept by slots of time, of which the oldest is forgotten when
// the next one begins.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <vector>

#include "tracker/flow_key.h"

namespace exporter {

// `Key` has no padding and an operator==.
template <typename Key>
class HeavyHitters {
 public:
  static constexpr std::size_t kSlots = 12;
  static constexpr std::size_t kWays = 8;
  static constexpr std::size_t kPlaces = 1024;

  struct Entry {
    Key key{};
    // Counted since the key has its place: never more than it had.
    std::uint64_t octets = 0;
  };

  HeavyHitters() : places_(kPlaces) {}

  void Add(const Key& key, std::uint64_t octets) {
    const std::size_t set = hasher_(key) % (kPlaces / kWays) * kWays;
    Place* place = &places_[set];
    for (std::size_t i = set; i < set + kWays; ++i) {
      if (places_[i].key == key && places_[i].total > 0) {
        place = &places_[i];
        break;
      }
      if (places_[i].total < place->total) {
        place = &places_[i];
      }
    }
    if (place->key != key || place->total == 0) {
      place->TakeOver(key);
    }
    place->own[slot_] += octets;
    place->total += octets;
  }

  // `slots` later: at most that many of the oldest are forgotten.
  void Advance(std::uint64_t slots) {
    for (std::uint64_t i = 0; i < std::min<std::uint64_t>(slots, kSlots); ++i) {
      slot_ = (slot_ + 1) % kSlots;
      for (Place& place : places_) {
        place.total -= place.own[slot_] + place.inherited[slot_];
        place.own[slot_] = place.inherited[slot_] = 0;
      }
    }
  }

  // The largest first.
  [[nodiscard]] std::vector<Entry> Top(std::size_t most) const {
    std::vector<Entry> entries;
    for (const Place& place : places_) {
      if (const std::uint64_t octets = place.Own(); octets > 0) {
        entries.push_back({place.key, octets});
      }
    }
    const auto larger = [](const Entry& a, const Entry& b) {
      return a.octets > b.octets;
    };
    const std::size_t kept = std::min(most, entries.size());
    std::partial_sort(entries.begin(),
                      entries.begin() + static_cast<std::ptrdiff_t>(kept),
                      entries.end(), larger);
    entries.resize(kept);
    return entries;
  }

 private:
  struct Place {
    void TakeOver(const Key& other) {
      key = other;
      for (std::size_t i = 0; i < kSlots; ++i) {
        inherited[i] += own[i];
      }
      own.fill(0);
    }
    [[nodiscard]] std::uint64_t Own() const {
      return std::accumulate(own.begin(), own.end(), std::uint64_t{0});
    }

    Key key{};
    std::uint64_t total = 0;  // of both
    std::array<std::uint64_t, kSlots> own{};
    std::array<std::uint64_t, kSlots> inherited{};
  };

  tracker::KeyHasher hasher_;
  std::vector<Place> places_;
  std::size_t slot_ = 0;
};

}  // namespace exporter
