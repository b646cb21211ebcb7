// SPDX-License-Identifier: Apache-2.0
// Says when a collector cannot be reached, and why, and when it can again: a
// line for each change, not for each attempt.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "exporter/transport.h"

namespace exporter {

// `transport` was not opened yet. `name` begins each line; `say` gets it
// without its end, in the thread that opens.
std::unique_ptr<Transport> Announcing(
    std::unique_ptr<Transport> transport, std::string name,
    std::function<void(const std::string&)> say);

}  // namespace exporter
