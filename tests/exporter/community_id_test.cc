// SPDX-License-Identifier: Apache-2.0
// The expected values are those that the specification publishes where it has
// one, and were computed apart from this program for all.
#include "exporter/community_id.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <random>
#include <string>
#include <string_view>
#include <utility>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <openssl/evp.h>

#include "tracker/packet.h"

namespace exporter {
namespace {

struct Ends {
  std::string_view source;
  std::string_view destination;
  std::uint16_t source_port = 0;
  std::uint16_t destination_port = 0;
};

// An IPv4 address in its mapped form.
std::array<std::uint8_t, 16> Address(std::string_view text) {
  const bool v6 = text.find(':') != std::string_view::npos;
  std::array<std::uint8_t, 16> octets{};
  if (!v6) {
    octets[10] = 0xff;
    octets[11] = 0xff;
  }
  EXPECT_EQ(inet_pton(v6 ? AF_INET6 : AF_INET, std::string(text).c_str(),
                      octets.data() + (v6 ? 0 : 12)),
            1)
      << text;
  return octets;
}

templates::FlowRecord RecordOf(std::uint8_t protocol, const Ends& ends) {
  templates::FlowRecord record;
  record.protocol = protocol;
  record.ip_version = ends.source.find(':') == std::string_view::npos ? 4 : 6;
  record.source_address = Address(ends.source);
  record.destination_address = Address(ends.destination);
  record.source_port = ends.source_port;
  record.destination_port = ends.destination_port;
  return record;
}

templates::FlowRecord IcmpRecord(std::string_view source,
                                 std::string_view destination, int type,
                                 int code) {
  const bool v6 = source.find(':') != std::string_view::npos;
  templates::FlowRecord record =
      RecordOf(v6 ? tracker::kIcmpV6 : tracker::kIcmp, {source, destination});
  record.icmp_type_code = static_cast<std::uint16_t>(type << 8 | code);
  record.destination_port = record.icmp_type_code;
  return record;
}

std::string IdOf(templates::FlowRecord record) {
  AssignCommunityIds({&record, 1});
  return std::string(record.community_id.View());
}

// As the specification has it, of ends in their order, without our shortcuts.
std::string PlainIdOf(const templates::FlowRecord& record) {
  const std::size_t skipped = record.ip_version == 4 ? 12 : 0;
  std::string input(2, '\0');
  for (const auto& address :
       {record.source_address, record.destination_address}) {
    input.append(address.begin() + static_cast<std::ptrdiff_t>(skipped),
                 address.end());
  }
  input += {static_cast<char>(record.protocol), '\0'};
  if (record.protocol == tracker::kTcp || record.protocol == tracker::kUdp) {
    for (const std::uint16_t port :
         {record.source_port, record.destination_port}) {
      input += {static_cast<char>(port >> 8), static_cast<char>(port)};
    }
  }
  std::array<unsigned char, 20> digest{};
  EXPECT_EQ(EVP_Digest(input.data(), input.size(), digest.data(), nullptr,
                       EVP_sha1(), nullptr),
            1);
  std::array<unsigned char, 29> letters{};
  EVP_EncodeBlock(letters.data(), digest.data(), 20);
  return "1:" + std::string(letters.begin(), letters.end() - 1);
}

TEST(CommunityId, IsThePlainOneOfWhateverConversation) {
  std::mt19937 random(1);
  const auto octet = [&] { return static_cast<std::uint8_t>(random()); };
  constexpr std::array<std::uint8_t, 4> kProtocols = {tracker::kTcp,
                                                      tracker::kUdp, 47, 255};
  for (int round = 0; round < 20000; ++round) {
    templates::FlowRecord record;
    record.ip_version = random() % 2 == 0 ? 4 : 6;
    record.protocol = kProtocols[random() % kProtocols.size()];
    record.source_address = Address("0.0.0.0");
    record.destination_address = Address("0.0.0.0");
    for (std::size_t at = record.ip_version == 4 ? 12 : 0; at < 16; ++at) {
      record.source_address[at] = octet();
      record.destination_address[at] = octet();
    }
    record.source_address[12] &= 0x7f;
    record.destination_address[12] |= 0x80;
    record.source_address[0] &= 0x7f;
    record.destination_address[0] |= record.ip_version == 4 ? 0 : 0x80;
    record.source_port = static_cast<std::uint16_t>(random());
    record.destination_port = static_cast<std::uint16_t>(random());
    templates::FlowRecord back = record;
    std::swap(back.source_address, back.destination_address);
    std::swap(back.source_port, back.destination_port);

    const std::string id = PlainIdOf(record);
    ASSERT_EQ(IdOf(record), id);
    ASSERT_EQ(IdOf(back), id);
  }
}

TEST(CommunityId, OfTcpIsThePublishedOne) {
  const Ends ends = {"128.232.110.120", "66.35.250.204", 34855, 80};

  EXPECT_EQ(IdOf(RecordOf(tracker::kTcp, ends)),
            "1:LQU9qZlK+B5F3KDmev6m5PMibrg=");
}

TEST(CommunityId, OfUdpIsThePublishedOne) {
  const Ends ends = {"192.168.1.52", "8.8.8.8", 54585, 53};

  EXPECT_EQ(IdOf(RecordOf(tracker::kUdp, ends)),
            "1:d/FP5EW3wiY1vCndhwleRRKHowQ=");
}

TEST(CommunityId, OfSctpIsThePublishedOne) {
  const Ends ends = {"192.168.170.8", "192.168.170.56", 7, 80};

  EXPECT_EQ(IdOf(RecordOf(tracker::kSctp, ends)),
            "1:jQgCxbku+pNGw8WPbEc/TS/uTpQ=");
}

TEST(CommunityId, OfSctpBetweenEqualPortsIsTheSameBothWays) {
  const Ends there = {"192.168.170.8", "192.168.170.56", 7, 7};
  const Ends back = {"192.168.170.56", "192.168.170.8", 7, 7};

  EXPECT_EQ(IdOf(RecordOf(tracker::kSctp, there)),
            "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=");
  EXPECT_EQ(IdOf(RecordOf(tracker::kSctp, back)),
            "1:MP2EtRCAUIZvTw6MxJHLV7N7JDs=");
}

TEST(CommunityId, OfAnEchoIsThePublishedOne) {
  EXPECT_EQ(IdOf(IcmpRecord("192.168.0.89", "192.168.0.1", 8, 0)),
            "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
}

TEST(CommunityId, OfAnEchoReplyIsThatOfTheEcho) {
  EXPECT_EQ(IdOf(IcmpRecord("192.168.0.1", "192.168.0.89", 0, 0)),
            "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
}

TEST(CommunityId, OfAnEchoDoesNotDependOnItsCode) {
  EXPECT_EQ(IdOf(IcmpRecord("192.168.0.89", "192.168.0.1", 8, 5)),
            "1:X0snYXpgwiv9TZtqg64sgzUn6Dk=");
}

TEST(CommunityId, OfOneWayIcmpIsThePublishedOne) {
  EXPECT_EQ(IdOf(IcmpRecord("192.168.0.89", "192.168.0.1", 20, 0)),
            "1:3o2RFccXzUgjl7zDpqmY7yJi8rI=");
}

TEST(CommunityId, OfOneWayIcmpHasTheCodeAndKeepsTheOrder) {
  EXPECT_EQ(IdOf(IcmpRecord("192.168.0.89", "192.168.0.1", 3, 1)),
            "1:LXCfhMUFbYXe+CEMrQuZCbiLY3o=");
  EXPECT_EQ(IdOf(IcmpRecord("192.168.0.1", "192.168.0.89", 3, 1)),
            "1:o3zT92uTgnRWv/YrDVeXcWumpC4=");
}

TEST(CommunityId, OfNeighbourSolicitationIsThePublishedOne) {
  EXPECT_EQ(IdOf(IcmpRecord("fe80::200:86ff:fe05:80da",
                            "fe80::260:97ff:fe07:69ea", 135, 0)),
            "1:dGHyGvjMfljg6Bppwm3bg0LO8TY=");
}

TEST(CommunityId, OfRouterAdvertisementIsThePublishedOne) {
  EXPECT_EQ(IdOf(IcmpRecord("fe80::260:97ff:fe07:69ea", "ff02::1", 134, 0)),
            "1:pkvHqCL88/tg1k4cPigmZXUtL00=");
}

TEST(CommunityId, OfAnIpv6EchoIsTheSameBothWays) {
  EXPECT_EQ(IdOf(IcmpRecord("2001:db8::2", "2001:db8::1", 128, 0)),
            "1:YDcnf7YthUKAbDNo6Cs3rX4jq4w=");
  EXPECT_EQ(IdOf(IcmpRecord("2001:db8::1", "2001:db8::2", 129, 0)),
            "1:YDcnf7YthUKAbDNo6Cs3rX4jq4w=");
}

// Types that ask in one version mean something else in the other.
TEST(CommunityId, OfAnIpv6ErrorIsOneWay) {
  EXPECT_EQ(IdOf(IcmpRecord("2001:db8::2", "2001:db8::1", 1, 4)),
            "1:qxd1LeYGiZWewhdgFCEH4g39f1w=");
}

TEST(CommunityId, OfIpv6HasTheWholeAddressesTheSmallerFirst) {
  EXPECT_EQ(IdOf(RecordOf(tracker::kTcp,
                          {"2001:db8::10", "2001:db8::2", 50000, 443})),
            "1:mzcZY2/M8Rorik/5sJgOiHus4+g=");
  EXPECT_EQ(
      IdOf(RecordOf(tracker::kUdp, {"2001:db8::1", "2001:db8::2", 50000, 53})),
      "1:PMePuOGtLlgrRYD1p7s1h2+2em8=");
}

TEST(CommunityId, OfProtocolsWithoutPortsEndsWithTheProtocol) {
  constexpr std::uint8_t kGre = 47;
  constexpr std::uint8_t kOspf = 89;

  EXPECT_EQ(IdOf(RecordOf(kGre, {"10.0.0.2", "10.0.0.1"})),
            "1:+KlEHDT0vJgzs/eNmzHq0aSpRYw=");
  EXPECT_EQ(IdOf(RecordOf(kOspf, {"10.0.0.1", "10.0.0.2"})),
            "1:1sy+G8MJZzhzFatLbi6+YD245wo=");
}

// The specification names the protocols whose ports count.
TEST(CommunityId, OfDccpHasNoPorts) {
  EXPECT_EQ(IdOf(RecordOf(tracker::kDccp, {"10.0.0.1", "10.0.0.2", 7, 8})),
            "1:qKfrGVs14/VI2wLMVfhXXHfa6a0=");
}

TEST(CommunityId, BetweenEqualAddressesIsOrderedByPorts) {
  EXPECT_EQ(IdOf(RecordOf(tracker::kTcp, {"192.0.2.1", "192.0.2.1", 5000, 80})),
            "1:qwmd/gr/I2cShHORNbV3KVE6zqc=");
  EXPECT_EQ(IdOf(RecordOf(tracker::kTcp, {"192.0.2.1", "192.0.2.1", 80, 5000})),
            "1:qwmd/gr/I2cShHORNbV3KVE6zqc=");
}

TEST(CommunityId, IsTheSameForBothHalvesOfABiflow) {
  templates::FlowRecord tcp =
      RecordOf(tracker::kTcp, {"128.232.110.120", "66.35.250.204", 34855, 80});
  tcp.reverse_packets = 1;
  templates::FlowRecord echo = IcmpRecord("192.168.0.89", "192.168.0.1", 8, 0);
  echo.reverse_packets = 1;
  echo.reverse_icmp_type_code = 0;

  EXPECT_EQ(IdOf(ReverseOf(tcp)), IdOf(tcp));
  EXPECT_EQ(IdOf(ReverseOf(echo)), IdOf(echo));
}

}  // namespace
}  // namespace exporter
