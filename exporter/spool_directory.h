// SPDX-License-Identifier: Apache-2.0
// The directory of --spool, which one process has for itself.
#pragma once

#include <string>

#include "exporter/collector_url.h"
#include "exporter/descriptor.h"

namespace exporter {

class SpoolDirectory {
 public:
  // Makes it if it is not there, and holds its lock until the end. Throws
  // SetupError when it cannot, or when another process has it.
  explicit SpoolDirectory(std::string path);

  // Where the spool of a collector is: the same in every run with the same
  // scheme, host, port or path, and observation domain. Parameters, where
  // secrets are, and a user's name and password are not in it.
  [[nodiscard]] std::string Of(const CollectorUrl& url) const;

 private:
  std::string path_;
  Descriptor lock_;
};

}  // namespace exporter
