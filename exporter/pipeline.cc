// SPDX-License-Identifier: Apache-2.0
#include "exporter/pipeline.h"

#include <poll.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <filesystem>
#include <new>
#include <string>
#include <thread>

#include <sys/eventfd.h>
#include <sys/signalfd.h>

#include "exporter/collector.h"
#include "exporter/descriptor.h"
#include "exporter/record.h"
#include "exporter/setup_error.h"
#include "exporter/text_output.h"

namespace exporter {
namespace {

using tracker::Timestamp;

constexpr std::size_t kRingPlaces = 1 << 14;
// The kernel hands packets over in blocks, so late by up to the source's wait:
// the clock of a quiet link stays behind by as much, and a little more.
constexpr std::chrono::milliseconds kCaptureDelay{200};
constexpr std::chrono::milliseconds kTick{200};
// Without records for so long, what is in the outputs is not held back for
// more.
constexpr std::chrono::milliseconds kLull{5};

// Throws if the file of `url` is also read, or written by an earlier collector.
void RefuseToOverwrite(const Options& options, const CollectorUrl& url) {
  std::error_code none;
  for (const std::string& file : options.files) {
    if (std::filesystem::equivalent(file, url.path, none)) {
      throw SetupError("'" + url.path + "' is read by -r; write another file");
    }
  }
  for (const CollectorUrl& other : options.collectors) {
    if (&other == &url) {
      break;
    }
    if (other.scheme == Scheme::kFile &&
        std::filesystem::equivalent(other.path, url.path, none)) {
      throw SetupError("'" + url.path +
                       "' is written already; write another file");
    }
  }
}

tracker::TrackerConfig TrackerConfigFor(const Options& options) {
  tracker::TrackerConfig config = options.tracker;
  if (!options.interface.empty()) {
    // A mass of flows that end at once leaves with the packets that come, no
    // faster than the ring to the export thread is emptied.
    config.sweep_limit = 64;
  }
  return config;
}

bool AnyShowsOwnElements(const Options& options) {
  return options.format.has_value() ||
         std::any_of(
             options.collectors.begin(), options.collectors.end(),
             [](const CollectorUrl& url) { return url.profile.own_elements; });
}

std::unique_ptr<Source> OpenSource(const Options& options,
                                   const std::atomic<bool>& stop) {
  if (options.interface.empty()) {
    return OpenFiles(options.files, options.filter, stop);
  }
  LiveOptions live;
  live.interface = options.interface;
  live.filter = options.filter;
  return OpenLive(live);
}

std::vector<std::unique_ptr<Output>> OpenOutputs(const Options& options) {
  const bool live = !options.interface.empty();
  std::vector<std::unique_ptr<Output>> outputs;
  for (const CollectorUrl& url : options.collectors) {
    if (url.scheme != Scheme::kFile) {
      outputs.push_back(OpenCollector(url, live));
    }
  }
  for (const CollectorUrl& url : options.collectors) {
    if (url.scheme == Scheme::kFile) {
      RefuseToOverwrite(options, url);
      outputs.push_back(OpenCollector(url, live));
    }
  }
  if (options.format) {
    outputs.push_back(MakeTextOutput(*options.format, stdout));
  }
  return outputs;
}

// Signals come by descriptor, to the main thread only.
sigset_t HandledSignals() {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGINT);
  sigaddset(&signals, SIGTERM);
  sigaddset(&signals, SIGUSR1);
  return signals;
}

void Print(const std::string& text) {
  std::fwrite(text.data(), 1, text.size(), stderr);
}

}  // namespace

struct Pipeline::Recorder {
  void Interval(const Tracker::Flow& flow) {
    Push(flow, tracker::EndReason::kActiveTimeout);
  }
  void Ended(const Tracker::Flow& flow, tracker::EndReason reason) {
    Push(flow, reason);
  }

