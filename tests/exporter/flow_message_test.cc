// SPDX-License-Identifier: Apache-2.0
#include "exporter/flow_message.h"

#include <algorithm>
#include <cstring>
#include <fstream>
#include <iterator>
#include <random>
#include <regex>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "templates/element.h"
#include "templates/flow.pb.h"
#include "tests/support/sample_record.h"

namespace exporter {
namespace {

using templates::Element;
using templates::ElementType;
using templates::FlowRecord;

// Behind its length, which takes one or two octets here.
std::vector<std::uint8_t> MessageOf(const FlowRecord& record) {
  std::vector<std::uint8_t> stream;
  AppendFlowMessage(record, stream);
  stream.erase(stream.begin(), stream.begin() + (stream[0] < 0x80 ? 1 : 2));
  return stream;
}

FlowRecord ThereAndBack(const FlowRecord& record) {
  FlowRecord back;
  EXPECT_TRUE(ParseFlowMessage(MessageOf(record), back));
  return back;
}

// In memory: a string has its length before it.
std::string OctetsOf(const Element& element, const FlowRecord& record) {
  const auto* value = reinterpret_cast<const char*>(&record) + element.offset;
  return {value, element.type == ElementType::kString
                     ? 1 + static_cast<std::size_t>(*value)
                     : element.length};
}

void Set(const Element& element, const std::string& octets,
         FlowRecord& record) {
  std::memcpy(reinterpret_cast<char*>(&record) + element.offset, octets.data(),
              octets.size());
}

// A value that the element can have; a string has letters.
std::string RandomValue(const Element& element, std::mt19937_64& random) {
  std::string octets(element.length, '\0');
  if (element.type != ElementType::kString) {
    const bool zero = random() % 4 == 0;
    std::generate(octets.begin(), octets.end(),
                  [&] { return static_cast<char>(zero ? 0 : random()); });
    return octets;
  }
  const std::size_t most = element.name == "connectionState" ? 7
                           : element.name == "tcpHistory"    ? 32
                                                             : 31;
  octets.assign(random() % (most + 1), 'x');
  std::generate(octets.begin(), octets.end(),
                [&] { return static_cast<char>('A' + random() % 26); });
  return static_cast<char>(octets.size()) + octets;
}

FlowRecord RandomRecord(std::mt19937_64& random) {
  FlowRecord record;
  for (const Element& element : templates::Elements()) {
    Set(element, RandomValue(element, random), record);
  }
  record.reverse_vlan_id = static_cast<std::uint16_t>(random());
  record.reverse_inner_vlan_id = static_cast<std::uint16_t>(random());
  record.reverse_icmp_type_code = static_cast<std::uint16_t>(random());
  return record;
}

std::string SchemaText() {
  std::ifstream file(SPANFIX_FLOW_PROTO);
  return {std::istreambuf_iterator<char>(file), {}};
}

// As flow.proto's comments have it.
std::string NumberText(const Element& element) {
  switch (element.enterprise) {
    case templates::kIana:
      return std::to_string(element.id);
    case templates::kOwn:
      return "own/" + std::to_string(element.id);
    default:
      return std::to_string(element.enterprise) + '/' +
             std::to_string(element.id);
  }
}

TEST(FlowProto, HasTheFieldsThatOthersHaveStored) {
  const auto* message = spanfix::FlowRecord::descriptor();
  std::vector<std::string> fields;
  for (int i = 0; i < message->field_count(); ++i) {
    const auto* field = message->field(i);
    fields.push_back(std::to_string(field->number()) + ' ' + field->name() +
                     ' ' + field->type_name());
  }

  // Append only: a table and a topic somewhere have these.
  EXPECT_THAT(
      fields,
      testing::ElementsAre(
          "1 flow_start_milliseconds uint64", "2 flow_end_milliseconds uint64",
          "3 source_address bytes", "4 destination_address bytes",
          "5 source_transport_port uint32",
          "6 destination_transport_port uint32", "7 protocol_identifier uint32",
          "8 octet_delta_count uint64", "9 reverse_octet_delta_count uint64",
          "10 packet_delta_count uint64",
          "11 reverse_packet_delta_count uint64", "12 ip_version uint32",
          "13 connection_state string", "14 flow_end_reason uint32",
          "15 flow_id uint64", "20 reverse_flow_start_milliseconds uint64",
          "21 reverse_flow_end_milliseconds uint64",
          "22 flow_duration_milliseconds uint32",
          "23 reverse_flow_delta_milliseconds uint32",
          "30 ip_class_of_service uint32",
          "31 reverse_ip_class_of_service uint32", "32 minimum_ttl uint32",
          "33 maximum_ttl uint32", "34 reverse_minimum_ttl uint32",
          "35 reverse_maximum_ttl uint32", "36 icmp_type_code uint32",
          "37 reverse_icmp_type_code uint32", "40 tcp_control_bits uint32",
          "41 reverse_tcp_control_bits uint32", "42 initial_tcp_flags uint32",
          "43 reverse_initial_tcp_flags uint32", "44 union_tcp_flags uint32",
          "45 reverse_union_tcp_flags uint32",
          "46 handshake_server_time uint32", "47 handshake_client_time uint32",
          "48 tcp_retransmitted_packets uint32",
          "49 reverse_tcp_retransmitted_packets uint32",
          "50 tcp_missing_octets uint64",
          "51 reverse_tcp_missing_octets uint64", "60 ingress_interface uint32",
          "61 egress_interface uint32", "62 vlan_id uint32",
          "63 dot1q_customer_vlan_id uint32", "64 reverse_vlan_id uint32",
          "65 reverse_dot1q_customer_vlan_id uint32",
          "66 source_mac_address uint64", "67 destination_mac_address uint64",
          "68 layer2_segment_id uint64", "80 biflow_direction uint32",
          "81 flow_end_cause uint32", "82 tcp_history string",
          "83 community_id string"));
}

// What ClickHouse reads without a converter.
TEST(FlowProto, IsFlat) {
  const auto* message = spanfix::FlowRecord::descriptor();
  EXPECT_EQ(message->full_name(), "spanfix.FlowRecord");
  EXPECT_EQ(message->nested_type_count() + message->enum_type_count() +
                message->oneof_decl_count(),
            0);
  for (int i = 0; i < message->field_count(); ++i) {
    EXPECT_FALSE(message->field(i)->is_repeated()) << message->field(i)->name();
  }
}

TEST(FlowProto, SaysWhereEveryElementStands) {
  // A comment may break anywhere.
  const std::string schema =
      std::regex_replace(SchemaText(), std::regex(R"(\s+(//)?\s*)"), " ");

  for (const Element& element : templates::Elements()) {
    const std::string named =
        std::string(element.name) + " (" + NumberText(element) + ')';
    EXPECT_NE(schema.find(named), std::string::npos) << named;
  }
}

TEST(FlowMessage, HasAPlaceForEveryElement) {
  for (const Element& element : templates::Elements()) {
    FlowRecord record;
    std::string value(element.length, '\x5a');
    if (element.type == ElementType::kString) {
      value = "\2SF";
    }
    Set(element, value, record);

    EXPECT_EQ(OctetsOf(element, ThereAndBack(record)), value) << element.name;
  }
}

TEST(FlowMessage, BringsRandomRecordsBack) {
  std::mt19937_64 random(20261125);
  for (int round = 0; round < 2000; ++round) {
    const FlowRecord record = RandomRecord(random);

    const FlowRecord back = ThereAndBack(record);

    for (const Element& element : templates::Elements()) {
      ASSERT_EQ(OctetsOf(element, back), OctetsOf(element, record))
          << element.name << " in round " << round;
    }
    ASSERT_EQ(back.reverse_vlan_id, record.reverse_vlan_id);
    ASSERT_EQ(back.reverse_inner_vlan_id, record.reverse_inner_vlan_id);
    ASSERT_EQ(back.reverse_icmp_type_code, record.reverse_icmp_type_code);
  }
}

TEST(FlowMessage, StandsBehindItsLength) {
  std::vector<std::uint8_t> stream = {0xee};
  AppendFlowMessage(test_support::SampleRecord(), stream);

  // A varint of two octets: 7 bits each, the low ones first.
  ASSERT_GE(stream[1], 0x80);
  ASSERT_LT(stream[2], 0x80);
  EXPECT_EQ((stream[1] & 0x7fU) | static_cast<unsigned>(stream[2]) << 7,
            stream.size() - 3);
  EXPECT_EQ(stream[0], 0xee);
  EXPECT_EQ(stream[3], 1 << 3);  // field 1, a varint
}

// Captures with all times 0 exist.
TEST(FlowMessage, IsKnownByItsFirstOctetWhateverTheTimes) {
  FlowRecord record = test_support::SampleRecord();
  EXPECT_TRUE(MayBeginFlowMessage(MessageOf(record)[0]));
  record.start_ms = 0;
  EXPECT_TRUE(MayBeginFlowMessage(MessageOf(record)[0]));
  record.end_ms = 0;
  EXPECT_TRUE(MayBeginFlowMessage(MessageOf(record)[0]));
  for (const std::uint8_t other : {'\n', 'a', '<', '{', '\0'}) {
    EXPECT_FALSE(MayBeginFlowMessage(other));
  }
}

TEST(FlowMessage, HasAddressesAsClickHouseReadsThem) {
  spanfix::FlowRecord message;
  const auto octets = MessageOf(test_support::SampleRecord());
  ASSERT_TRUE(
      message.ParseFromArray(octets.data(), static_cast<int>(octets.size())));

  EXPECT_EQ(message.source_address(),
            std::string("\0\0\0\0\0\0\0\0\0\0\xff\xff\xc0\0\2\1", 16));
  EXPECT_EQ(message.source_mac_address(), 0x020000000001U);
}

TEST(FlowMessage, KeepsToItsLimitsWhatAnotherProgramWrote) {
  spanfix::FlowRecord message;
  message.set_source_address(std::string(16, '\1'));
  message.set_destination_address(std::string(16, '\2'));
  message.set_protocol_identifier(256);
  message.set_source_transport_port(70000);
  message.set_tcp_history(std::string(100, 'D'));
  const std::string octets = message.SerializeAsString();

  FlowRecord record;
  ASSERT_TRUE(ParseFlowMessage(
      {reinterpret_cast<const std::uint8_t*>(octets.data()), octets.size()},
      record));
  EXPECT_EQ(record.protocol, 255);
  EXPECT_EQ(record.source_port, 65535);
  EXPECT_EQ(record.history.View(), std::string(32, 'D'));
}

TEST(FlowMessage, IsRefusedWithoutAnAddress) {
  spanfix::FlowRecord message;
  message.set_source_address(std::string(16, '\1'));
  message.set_destination_address(std::string(4, '\2'));
  const std::string octets = message.SerializeAsString();

  FlowRecord record;
  EXPECT_FALSE(ParseFlowMessage(
      {reinterpret_cast<const std::uint8_t*>(octets.data()), octets.size()},
      record));
}

}  // namespace
}  // namespace exporter
