// SPDX-License-Identifier: Apache-2.0
// What a mirror delivers twice counts once; what a sender repeats counts twice.
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <gmock/gmock.h>

#include "tests/tracker/observed.h"
#include "tracker/duplicate_filter.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using tracker::DecodeResult;
using tracker::FiveTuple;
using tracker::FiveTupleOptions;
using tracker::kAck;
using tracker::kSyn;
using tracker::MacAddress;

constexpr DecodeResult kNew = DecodeResult::kOk;
constexpr DecodeResult kCopy = DecodeResult::kDuplicate;
constexpr MacAddress kOne = {2, 0, 0, 0, 1, 1};
constexpr MacAddress kTwo = {2, 0, 0, 0, 1, 2};

struct Deduplicated : Observed<FiveTuple> {
  explicit Deduplicated(FiveTupleOptions options = {.drop_duplicates = true})
      : Observed({}, FiveTuple(options)) {}
};

PacketBuilder Numbered(PacketBuilder link, std::uint32_t id = 7,
                       std::string_view payload = "question") {
  return link.Ipv4("192.0.2.1", "198.51.100.1")
      .Identification(id)
      .Udp(40000, 53)
      .Payload(payload);
}
PacketBuilder Unnumbered(const PacketBuilder& link) {
  return Numbered(link, 0);
}
PacketBuilder Six(PacketBuilder link, std::string_view payload = "question") {
  return link.Ipv6("2001:db8::1", "2001:db8::2")
      .Udp(40000, 53)
      .Payload(payload);
}
PacketBuilder OtherMacs() { return Eth().Macs(kOne, kTwo); }

// How the second of two packets is taken.
DecodeResult Second(const PacketBuilder& first, const PacketBuilder& second,
                    tracker::Duration later) {
  Deduplicated flows;
  EXPECT_EQ(flows.Track(first, 1s), kNew);
  return flows.Track(second, 1s + later);
}

TEST(Duplicates, AreKeptUnlessAskedFor) {
  Observed<> flows;

  flows.Track(Numbered(Eth()), 0s);

  EXPECT_EQ(flows.Track(Numbered(Eth()), 0s), kNew);
  EXPECT_EQ(flows.Only().Packets(), 2U);
}

TEST(Duplicates, LeaveNoTraceInTheFlow) {
  Deduplicated flows;
  flows.Track(Numbered(Eth()), 0s);
  const std::uint64_t octets = flows.Only().Octets();
  flows.Take();

  EXPECT_EQ(flows.Track(Numbered(Eth().Vlan(7)), 1ms), kCopy);

  EXPECT_THAT(flows.Take(), testing::IsEmpty());
  EXPECT_EQ(flows.Only().Packets(), 1U);
  EXPECT_EQ(flows.Only().Octets(), octets);
  EXPECT_EQ(flows.tracker.Stats().Unmatched(kCopy), 1U);
  EXPECT_EQ(flows.tracker.Stats().packets_tracked, 1U);
}

TEST(Duplicates, AreFoundWhateverTheLinkLayer) {
  const auto bare = [](const PacketBuilder& link) { return Numbered(link); };
  for (const auto& packet :
       {+bare, +[](const PacketBuilder& l) { return Six(l); },
        +[](const PacketBuilder& l) { return Unnumbered(l); }}) {
    EXPECT_EQ(Second(packet(Eth().Vlan(7)), packet(Eth()), 1us), kCopy);
    EXPECT_EQ(Second(packet(Eth()), packet(Eth().Vlan(7)), 1us), kCopy);
    EXPECT_EQ(Second(packet(Eth().Vlan(7)), packet(Eth().Vlan(8)), 1us), kCopy);
    EXPECT_EQ(Second(packet(Eth().Vlan(7)),
                     packet(Eth().Vlan(7, 0x88a8).Vlan(8)), 1us),
              kCopy);
    EXPECT_EQ(Second(packet(Eth()), packet(OtherMacs()), 1us), kCopy);
    EXPECT_EQ(Second(packet(Eth()), packet(Eth().Mpls(100)), 1us), kCopy);
    EXPECT_EQ(Second(packet(Eth()), packet(Eth()), 1us), kCopy);
    EXPECT_EQ(Second(packet(Eth()), packet(RawIp()), 1us), kCopy);
  }
}

TEST(Duplicates, ThatArePaddedDifferentlyAreFound) {
  const auto shorts = [](const PacketBuilder& link) {
    return Numbered(link, 7, "x").PadTo(60);
  };
  const auto six = [](const PacketBuilder& link) { return Six(link, "x"); };

  EXPECT_EQ(Second(shorts(Eth()), shorts(Eth().Vlan(7)), 1ms), kCopy);
  EXPECT_EQ(Second(shorts(Eth().Vlan(7)), Numbered(Eth(), 7, "x"), 1ms), kCopy);
  EXPECT_EQ(Second(six(Eth()), six(Eth()).PadTo(100), 1us), kCopy);
}