  // A file, and an interface that is not read any more, waits for the outputs.
  // Else the kernel's buffer bridges a short wait, as when many flows end in
  // one sweep; what finds no room then is counted.
  void Push(const Tracker::Flow& flow, tracker::EndReason reason) {
    const std::uint64_t packets = flow.stats.Packets();
    if (packets == 0) {
      return;  // ended after its last interval was reported
    }
    EndedInterval* place = pipeline.ended_.Reserve();
    while (place == nullptr && (patient || waits_left > 0)) {
      --waits_left;
      pipeline.ended_.WaitForRoom();
      place = pipeline.ended_.Reserve();
    }
    if (place == nullptr) {
      ++report.records_overrun;
      report.packets_overrun += packets;
      return;
    }
    *place = {flow.key, flow.stats, reason, pipeline.tracker_.Clock()};
    pipeline.ended_.Commit();
    report.packets_in_records += packets;
    report.octets_in_records += flow.stats.Octets();
    if (pipeline.ended_.WorthWaking()) {
      pipeline.ended_.WakeConsumer();
    }
  }

  // Now and then, and at the end: it costs system calls.
  void PublishIfDue() {
    const Timestamp now = pipeline.clock_.Now();
    if (now >= next_publish) {
      next_publish = now + kTick;
      Publish();
    }
  }

  void Publish() {
    report.capture = pipeline.source_->Counts();
    report.tracker = pipeline.tracker_.Stats();
    report.flows_live = pipeline.tracker_.FlowCount();
    report.fragments = pipeline.tracker_.GetExtractor().Fragments();
    report.packets_live = report.tracker.packets_tracked +
                          report.fragments.held - report.packets_in_records -
                          report.packets_overrun;
    pipeline.capture_report_.Publish(report);
    pipeline.progress_.Publish({pipeline.source_->OctetsRead(),
                                pipeline.source_->OctetsTotal(),
                                report.packets_seen});
  }

  static constexpr int kWaits = 10;  // of 10 ms, for each burst or sweep

  Pipeline& pipeline;
  bool patient = false;
  int waits_left = kWaits;
  Timestamp next_publish{};
  CaptureReport report{};
};

Pipeline::Pipeline(const Options& options, const Clock& clock) try
    : clock_(clock),
      live_(!options.interface.empty()),
      source_(OpenSource(options, stop_)),
      tracker_(TrackerConfigFor(options),
               tracker::FiveTuple(options.five_tuple)),
      outputs_(OpenOutputs(options)),
      prints_(options.format.has_value()),
      community_id_(AnyShowsOwnElements(options)
                        ? std::make_unique<CommunityId>()
                        : nullptr),
      ended_(kRingPlaces) {
} catch (const std::bad_alloc&) {
  throw SetupError("--max-flows: not enough memory for " +
                   std::to_string(options.tracker.max_flows) + " flows");
}

void Pipeline::SweepAll(Timestamp now, Recorder& recorder) {
  while (tracker_.Sweep(now, recorder)) {
    recorder.waits_left = Recorder::kWaits;
  }
}

bool Pipeline::MeasureBurst(Recorder& recorder) {
  const Next next = source_->Read();
  recorder.waits_left = Recorder::kWaits;
  if (next == Next::kFrames) {
    const auto frames = source_->Frames();
    const std::uint64_t tracked = tracker_.Stats().packets_tracked;
    recorder.report.packets_seen += frames.size();
    tracker_.TrackBurst(frames, recorder);
    if (live_ && tracker_.Stats().packets_tracked == tracked) {
      // Time passes with frames that are no packets, too.
      tracker_.Sweep(frames.back().time, recorder);
    }
  } else if (next == Next::kIdle) {
    SweepAll(clock_.Now() - kCaptureDelay, recorder);
    ended_.WakeConsumer();
  }
  // The export thread looks by itself every tick, or when it is woken because
  // much has come together.
  recorder.PublishIfDue();
  return next != Next::kEnd;
}

void Pipeline::Measure() {
  Recorder recorder{.pipeline = *this, .patient = !live_};
  bool more = true;
  // A source of files ends by itself when it is told to stop.
  while (more && !(live_ && stop_.load(std::memory_order_relaxed))) {
    more = MeasureBurst(recorder);
  }
  // What was on the wire before the signal may still be on its way.
  const Timestamp end = clock_.Now() + kCaptureDelay;
  while (more && live_ && clock_.Now() < end) {
    more = MeasureBurst(recorder);
  }

  // Beyond this point nothing is captured any more, so nothing is lost by
  // waiting. A flow that was idle for long enough ended by that.
  recorder.patient = true;
  SweepAll(tracker_.Clock(), recorder);
  tracker_.Finish(recorder);
  recorder.Publish();
  ended_.Close();
}

