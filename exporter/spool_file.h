// SPDX-License-Identifier: Apache-2.0
// The files of a spool: how they are named, read and written.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <system_error>
#include <vector>

#include "exporter/spool_framing.h"

namespace exporter {

// NUMBER.SUFFIX while it is written, NUMBER.RECORDS.SUFFIX when it is whole.
struct SpoolFileName {
  std::uint64_t number = 0;  // they are read in this order
  std::optional<std::uint64_t> records;
};

std::string SpoolFilePath(const std::string& directory,
                          const SpoolFileName& name, std::string_view suffix);

// Makes the directory if it is not there; other files in it are passed over.
// In order. Throws SetupError when it cannot be used.
std::vector<SpoolFileName> ListSpoolFiles(const std::string& directory,
                                          std::string_view suffix);

struct SpoolFileState {
  std::uint64_t octets = 0;
  std::uint64_t records = 0;
  bool torn = false;  // it ended inside a message, and was cut there
  bool fits = true;   // its messages can go in a session of today
};

// Of one that is `sealed`, only the front is read, and no records are counted.
// Of another, what is behind the last whole message is cut off.
SpoolFileState ExamineSpoolFile(const std::string& path, bool sealed,
                                SpoolFraming& framing);

// The whole file; false: it cannot be read.
bool ReadWhole(const std::string& path, std::vector<std::uint8_t>& content);

// At `offset`, which is the end; after an error, the file ends there again.
std::error_code WriteWhole(int file, std::span<const std::uint8_t> octets,
                           std::uint64_t offset);

}  // namespace exporter
