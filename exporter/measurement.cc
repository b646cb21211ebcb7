// SPDX-License-Identifier: Apache-2.0
#include "exporter/measurement.h"

#include <algorithm>
#include <bit>
#include <utility>

#include "exporter/frame_burst.h"

namespace exporter {
namespace {

using tracker::Timestamp;

// Of all rings together, and of one at least.
constexpr std::size_t kRingPlaces = 1 << 13;
constexpr std::size_t kLeastRingPlaces = 1 << 10;
// The kernel hands packets over in blocks, so late by up to the source's wait:
// the clock of a quiet link stays behind by as much, and a little more.
constexpr std::chrono::milliseconds kCaptureDelay{200};
// Flows that end at once because there may be fewer of them: as of a sweep.
constexpr std::size_t kShareOfEnds = 64;
constexpr std::chrono::milliseconds kPublishInterval{200};
constexpr unsigned kReadsPerLook = 16;
constexpr std::chrono::milliseconds kTrafficInterval{800};

std::size_t RingPlaces(std::size_t threads) {
  return std::max(kRingPlaces / std::bit_ceil(threads), kLeastRingPlaces);
}

}  // namespace

struct Measurement::Recorder {
  using Values = tracker::FlowValues<tracker::FlowKey>;

  // In the next place of the ring. A file, and an interface that is not read
  // any more, waits for the outputs. Else the kernel's buffer bridges a short
  // wait, as when many flows end in one sweep; what finds no place then is only
  // counted.
  [[gnu::always_inline]] Values& Room() {
    place = measurement.ended_.Reserve();
    if (place == nullptr) {
      WaitForPlace();
    }
    return place != nullptr ? place->flow : without_place;
  }
  [[gnu::noinline]] void WaitForPlace() {
    EndedQueue& ended = measurement.ended_;
    while (place == nullptr && (patient || waits_left > 0)) {
      --waits_left;
      ended.WaitForRoom(patient ? kPatientWait : kWait);
      place = ended.Reserve();
    }
  }
  void Interval(const Values& flow, const tracker::RareStats& rare) {
    Push(flow, rare, tracker::EndReason::kActiveTimeout);
  }
  void Ended(const Values& flow, const tracker::RareStats& rare,
             tracker::EndReason reason) {
    Push(flow, rare, reason);
  }

  [[gnu::always_inline]] void Push(const Values& flow,
                                   const tracker::RareStats& rare,
                                   tracker::EndReason reason) {
    const std::uint64_t packets = flow.stats.Packets();
    if (packets == 0) {
      return;  // ended after its last interval was reported
    }
    if (measurement.observer_ != nullptr) {
      measurement.observer_->Count(flow.stats);
    }
    if (place == nullptr) {
      ++report.records_overrun;
      report.packets_overrun += packets;
      return;
    }
    place->has_rare = &rare != &tracker::kNoRareStats;
    if (place->has_rare) {
      place->rare = rare;
    }
    place->reason = reason;
    place->at = measurement.tracker_.Clock();
    // The threads' numbers take turns: 1, 2, 3, ... when there is only one.
    const MeasurementOptions& options = measurement.options_;
    place->flow.stats.SetId((flow.stats.id - 1) * options.threads +
                            options.index + 1);
    report.packets_in_records += packets;
    report.octets_in_records += flow.stats.Octets();
    measurement.ended_.Commit();
  }

  // Now and then, and at the end: it costs system calls.
  void PublishIfDue() {
    const Timestamp now = measurement.clock_.Now();
    if (now >= next_publish) {
      next_publish = now + kPublishInterval;
      Publish();
    }
    if (now >= next_traffic) {
      next_traffic = now + kTrafficInterval;
      PublishTraffic();
    }
  }

  void PublishTraffic() {
    if (measurement.watch_ != nullptr) {
      measurement.traffic_.Publish(measurement.watch_->Report());
    }
  }

  void Publish() {
    Source& source = *measurement.source_;
    const Tracker& tracker = measurement.tracker_;
    if (const auto interface = source.Interface()) {
      report.capture = source.Counts();
      report.interfaces = {{*interface, report.capture}};
    }
    if (measurement.observer_ != nullptr) {
      const Clock& clock = measurement.clock_;
      measurement.observer_->Tick(clock.Now(), clock.AheadOfSteady(),
                                  report.capture);
      report.observed = measurement.observer_->Latest();
    }
    report.tracker = tracker.Stats();
    report.flows_live = tracker.FlowCount();
    report.fragments = tracker.GetExtractor().Fragments();
    report.packets_live = report.tracker.packets_tracked +
                          report.fragments.held - report.packets_in_records -
                          report.packets_overrun;
    measurement.report_.Publish(report);
    measurement.progress_.Publish(
        {source.OctetsRead(), source.OctetsTotal(), report.packets_seen});
  }

