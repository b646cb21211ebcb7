// SPDX-License-Identifier: Apache-2.0
// Messages of Kafka on the disk, as in a file of `-c protobuf:`.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "exporter/spool_framing.h"

namespace exporter {

// Each message behind its length in octets, a varint.
std::unique_ptr<SpoolFraming> MakeKafkaFraming();

// `message` behind its length, into `to`, whose content goes.
void Delimit(std::span<const std::uint8_t> message,
             std::vector<std::uint8_t>& to);
// What Delimit() was given.
std::span<const std::uint8_t> WithoutLength(
    std::span<const std::uint8_t> delimited);

}  // namespace exporter
