// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <fstream>
#include <random>

#include <benchmark/benchmark.h>

#include "tests/bench/numbered_flows.h"
#include "tracker/tracker.h"

namespace bench {
namespace {

using Tracker = tracker::FlowTracker<tracker::FiveTuple>;

constexpr std::chrono::seconds kLong{3600};

struct NoEvents {};
struct CountEnds {
  void Ended(const Tracker::Flow& /*flow*/, tracker::EndReason /*reason*/) {
    ++ended;
  }
  std::int64_t ended = 0;
};

tracker::TrackerConfig ConfigFor(std::int64_t flows) {
  tracker::TrackerConfig config;
  config.max_flows = static_cast<std::size_t>(flows);
  config.idle_timeout_tcp = kLong;
  return config;
}

// Connections with the numbers from `first` on.
void Open(Tracker& tracker, std::int64_t first, std::int64_t count) {
  NoEvents sink;
  Burst burst;
  for (std::int64_t done = 0; done < count;) {
    burst.Clear();
    for (; burst.Frames().size() + 3 <= Burst::kFrames && done < count;
         ++done) {
      const auto flow = static_cast<std::size_t>(first + done);
      burst.Syn(flow);
      burst.SynAck(flow);
      burst.Ack(flow);
    }
    tracker.TrackBurst(burst.Frames(), sink);
  }
}

std::int64_t ResidentOctets() {
  std::ifstream statm("/proc/self/statm");
  std::int64_t size = 0;
  std::int64_t resident = 0;
  statm >> size >> resident;
  return resident * sysconf(_SC_PAGESIZE);
}

// Packets of random connections among so many, in bursts of so many.
void Hit(benchmark::State& state, const tracker::TrackerConfig& config,
         std::size_t at_once) {
  const auto flows = static_cast<std::int64_t>(config.max_flows);
  const std::int64_t before = ResidentOctets();
  Tracker tracker(config);
  Open(tracker, 0, flows);
  state.counters["octets_per_flow"] =
      static_cast<double>(ResidentOctets() - before) /
      static_cast<double>(flows);
  NoEvents sink;
  Burst burst;
  std::minstd_rand random(1);
  while (state.KeepRunning()) {
    burst.Clear();
    for (std::size_t i = 0; i < at_once; ++i) {
      burst.Ack(random() % static_cast<std::size_t>(flows));
    }
    tracker.TrackBurst(burst.Frames(), sink);
  }
  state.SetItemsProcessed(state.iterations() *
                          static_cast<std::int64_t>(at_once));
}

// As of a capture.
void TableHit(benchmark::State& state) {
  Hit(state, ConfigFor(state.range(0)), Burst::kFrames);
}
BENCHMARK(TableHit)->Arg(10'000)->Arg(100'000)->Arg(1'000'000)->Arg(4'000'000);

// As of an interface.
void TableHitLive(benchmark::State& state) {
  tracker::TrackerConfig config = ConfigFor(state.range(0));
  config.large_pages = true;
  Hit(state, config, Burst::kFrames);
}
BENCHMARK(TableHitLive)
    ->Arg(10'000)
    ->Arg(100'000)
    ->Arg(1'000'000)
    ->Arg(4'000'000);

void BurstOf(benchmark::State& state) {
  Hit(state, ConfigFor(50'000), static_cast<std::size_t>(state.range(0)));
}
BENCHMARK(BurstOf)->Arg(1)->Arg(8)->Arg(64);

// Every packet is a new connection, and pushes out the oldest one.
void TableMiss(benchmark::State& state) {
  Tracker tracker(ConfigFor(state.range(0)));
  Open(tracker, 0, state.range(0));
  NoEvents sink;
  Burst burst;
  auto flow = static_cast<std::size_t>(state.range(0));
  constexpr std::size_t kNumbers = 60'000 * std::size_t{50'000};
  while (state.KeepRunning()) {
    burst.Clear();
    for (std::size_t i = 0; i < Burst::kFrames; ++i) {
      burst.Syn(++flow % kNumbers);
    }
    tracker.TrackBurst(burst.Frames(), sink);
  }
  state.SetItemsProcessed(state.iterations() *
                          static_cast<std::int64_t>(Burst::kFrames));
}
BENCHMARK(TableMiss)->Arg(10'000)->Arg(1'000'000);

void SweepThatExpiresNothing(benchmark::State& state) {
  Tracker tracker(ConfigFor(state.range(0)));
  Open(tracker, 0, state.range(0));
  NoEvents sink;
  tracker::Timestamp now = tracker.Clock();
  while (state.KeepRunning()) {
    now += std::chrono::milliseconds{1};
    tracker.Sweep(now, sink);
  }
}
BENCHMARK(SweepThatExpiresNothing)->Arg(10'000)->Arg(1'000'000);

void Expiry(benchmark::State& state) {
  Tracker tracker(ConfigFor(state.range(0)));
  CountEnds sink;
  while (state.KeepRunning()) {
    state.PauseTiming();
    Open(tracker, 0, state.range(0));
    state.ResumeTiming();
    tracker.Sweep(tracker.Clock() + kLong, sink);
  }
  state.SetItemsProcessed(sink.ended);
}
BENCHMARK(Expiry)->Arg(10'000)->Arg(1'000'000);

}  // namespace
}  // namespace bench