TEST(Duplicates, AreFoundWhereTheSnapLengthCutsATaggedOneShorter) {
  const std::string payload(500, 'x');
  for (const std::size_t snap : {68U, 96U, 128U, 256U}) {
    SCOPED_TRACE(snap);
    const auto four = [&](const PacketBuilder& link) {
      return Numbered(link, 7, payload).TruncateTo(snap);
    };
    const auto six = [&](const PacketBuilder& link) {
      return Six(link, payload).TruncateTo(snap);
    };

    EXPECT_EQ(Second(four(Eth().Vlan(7)), four(Eth()), 1ms), kCopy);
    EXPECT_EQ(Second(four(Eth()), four(Eth().Vlan(7)), 1ms), kCopy);
    EXPECT_EQ(Second(six(Eth().Vlan(7)), six(Eth()), 1ms), kCopy);
    EXPECT_EQ(Second(six(Eth()), six(Eth().Vlan(7)), 1ms), kCopy);
  }
}

// --- What differs is another packet.

TEST(Duplicates, AreNotPacketsOfAnotherTtl) {
  const auto four = [](std::uint8_t ttl) {
    return FromClient().Ttl(ttl).Identification(7).Udp(1, 2).Payload(8);
  };
  const auto six = [](std::uint8_t ttl) {
    return Eth()
        .Ipv6("2001:db8::1", "2001:db8::2")
        .Ttl(ttl)
        .Udp(1, 2)
        .Payload(8);
  };

  EXPECT_EQ(Second(four(64), four(63), 1us), kNew);
  EXPECT_EQ(Second(six(64), six(63), 1us), kNew);
}

TEST(Duplicates, AreNotPacketsThatDifferAnywhereInTheHeaders) {
  const auto tcp = [](std::uint32_t seq, std::uint32_t ack, int flags,
                      std::uint16_t window) {
    return Eth()
        .Ipv6("2001:db8::1", "2001:db8::2")
        .Tcp(40000, 443)
        .Flags(flags)
        .Seq(seq)
        .Ack(ack)
        .Window(window);
  };
  const PacketBuilder one = tcp(1, 1, kAck, 1000);

  EXPECT_EQ(Second(one, tcp(2, 1, kAck, 1000), 0ns), kNew);
  EXPECT_EQ(Second(one, tcp(1, 2, kAck, 1000), 0ns), kNew);
  EXPECT_EQ(Second(one, tcp(1, 1, kSyn, 1000), 0ns), kNew);
  EXPECT_EQ(Second(one, tcp(1, 1, kAck, 1001), 0ns), kNew);
  EXPECT_EQ(Second(one, tcp(1, 1, kAck, 1000).Payload(1), 0ns), kNew);
  EXPECT_EQ(Second(Numbered(Eth()), Numbered(Eth(), 8), 0ns), kNew);
  EXPECT_EQ(Second(Numbered(Eth()), Six(Eth()), 0ns), kNew);
}

TEST(Duplicates, AreNotPacketsOfAnotherPayload) {
  EXPECT_EQ(Second(Six(Eth(), "question"), Six(Eth(), "answer 1"), 0ns), kNew);
  EXPECT_EQ(Second(Unnumbered(Eth()), Numbered(Eth(), 0, "answer 1"), 0ns),
            kNew);
}

// The checksum of UDP is equal when two words are exchanged.
TEST(Duplicates, AreNotPacketsWithTheSameSumInTheFirstOctets) {
  EXPECT_EQ(Second(Six(Eth(), "abcdefgh"), Six(Eth(), "cdabefgh"), 0ns), kNew);
}

TEST(Duplicates, AreNotPacketsOfAnotherLengthThatAreCutAlike) {
  const auto cut = [](std::size_t octets) {
    return FromClient().Identification(0).Udp(1, 2).Payload(octets).TruncateTo(
        60);
  };

  EXPECT_EQ(Second(cut(500), cut(501), 0ns), kNew);
}

TEST(Duplicates, AreNotLaterFragmentsOfADatagram) {
  const auto part = [](std::uint16_t offset) {
    return FromClient()
        .Fragment(offset, true)
        .Identification(7)
        .Protocol(tracker::kUdp)
        .Payload(800);
  };
  Deduplicated flows;
  flows.Track(
      FromClient().Fragment(0, true).Identification(7).Udp(1, 2).Payload(792),
      0s);

  EXPECT_EQ(flows.Track(part(800), 0s), kNew);
  EXPECT_EQ(flows.Track(part(1600), 0s), kNew);
  EXPECT_EQ(flows.Track(part(800), 0s), kCopy);
}

