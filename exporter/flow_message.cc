// SPDX-License-Identifier: Apache-2.0
#include "exporter/flow_message.h"

#include <algorithm>
#include <array>
#include <limits>
#include <string_view>

#include <google/protobuf/io/coded_stream.h>
#include <google/protobuf/stubs/logging.h>
#include <google/protobuf/wire_format_lite.h>

#include "templates/flow.pb.h"

namespace exporter {
namespace {

using google::protobuf::internal::WireFormatLite;
using google::protobuf::io::CodedOutputStream;
using spanfix::FlowRecord;
using Record = templates::FlowRecord;

std::uint64_t MacNumber(const std::array<std::uint8_t, 6>& octets) {
  std::uint64_t number = 0;
  for (const std::uint8_t octet : octets) {
    number = number << 8 | octet;
  }
  return number;
}

void SetMac(std::uint64_t number, std::array<std::uint8_t, 6>& octets) {
  for (std::size_t i = octets.size(); i-- > 0; number >>= 8) {
    octets[i] = static_cast<std::uint8_t>(number & 0xff);
  }
}

bool SetAddress(std::string_view octets, std::array<std::uint8_t, 16>& to) {
  if (octets.size() != to.size()) {
    return false;
  }
  std::copy(octets.begin(), octets.end(), to.begin());
  return true;
}

// Another program may have written more than the record holds.
template <typename Integer>
void SetNarrow(std::uint32_t value, Integer& to) {
  constexpr std::uint32_t kMost = std::numeric_limits<Integer>::max();
  to = static_cast<Integer>(std::min(value, kMost));
}

// ---- to the message, group by group as in flow.proto ----

void FillCommon(const Record& record, FlowRecord& message) {
  message.set_flow_start_milliseconds(record.start_ms);
  message.set_flow_end_milliseconds(record.end_ms);
  message.set_source_address(record.source_address.data(),
                             record.source_address.size());
  message.set_destination_address(record.destination_address.data(),
                                  record.destination_address.size());
  message.set_source_transport_port(record.source_port);
  message.set_destination_transport_port(record.destination_port);
  message.set_protocol_identifier(record.protocol);
  message.set_octet_delta_count(record.octets);
  message.set_reverse_octet_delta_count(record.reverse_octets);
  message.set_packet_delta_count(record.packets);
  message.set_reverse_packet_delta_count(record.reverse_packets);
  message.set_ip_version(record.ip_version);
  message.set_connection_state(record.connection_state.octets.data(),
                               record.connection_state.length);
  message.set_flow_end_reason(record.end_reason);
  message.set_flow_id(record.flow_id);
}

void FillTimesAndIp(const Record& record, FlowRecord& message) {
  message.set_reverse_flow_start_milliseconds(record.reverse_start_ms);
  message.set_reverse_flow_end_milliseconds(record.reverse_end_ms);
  message.set_flow_duration_milliseconds(record.duration_ms);
  message.set_reverse_flow_delta_milliseconds(record.reverse_delta_ms);

  message.set_ip_class_of_service(record.class_of_service);
  message.set_reverse_ip_class_of_service(record.reverse_class_of_service);
  message.set_minimum_ttl(record.ttl_minimum);
  message.set_maximum_ttl(record.ttl_maximum);
  message.set_reverse_minimum_ttl(record.reverse_ttl_minimum);
  message.set_reverse_maximum_ttl(record.reverse_ttl_maximum);
  message.set_icmp_type_code(record.icmp_type_code);
  message.set_reverse_icmp_type_code(record.reverse_icmp_type_code);
}

void FillTcp(const Record& record, FlowRecord& message) {
  message.set_tcp_control_bits(record.tcp_flags);
  message.set_reverse_tcp_control_bits(record.reverse_tcp_flags);
  message.set_initial_tcp_flags(record.initial_tcp_flags);
  message.set_reverse_initial_tcp_flags(record.reverse_initial_tcp_flags);
  message.set_union_tcp_flags(record.later_tcp_flags);
  message.set_reverse_union_tcp_flags(record.reverse_later_tcp_flags);
  message.set_handshake_server_time(record.handshake_server_us);
  message.set_handshake_client_time(record.handshake_client_us);
  message.set_tcp_retransmitted_packets(record.retransmitted_packets);
  message.set_reverse_tcp_retransmitted_packets(
      record.reverse_retransmitted_packets);
  message.set_tcp_missing_octets(record.missing_octets);
  message.set_reverse_tcp_missing_octets(record.reverse_missing_octets);
}

void FillPlaceAndConclusions(const Record& record, FlowRecord& message) {
  message.set_ingress_interface(record.ingress_interface);
  message.set_egress_interface(record.egress_interface);
  message.set_vlan_id(record.vlan_id);
  message.set_dot1q_customer_vlan_id(record.inner_vlan_id);
  message.set_reverse_vlan_id(record.reverse_vlan_id);
  message.set_reverse_dot1q_customer_vlan_id(record.reverse_inner_vlan_id);
  message.set_source_mac_address(MacNumber(record.source_mac));
  message.set_destination_mac_address(MacNumber(record.destination_mac));
  message.set_layer2_segment_id(record.segment_id);

  message.set_biflow_direction(record.biflow_direction);
  message.set_flow_end_cause(record.end_cause);
  message.set_tcp_history(record.history.octets.data(), record.history.length);
  message.set_community_id(record.community_id.octets.data(),
                           record.community_id.length);
}

// ---- and back ----

void ReadCommon(const FlowRecord& message, Record& record) {
  record.start_ms = message.flow_start_milliseconds();
  record.end_ms = message.flow_end_milliseconds();
  SetNarrow(message.source_transport_port(), record.source_port);
  SetNarrow(message.destination_transport_port(), record.destination_port);
  SetNarrow(message.protocol_identifier(), record.protocol);
  record.octets = message.octet_delta_count();
  record.reverse_octets = message.reverse_octet_delta_count();
  record.packets = message.packet_delta_count();
  record.reverse_packets = message.reverse_packet_delta_count();
  SetNarrow(message.ip_version(), record.ip_version);
  record.connection_state.Assign(message.connection_state());
  SetNarrow(message.flow_end_reason(), record.end_reason);
  record.flow_id = message.flow_id();
}

void ReadTimesAndIp(const FlowRecord& message, Record& record) {
  record.reverse_start_ms = message.reverse_flow_start_milliseconds();
  record.reverse_end_ms = message.reverse_flow_end_milliseconds();
  record.duration_ms = message.flow_duration_milliseconds();
  record.reverse_delta_ms = message.reverse_flow_delta_milliseconds();

  SetNarrow(message.ip_class_of_service(), record.class_of_service);
  SetNarrow(message.reverse_ip_class_of_service(),
            record.reverse_class_of_service);
  SetNarrow(message.minimum_ttl(), record.ttl_minimum);
  SetNarrow(message.maximum_ttl(), record.ttl_maximum);
  SetNarrow(message.reverse_minimum_ttl(), record.reverse_ttl_minimum);
  SetNarrow(message.reverse_maximum_ttl(), record.reverse_ttl_maximum);
  SetNarrow(message.icmp_type_code(), record.icmp_type_code);
  SetNarrow(message.reverse_icmp_type_code(), record.reverse_icmp_type_code);
}

void ReadTcp(const FlowRecord& message, Record& record) {
  SetNarrow(message.tcp_control_bits(), record.tcp_flags);
  SetNarrow(message.reverse_tcp_control_bits(), record.reverse_tcp_flags);
  SetNarrow(message.initial_tcp_flags(), record.initial_tcp_flags);
  SetNarrow(message.reverse_initial_tcp_flags(),
            record.reverse_initial_tcp_flags);
  SetNarrow(message.union_tcp_flags(), record.later_tcp_flags);
  SetNarrow(message.reverse_union_tcp_flags(), record.reverse_later_tcp_flags);
  record.handshake_server_us = message.handshake_server_time();
  record.handshake_client_us = message.handshake_client_time();
  record.retransmitted_packets = message.tcp_retransmitted_packets();
  record.reverse_retransmitted_packets =
      message.reverse_tcp_retransmitted_packets();
  record.missing_octets = message.tcp_missing_octets();
  record.reverse_missing_octets = message.reverse_tcp_missing_octets();
}

void ReadPlaceAndConclusions(const FlowRecord& message, Record& record) {
  record.ingress_interface = message.ingress_interface();
  record.egress_interface = message.egress_interface();
  SetNarrow(message.vlan_id(), record.vlan_id);
  SetNarrow(message.dot1q_customer_vlan_id(), record.inner_vlan_id);
  SetNarrow(message.reverse_vlan_id(), record.reverse_vlan_id);
  SetNarrow(message.reverse_dot1q_customer_vlan_id(),
            record.reverse_inner_vlan_id);
  SetMac(message.source_mac_address(), record.source_mac);
  SetMac(message.destination_mac_address(), record.destination_mac);
  record.segment_id = message.layer2_segment_id();

  SetNarrow(message.biflow_direction(), record.biflow_direction);
  SetNarrow(message.flow_end_cause(), record.end_cause);
  record.history.Assign(message.tcp_history());
  record.community_id.Assign(message.community_id());
}

// Every field, whatever `message` had before.
void Fill(const Record& record, FlowRecord& message) {
  FillCommon(record, message);
  FillTimesAndIp(record, message);
  FillTcp(record, message);
  FillPlaceAndConclusions(record, message);
}

}  // namespace

void AppendFlowMessage(const Record& record,
                       std::vector<std::uint8_t>& stream) {
  FlowRecord message;
  Fill(record, message);

  const std::size_t size = message.ByteSizeLong();
  const auto length = static_cast<std::uint32_t>(size);
  const std::size_t begin = stream.size();
  stream.resize(begin + CodedOutputStream::VarintSize32(length) + size);
  message.SerializeWithCachedSizesToArray(
      CodedOutputStream::WriteVarint32ToArray(length, stream.data() + begin));
}

struct FlowMessageWriter::State {
  FlowRecord message;
  std::vector<std::uint8_t> octets;
};

FlowMessageWriter::FlowMessageWriter() : state_(std::make_unique<State>()) {}

FlowMessageWriter::~FlowMessageWriter() = default;

std::span<const std::uint8_t> FlowMessageWriter::Write(const Record& record) {
  auto& [message, octets] = *state_;
  Fill(record, message);
  const std::size_t size = message.ByteSizeLong();
  if (octets.size() < size) {
    octets.resize(size);
  }
  message.SerializeWithCachedSizesToArray(octets.data());
  return std::span(octets).first(size);
}

bool ParseFlowMessage(std::span<const std::uint8_t> message, Record& record) {
  // Of octets that are no text it would speak on the standard error.
  const google::protobuf::LogSilencer quiet;
  FlowRecord parsed;
  if (!parsed.ParseFromArray(message.data(),
                             static_cast<int>(message.size()))) {
    return false;
  }
  record = Record{};
  ReadCommon(parsed, record);
  ReadTimesAndIp(parsed, record);
  ReadTcp(parsed, record);
  ReadPlaceAndConclusions(parsed, record);
  return SetAddress(parsed.source_address(), record.source_address) &&
         SetAddress(parsed.destination_address(), record.destination_address);
}

bool MayBeginFlowMessage(std::uint8_t octet) {
  const auto tag = [](int field, WireFormatLite::WireType type) {
    return WireFormatLite::MakeTag(field, type);
  };
  return octet == tag(FlowRecord::kFlowStartMillisecondsFieldNumber,
                      WireFormatLite::WIRETYPE_VARINT) ||
         octet == tag(FlowRecord::kFlowEndMillisecondsFieldNumber,
                      WireFormatLite::WIRETYPE_VARINT) ||
         octet == tag(FlowRecord::kSourceAddressFieldNumber,
                      WireFormatLite::WIRETYPE_LENGTH_DELIMITED);
}

}  // namespace exporter
