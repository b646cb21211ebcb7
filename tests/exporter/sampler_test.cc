// SPDX-License-Identifier: Apache-2.0
#include "exporter/sampler.h"

#include <gmock/gmock.h>

namespace exporter {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Frames whose wire length is their number.
std::vector<tracker::Frame> Numbered(std::uint32_t first, std::uint32_t last) {
  std::vector<tracker::Frame> frames;
  for (std::uint32_t i = first; i <= last; ++i) {
    frames.emplace_back().wire_length = i;
  }
  return frames;
}

std::vector<std::uint32_t> Numbers(std::span<const tracker::Frame> frames) {
  std::vector<std::uint32_t> numbers;
  for (const tracker::Frame& frame : frames) {
    numbers.push_back(frame.wire_length);
  }
  return numbers;
}

TEST(Sampler, TakesTheFirstAndEveryNthBehindIt) {
  Sampler sampler(3);
  EXPECT_THAT(Numbers(sampler.Take(Numbered(1, 8))), ElementsAre(1, 4, 7));
}

TEST(Sampler, CountsOnFromOneBurstToTheNext) {
  Sampler sampler(3);
  sampler.Take(Numbered(1, 2));
  EXPECT_THAT(Numbers(sampler.Take(Numbered(3, 5))), ElementsAre(4));
  EXPECT_THAT(Numbers(sampler.Take(Numbered(6, 7))), ElementsAre(7));
}

TEST(Sampler, PassesOverWholeBursts) {
  Sampler sampler(100);
  sampler.Take(Numbered(1, 40));
  EXPECT_THAT(Numbers(sampler.Take(Numbered(41, 100))), IsEmpty());
  EXPECT_THAT(Numbers(sampler.Take(Numbered(101, 140))), ElementsAre(101));
}

}  // namespace
}  // namespace exporter
