// SPDX-License-Identifier: Apache-2.0
#include "exporter/pipeline.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <csignal>
#include <cstdio>
#include <new>
#include <numeric>
#include <string>
#include <thread>
#include <utility>

#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include "exporter/descriptor.h"
#include "exporter/doctor.h"
#include "exporter/progress.h"
#include "exporter/setup_error.h"
#include "exporter/source.h"
#include "exporter/status_json.h"

namespace exporter {
namespace {

// The user whom Become() is for, later.
std::optional<User> ForgoPrivileges(const std::string& name) {
  std::optional<User> user = UserToBecome(name);
  if (user) {
    ForgoRegaining(*user);
  }
  return user;
}

// One for each capture thread.
std::vector<std::unique_ptr<Source>> OpenSources(const Options& options,
                                                 const Clock& clock,
                                                 const std::atomic<bool>& stop,
                                                 Log& log) {
  std::vector<std::unique_ptr<Source>> sources;
  if (options.interfaces.empty()) {
    sources.push_back(OpenFiles(options.files, options.filter, stop));
  }
  for (const std::string& interface : options.interfaces) {
    LiveOptions live = options.live;
    live.interface = interface;
    live.filter = options.filter;
    live.tell = [&log](const std::string& what) {
      log.Warn("interface-changed", what);
    };
    for (auto& source : OpenLive(live, clock)) {
      sources.push_back(std::move(source));
    }
  }
  return sources;
}

// For one thread of several: its share of the flows.
tracker::TrackerConfig TrackerFor(std::size_t index, std::size_t threads,
                                  const Options& options) {
  tracker::TrackerConfig own = options.tracker;
  const std::size_t flows = options.tracker.max_flows;
  own.max_flows = flows / threads + (index < flows % threads ? 1 : 0);
  if (!options.interfaces.empty()) {
    // A mass of flows that end at once leaves with the packets that come, no
    // faster than the ring to the export thread is emptied.
    own.sweep_limit = 64;
    // A file is over before they repay the time it takes to empty them, least
    // of all where the host has to find the memory first.
    own.large_pages = true;
  }
  return own;
}

MeasurementOptions OptionsFor(std::size_t index, std::size_t threads,
                              const std::string& interface,
                              const Options& options) {
  MeasurementOptions own;
  own.tracker = TrackerFor(index, threads, options);
  own.five_tuple = options.five_tuple;
  own.live = !options.interfaces.empty();
  own.index = index;
  own.threads = threads;
  own.sampling = options.sampling;
  own.watch_traffic = options.http.has_value();
  if (own.live && (options.http || options.doctor)) {
    own.observe = {.always = options.doctor.has_value(),
                   .longest_frame = LongestFrame(interface)};
  }
  return own;
}

std::vector<std::unique_ptr<Measurement>> MakeMeasurements(
    std::vector<std::unique_ptr<Source>> sources, const Options& options,
    const Clock& clock, Doorbell& consumer) {
  std::vector<std::unique_ptr<Measurement>> measurements;
  try {
    for (std::unique_ptr<Source>& source : sources) {
      const auto interface = source->Interface();
      const MeasurementOptions own =
          OptionsFor(measurements.size(), sources.size(),
                     interface ? interface->name : std::string(), options);
      measurements.push_back(std::make_unique<Measurement>(
          std::move(source), own, clock, consumer));
    }
  } catch (const std::bad_alloc&) {
    throw SetupError("--max-flows: not enough memory for " +
                     std::to_string(options.tracker.max_flows) + " flows");
  }
  return measurements;
}

MeteringCounts Metered(const CaptureReport& captured) {
  const auto& unmatched = captured.tracker.unmatched;
  std::vector<CapturedInterface> interfaces;
  for (const LinkReport& link : captured.interfaces) {
    interfaces.push_back({link.status.index, link.status.name});
  }
  if (interfaces.empty()) {
    interfaces.push_back({1, "capture"});  // a file
  }
  return {.ignored_packets = std::accumulate(unmatched.begin(), unmatched.end(),
                                             captured.packets_not_sampled),
          .dropped_packets = captured.capture.dropped_by_kernel +
                             captured.capture.dropped_by_interface,
          .lost_records = captured.records_overrun,
          .interfaces = std::move(interfaces)};
}

// Signals come by descriptor, to the main thread only.
sigset_t HandledSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGUSR1);
  sigaddset(&signals, SIGHUP);
  return signals;
}

