// SPDX-License-Identifier: Apache-2.0
#include "exporter/octet_moves.h"

#include <algorithm>
#include <cassert>

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace exporter {
namespace {

#ifdef __x86_64__
[[gnu::target("ssse3")]] void ApplyBySsse3(const auto& moves,
                                           const std::uint8_t* place,
                                           std::uint8_t* to) {
  for (const auto& move : moves) {
    const __m128i octets =
        _mm_loadu_si128(reinterpret_cast<const __m128i*>(place + move.from));
    const __m128i pick =
        _mm_load_si128(reinterpret_cast<const __m128i*>(move.pick.data()));
    _mm_storeu_si128(reinterpret_cast<__m128i*>(to + move.to),
                     _mm_shuffle_epi8(octets, pick));
  }
}
#endif

}  // namespace

std::size_t OctetMoves::CountTogether(std::span<const std::uint16_t> offsets,
                                      std::size_t from) {
  const auto out_of_reach = std::find_if(
      offsets.begin(), offsets.end(), [&](const std::size_t offset) {
        return offset < from || offset >= from + kAtOnce;
      });
  return std::min(kAtOnce,
                  static_cast<std::size_t>(out_of_reach - offsets.begin()));
}

OctetMoves::OctetMoves(std::span<const std::uint16_t> offsets,
                       std::size_t place_octets)
    : length_(offsets.size()) {
  while (!offsets.empty()) {
    // Of the places to read from that have the first octet, the best.
    const std::size_t first = offsets.front();
    const std::size_t last_from = std::min(first, place_octets - kAtOnce);
    std::size_t from = first < kAtOnce ? 0 : first - (kAtOnce - 1);
    std::size_t count = 0;
    for (std::size_t at = from; at <= last_from; ++at) {
      if (const std::size_t together = CountTogether(offsets, at);
          together > count) {
        from = at;
        count = together;
      }
    }
    assert(count > 0);
    Move move{.pick = {},
              .from = static_cast<std::uint16_t>(from),
              .to = static_cast<std::uint16_t>(length_ - offsets.size())};
    for (std::size_t i = 0; i < count; ++i) {
      move.pick[i] = static_cast<std::uint8_t>(offsets[i] - from);
    }
    moves_.push_back(move);
    offsets = offsets.subspan(count);
  }
}

void OctetMoves::Apply(const std::uint8_t* place, std::uint8_t* to) const {
#ifdef __x86_64__
  if (__builtin_cpu_supports("ssse3")) {
    ApplyBySsse3(moves_, place, to);
    return;
  }
#endif
  ApplyPlainly(place, to);
}

void OctetMoves::ApplyPlainly(const std::uint8_t* place,
                              std::uint8_t* to) const {
  for (const Move& move : moves_) {
    std::transform(move.pick.begin(), move.pick.end(), to + move.to,
                   [&](std::uint8_t pick) { return place[move.from + pick]; });
  }
}

}  // namespace exporter
