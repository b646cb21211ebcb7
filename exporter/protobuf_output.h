// SPDX-License-Identifier: Apache-2.0
// Records into a file of Protobuf messages (templates/flow.proto), each behind
// its length as a varint: the delimited streams of Protobuf's own libraries.
#pragma once

#include <memory>

#include "exporter/collector_url.h"
#include "exporter/output.h"

namespace exporter {

// `url.path` is the file, "-" the standard output. An older file keeps its
// content until the first record or the end, and then is replaced. One record
// for each conversation and interval. What cannot be written is counted as
// dropped, by reason; a file is never left with half a record. Throws
// SetupError when the file cannot be made.
std::unique_ptr<Output> OpenProtobufOutput(const CollectorUrl& url);

}  // namespace exporter
