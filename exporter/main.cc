// SPDX-License-Identifier: Apache-2.0
#include <cstdio>
#include <exception>

#include "exporter/clock.h"
#include "exporter/options.h"
#include "exporter/pipeline.h"
#include "exporter/setup_error.h"

int main(int argc, char** argv) {
  try {
    const exporter::CommandLine line = exporter::ParseCommandLine(argc, argv);
    if (line.answer) {
      std::fputs(line.answer->c_str(), stdout);
      return 0;
    }
    const exporter::SystemClock clock;
    return exporter::Pipeline(line.options, clock).Run();
  } catch (const exporter::SetupError& error) {
    std::fprintf(stderr, "spanfix: %s\n", error.what());
    return 2;
  } catch (const std::exception& error) {
    std::fprintf(stderr, "spanfix: internal error: %s\n", error.what());
    return 1;
  }
}
