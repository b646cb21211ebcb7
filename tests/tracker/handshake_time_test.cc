// SPDX-License-Identifier: Apache-2.0
// How long either side took to answer in the handshake.
#include <chrono>

#include <gtest/gtest.h>

#include "tests/tracker/observed.h"
#include "tests/tracker/trace.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using tracker::kAck;
using tracker::kFin;
using tracker::kRst;
using tracker::kSyn;

std::uint32_t ServerTime(const Trace& trace) {
  return trace.connection.HandshakeServerTime();
}
std::uint32_t ClientTime(const Trace& trace) {
  return trace.connection.HandshakeClientTime();
}

Trace& Syn(Trace& trace) { return trace.Client(kSyn, {.seq = 1000}); }
Trace& SynAck(Trace& trace) {
  return trace.Server(kSyn | kAck, {.seq = 5000, .ack = 1001});
}
Trace& LastAck(Trace& trace) {
  return trace.Client(kAck, {.seq = 1001, .ack = 5001});
}

TEST(HandshakeTime, IsFromSynToSynAckAndFromThereToTheAck) {
  Trace trace;
  Syn(trace).Later(30ms);
  SynAck(trace).Later(2ms);
  LastAck(trace);

  EXPECT_EQ(ServerTime(trace), 30'000U);
  EXPECT_EQ(ClientTime(trace), 2'000U);
}

TEST(HandshakeTime, IsUnknownBeforeTheAnswer) {
  Trace trace;
  Syn(trace).Later(30ms);

  EXPECT_EQ(ServerTime(trace), 0U);
  EXPECT_EQ(ClientTime(trace), 0U);
}

TEST(HandshakeTime, OfTheClientIsUnknownBeforeItsAck) {
  Trace trace;
  Syn(trace).Later(30ms);
  SynAck(trace);

  EXPECT_EQ(ServerTime(trace), 30'000U);
  EXPECT_EQ(ClientTime(trace), 0U);
}

TEST(HandshakeTime, CountsFromTheLastSyn) {
  Trace trace;
  Syn(trace).Later(1s);
  Syn(trace).Later(30ms);
  SynAck(trace).Later(2ms);
  LastAck(trace);

  EXPECT_EQ(ServerTime(trace), 30'000U);
  EXPECT_EQ(ClientTime(trace), 2'000U);
}

TEST(HandshakeTime, EndsAtTheFirstSynAckAndCountsOnFromTheLast) {
  Trace trace;
  Syn(trace).Later(30ms);
  SynAck(trace).Later(1s);
  SynAck(trace).Later(2ms);
  LastAck(trace);

  EXPECT_EQ(ServerTime(trace), 30'000U);
  EXPECT_EQ(ClientTime(trace), 2'000U);
}

TEST(HandshakeTime, IsNotChangedByASynThatComesAfterItsAnswer) {
  Trace trace;
  Syn(trace).Later(30ms);
  SynAck(trace).Later(1ms);
  Syn(trace).Later(1ms);
  LastAck(trace);

  EXPECT_EQ(ServerTime(trace), 30'000U);
  EXPECT_EQ(ClientTime(trace), 2'000U);
}

TEST(HandshakeTime, IsNotChangedByWhatComesAfterTheHandshake) {
  Trace trace;
  Syn(trace).Later(30ms);
  SynAck(trace).Later(2ms);
  LastAck(trace).Later(1s);
  SynAck(trace).Later(1s);
  LastAck(trace).Later(1s);
  trace.Client(kAck, {.seq = 1001, .ack = 5001, .length = 10});

  EXPECT_EQ(ServerTime(trace), 30'000U);
  EXPECT_EQ(ClientTime(trace), 2'000U);
}

TEST(HandshakeTime, WithinOneMicrosecondIsOneMicrosecond) {
  Trace trace;
  SynAck(Syn(trace));
  LastAck(trace.Later(999ns));

  EXPECT_EQ(ServerTime(trace), 1U);
  EXPECT_EQ(ClientTime(trace), 1U);
}

TEST(HandshakeTime, IsRoundedDownToMicroseconds) {
  Trace trace;
  SynAck(Syn(trace).Later(2999ns));

  EXPECT_EQ(ServerTime(trace), 2U);
}

TEST(HandshakeTime, OfAClockThatRanBackwardsIsOneMicrosecond) {
  Trace trace;
  SynAck(Syn(trace).Later(-5ms));

  EXPECT_EQ(ServerTime(trace), 1U);
}

TEST(HandshakeTime, StaysWithinItsElementHoweverLongItTook) {
  Trace trace;
  SynAck(Syn(trace).Later(2h));

  EXPECT_EQ(ServerTime(trace), 0xffffffffU);
}

TEST(HandshakeTime, EndsWithTheFirstDataIfThePureAckWasLost) {
  Trace trace;
  SynAck(Syn(trace).Later(30ms)).Later(4ms);
  trace.Client(kAck, {.seq = 1001, .ack = 5001, .length = 10});

  EXPECT_EQ(ClientTime(trace), 4'000U);
}

TEST(HandshakeTime, DoesNotEndWithAnAckOfSomethingElse) {
  Trace trace;
  SynAck(Syn(trace).Later(30ms)).Later(1ms);
  trace.Client(kAck, {.seq = 1001, .ack = 4999}).Later(1ms);
  LastAck(trace);

  EXPECT_EQ(ClientTime(trace), 2'000U);
}

TEST(HandshakeTime, DoesNotEndWithASynAckToAnotherSyn) {
  Trace trace;
  Syn(trace).Later(10ms);
  trace.Server(kSyn | kAck, {.seq = 5000, .ack = 900}).Later(10ms);

  EXPECT_EQ(ServerTime(trace), 0U);
}

TEST(HandshakeTime, OfARefusedConnectionIsUnknown) {
  Trace trace;
  Syn(trace).Later(1ms);
  trace.Server(kRst | kAck, {.seq = 0, .ack = 1001});

  EXPECT_EQ(ServerTime(trace), 0U);
  EXPECT_EQ(ClientTime(trace), 0U);
}

TEST(HandshakeTime, IsUnknownWhenTheSynAckCameFirst) {
  Trace trace;
  trace.WithFlips().ServerFirst();
  SynAck(trace).Later(1ms);
  Syn(trace).Later(1ms);
  LastAck(trace);

  EXPECT_EQ(ServerTime(trace), 0U);
  EXPECT_EQ(ClientTime(trace), 0U);
}

TEST(HandshakeTime, IsUnknownWithoutTheSyn) {
  Trace trace;
  trace.WithFlips().ServerFirst();
  SynAck(trace).Later(1ms);
  LastAck(trace);

  EXPECT_EQ(ServerTime(trace), 0U);
  EXPECT_EQ(ClientTime(trace), 0U);
}

TEST(HandshakeTime, IsUnknownWithoutTheSynAck) {
  Trace trace;
  Syn(trace).Later(1ms);
  LastAck(trace).Later(1ms);
  trace.Server(kAck, {.seq = 5001, .ack = 1001, .length = 10}).Later(1ms);
  trace.Client(kAck, {.seq = 1001, .ack = 5011});

  EXPECT_EQ(ServerTime(trace), 0U);
  EXPECT_EQ(ClientTime(trace), 0U);
}

TEST(HandshakeTime, OfAMidstreamConnectionIsUnknown) {
  Trace trace;
  trace.Client(kAck, {.seq = 1001, .ack = 5001, .length = 10}).Later(1ms);
  trace.Server(kAck, {.seq = 5001, .ack = 1011, .length = 10}).Later(1ms);
  trace.Client(kFin | kAck, {.seq = 1011, .ack = 5011});

  EXPECT_EQ(ServerTime(trace), 0U);
  EXPECT_EQ(ClientTime(trace), 0U);
}

TEST(HandshakeTime, OfFastOpenIsThatOfAnyHandshake) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000, .length = 100}).Later(30ms);
  trace.Server(kSyn | kAck, {.seq = 5000, .ack = 1101}).Later(1ms);
  trace.Server(kAck, {.seq = 5001, .ack = 1101, .length = 50}).Later(1ms);
  trace.Client(kAck, {.seq = 1101, .ack = 5051});

  EXPECT_EQ(ServerTime(trace), 30'000U);
  EXPECT_EQ(ClientTime(trace), 2'000U);
}

TEST(HandshakeTime, OfFastOpenWhoseDataWasRefusedIsTheSame) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000, .length = 100}).Later(30ms);
  SynAck(trace).Later(2ms);
  trace.Client(kAck, {.seq = 1001, .ack = 5001, .length = 100});

  EXPECT_EQ(ServerTime(trace), 30'000U);
  EXPECT_EQ(ClientTime(trace), 2'000U);
}

TEST(HandshakeTime, StartsAnewWhenThePortsAreUsedAgain) {
  Observed<> flows;
  flows.Track(ClientTcp(kSyn, 1000, 0), 0s);
  flows.Track(ServerTcp(kSyn | kAck, 5000, 1001), 30ms);
  flows.Track(ClientTcp(kAck, 1001, 5001), 31ms);

  flows.Track(ClientTcp(kSyn, 90'000, 0), 1s);
  EXPECT_EQ(flows.Only().tcp.HandshakeServerTime(), 0U);
  EXPECT_EQ(flows.Only().tcp.HandshakeClientTime(), 0U);
  flows.Track(ServerTcp(kSyn | kAck, 70'000, 90'001), 1s + 7ms);

  EXPECT_EQ(flows.Only().tcp.HandshakeServerTime(), 7'000U);
}

TEST(HandshakeTime, StaysWithTheFlowOverItsIntervals) {
  Observed<> flows({.active_timeout = 60s});
  flows.Track(ClientTcp(kSyn, 1000, 0), 0s);
  flows.Track(ServerTcp(kSyn | kAck, 5000, 1001), 30ms);

  flows.Track(ClientTcp(kAck, 1001, 5001), 61s);

  EXPECT_EQ(flows.Only().tcp.HandshakeServerTime(), 30'000U);
  EXPECT_EQ(flows.Only().tcp.HandshakeClientTime(), 60'970'000U);
}

TEST(HandshakeTime, IsOfTheTimesOfThePacketsNotOfTheTrackersClock) {
  Observed<> flows;
  flows.Track(Query(), 100s);
  flows.Track(ClientTcp(kSyn, 1000, 0), 10s);
  flows.Track(ServerTcp(kSyn | kAck, 5000, 1001), 10s + 30ms);

  std::uint32_t server_time = 0;
  flows.tracker.ForEach([&](const auto& flow) {
    server_time += flow.stats.tcp.HandshakeServerTime();
  });
  EXPECT_EQ(server_time, 30'000U);
}

}  // namespace
}  // namespace tests
