// SPDX-License-Identifier: Apache-2.0
// The way of a packet, and who walks it: the only file that names every stage
// and starts every thread.
//
//   capture threads  Measurement: Source -> Decode -> FlowTracker
//   export thread    Delivery:       MakeRecord -> Encoder -> Collector
//   main thread      signals, progress, the summary, the service manager
//   status thread    what --http serves, of what the others publish
//   reload thread    Reloader: options again, by mailboxes to the others
//
// Shared between them: the ring of ended intervals of each capture thread, the
// published reports, and the stop flag.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <vector>

#include "exporter/clock.h"
#include "exporter/delivery.h"
#include "exporter/doorbell.h"
#include "exporter/finding.h"
#include "exporter/log.h"
#include "exporter/measurement.h"
#include "exporter/options.h"
#include "exporter/privileges.h"
#include "exporter/reloader.h"
#include "exporter/service_manager.h"
#include "exporter/status_server.h"
#include "exporter/summary.h"

namespace exporter {

class Pipeline {
 public:
  // Opens everything; the files that are written come last, so that a run that
  // cannot start leaves none behind. Then root becomes another user. Throws
  // SetupError. There is one thread yet, and `log` outlives it. `read_again`
  // gives the options anew, or throws SetupError.
  Pipeline(const Options& options, const Clock& clock, Log& log,
           std::function<Options()> read_again);

  // Until the end of the captures, SIGINT or SIGTERM. Logs the summary, or with
  // options.doctor prints what is wrong. The exit status: 0, or 1 when
  // something is, or failed on the way.
  int Run();

 private:
  // What a reload reaches.
  [[nodiscard]] ReloadTargets Targets();
  void Supervise(int done);
  // Of each thread, for the watchdog.
  [[nodiscard]] std::vector<std::uint64_t> Rounds() const;
  [[nodiscard]] CaptureReport Captured() const;
  [[nodiscard]] std::vector<InterfaceReport> OfEachInterface() const;
  [[nodiscard]] std::unique_ptr<StatusServer> OpenStatusServer(
      const Options& options, const Clock& clock) const;
  // Of the doctor, of all interfaces.
  [[nodiscard]] std::vector<Finding> Findings() const;
  // The exit status: 1 when something was found.
  [[nodiscard]] int PrintDiagnosis() const;
  void LogSummary(const ExportReport& exported);
  // Logs what failed.
  [[nodiscard]] int Outcome(const ExportReport& exported);

  Log& log_;
  std::optional<User> user_;  // whom root becomes
  ServiceManager manager_;    // its socket may be for root only
  std::atomic<std::size_t> max_flows_;
  bool live_;
  bool prints_;  // records on the standard output
  std::optional<std::chrono::seconds> doctor_;
  std::atomic<bool> stop_{false};
  Doorbell ended_;  // where the export thread waits for the capture threads
  std::vector<std::unique_ptr<Measurement>> measurements_;
  std::unique_ptr<StatusServer> status_;  // null: not asked for
  Delivery delivery_;
  Reloader reloader_;  // last: it reaches into the others
};

}  // namespace exporter
