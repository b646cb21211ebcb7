// SPDX-License-Identifier: Apache-2.0
// IPFIX messages in the files of a spool: each is an IPFIX file (RFC 5655).
#pragma once

#include <memory>

#include "exporter/encoder.h"
#include "exporter/spool_framing.h"

namespace exporter {

// `encoder` is one for the spool alone, made like that of the collector: its
// templates stand at the front of each file, and the messages are numbered as
// behind them. A file fits whose templates of flows are the same.
std::unique_ptr<SpoolFraming> MakeIpfixFraming(
    std::unique_ptr<Encoder> encoder);

}  // namespace exporter
