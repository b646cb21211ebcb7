// SPDX-License-Identifier: Apache-2.0
#include "exporter/balance.h"

#include <array>
#include <vector>

#include <gmock/gmock.h>

#include "tracker/flow_key.h"

namespace exporter {
namespace {

// The `number`th of many flows to one server.
tracker::FlowKey Flow(std::uint16_t number, std::uint8_t version = 4) {
  tracker::FlowKey key;
  key.address = {tracker::IpAddress::V4(192, 0, 2, 1),
                 tracker::IpAddress::V4(198, 51, 100, 7)};
  if (version == 6) {
    key.address[0].octets[0] = 0x20;
    key.address[1].octets[0] = 0x20;
  }
  key.SetNumbers({number, 443}, 6, version, 0);
  return key;
}

// How many of 30000 flows each of three collectors gets.
std::array<int, 3> Shares(std::uint8_t version) {
  std::array<int, 3> shares{};
  for (std::uint16_t number = 1; number <= 30'000; ++number) {
    ++shares.at(ShareOf(Flow(number, version), 3));
  }
  return shares;
}

TEST(Balance, GivesEachCollectorAboutAsManyFlows) {
  const auto about_a_third =
      testing::Each(testing::AllOf(testing::Gt(9700), testing::Lt(10'300)));
  EXPECT_THAT(Shares(4), about_a_third);
  EXPECT_THAT(Shares(6), about_a_third);
}

// A constant, so that no other run and no later version deals otherwise.
TEST(Balance, DealsTheSameInEveryRun) {
  std::vector<std::size_t> dealt;
  for (std::uint16_t number = 0; number < 8; ++number) {
    dealt.push_back(ShareOf(Flow(number), 4));
  }
  EXPECT_THAT(dealt, testing::ElementsAre(1, 2, 3, 2, 1, 2, 2, 1));
}

TEST(Balance, GivesTheOnlyOneEverything) {
  EXPECT_EQ(ShareOf(Flow(1), 1), 0U);
  EXPECT_EQ(ShareOf(Flow(2), 1), 0U);
}

}  // namespace
}  // namespace exporter