TEST(Duplicates, OfFragmentsThatAreHeldAreNotHeldAgain) {
  const PacketBuilder part = FromClient()
                                 .Fragment(800, false)
                                 .Identification(7)
                                 .Protocol(tracker::kUdp)
                                 .Payload(800);
  Deduplicated flows;

  EXPECT_EQ(flows.Track(part, 0s), DecodeResult::kHeld);
  EXPECT_EQ(flows.Track(part, 1ms), kCopy);
  flows.Finish();

  ASSERT_EQ(flows.Ended().size(), 1U);
  EXPECT_EQ(flows.Ended()[0].stats.Packets(), 1U);
}

// --- Retransmissions.

TEST(Duplicates, AreNotRetransmissionsOfIpv4) {
  const auto segment = [](std::uint32_t id) {
    return FromClient()
        .Identification(id)
        .Tcp(40000, 443)
        .Flags(kAck)
        .Seq(1)
        .Payload(1000);
  };

  EXPECT_EQ(Second(segment(7), segment(8), 1us), kNew);
}

TEST(Duplicates, AreNotRetransmissionsOfIpv6) {
  const auto segment = Eth()
                           .Ipv6("2001:db8::1", "2001:db8::2")
                           .Tcp(40000, 443)
                           .Flags(kAck)
                           .Seq(1)
                           .Payload(1000);

  EXPECT_EQ(Second(segment, segment, 2ms), kNew);
}

TEST(Duplicates, AreNotRetransmissionsOfIpv6ThatCrossTheirOwnCopies) {
  Deduplicated flows;

  EXPECT_EQ(flows.Track(Six(Eth()), 0ms), kNew);
  EXPECT_EQ(flows.Track(Six(Eth().Vlan(7)), 0ms), kCopy);
  EXPECT_EQ(flows.Track(Six(Eth()), 200ms), kNew);
  EXPECT_EQ(flows.Track(Six(Eth().Vlan(7)), 200ms), kCopy);
}

// --- Windows.

struct Window {
  const char* name;
  PacketBuilder first;
  PacketBuilder second;
  tracker::Duration window;
};

std::vector<Window> Windows() {
  return {
      {"numbered", Numbered(Eth()), Numbered(Eth()), 50ms},
      {"numbered, tagged", Numbered(Eth()), Numbered(Eth().Vlan(7)), 50ms},
      {"numbered, MACs", Numbered(Eth()), Numbered(OtherMacs()), 50ms},
      {"unnumbered", Unnumbered(Eth()), Unnumbered(Eth()), 1ms},
      {"unnumbered, tagged", Unnumbered(Eth()), Unnumbered(Eth().Vlan(7)),
       20ms},
      {"unnumbered, MACs", Unnumbered(OtherMacs()), Unnumbered(Eth()), 20ms},
      {"IPv6", Six(Eth()), Six(Eth()), 1ms},
      {"IPv6, tagged", Six(Eth().Vlan(7)), Six(Eth()), 20ms},
      {"IPv6, other tag", Six(Eth().Vlan(7)), Six(Eth().Vlan(8)), 20ms},
      {"IPv6, inner tag", Six(Eth().Vlan(7).Vlan(8)),
       Six(Eth().Vlan(7).Vlan(9)), 20ms},
      {"IPv6, MACs", Six(Eth()), Six(OtherMacs()), 20ms},
      {"IPv6, no MACs", Six(Eth()), Six(RawIp()), 20ms},
  };
}

TEST(DuplicateWindow, EndsWhereItEnds) {
  for (const Window& test : Windows()) {
    SCOPED_TRACE(test.name);

    EXPECT_EQ(Second(test.first, test.second, 0ns), kCopy);
    EXPECT_EQ(Second(test.first, test.second, test.window - 1ns), kCopy);
    EXPECT_EQ(Second(test.first, test.second, test.window), kCopy);
    EXPECT_EQ(Second(test.first, test.second, test.window + 1ns), kNew);
    EXPECT_EQ(Second(test.first, test.second, 1h), kNew);
  }
}

TEST(DuplicateWindow, IsTheSameWhenTheCopyIsTheOlderOne) {
  for (const Window& test : Windows()) {
    SCOPED_TRACE(test.name);

    EXPECT_EQ(Second(test.first, test.second, -1ns), kCopy);
    EXPECT_EQ(Second(test.first, test.second, -test.window), kCopy);
    EXPECT_EQ(Second(test.first, test.second, -test.window - 1ns), kNew);
  }
}

