// SPDX-License-Identifier: Apache-2.0
#include "tracker/icmp.h"

#include <array>
#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <tuple>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "tests/tracker/observed.h"

namespace tests {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using tracker::FiveTuple;
using tracker::IcmpCounterpart;
using tracker::IcmpPorts;
using tracker::IcmpPortsOf;
using tracker::IsIcmpRequest;
using tracker::kIcmp;
using tracker::kIcmpV6;
using tracker::Side;

PacketBuilder FromClient6() { return Eth().Ipv6("2001:db8::1", "2001:db8::2"); }
PacketBuilder FromServer6() { return Eth().Ipv6("2001:db8::2", "2001:db8::1"); }

struct Pair {
  std::uint8_t protocol;
  std::uint8_t request;
  std::uint8_t answer;
};
constexpr Pair kPairs[] = {
    {kIcmp, 8, 0},        // echo, RFC 792
    {kIcmp, 13, 14},      // timestamp, RFC 792
    {kIcmp, 15, 16},      // information, RFC 792
    {kIcmp, 17, 18},      // address mask, RFC 950
    {kIcmp, 10, 9},       // router, RFC 1256
    {kIcmpV6, 128, 129},  // echo, RFC 4443
    {kIcmpV6, 130, 131},  // multicast listener, RFC 2710
    {kIcmpV6, 133, 134},  // router, RFC 4861
    {kIcmpV6, 135, 136},  // neighbor, RFC 4861
    {kIcmpV6, 139, 140},  // node information, RFC 4620
    {kIcmpV6, 144, 145},  // home agent, RFC 6275
};

std::optional<Pair> PairOf(std::uint8_t protocol, int type) {
  for (const Pair& pair : kPairs) {
    if (pair.protocol == protocol &&
        (pair.request == type || pair.answer == type)) {
      return pair;
    }
  }
  return std::nullopt;
}

class IcmpPair : public testing::TestWithParam<Pair> {
 protected:
  static PacketBuilder Message(bool from_client, std::uint8_t type,
                               std::uint8_t code = 0) {
    if (GetParam().protocol == kIcmp) {
      return (from_client ? FromClient() : FromServer()).Icmp(type, code);
    }
    return (from_client ? FromClient6() : FromServer6()).IcmpV6(type, code);
  }
};

TEST_P(IcmpPair, IsOneFlow) {
  for (const bool client_asks : {true, false}) {
    Observed<> flows;

    flows.Track(Message(client_asks, GetParam().request), 0s);
    flows.Track(Message(!client_asks, GetParam().answer), 1s);
    flows.Track(Message(client_asks, GetParam().request), 2s);

    EXPECT_THAT(flows.Take(),
                ElementsAre("started 1", "packet 1 initiator",
                            "packet 1 responder", "packet 1 initiator"));
    EXPECT_EQ(flows.Only().IcmpType(Side::kInitiator), GetParam().request);
    EXPECT_EQ(flows.Only().IcmpType(Side::kResponder), GetParam().answer);
  }
}

// Node information has a code for the kind of question, and others for the
// outcome of the answer (RFC 4620 section 4).
TEST_P(IcmpPair, IsOneFlowWhateverTheCodes) {
  Observed<> flows;

  flows.Track(Message(true, GetParam().request, 0), 0s);
  flows.Track(Message(false, GetParam().answer, 2), 1s);

  EXPECT_EQ(flows.tracker.FlowCount(), 1U);
}

TEST_P(IcmpPair, InBothDirectionsAtOnceIsTwoFlows) {
  Observed<> flows;

  flows.Track(Message(true, GetParam().request), 0s);
  flows.Track(Message(false, GetParam().request), 0s);
  flows.Track(Message(true, GetParam().answer), 1s);
  flows.Track(Message(false, GetParam().answer), 1s);

  ASSERT_EQ(flows.tracker.FlowCount(), 2U);
  flows.tracker.ForEach([](const auto& flow) {
    EXPECT_EQ(flow.stats.Of(Side::kInitiator).packets, 1U);
    EXPECT_EQ(flow.stats.Of(Side::kResponder).packets, 1U);
    EXPECT_EQ(Snapshot(flow).IcmpType(Side::kInitiator), GetParam().request);
  });
}

TEST_P(IcmpPair, TellsWhoBegan) {
  Observed<> flows({.use_direction_evidence = true});

  flows.Track(Message(true, GetParam().request), 0s);

  EXPECT_TRUE(flows.Only().direction_known);
}

TEST_P(IcmpPair, BeginsWithTheFirstPacketUnlessEvidenceIsAskedFor) {
  Observed<> flows;

  flows.Track(Message(false, GetParam().answer), 0s);

  EXPECT_EQ(flows.Only().IcmpType(Side::kInitiator), GetParam().answer);
}

TEST_P(IcmpPair, HasCounterparts) {
  EXPECT_EQ(IcmpCounterpart(GetParam().protocol, GetParam().request),
            GetParam().answer);
  EXPECT_EQ(IcmpCounterpart(GetParam().protocol, GetParam().answer),
            GetParam().request);
  EXPECT_TRUE(IsIcmpRequest(GetParam().protocol, GetParam().request));
  EXPECT_FALSE(IsIcmpRequest(GetParam().protocol, GetParam().answer));
}

INSTANTIATE_TEST_SUITE_P(All, IcmpPair, testing::ValuesIn(kPairs),
                         [](const auto& test) {
                           return (test.param.protocol == kIcmp ? "v4_"
                                                                : "v6_") +
                                  std::to_string(test.param.request);
                         });

TEST(Icmp, OtherTypesHaveNoCounterpart) {
  for (const std::uint8_t protocol : {kIcmp, kIcmpV6}) {
    for (int type = 0; type < 256; ++type) {
      if (PairOf(protocol, type)) {
        continue;
      }
      EXPECT_EQ(IcmpCounterpart(protocol, static_cast<std::uint8_t>(type)),
                std::nullopt)
          << int{protocol} << " " << type;
      EXPECT_FALSE(IsIcmpRequest(protocol, static_cast<std::uint8_t>(type)));
    }
  }
}

TEST(Icmp, TypesOfOneVersionMeanNothingInTheOther) {
  EXPECT_EQ(IcmpCounterpart(kIcmp, 128), std::nullopt);
  EXPECT_EQ(IcmpCounterpart(kIcmp, 135), std::nullopt);
  EXPECT_EQ(IcmpCounterpart(kIcmpV6, 8), std::nullopt);
  EXPECT_EQ(IcmpCounterpart(kIcmpV6, 0), std::nullopt);
}

// Every message that can be sent from either of two hosts: two of them have the
// same key if, and only if, they belong to one conversation.
// NOLINTNEXTLINE(readability-function-size)
TEST(Icmp, KeysAreTheSameForOneConversationOnly) {
  for (const std::uint8_t protocol : {kIcmp, kIcmpV6}) {
    using Key = std::pair<std::uint16_t, std::uint16_t>;
    // What the message is part of: of the request's sender (or its own), type
    // and code.
    using Conversation = std::tuple<int, int, int>;
    std::map<Key, Conversation> conversations;
    std::map<Conversation, Key> keys;
    int wrong = 0;
    for (int type = 0; type < 256; ++type) {
      for (int code = 0; code < 256; ++code) {
        for (int sender = 0; sender < 2; ++sender) {
          const IcmpPorts ports =
              IcmpPortsOf(protocol, static_cast<std::uint8_t>(type),
                          static_cast<std::uint8_t>(code));
          const Key key = sender == 0 ? Key(ports.source, ports.destination)
                                      : Key(ports.destination, ports.source);
          Conversation conversation(sender, type, code);
          if (const std::optional<Pair> pair = PairOf(protocol, type)) {
            conversation = {type == pair->request ? sender : 1 - sender,
                            pair->request, -1};
          }
          wrong += conversations.emplace(key, conversation).first->second !=
                           conversation
                       ? 1
                       : 0;
          wrong += keys.emplace(conversation, key).first->second != key ? 1 : 0;
        }
      }
    }
    EXPECT_EQ(wrong, 0) << int{protocol};
  }
}

// --- Errors.

TEST(IcmpError, OfTwoHostsToEachOtherIsTwoFlows) {
  for (std::uint8_t type = 3; type < 6; ++type) {
    for (std::uint8_t code = 0; code < 16; ++code) {
      Observed<> flows;

      flows.Track(FromClient().Icmp(type, code).Payload(28), 0s);
      flows.Track(FromServer().Icmp(type, code).Payload(28), 0s);
      flows.Track(FromClient().Icmp(type, code).Payload(28), 1s);
      flows.Track(FromServer().Icmp(type, code).Payload(28), 1s);

      ASSERT_EQ(flows.tracker.FlowCount(), 2U) << int{type} << " " << int{code};
      flows.tracker.ForEach([](const auto& flow) {
        EXPECT_EQ(flow.stats.Of(Side::kInitiator).packets, 2U);
        EXPECT_EQ(flow.stats.Of(Side::kResponder).packets, 0U);
      });
    }
  }
}

TEST(IcmpError, OfTwoIpv6HostsToEachOtherIsTwoFlows) {
  for (std::uint8_t type = 0; type < 5; ++type) {
    for (std::uint8_t code = 0; code < 8; ++code) {
      Observed<> flows;

      flows.Track(FromClient6().IcmpV6(type, code).Payload(48), 0s);
      flows.Track(FromServer6().IcmpV6(type, code).Payload(48), 0s);

      EXPECT_EQ(flows.tracker.FlowCount(), 2U) << int{type} << " " << int{code};
    }
  }
}

TEST(IcmpError, OfAHostToItselfIsOneFlowWithOneSide) {
  for (std::uint8_t code = 0; code < 5; ++code) {
    Observed<> flows;

    flows.Track(Eth().Ipv4("127.0.0.1", "127.0.0.1").Icmp(3, code), 0s);
    flows.Track(Eth().Ipv4("127.0.0.1", "127.0.0.1").Icmp(3, code), 1s);

    ASSERT_EQ(flows.tracker.FlowCount(), 1U);
    EXPECT_EQ(flows.Only().Of(Side::kInitiator).packets, 2U);
  }
}

TEST(IcmpError, OfAnotherCodeIsAnotherFlow) {
  Observed<> flows;

  flows.Track(FromClient().Icmp(3, 1), 0s);
  flows.Track(FromClient().Icmp(3, 3), 0s);
  flows.Track(FromClient().Icmp(11, 0), 0s);
  flows.Track(FromClient().Icmp(11, 1), 0s);

  EXPECT_EQ(flows.tracker.FlowCount(), 4U);
}

TEST(IcmpError, IsNoPartOfThePing) {
  Observed<> flows;

  flows.Track(FromClient().Icmp(8, 0), 0s);
  flows.Track(FromServer().Icmp(3, 1), 1s);
  flows.Track(FromServer().Icmp(0, 0), 2s);

  EXPECT_THAT(flows.Take(),
              ElementsAre("started 1", "packet 1 initiator", "started 2",
                          "packet 2 initiator", "packet 1 responder"));
}

TEST(IcmpError, KeepsItsSenderAsInitiatorUnderDirectionEvidence) {
  for (const bool from_client : {true, false}) {
    Observed<> flows({.use_direction_evidence = true});

    flows.Track((from_client ? FromClient() : FromServer()).Icmp(3, 1), 0s);

    EXPECT_EQ(flows.Only().Of(Side::kInitiator).packets, 1U);
    EXPECT_EQ(flows.Only().Of(Side::kResponder).packets, 0U);
  }
}

// The sender of an error is known to be the only one.
TEST(IcmpError, IsOneWay) {
  Observed<> flows;

  flows.Track(FromServer().Icmp(3, 1), 0s);

  const tracker::FlowStats stats = flows.Only();
  EXPECT_TRUE(stats.Of(Side::kInitiator).seen);
  EXPECT_FALSE(stats.Of(Side::kResponder).seen);
}

TEST(Icmp, HighTypesInIpv4AreNoPairs) {
  Observed<> flows;

  flows.Track(FromClient().Icmp(128, 0), 0s);
  flows.Track(FromServer().Icmp(129, 0), 0s);
  flows.Track(FromClient().Icmp(135, 0), 0s);
  flows.Track(FromServer().Icmp(136, 0), 0s);

  EXPECT_EQ(flows.tracker.FlowCount(), 4U);
}

TEST(Icmp, LowTypesInIpv6AreNoPairs) {
  Observed<> flows;

  flows.Track(FromClient6().IcmpV6(8, 0), 0s);
  flows.Track(FromServer6().IcmpV6(0, 0), 0s);

  EXPECT_EQ(flows.tracker.FlowCount(), 2U);
}

TEST(Icmp, EachDirectionIsAFlowOfItsOwnWhereDirectionsAre) {
  Observed<tracker::UnidirectionalFiveTuple> flows;

  flows.Track(FromClient().Icmp(8, 0), 0s);
  flows.Track(FromServer().Icmp(0, 0), 1s);

  EXPECT_EQ(flows.tracker.FlowCount(), 2U);
}

TEST(Icmp, PingsOfSeveralIdentifiersAreOneFlow) {
  Observed<> flows;

  flows.Track(FromClient().Icmp(8, 0).EchoId(1, 1), 0s);
  flows.Track(FromClient().Icmp(8, 0).EchoId(2, 1), 1s);

  EXPECT_EQ(flows.tracker.FlowCount(), 1U);
}

}  // namespace
}  // namespace tests
