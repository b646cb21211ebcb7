// SPDX-License-Identifier: Apache-2.0
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <exception>
#include <sstream>
#include <string>

#include "exporter/clock.h"
#include "exporter/command_line.h"
#include "exporter/log.h"
#include "exporter/pipeline.h"
#include "exporter/setup_error.h"
#include "exporter/show.h"

namespace {

// A standard descriptor that came closed would be given to the next file that
// is opened, and the table printed into it. Writing to these fails instead.
void OccupyStandardDescriptors() {
  int descriptor = 0;
  while (descriptor >= 0 && descriptor <= STDERR_FILENO) {
    descriptor = open("/dev/null", O_RDONLY);
  }
  close(descriptor);
}

}  // namespace

int main(int argc, char** argv) {
  OccupyStandardDescriptors();
  // Asking for a summary, or for a reload, must not end a program that is about
  // to start, or to end.
  std::signal(SIGUSR1, SIG_IGN);
  std::signal(SIGHUP, SIG_IGN);
  const exporter::SystemClock clock;
  exporter::LogOptions logging;
  try {
    const exporter::CommandLine line = exporter::ParseCommandLine(argc, argv);
    if (line.answer) {
      std::fputs(line.answer->c_str(), stdout);
      return 0;
    }
    if (line.show) {
      return exporter::Show(*line.show);
    }
    logging = line.options.log;
    exporter::Log log(logging, STDERR_FILENO, clock);
    return exporter::Pipeline(
               line.options, clock, log,
               [&] { return exporter::ParseCommandLine(argc, argv).options; })
        .Run();
  } catch (const exporter::SetupError& error) {
    // A config file has a line for each of its errors.
    exporter::Log log(logging, STDERR_FILENO, clock);
    std::istringstream lines(error.what());
    for (std::string text; std::getline(lines, text);) {
      log.Error("cannot-start", text);
    }
    return 2;
  } catch (const std::exception& error) {
    exporter::Log(logging, STDERR_FILENO, clock)
        .Error("internal-error",
               std::string("internal error: ") + error.what());
    return 1;
  }
}
