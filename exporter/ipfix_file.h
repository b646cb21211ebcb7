// SPDX-License-Identifier: Apache-2.0
// IPFIX files (RFC 5655) read back into records.
#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "exporter/capture_stream.h"
#include "exporter/record_file.h"

namespace exporter {

// Whether a file that begins with these octets is one: the version of its first
// message (RFC 7011 section 3.1) says so.
bool IsIpfixFile(std::span<const std::uint8_t> start);

// Our own files, and those of others as far as their elements are ours; totals
// of a flow stand for deltas that are not there. Records without addresses,
// such as options, are passed over. Our own elements are those under `pen`.
std::unique_ptr<RecordFile> OpenIpfixFile(std::unique_ptr<CaptureStream> stream,
                                          std::uint32_t pen);

}  // namespace exporter
