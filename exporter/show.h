// SPDX-License-Identifier: Apache-2.0
// `spanfix --show FILE`: records that were written, as -r prints them.
#pragma once

#include "exporter/options.h"

namespace exporter {

// Prints the records on the standard output. What is wrong with the file goes
// in one line to the standard error, behind the records before it. The exit
// status: 0, or 1 when the file is not whole or the output did not take it all.
// Throws SetupError when there is nothing to show.
int Show(const ShowOptions& options);

}  // namespace exporter
