// SPDX-License-Identifier: Apache-2.0
// The directory of --spool, which one process has for itself.
#pragma once

#include <optional>
#include <string>
#include <system_error>

#include "exporter/collector_url.h"
#include "exporter/descriptor.h"
#include "exporter/privileges.h"

namespace exporter {

// Throws SetupError: `what` of it, a directory or a file, cannot be used by
// whoever this process acts as.
[[noreturn]] void RefuseSpool(const std::string& what,
                              const std::error_code& why);

class SpoolDirectory {
 public:
  // Makes it if it is not there, and holds its lock until the end. It is that
  // of `user`, whom root becomes, if there is one. Throws SetupError when it
  // cannot, when the user cannot use it, or when another process has it.
  SpoolDirectory(std::string path, std::optional<User> user);

  // Where the spool of a collector is: the same in every run with the same
  // scheme, host, port or path, and observation domain. Parameters, where
  // secrets are, and a user's name and password are not in it.
  [[nodiscard]] std::string Of(const CollectorUrl& url) const;
  // Whom root becomes, if anybody.
  [[nodiscard]] const std::optional<User>& Owner() const { return user_; }

 private:
  std::string path_;
  std::optional<User> user_;
  Descriptor lock_;
};

}  // namespace exporter
