// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "templates/flow_record.h"

namespace test_support {

// A complete TCP conversation over IPv4, no two values alike.
inline templates::FlowRecord SampleRecord() {
  templates::FlowRecord record;
  record.ip_version = 4;
  record.protocol = 6;
  record.source_address = {0, 0, 0,    0,    0,   0, 0, 0,
                           0, 0, 0xff, 0xff, 192, 0, 2, 1};
  record.destination_address = {0, 0, 0,    0,    0,   0,  0,   0,
                                0, 0, 0xff, 0xff, 198, 51, 100, 7};
  record.source_port = 40000;
  record.destination_port = 443;
  record.source_mac = {2, 0, 0, 0, 0, 1};
  record.destination_mac = {2, 0, 0, 0, 0, 2};
  record.start_ms = 1'750'000'000'123;
  record.end_ms = 1'750'000'005'678;
  record.duration_ms = 5555;
  record.octets = 1000;
  record.packets = 10;
  record.reverse_start_ms = 1'750'000'000'150;
  record.reverse_end_ms = 1'750'000'005'600;
  record.reverse_octets = 22'222;
  record.reverse_packets = 22;
  record.reverse_delta_ms = 27;
  record.flow_id = 77;
  record.ingress_interface = 3;
  record.vlan_id = 100;
  record.class_of_service = 0x10;
  record.reverse_class_of_service = 0x20;
  record.tcp_flags = 0x1b;
  record.reverse_tcp_flags = 0x13;
  record.initial_tcp_flags = 0x02;
  record.later_tcp_flags = 0x19;
  record.reverse_initial_tcp_flags = 0x12;
  record.reverse_later_tcp_flags = 0x11;
  record.end_reason = 3;
  record.end_cause = 1;
  record.biflow_direction = 1;
  record.connection_state.Assign("SF");
  record.history.Assign("ShADadFf");
  return record;
}

}  // namespace test_support
