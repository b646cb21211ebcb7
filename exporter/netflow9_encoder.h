// SPDX-License-Identifier: Apache-2.0
// NetFlow v9 messages (RFC 3954), for collectors that have no IPFIX.
#pragma once

#include <cstdint>
#include <memory>

#include "exporter/encoder.h"

namespace exporter {

struct Netflow9Options {
  std::uint32_t source_id = 1;
  std::uint16_t max_message_octets = 1420;
  std::uint32_t max_message_records = 64;
  // One packet of so many was taken; said by an options record unless it is 1.
  std::uint32_t sampling_interval = 1;
};

// Of the templates of IPFIX, what v9 can say: IANA's elements below 128, of
// fixed length, and the times by the uptime (FIRST_SWITCHED, LAST_SWITCHED).
// Records have one direction: reverse_packets is not looked at. The sequence
// number counts messages (section 5.1).
std::unique_ptr<Encoder> MakeNetflow9Encoder(const Netflow9Options& options);

}  // namespace exporter
