// SPDX-License-Identifier: Apache-2.0
// From a key's hash to the slot that holds its flow: open addressing with
// linear probing.
//
// An entry is the slot and 31 bits of the hash. The low bits of that tag are
// the home, a cache line of eight entries that are compared at once, and the
// rest tells most strangers apart without touching the slot; the caller's
// predicate compares the whole key. Who finds the home full goes to the line
// behind it. At most three of four places are used, so most lines have a free
// one, which ends a probe. The index doubles as flows come, by the tags alone:
// few flows are found in few cache lines, however many there may be.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

#include "tracker/pages.h"

namespace tracker {

using SlotIndex = std::uint32_t;
inline constexpr SlotIndex kNoSlot = 0xffffffff;

class FlowIndex {
 public:
  explicit FlowIndex(std::size_t max_flows) { Reserve(max_flows); }

  // Empties the index and makes room for `max_flows` entries.
  void Reserve(std::size_t max_flows);

  [[gnu::always_inline]] void Prefetch(std::uint64_t hash) const {
    __builtin_prefetch(&lines_[Home(Tag(hash))]);
  }

  // What Erase() looks at is on its way: a full line is filled up from the one
  // behind it.
  [[gnu::always_inline]] void PrefetchToErase(std::uint64_t hash) const {
    Prefetch(hash);
    __builtin_prefetch(&lines_[Behind(Home(Tag(hash)))]);
  }

  // A slot whose tag fits, or kNoSlot when there is none.
  [[nodiscard]] SlotIndex Guess(std::uint64_t hash) const {
    return Find(hash, [](SlotIndex) { return true; });
  }

  // The slot with this hash for which `is_same(slot)`, or kNoSlot.
  template <typename IsSame>
  [[nodiscard]] SlotIndex Find(std::uint64_t hash, IsSame&& is_same) const {
    const std::uint32_t tag = Tag(hash);
    for (std::size_t at = Home(tag);; at = Behind(at)) {
      const Line& line = lines_[at];
      for (Places left = line.With(tag); left.Any(); left.DropFirst()) {
        const SlotIndex slot = line.slots[left.First()];
        if (is_same(slot)) {
          return slot;
        }
      }
      if (!line.IsFull()) {
        return kNoSlot;
      }
    }
  }

  // The caller knows that the key is not there and that there is room.
  void Insert(std::uint64_t hash, SlotIndex slot);
  // The caller knows that (hash, slot) is there.
  void Erase(std::uint64_t hash, SlotIndex slot);

 private:
  static constexpr std::size_t kPlaces = 8;
  static constexpr std::uint32_t kFree = 0;  // no tag
  using Words = std::array<std::uint32_t, kPlaces>;

  // Some of the places of a line: a bit for each, the first the lowest.
  class Places {
   public:
    explicit Places(unsigned bits) : bits_(bits) {}

    [[nodiscard]] bool Any() const { return bits_ != 0; }
    [[nodiscard]] std::size_t First() const {
      return static_cast<std::size_t>(std::countr_zero(bits_));
    }
    [[nodiscard]] bool All() const { return bits_ + 1 == 1U << kPlaces; }
    void DropFirst() { bits_ &= bits_ - 1; }
    [[nodiscard]] Places Others() const {
      return Places(bits_ ^ ((1U << kPlaces) - 1));
    }
    [[nodiscard]] Places And(Places other) const {
      return Places(bits_ & other.bits_);
    }

   private:
    unsigned bits_;
  };
  // Where `words` have `value`. No branch, and no loop that ends here or there:
  // what is asked for next is anybody's guess.
  static Places Equal(const Words& words, std::uint32_t value) {
#ifdef __SSE2__
    const __m128i wanted = _mm_set1_epi32(static_cast<int>(value));
    const auto* halves = reinterpret_cast<const __m128i*>(words.data());
    const __m128i equal = _mm_packs_epi32(_mm_cmpeq_epi32(halves[0], wanted),
                                          _mm_cmpeq_epi32(halves[1], wanted));
    return Places(static_cast<unsigned>(
        _mm_movemask_epi8(_mm_packs_epi16(equal, _mm_setzero_si128()))));
#else
    unsigned bits = 0;
    for (std::size_t i = 0; i < kPlaces; ++i) {
      bits |= static_cast<unsigned>(words[i] == value) << i;
    }
    return Places(bits);
#endif
  }

  // A cache line of entries, in no order. All zero while it is empty.
  struct alignas(2 * sizeof(Words)) Line {
    Words tags;
    Words slots;  // without meaning where it is free

    [[nodiscard]] Places With(std::uint32_t tag) const {
      return Equal(tags, tag);
    }
    [[nodiscard]] Places Of(std::uint32_t tag, SlotIndex slot) const {
      return With(tag).And(Equal(slots, slot));
    }
    [[nodiscard]] Places Free() const { return Equal(tags, kFree); }
    [[nodiscard]] Places Used() const { return Free().Others(); }
    [[nodiscard]] bool IsFull() const { return !Free().Any(); }
    [[nodiscard]] bool IsEmpty() const { return Free().All(); }
  };
  struct Entry {
    std::uint32_t tag;
    SlotIndex slot;
  };

  static std::uint32_t Tag(std::uint64_t hash) {
    constexpr std::uint32_t kUsed = std::uint32_t{1} << 31;
    return static_cast<std::uint32_t>(hash >> 32) | kUsed;
  }
  [[nodiscard]] std::size_t Home(std::uint32_t tag) const {
    return tag & mask_;
  }
  [[nodiscard]] std::size_t Behind(std::size_t line) const {
    return (line + 1) & mask_;
  }
  void Put(Entry entry);
  void Double();
  void Split(std::size_t at);
  void Fill(std::size_t line, std::size_t place);

  PageArray<Line> lines_;  // room for the most; mask_ + 1 are in use
  std::size_t mask_ = 0;
  std::size_t used_ = 0;  // places
};

}  // namespace tracker