  static constexpr std::chrono::milliseconds kPatientWait{1000};  // or more
  static constexpr std::chrono::milliseconds kWait{10};
  static constexpr int kWaits = 10;  // for each burst or sweep

  Measurement& measurement;
  bool patient = false;
  int waits_left = kWaits;
  EndedInterval* place = nullptr;  // of Room(); null: there was none
  Values without_place{};
  unsigned full_reads = 0;
  Timestamp next_publish{};
  Timestamp next_traffic{};
  CaptureReport report{};
};

Measurement::Measurement(std::unique_ptr<Source> source,
                         const MeasurementOptions& options, const Clock& clock,
                         Doorbell& consumer)
    : clock_(clock),
      options_(options),
      source_(std::move(source)),
      sampler_(options.sampling),
      tracker_(options.tracker, tracker::FiveTuple(options.five_tuple)),
      wanted_(tracker_.Config()),
      ended_(RingPlaces(options.threads), consumer,
             options.live ? EndedQueue::kSoon : EndedQueue::kLate),
      watch_(options.watch_traffic
                 ? std::make_unique<TrafficWatch>(options.five_tuple.innermost)
                 : nullptr),
      observer_(options.observe ? std::make_unique<Observer>(*options.observe)
                                : nullptr) {
  // The outputs ask for the interfaces before it runs.
  Recorder{.measurement = *this}.Publish();
}

void Measurement::SweepAll(Timestamp now, Recorder& recorder) {
  while (tracker_.Sweep(now, recorder)) {
    recorder.waits_left = Recorder::kWaits;
  }
}

bool Measurement::Apply(Recorder& recorder) {
  if (!configs_.Empty()) {
    wanted_ = configs_.Take().back();
    wanted_.max_flows = std::max<std::size_t>(wanted_.max_flows, 1);
  }
  if (tracker_.Config() == wanted_) {
    return false;
  }
  tracker::TrackerConfig next = wanted_;
  if (const std::size_t flows = tracker_.FlowCount(); flows > kShareOfEnds) {
    next.max_flows = std::max(next.max_flows, flows - kShareOfEnds);
  }
  tracker_.SetConfig(next, recorder);
  return tracker_.Config() != wanted_;
}

bool Measurement::MeasureBurst(Recorder& recorder) {
  const Next next = source_->Read();
  recorder.waits_left = Recorder::kWaits;
  if (Apply(recorder)) {
    recorder.waits_left = Recorder::kWaits;
  }
  if (next == Next::kFrames) {
    const auto frames = source_->Frames();
    const std::uint64_t tracked = tracker_.Stats().packets_tracked;
    recorder.report.packets_seen += frames.size();
    if (watch_ != nullptr) {
      watch_->Watch(frames);
    }
    if (observer_ != nullptr) {
      observer_->Look(frames);
    }
    if (options_.sampling > 1) {
      const auto taken = sampler_.Take(frames);
      recorder.report.packets_not_sampled += frames.size() - taken.size();
      tracker_.TrackBurst(taken, recorder);
    } else {
      tracker_.TrackBurst(frames, recorder);
    }
    if (options_.live && tracker_.Stats().packets_tracked == tracked) {
      // Time passes with frames that are no packets, too.
      tracker_.Sweep(frames.back().time, recorder);
    }
  } else if (next == Next::kIdle) {
    while (Apply(recorder)) {
      recorder.waits_left = Recorder::kWaits;
    }
    SweepAll(clock_.Now() - kCaptureDelay, recorder);
    if (watch_ != nullptr && options_.live) {
      watch_->Advance(clock_.Now());
    }
    ended_.WakeConsumer();
  }
  ended_.Publish();
  // Where one full burst follows the other, the clock would be asked too often.
  if (source_->Frames().size() < FrameBurst::kFrames ||
      ++recorder.full_reads % kReadsPerLook == 0) {
    recorder.PublishIfDue();
  }
  return next != Next::kEnd;
}

void Measurement::Run(const std::atomic<bool>& stop) {
  Recorder recorder{.measurement = *this, .patient = !options_.live};
  bool more = true;
  // A source of files ends by itself when it is told to stop; an interface has
  // no other end.
  while (more && !(options_.live && stop.load(std::memory_order_relaxed))) {
    more = MeasureBurst(recorder);
  }
  // What was on the wire before the signal may still be on its way.
  const Timestamp end = clock_.Now() + kCaptureDelay;
  while (more && options_.live && clock_.Now() < end) {
    more = MeasureBurst(recorder);
  }

  // Beyond this point nothing is captured any more, so nothing is lost by
  // waiting. A flow that was idle for long enough ended by that.
  recorder.patient = true;
  SweepAll(tracker_.Clock(), recorder);
  tracker_.Finish(recorder);
  recorder.Publish();
  recorder.PublishTraffic();
  ended_.Close();
}

}  // namespace exporter
