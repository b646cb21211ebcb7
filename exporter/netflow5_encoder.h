// SPDX-License-Identifier: Apache-2.0
// NetFlow v5 messages: one fixed record, of IPv4, for collectors of old.
#pragma once

#include <cstdint>
#include <memory>

#include "exporter/encoder.h"

namespace exporter {

struct Netflow5Options {
  std::uint16_t engine = 1;                 // engine_type << 8 | engine_id
  std::uint16_t max_message_octets = 1464;  // of the 30 records it may have
  // One packet of so many was taken; at most 16383 (14 bits of the header).
  std::uint16_t sampling_interval = 1;
};

// Records have one direction: reverse_packets is not looked at. Counters that
// do not fit into 32 bits, and interfaces that do not fit into 16, become the
// largest number that does. The sequence number counts records.
std::unique_ptr<Encoder> MakeNetflow5Encoder(const Netflow5Options& options);

}  // namespace exporter
