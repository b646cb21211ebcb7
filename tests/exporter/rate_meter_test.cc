// SPDX-License-Identifier: Apache-2.0
#include "exporter/rate_meter.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace exporter {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;

TEST(RateMeter, MakesRatesOfTotals) {
  const RateMeter::Time start{};
  RateMeter meter;
  meter.Observe(start, 100, 1000);
  meter.Observe(start + seconds{1}, 150, 1500);  // before the step is over
  meter.Observe(start + seconds{4}, 300, 5000);

  EXPECT_THAT(meter.Rates().packets_per_second, ElementsAre(50));
  EXPECT_THAT(meter.Rates().octets_per_second, ElementsAre(1000));
}

TEST(RateMeter, ForgetsTheOldest) {
  RateMeter meter;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    meter.Observe(RateMeter::Time{} + RateMeter::kStep * i, i, i);
  }
  EXPECT_EQ(meter.Rates().packets_per_second.size(), RateMeter::kSteps);
}

}  // namespace
}  // namespace exporter