TEST(DuplicateWindow, IsTheLongerOneForAnotherInterface) {
  CapturedFrame frame = Six(Eth()).At(kStart + 10ms);
  tracker::Frame elsewhere = frame.View();
  elsewhere.interface = 2;
  Deduplicated flows;
  flows.Track(Six(Eth()), 0s);

  EXPECT_EQ(flows.tracker.Track(elsewhere, flows.sink), kCopy);
}

TEST(DuplicateWindow, CountsFromThePacketNotFromItsCopies) {
  Deduplicated flows;

  EXPECT_EQ(flows.Track(Numbered(Eth()), 0ms), kNew);
  EXPECT_EQ(flows.Track(Numbered(Eth()), 30ms), kCopy);
  EXPECT_EQ(flows.Track(Numbered(Eth()), 60ms), kNew);
  EXPECT_EQ(flows.Track(Numbered(Eth()), 90ms), kCopy);
}

TEST(DuplicateWindow, CountsFromTheLatestThatWasNoCopy) {
  Deduplicated flows;

  EXPECT_EQ(flows.Track(Six(Eth()), 0ms), kNew);
  EXPECT_EQ(flows.Track(Six(Eth()), 10ms), kNew);
  EXPECT_EQ(flows.Track(Six(Eth().Vlan(7)), 25ms), kCopy);
}

TEST(Duplicates, AreFoundThreeTimes) {
  Deduplicated flows;

  EXPECT_EQ(flows.Track(Six(Eth()), 0ms), kNew);
  EXPECT_EQ(flows.Track(Six(Eth().Vlan(7)), 1ms), kCopy);
  EXPECT_EQ(flows.Track(Six(OtherMacs()), 2ms), kCopy);
  EXPECT_EQ(flows.Track(Six(RawIp()), 3ms), kCopy);

  EXPECT_EQ(flows.Only().Packets(), 1U);
}

// Two legs; the second delivers in bursts.
TEST(Duplicates, AreFoundAmongManyInAnotherOrder) {
  Deduplicated flows;

  for (std::uint32_t id = 1; id <= 1000; ++id) {
    EXPECT_EQ(flows.Track(Numbered(Eth(), id), id * 10us), kNew);
  }
  for (std::uint32_t id = 1000; id >= 1; --id) {
    EXPECT_EQ(flows.Track(Numbered(Eth().Vlan(7), id), id * 10us), kCopy);
  }
}

TEST(Duplicates, OfTimesBefore1970AreFound) {
  const tracker::Timestamp early{-1s};
  Deduplicated flows;

  EXPECT_EQ(flows.Track(Numbered(Eth()).At(early)), kNew);
  EXPECT_EQ(flows.Track(Numbered(Eth()).At(early)), kCopy);
}

// The ends of what a capture can say.
TEST(Duplicates, AreNotFoundAtTheEndsOfTime) {
  Deduplicated flows;

  EXPECT_EQ(flows.Track(Numbered(Eth()).At(tracker::Timestamp{})), kNew);
  EXPECT_EQ(flows.Track(Numbered(Eth()).At(tracker::Timestamp::max())), kNew);
  EXPECT_EQ(flows.Track(Numbered(Eth()).At(tracker::Timestamp{})), kNew);
}

TEST(Duplicates, AreNotAnyOfAHundredThousandPackets) {
  Deduplicated flows;

  for (std::uint32_t i = 0; i < 100'000; ++i) {
    const std::string payload = "packet " + std::to_string(i);
    ASSERT_EQ(flows.Track(i % 2 == 0 ? Six(Eth(), payload)
                                     : Numbered(Eth(), 0, payload),
                          i * 1us),
              kNew)
        << i;
  }
  EXPECT_EQ(flows.tracker.Stats().packets_tracked, 100'000U);
}

TEST(Duplicates, AreFoundInABurst) {
  const CapturedFrame one = Numbered(Eth()).At(kStart);
  const CapturedFrame two = Numbered(Eth().Vlan(7)).At(kStart);
  Deduplicated flows;

  flows.tracker.TrackBurst(std::vector{one.View(), two.View()}, flows.sink);

  EXPECT_EQ(flows.Only().Packets(), 1U);
  EXPECT_EQ(flows.tracker.Stats().Unmatched(kCopy), 1U);
}

TEST(Duplicates, AreNoneInAnotherVlanThatIsPartOfTheKeyButCountOnce) {
  Deduplicated flows({.vlan_in_key = true, .drop_duplicates = true});

  EXPECT_EQ(flows.Track(Numbered(Eth()), 0s), kNew);
  EXPECT_EQ(flows.Track(Numbered(Eth().Vlan(7)), 1ms), kCopy);
}

}  // namespace
}  // namespace tests
