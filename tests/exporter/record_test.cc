// SPDX-License-Identifier: Apache-2.0
#include "exporter/record.h"

#include <cstdint>

#include <gtest/gtest.h>

namespace exporter {
namespace {

using tracker::EndReason;
using tracker::IpAddress;
using tracker::Orientation;

constexpr std::uint64_t kStart = 1'750'000'000'000'000;  // microseconds

// The initiator is the second endpoint of the key.
EndedInterval Conversation() {
  EndedInterval ended;
  ended.flow.key.address = {IpAddress::V4(10, 0, 0, 1),
                            IpAddress::V4(10, 0, 0, 2)};
  ended.flow.key.port = {443, 40000};
  ended.flow.key.protocol = tracker::kTcp;
  ended.flow.key.ip_version = 4;
  ended.flow.stats.initiator = Orientation::kSecondToFirst;
  ended.flow.stats.protocol = tracker::kTcp;
  ended.flow.stats.id = 5;
  ended.flow.stats.sides[0].packets = 3;
  ended.flow.stats.sides[0].octets = 300;
  ended.flow.stats.sides[0].first_seen_us = kStart;
  ended.flow.stats.sides[0].last_seen_us = kStart + 900'000;
  ended.flow.stats.sides[1].packets = 2;
  ended.flow.stats.sides[1].octets = 2000;
  ended.flow.stats.sides[1].first_seen_us = kStart + 40'000;
  ended.flow.stats.sides[1].last_seen_us = kStart + 950'000;
  ended.reason = EndReason::kFin;
  return ended;
}

templates::FlowRecord Ended(EndReason reason) {
  EndedInterval ended = Conversation();
  ended.reason = reason;
  return MakeRecord(ended);
}

TEST(MakeRecord, SourceIsTheInitiator) {
  const auto record = MakeRecord(Conversation());
  EXPECT_EQ(record.source_address, IpAddress::V4(10, 0, 0, 2).octets);
  EXPECT_EQ(record.source_port, 40000);
  EXPECT_EQ(record.destination_port, 443);
}

TEST(MakeRecord, CountsEachDirection) {
  const auto record = MakeRecord(Conversation());
  EXPECT_EQ(record.packets, 3U);
  EXPECT_EQ(record.octets, 300U);
  EXPECT_EQ(record.reverse_packets, 2U);
  EXPECT_EQ(record.reverse_octets, 2000U);
}

TEST(MakeRecord, TimesAreThoseOfEachDirection) {
  const auto record = MakeRecord(Conversation());
  EXPECT_EQ(record.start_ms, 1'750'000'000'000U);
  EXPECT_EQ(record.end_ms, 1'750'000'000'900U);
  EXPECT_EQ(record.duration_ms, 900U);
  EXPECT_EQ(record.reverse_start_ms, 1'750'000'000'040U);
  EXPECT_EQ(record.reverse_delta_ms, 40U);
}

TEST(MakeRecord, AnIntervalOfTheResponderAloneStillHasAStart) {
  EndedInterval ended = Conversation();
  ended.flow.stats.sides[0] = {};
  const auto record = MakeRecord(ended);
  EXPECT_EQ(record.packets, 0U);
  EXPECT_EQ(record.start_ms, 1'750'000'000'040U);
}

TEST(MakeRecord, IcmpTypeAndCodeAreAlsoTheDestinationPort) {
  EndedInterval ended = Conversation();
  ended.flow.key.protocol = tracker::kIcmp;
  ended.flow.key.port = {0, 0};
  ended.flow.stats.protocol = tracker::kIcmp;
  ended.flow.stats.icmp_type_code = {0x0801, 0};
  const auto record = MakeRecord(ended);
  EXPECT_EQ(record.icmp_type_code, 0x0801);
  EXPECT_EQ(record.destination_port, 0x0801);
  EXPECT_EQ(record.source_port, 0);
}

TEST(MakeRecord, EndReasonsHaveIanasValues) {
  EXPECT_EQ(Ended(EndReason::kIdleTimeout).end_reason, 1);
  EXPECT_EQ(Ended(EndReason::kActiveTimeout).end_reason, 2);
  EXPECT_EQ(Ended(EndReason::kFin).end_reason, 3);
  EXPECT_EQ(Ended(EndReason::kRst).end_reason, 3);
  EXPECT_EQ(Ended(EndReason::kReplaced).end_reason, 3);
  EXPECT_EQ(Ended(EndReason::kShutdown).end_reason, 4);
  EXPECT_EQ(Ended(EndReason::kEvicted).end_reason, 5);
}

TEST(MakeRecord, EndCausesHaveOurPublishedValues) {
  EXPECT_EQ(Ended(EndReason::kFin).end_cause, 1);
  EXPECT_EQ(Ended(EndReason::kRst).end_cause, 2);
  EXPECT_EQ(Ended(EndReason::kIdleTimeout).end_cause, 3);
  EXPECT_EQ(Ended(EndReason::kEvicted).end_cause, 4);
  EXPECT_EQ(Ended(EndReason::kActiveTimeout).end_cause, 5);
  EXPECT_EQ(Ended(EndReason::kShutdown).end_cause, 6);
  EXPECT_EQ(Ended(EndReason::kReplaced).end_cause, 7);
}

}  // namespace
}  // namespace exporter
