// SPDX-License-Identifier: Apache-2.0
#include "tracker/flow.h"

#include <chrono>

#include <gtest/gtest.h>

#include "tests/tracker/observed.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using tracker::EndReason;
using tracker::Orientation;
using tracker::Side;

TEST(ConnectionState, OfUdpWithoutAnAnswerIsS0) {
  Observed<> flows;
  flows.Track(Query(), 0s);

  EXPECT_EQ(flows.Only().State(), "S0");
}

TEST(ConnectionState, OfUdpWithAnAnswerIsSF) {
  Observed<> flows;
  flows.Track(Query(), 0s);
  flows.Track(Answer(), 0s);

  EXPECT_EQ(flows.Only().State(), "SF");
}

TEST(ConnectionState, OfUdpFromTheResponderOnlyIsSHR) {
  Observed<> flows({.use_direction_evidence = true});
  flows.Track(Answer(), 0s);

  EXPECT_EQ(flows.Only().State(), "SHR");
}

TEST(ConnectionState, OfIcmpIsOTH) {
  Observed<> flows;
  flows.Track(FromClient().Icmp(8, 0), 0s);
  flows.Track(FromServer().Icmp(0, 0), 0s);

  EXPECT_EQ(flows.Only().State(), "OTH");
  EXPECT_EQ(flows.Only().Letters(), "");
}

TEST(ConnectionState, OfTcpIsThatOfItsConnection) {
  Observed<> flows;
  flows.Track(ClientTcp(tracker::kSyn, 1, 0), 0s);

  EXPECT_EQ(flows.Only().State(), "S0");
}

TEST(EndReasonName, IsStable) {
  EXPECT_EQ(Name(EndReason::kFin), "fin");
  EXPECT_EQ(Name(EndReason::kRst), "rst");
  EXPECT_EQ(Name(EndReason::kIdleTimeout), "idle_timeout");
  EXPECT_EQ(Name(EndReason::kEvicted), "evicted");
  EXPECT_EQ(Name(EndReason::kActiveTimeout), "active_timeout");
  EXPECT_EQ(Name(EndReason::kShutdown), "shutdown");
  EXPECT_EQ(Name(EndReason::kReplaced), "replaced");
}

TEST(EndReasonValue, IsThatOfFlowEndCause) {
  EXPECT_EQ(static_cast<int>(EndReason::kFin), 1);
  EXPECT_EQ(static_cast<int>(EndReason::kRst), 2);
  EXPECT_EQ(static_cast<int>(EndReason::kIdleTimeout), 3);
  EXPECT_EQ(static_cast<int>(EndReason::kEvicted), 4);
  EXPECT_EQ(static_cast<int>(EndReason::kActiveTimeout), 5);
  EXPECT_EQ(static_cast<int>(EndReason::kShutdown), 6);
  EXPECT_EQ(static_cast<int>(EndReason::kReplaced), 7);
}

TEST(Side, OtherIsItsOwnInverse) {
  EXPECT_EQ(Other(Side::kInitiator), Side::kResponder);
  EXPECT_EQ(Other(Other(Side::kInitiator)), Side::kInitiator);
}

TEST(Orientation, OppositeIsItsOwnInverse) {
  EXPECT_EQ(Opposite(Orientation::kFirstToSecond), Orientation::kSecondToFirst);
  EXPECT_EQ(Opposite(Opposite(Orientation::kFirstToSecond)),
            Orientation::kFirstToSecond);
}

}  // namespace
}  // namespace tests