void Pipeline::Export() {
  const auto publish = [this] {
    ExportReport report;
    for (const auto& output : outputs_) {
      report.outputs.emplace_back(output->Name(), output->Counts());
    }
    export_report_.Publish(std::move(report));
  };
  // Files have the time of their packets, so that a run can be repeated.
  Timestamp now = live_ ? clock_.Now() : Timestamp{};
  Timestamp next_tick = now + kTick;
  while (!ended_.Drained()) {
    for (const EndedInterval* ended = ended_.Front(); ended != nullptr;
         ended = ended_.Front()) {
      templates::FlowRecord record = MakeRecord(*ended);
      if (community_id_ != nullptr) {
        community_id_->Assign(record);
      }
      now = ended->at;
      ended_.Pop();
      for (const auto& output : outputs_) {
        output->Add(record, now);
      }
    }
    if (live_ && clock_.Now() >= next_tick) {
      now = clock_.Now();
      next_tick = now + kTick;
      for (const auto& output : outputs_) {
        output->Tick(now);
      }
    }
    publish();
    ended_.Wait(kLull);
    if (ended_.Front() == nullptr) {
      for (const auto& output : outputs_) {
        output->EndBurst(now);
      }
      ended_.Wait(kTick);
    }
  }
  for (const auto& output : outputs_) {
    output->Finish(live_ ? clock_.Now() : now);
  }
  publish();
}

// Until `done` is readable. A signal ends the run; a second one ends it at
// once.
void Pipeline::Supervise(int done) {
  sigset_t signals = HandledSignals();
  const Descriptor signal_fd(signalfd(-1, &signals, SFD_CLOEXEC));
  const bool progress = !live_ && isatty(STDERR_FILENO) == 1 &&
                        !(prints_ && isatty(STDOUT_FILENO) == 1);
  const auto start = std::chrono::steady_clock::now();
  for (;;) {
    std::array<pollfd, 2> ready{
        {{done, POLLIN, 0}, {signal_fd.Get(), POLLIN, 0}}};
    poll(ready.data(), ready.size(), progress ? 250 : -1);
    if (ready[0].revents != 0) {
      break;
    }
    if (ready[1].revents != 0) {
      signalfd_siginfo signal{};
      if (read(signal_fd.Get(), &signal, sizeof(signal)) <= 0) {
        continue;
      }
      if (signal.ssi_signo == SIGUSR1) {
        Print(SummaryText(capture_report_.Latest(), export_report_.Latest()));
      } else {
        stop_.store(true);
        sigdelset(&signals, SIGUSR1);
        pthread_sigmask(SIG_UNBLOCK, &signals, nullptr);
      }
    } else if (progress) {
      Print("\r" +
            ProgressText(progress_.Latest(),
                         std::chrono::steady_clock::now() - start) +
            "\033[K");
    }
  }
  if (progress) {
    Print("\r\033[K");
  }
}

int Pipeline::Run() {
  sigset_t signals = HandledSignals();
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a closed output is an error like others
  const Descriptor done(eventfd(0, EFD_CLOEXEC));
  if (const std::string notice = source_->Notice(); !notice.empty()) {
    Print("spanfix: " + notice + '\n');
  }

  std::thread capture([this] { Measure(); });
  std::thread exporting([this, &done] {
    Export();
    const std::uint64_t one = 1;
    static_cast<void>(write(done.Get(), &one, sizeof(one)));
  });
  Supervise(done.Get());
  capture.join();
  exporting.join();

  const ExportReport exported = export_report_.Latest();
  Print(SummaryText(capture_report_.Latest(), exported));
  return Outcome(exported);
}

int Pipeline::Outcome(const ExportReport& exported) const {
  int status = 0;
  // A pipe that was left before its end may look cut off.
  const bool left = !live_ && stop_.load();
  if (const std::string error = source_->Error(); !error.empty() && !left) {
    Print("spanfix: " + error + "; what came before it was exported\n");
    status = 1;
  }
  for (const auto& [name, counts] : exported.outputs) {
    if (!live_ && !counts.dropped.empty()) {
      Print("spanfix: not all records were delivered to " + name + '\n');
      status = 1;
    }
  }
  return status;
}

}  // namespace exporter
