// SPDX-License-Identifier: Apache-2.0
// IPFIX messages (RFC 7011) in memory, by libfixbuf.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "exporter/encoder.h"
#include "templates/element.h"
#include "templates/profile.h"

namespace exporter {

struct IpfixOptions {
  templates::Profile profile;
  std::uint32_t observation_domain = 1;
  std::uint32_t pen = templates::kDocumentationPen;  // of our own elements
  std::uint16_t max_message_octets = 1420;
  std::uint32_t max_message_records = 64;
  std::uint32_t sampling_interval = 1;  // one packet of so many was taken
};

// Records of flows are in options.observation_domain, descriptions of elements
// (RFC 5610) and statistics in domain 0: some collectors count options records
// as lost flows. How packets were sampled, and what interfaces are called, is
// said where the flows are, or it would not apply to them. The sequence number
// counts data records, per domain (RFC 7011 section 3.1), unless the profile
// says otherwise.
std::unique_ptr<Encoder> MakeIpfixEncoder(const IpfixOptions& options);

}  // namespace exporter
