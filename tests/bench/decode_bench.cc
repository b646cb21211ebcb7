// SPDX-License-Identifier: Apache-2.0
#include <vector>

#include <benchmark/benchmark.h>

#include "tests/support/packet_builder.h"
#include "tracker/decode.h"
#include "tracker/decode_layers.h"
#include "tracker/extractor.h"

namespace bench {
namespace {

using tests::Eth;

std::vector<tests::CapturedFrame> Mix() {
  const tracker::Timestamp time{std::chrono::seconds{1'700'000'000}};
  return {
      Eth().Ipv4("10.0.0.1", "192.0.2.1").Tcp(40000, 443).Payload(40).At(time),
      Eth().Ipv4("192.0.2.1", "10.0.0.1").Tcp(443, 40000).Options(12).At(time),
      Eth().Ipv4("10.0.0.2", "192.0.2.53").Udp(50000, 53).Payload(30).At(time),
      Eth().Ipv6("2001:db8::1", "2001:db8::2").Tcp(40000, 22).At(time),
      Eth().Vlan(7).Ipv4("10.0.0.3", "192.0.2.1").Tcp(40001, 80).At(time),
  };
}

template <typename Run>
void OverTheMix(benchmark::State& state, Run run) {
  const std::vector<tests::CapturedFrame> frames = Mix();
  std::vector<tracker::Frame> views;
  views.reserve(frames.size());
  for (const tests::CapturedFrame& frame : frames) {
    views.push_back(frame.View());
  }
  while (state.KeepRunning()) {
    for (const tracker::Frame& view : views) {
      run(view);
    }
  }
  state.SetItemsProcessed(state.iterations() *
                          static_cast<std::int64_t>(views.size()));
}

void Decode(benchmark::State& state) {
  tracker::Packet packet;
  OverTheMix(state, [&](const tracker::Frame& frame) {
    benchmark::DoNotOptimize(tracker::Decode(frame, packet));
  });
}
BENCHMARK(Decode);

// What Decode() takes when a frame has something rare.
void DecodeLayerByLayer(benchmark::State& state) {
  tracker::Packet packet;
  OverTheMix(state, [&](const tracker::Frame& frame) {
    benchmark::DoNotOptimize(tracker::layers::General(frame, packet));
  });
}
BENCHMARK(DecodeLayerByLayer);

void ExtractAndHash(benchmark::State& state) {
  tracker::FiveTuple extractor;
  const tracker::KeyHasher hasher;
  tracker::Extracted<tracker::FlowKey> extracted;
  OverTheMix(state, [&](const tracker::Frame& frame) {
    extractor.Extract(frame, extracted);
    benchmark::DoNotOptimize(hasher(extracted.key));
  });
}
BENCHMARK(ExtractAndHash);

}  // namespace
}  // namespace bench
