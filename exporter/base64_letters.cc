// SPDX-License-Identifier: Apache-2.0
#include "exporter/base64_letters.h"

#ifdef __x86_64__
#include <immintrin.h>
#endif

namespace exporter {
namespace {

using Pair [[gnu::vector_size(16)]] = std::uint64_t;

// The low 48 bits as eight numbers of six, the highest first in memory.
std::uint64_t Sixes(std::uint64_t bits) {
  bits = (bits & 0xffffff000000) << 8 | (bits & 0xffffff);
  bits = (bits & 0x00fff00000fff000) << 4 | (bits & 0x00000fff00000fff);
  bits = (bits & 0x0fc00fc00fc00fc0) << 2 | (bits & 0x003f003f003f003f);
  return __builtin_bswap64(bits);
}

#ifdef __x86_64__
// Three octets at a time lie in a word so that two multiplications shift their
// four numbers to where they belong; then each number chooses, by its range,
// how far its letter is.
[[gnu::target("ssse3")]] Letters BySsse3(std::uint64_t first,
                                         std::uint64_t second) {
  const __m128i octets =
      _mm_shuffle_epi8(_mm_set_epi64x(static_cast<long long>(second),
                                      static_cast<long long>(first)),
                       _mm_setr_epi8(4, 5, 3, 4, 1, 2, 0, 1,  //
                                     12, 13, 11, 12, 9, 10, 8, 9));
  const __m128i even =
      _mm_mulhi_epu16(_mm_and_si128(octets, _mm_set1_epi32(0x0fc0fc00)),
                      _mm_set1_epi32(0x04000040));
  const __m128i odd =
      _mm_mullo_epi16(_mm_and_si128(octets, _mm_set1_epi32(0x003f03f0)),
                      _mm_set1_epi32(0x01000010));
  const __m128i sixes = _mm_or_si128(even, odd);
  // 0: a to z; 1 to 12: digits, plus and slash; 13: A to Z.
  const __m128i capital = _mm_cmpgt_epi8(_mm_set1_epi8(26), sixes);
  const __m128i range = _mm_or_si128(_mm_subs_epu8(sixes, _mm_set1_epi8(51)),
                                     _mm_and_si128(capital, _mm_set1_epi8(13)));
  constexpr char kDigit = '0' - 52;
  const __m128i step =
      _mm_shuffle_epi8(_mm_setr_epi8('a' - 26, kDigit, kDigit, kDigit, kDigit,
                                     kDigit, kDigit, kDigit, kDigit, kDigit,
                                     kDigit, '+' - 62, '/' - 63, 'A', 0, 0),
                       range);
  return reinterpret_cast<Letters>(_mm_add_epi8(sixes, step));
}
#endif

}  // namespace

Letters Base64Letters(std::uint64_t first, std::uint64_t second) {
#ifdef __x86_64__
  if (__builtin_cpu_supports("ssse3")) {
    return BySsse3(first, second);
  }
#endif
  return PlainBase64Letters(first, second);
}

// Every range of them is a step from the one before.
Letters PlainBase64Letters(std::uint64_t first, std::uint64_t second) {
  const auto six = reinterpret_cast<Letters>(Pair{Sixes(first), Sixes(second)});
  return six + 'A' + ((six > 25) & ('a' - 'Z' - 1)) +
         ((six > 51) & ('0' - 'z' - 1)) + ((six > 61) & ('+' - '9' - 1)) +
         ((six > 62) & ('/' - '+' - 1));
}

}  // namespace exporter
