-- SPDX-License-Identifier: Apache-2.0
-- From a Kafka topic into the table of flows.sql. A message of -c kafka:
-- is one record without its length: ProtobufSingle. (Where something else
-- carries records there, each behind its length, the format is Protobuf.)
-- flow.proto must be in the server's directory of format schemas.
CREATE TABLE IF NOT EXISTS flows_queue
(
    flow_start_milliseconds UInt64,
    flow_end_milliseconds UInt64,
    source_address IPv6,
    destination_address IPv6,
    source_transport_port UInt16,
    destination_transport_port UInt16,
    protocol_identifier UInt8,
    octet_delta_count UInt64,
    reverse_octet_delta_count UInt64,
    packet_delta_count UInt64,
    reverse_packet_delta_count UInt64,
    ip_version UInt8,
    connection_state LowCardinality(String),
    flow_end_reason UInt8,
    flow_id UInt64,
    reverse_flow_start_milliseconds UInt64,
    reverse_flow_end_milliseconds UInt64,
    flow_duration_milliseconds UInt32,
    reverse_flow_delta_milliseconds UInt32,
    ip_class_of_service UInt8,
    reverse_ip_class_of_service UInt8,
    minimum_ttl UInt8,
    maximum_ttl UInt8,
    reverse_minimum_ttl UInt8,
    reverse_maximum_ttl UInt8,
    icmp_type_code UInt16,
    reverse_icmp_type_code UInt16,
    tcp_control_bits UInt8,
    reverse_tcp_control_bits UInt8,
    initial_tcp_flags UInt8,
    reverse_initial_tcp_flags UInt8,
    union_tcp_flags UInt8,
    reverse_union_tcp_flags UInt8,
    handshake_server_time UInt32,
    handshake_client_time UInt32,
    tcp_retransmitted_packets UInt32,
    reverse_tcp_retransmitted_packets UInt32,
    tcp_missing_octets UInt64,
    reverse_tcp_missing_octets UInt64,
    ingress_interface UInt32,
    egress_interface UInt32,
    vlan_id UInt16,
    dot1q_customer_vlan_id UInt16,
    reverse_vlan_id UInt16,
    reverse_dot1q_customer_vlan_id UInt16,
    source_mac_address UInt64,
    destination_mac_address UInt64,
    layer2_segment_id UInt64,
    biflow_direction UInt8,
    flow_end_cause UInt8,
    tcp_history String,
    community_id String
)
ENGINE = Kafka
SETTINGS kafka_broker_list = 'localhost:9092',
         kafka_topic_list = 'flows',
         kafka_group_name = 'clickhouse',
         kafka_format = 'ProtobufSingle',
         kafka_schema = 'flow:FlowRecord';

CREATE MATERIALIZED VIEW IF NOT EXISTS flows_consumer TO flows AS
SELECT * FROM flows_queue;
