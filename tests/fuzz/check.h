// SPDX-License-Identifier: Apache-2.0
// What fuzz targets use in place of a test framework.
#pragma once

#include <cstdio>
#include <cstdlib>

namespace tests {

// Aborts, which a fuzzer takes for a find, unless the invariant holds.
inline void Check(bool holds, const char* invariant) {
  if (!holds) {
    std::fprintf(stderr, "does not hold: %s\n", invariant);
    std::abort();
  }
}

}  // namespace tests
