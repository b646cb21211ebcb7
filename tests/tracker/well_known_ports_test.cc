// SPDX-License-Identifier: Apache-2.0
#include "tracker/well_known_ports.h"

#include <gtest/gtest.h>

#include "tracker/packet.h"

namespace tests {
namespace {

using tracker::IsLikelyServerPort;
using tracker::kIcmp;
using tracker::kSctp;
using tracker::kTcp;
using tracker::kUdp;

TEST(WellKnownPorts, FirstMiddleAndLastOfTcp) {
  EXPECT_TRUE(IsLikelyServerPort(kTcp, 21));
  EXPECT_TRUE(IsLikelyServerPort(kTcp, 443));
  EXPECT_TRUE(IsLikelyServerPort(kTcp, 20000));
}

TEST(WellKnownPorts, FirstMiddleAndLastOfUdp) {
  EXPECT_TRUE(IsLikelyServerPort(kUdp, 53));
  EXPECT_TRUE(IsLikelyServerPort(kUdp, 1812));
  EXPECT_TRUE(IsLikelyServerPort(kUdp, 6081));
}

TEST(WellKnownPorts, AreThoseOfTheProtocol) {
  EXPECT_FALSE(IsLikelyServerPort(kUdp, 22));
  EXPECT_FALSE(IsLikelyServerPort(kTcp, 123));
}

TEST(WellKnownPorts, EphemeralPortIsNone) {
  EXPECT_FALSE(IsLikelyServerPort(kTcp, 20001));
  EXPECT_FALSE(IsLikelyServerPort(kTcp, 40000));
  EXPECT_FALSE(IsLikelyServerPort(kUdp, 65535));
  EXPECT_FALSE(IsLikelyServerPort(kUdp, 0));
}

TEST(WellKnownPorts, OtherProtocolsHaveNone) {
  EXPECT_FALSE(IsLikelyServerPort(kIcmp, 80));
  EXPECT_FALSE(IsLikelyServerPort(kSctp, 80));
}

}  // namespace
}  // namespace tests
