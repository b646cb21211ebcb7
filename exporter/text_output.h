// SPDX-License-Identifier: Apache-2.0
// Records for people and for scripts, on the standard output.
#pragma once

#include <cstdint>
#include <cstdio>
#include <memory>

#include "exporter/output.h"

namespace exporter {

enum class TextFormat : std::uint8_t {
  kTable,  // one line for each record under a heading
  kJson,   // one object for each record, members named by their elements
};

// Does not own `stream`.
std::unique_ptr<Output> MakeTextOutput(TextFormat format, std::FILE* stream);

}  // namespace exporter
