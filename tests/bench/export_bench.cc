// SPDX-License-Identifier: Apache-2.0
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include <benchmark/benchmark.h>

#include "exporter/community_id.h"
#include "exporter/ipfix_encoder.h"
#include "exporter/record.h"
#include "exporter/source.h"
#include "tests/support/capture_writer.h"
#include "tests/support/conversation.h"
#include "tests/support/sample_record.h"
#include "tracker/tracker.h"

namespace bench {
namespace {

using Tracker = tracker::FlowTracker<tracker::FiveTuple>;

constexpr tracker::Timestamp kStart{std::chrono::seconds{1'700'000'000}};

void Encode(benchmark::State& state) {
  const auto encoder = exporter::MakeIpfixEncoder({});
  const templates::FlowRecord record = test_support::SampleRecord();
  std::int64_t octets = 0;
  const exporter::MessageSink sink = [&](const exporter::Message& message) {
    octets += static_cast<std::int64_t>(message.octets.size());
  };
  while (state.KeepRunning()) {
    encoder->Append(record, kStart, sink);
  }
  state.SetItemsProcessed(state.iterations());
  state.SetBytesProcessed(octets);
}
BENCHMARK(Encode);

// So many at a time.
void AssignCommunityIds(benchmark::State& state) {
  std::vector<templates::FlowRecord> records(
      static_cast<std::size_t>(state.range(0)), test_support::SampleRecord());
  while (state.KeepRunning()) {
    for (templates::FlowRecord& record : records) {
      ++record.source_port;
    }
    exporter::AssignCommunityIds(records);
    benchmark::DoNotOptimize(records.data());
  }
  state.SetItemsProcessed(state.iterations() * state.range(0));
}
BENCHMARK(AssignCommunityIds)->Arg(1)->Arg(4)->Arg(5)->Arg(16);

// From ended flows to octets of messages.
class Exporter {
 public:
  void Ended(const Tracker::Flow& flow, tracker::EndReason reason) {
    templates::FlowRecord record =
        exporter::MakeRecord({.flow = flow,
                              .reason = reason,
                              .has_rare = flow.HasRare(),
                              .at = kStart,
                              .rare = flow.rare});
    exporter::AssignCommunityIds({&record, 1});
    encoder_->Append(record, kStart, sink_);
  }
  [[nodiscard]] std::int64_t Octets() const { return octets_; }

 private:
  std::unique_ptr<exporter::Encoder> encoder_ = exporter::MakeIpfixEncoder({});
  std::int64_t octets_ = 0;
  exporter::MessageSink sink_ = [this](const exporter::Message& message) {
    octets_ += static_cast<std::int64_t>(message.octets.size());
  };
};

// A capture of web conversations, a file while the object lives.
class CaptureOnDisk {
 public:
  CaptureOnDisk() {
    std::vector<tests::CapturedFrame> frames;
    for (std::uint16_t i = 0; i < 1000; ++i) {
      tests::Conversation web({.client_port = i}, kStart);
      web.Handshake().Request(300).Response(8000).Close();
      frames.insert(frames.end(), web.Frames().begin(), web.Frames().end());
    }
    packets_ = static_cast<std::int64_t>(frames.size());
    tests::WriteCapture(path_, frames);
  }
  CaptureOnDisk(const CaptureOnDisk&) = delete;
  CaptureOnDisk& operator=(const CaptureOnDisk&) = delete;
  ~CaptureOnDisk() { std::filesystem::remove(path_); }

  [[nodiscard]] const std::string& Path() const { return path_; }
  [[nodiscard]] std::int64_t Packets() const { return packets_; }

 private:
  std::string path_ = std::filesystem::temp_directory_path() /
                      ("spanfix_bench." + std::to_string(getpid()));
  std::int64_t packets_ = 0;
};

// Reading, decoding, tracking, making and encoding records; in one thread, and
// without sending.
void EndToEnd(benchmark::State& state) {
  const CaptureOnDisk capture;
  const std::atomic<bool> stop = false;
  Exporter sink;
  while (state.KeepRunning()) {
    const auto source = exporter::OpenFiles({capture.Path()}, "", stop);
    Tracker tracker{tracker::TrackerConfig{}};
    while (source->Read() == exporter::Next::kFrames) {
      tracker.TrackBurst(source->Frames(), sink);
    }
    tracker.Finish(sink);
  }
  state.SetItemsProcessed(state.iterations() * capture.Packets());
  state.SetBytesProcessed(sink.Octets());
}
BENCHMARK(EndToEnd);

}  // namespace
}  // namespace bench