// Onto a terminal, over and over on one line: not an event.
void PrintProgress(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

Pipeline::Pipeline(const Options& options, const Clock& clock, Log& log,
                   std::function<Options()> read_again)
    : log_(log),
      user_(ForgoPrivileges(options.user)),
      manager_(NotifySocket()),
      max_flows_(options.tracker.max_flows),
      live_(!options.interfaces.empty()),
      prints_(options.format.has_value()),
      doctor_(options.doctor),
      measurements_(MakeMeasurements(OpenSources(options, clock, stop_, log),
                                     options, clock, ended_)),
      status_(OpenStatusServer(options, clock)),
      delivery_(options, user_, clock,
                {.metering = [this] { return Metered(Captured()); },
                 .say =
                     [this](const std::string& what) {
                       log_.Warn("delivery-notice", what);
                     }}),
      reloader_(options, std::move(read_again), log) {
  if (user_) {
    Become(*user_, live_);
  }
}

ReloadTargets Pipeline::Targets() {
  ReloadTargets targets;
  targets.collectors = [this](const Options& options) {
    return delivery_.PrepareCollectors(options, [this](const auto& notice) {
      log_.Warn("collector-notice", notice);
    });
  };
  targets.filter = [this](const Options& options) {
    std::vector<std::function<void()>> changes;
    for (const auto& measurement : measurements_) {
      changes.push_back(measurement->PrepareFilter(options.filter));
    }
    return [changes = std::move(changes)] {
      for (const auto& change : changes) {
        change();
      }
    };
  };
  targets.tracker = [this](const Options& options) {
    for (std::size_t i = 0; i < measurements_.size(); ++i) {
      measurements_[i]->Reconfigure(
          TrackerFor(i, measurements_.size(), options));
    }
    max_flows_ = options.tracker.max_flows;
    if (status_ != nullptr) {
      status_->SetMaxFlows(max_flows_);
    }
  };
  targets.begin = [this] { manager_.Reloading(); };
  targets.end = [this] { manager_.Ready(); };
  return targets;
}

// Until `done` is readable. A signal ends the run; a second one ends it at
// once.
void Pipeline::Supervise(int done) {
  sigset_t signals = HandledSignals();
  const Descriptor signal_fd(signalfd(-1, &signals, SFD_CLOEXEC));
  const bool progress = !live_ && log_.Format() == LogFormat::kText &&
                        isatty(STDERR_FILENO) == 1 &&
                        !(prints_ && isatty(STDOUT_FILENO) == 1);
  const auto start = std::chrono::steady_clock::now();
  Watchdog watchdog(AliveInterval(), start);
  for (;;) {
    std::array<pollfd, 2> ready{
        {{done, POLLIN, 0}, {signal_fd.Get(), POLLIN, 0}}};
    const int alive = watchdog.Timeout(std::chrono::steady_clock::now());
    const auto quiet =
        static_cast<int>(std::chrono::milliseconds{Log::kQuiet}.count());
    const int pause = doctor_ || progress ? 250 : quiet;
    poll(ready.data(), ready.size(),
         alive < 0 ? pause : std::min(alive, pause));
    log_.WriteHeld();
    if (watchdog.Due(std::chrono::steady_clock::now(), Rounds())) {
      manager_.Alive();
    }
    if (doctor_ && std::chrono::steady_clock::now() - start >= *doctor_) {
      stop_.store(true);
    }
    if (ready[0].revents != 0) {
      break;
    }
    if (ready[1].revents != 0) {
      signalfd_siginfo signal{};
      if (read(signal_fd.Get(), &signal, sizeof(signal)) <= 0) {
        continue;
      }
      if (signal.ssi_signo == SIGUSR1) {
        LogSummary(delivery_.Report());
      } else if (signal.ssi_signo == SIGHUP) {
        reloader_.Request();
      } else {
        manager_.Stopping();
        stop_.store(true);
        sigdelset(&signals, SIGUSR1);
        sigdelset(&signals, SIGHUP);
        pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
      }
    } else if (progress) {
      PrintProgress("\r" +
                    ProgressText(measurements_.front()->Progress(),
                                 std::chrono::steady_clock::now() - start) +
                    "\033[K");
    }
  }
  if (progress) {
    PrintProgress("\r\033[K");
  }
}

int Pipeline::Run() {
  sigset_t signals = HandledSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a closed output is an error like others
  const Descriptor done(eventfd(0, EFD_CLOEXEC));
  for (const auto& measurement : measurements_) {
    for (const std::string& notice : measurement->Input().Notices()) {
      log_.Warn("capture-notice", notice);
    }
  }
  for (const std::string& notice : delivery_.Notices()) {
    log_.Warn("collector-notice", notice);
  }

  std::vector<std::thread> threads;
  std::vector<EndedQueue*> rings;
  for (const auto& measurement : measurements_) {
    threads.emplace_back([this, &measurement] { measurement->Run(stop_); });
    rings.push_back(&measurement->Ended());
  }
  threads.emplace_back([this, &rings, &done] {
    delivery_.Run(rings, ended_);
    const std::uint64_t one = 1;
    static_cast<void>(write(done.Get(), &one, sizeof(one)));
  });
  if (status_ != nullptr) {
    status_->Start();
  }
  manager_.Ready();
  reloader_.Start(Targets());
  Supervise(done.Get());
  reloader_.Stop();
  for (std::thread& thread : threads) {
    thread.join();
  }
  if (status_ != nullptr) {
    status_->Stop();
  }

  if (doctor_) {
    return PrintDiagnosis();
  }
  const ExportReport exported = delivery_.Report();
  LogSummary(exported);
  return Outcome(exported);
}

int Pipeline::PrintDiagnosis() const {
  bool well = true;
  for (const InterfaceReport& interface : OfEachInterface()) {
    const Observation& seen = interface.capture.observed;
    const std::vector<Finding> findings = Diagnose(interface.name, seen);
    std::fputs(DiagnosisText(interface.name, seen, findings).c_str(), stdout);
    well = well && findings.empty();
  }
  return well ? 0 : 1;
}

std::vector<Finding> Pipeline::Findings() const {
  std::vector<Finding> all;
  for (const InterfaceReport& interface : OfEachInterface()) {
    const auto own = Diagnose(interface.name, interface.capture.observed);
    all.insert(all.end(), own.begin(), own.end());
  }
  return all;
}

std::vector<std::uint64_t> Pipeline::Rounds() const {
  std::vector<std::uint64_t> rounds;
  for (const auto& measurement : measurements_) {
    rounds.push_back(measurement->AtEnd() ? Watchdog::kAtEnd
                                          : measurement->Rounds());
  }
  rounds.push_back(delivery_.Rounds());
  return rounds;
}

std::unique_ptr<StatusServer> Pipeline::OpenStatusServer(
    const Options& options, const Clock& clock) const {
  if (!options.http) {
    return nullptr;
  }
  StatusSources sources;
  sources.interfaces = [this] { return OfEachInterface(); };
  sources.lost = [this] {
    std::vector<std::string> troubles;
    for (const LinkReport& link : Captured().interfaces) {
      if (std::string trouble = Trouble(link.status); !trouble.empty()) {
        troubles.push_back(std::move(trouble));
      }
    }
    return troubles;
  };
  sources.traffic = [this] {
    std::vector<TrafficReport> threads;
    for (const auto& measurement : measurements_) {
      threads.push_back(measurement->Traffic());
    }
    return threads;
  };
  sources.exported = [this] { return delivery_.Report(); };
  sources.rounds = [this] { return Rounds(); };
  if (live_) {
    sources.findings = [this] { return Findings(); };
  }
  return std::make_unique<StatusServer>(
      *options.http, options.tracker.max_flows, std::move(sources), clock);
}

std::vector<InterfaceReport> Pipeline::OfEachInterface() const {
  std::vector<InterfaceReport> reports;
  for (const auto& measurement : measurements_) {
    const CaptureReport report = measurement->Report();
    const std::string name =
        live_ ? report.interfaces.front().status.name : std::string();
    // The threads of one come one after the other.
    if (reports.empty() || reports.back().name != name) {
      reports.push_back({name, {}});
    }
    reports.back().capture += report;
  }
  return reports;
}

CaptureReport Pipeline::Captured() const {
  CaptureReport sum;
  for (const auto& measurement : measurements_) {
    sum += measurement->Report();
  }
  return sum;
}

void Pipeline::LogSummary(const ExportReport& exported) {
  const CaptureReport captured = Captured();
  log_.Summary(SummaryText(captured, exported),
               SummaryJson(captured, exported, max_flows_));
}

int Pipeline::Outcome(const ExportReport& exported) {
  int status = 0;
  // An interface has no end, so this is one of files. A pipe that was left
  // before its end may look cut off.
  const std::string error = measurements_.front()->Input().Error();
  if (!error.empty() && !stop_.load()) {
    log_.Error("capture-failed", error + "; what came before it was exported");
    status = 1;
  }
  for (const auto& [name, counts] : exported.outputs) {
    const std::uint64_t spooled = counts.spooled + counts.earlier.spooled;
    if (spooled > 0) {
      log_.Info("records-spooled",
                std::to_string(spooled) + " records for " + name +
                    " are in the spool, for the next run",
                {{"collector", name}});
    }
    const bool dropped =
        !counts.dropped.empty() || !counts.earlier.dropped.empty();
    if (!live_ && dropped) {
      log_.Error("records-dropped", "not all records were delivered to " + name,
                 {{"collector", name}});
    }
    if (!live_ && (dropped || spooled > 0)) {
      status = 1;
    }
  }
  return status;
}

}  // namespace exporter
