// SPDX-License-Identifier: Apache-2.0
#include "exporter/health.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/service_manager.h"

namespace exporter {
namespace {

using std::chrono::seconds;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Health, NamesTheThreadThatStandsStill) {
  const Health::Time start{};
  Health health;
  health.Observe(start, {1, 1, 1});
  health.Observe(start + seconds{6}, {2, 1, Watchdog::kAtEnd});
  health.Observe(start + seconds{11}, {3, 1, Watchdog::kAtEnd});

  EXPECT_THAT(health.Troubles(start + seconds{10}), IsEmpty());
  EXPECT_THAT(health.Troubles(start + seconds{11}),
              ElementsAre("capture thread 2 has stood still for 11 s"));

  health.Observe(start + seconds{12}, {4, 2, Watchdog::kAtEnd});
  EXPECT_THAT(health.Troubles(start + seconds{12}), IsEmpty());
}

}  // namespace
}  // namespace exporter
