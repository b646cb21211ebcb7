// SPDX-License-Identifier: Apache-2.0
// Letters of RFC 4648 section 4, sixteen at a time.
#pragma once

#include <cstdint>

namespace exporter {

// Octets in a register, the first one lowest.
using Letters [[gnu::vector_size(16)]] = std::int8_t;

// The low 48 bits of each as eight letters, those of `first` first.
Letters Base64Letters(std::uint64_t first, std::uint64_t second);
// The same on any processor.
Letters PlainBase64Letters(std::uint64_t first, std::uint64_t second);

}  // namespace exporter
