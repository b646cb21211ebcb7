// SPDX-License-Identifier: Apache-2.0
#include "exporter/measurement.h"

#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/conversation.h"

namespace exporter {
namespace {

using testing::ElementsAre;

constexpr tracker::Timestamp kStart{std::chrono::seconds{1'700'000'000}};

// Everything in one burst, then the end.
class FakeSource final : public Source {
 public:
  FakeSource(std::vector<tests::CapturedFrame> captured, std::string error)
      : captured_(std::move(captured)), error_(std::move(error)) {
    for (const tests::CapturedFrame& frame : captured_) {
      frames_.push_back(frame.View());
    }
  }
  Next Read() override {
    return std::exchange(read_, true) ? Next::kEnd : Next::kFrames;
  }
  [[nodiscard]] std::span<const tracker::Frame> Frames() const override {
    return frames_;
  }
  [[nodiscard]] std::string Error() const override { return error_; }
  [[nodiscard]] CaptureCounts Counts() override { return {}; }
  [[nodiscard]] std::optional<InterfaceStatus> Interface() const override {
    return InterfaceStatus{.name = "eth7"};
  }
  [[nodiscard]] std::uint64_t OctetsRead() const override { return 0; }
  [[nodiscard]] std::uint64_t OctetsTotal() const override { return 0; }

 private:
  std::vector<tests::CapturedFrame> captured_;
  std::vector<tracker::Frame> frames_;
  std::string error_;
  bool read_ = false;
};

class FakeClock final : public Clock {
 public:
  [[nodiscard]] tracker::Timestamp Now() const override { return kStart; }
};

MeasurementOptions Thread(std::size_t index, std::size_t of) {
  MeasurementOptions options;
  options.index = index;
  options.threads = of;
  return options;
}

class MeasurementTest : public testing::Test {
 protected:
  // Of so many conversations, all of one packet.
  std::unique_ptr<Measurement> Of(int conversations,
                                  const MeasurementOptions& options) {
    std::vector<tests::CapturedFrame> frames;
    for (int i = 0; i < conversations; ++i) {
      tests::Endpoints endpoints;
      endpoints.client_port = static_cast<std::uint16_t>(40000 + i);
      tests::Conversation one(endpoints, kStart);
      one.Datagram(tracker::Side::kInitiator, "hello");
      frames.push_back(one.Frames().front());
    }
    return std::make_unique<Measurement>(
        std::make_unique<FakeSource>(std::move(frames), "cable cut"), options,
        clock_, doorbell_);
  }

  static std::vector<std::uint64_t> Ids(Measurement& measurement) {
    std::vector<std::uint64_t> ids;
    EndedQueue& ring = measurement.Ended();
    for (; ring.Front() != nullptr; ring.Pop()) {
      ids.push_back(ring.Front()->flow.stats.id);
    }
    return ids;
  }

  FakeClock clock_;
  Doorbell doorbell_;
  std::atomic<bool> stop_{false};
};

TEST_F(MeasurementTest, NumbersTheFlowsOfOneThreadFromOne) {
  const auto only = Of(3, {});
  only->Run(stop_);
  EXPECT_THAT(Ids(*only), ElementsAre(1, 2, 3));
}

TEST_F(MeasurementTest, NumbersTheFlowsOfSeveralThreadsInTurns) {
  const auto first = Of(3, Thread(0, 2));
  const auto second = Of(3, Thread(1, 2));
  first->Run(stop_);
  second->Run(stop_);
  EXPECT_THAT(Ids(*first), ElementsAre(1, 3, 5));
  EXPECT_THAT(Ids(*second), ElementsAre(2, 4, 6));
}

TEST_F(MeasurementTest, ClosesItsRingAndReportsAtTheEnd) {
  const auto only = Of(3, {});
  only->Run(stop_);
  EXPECT_FALSE(only->Ended().Drained());
  Ids(*only);
  EXPECT_TRUE(only->Ended().Drained());
  EXPECT_EQ(only->Report().packets_seen, 3U);
  EXPECT_EQ(only->Report().packets_in_records, 3U);
}

TEST_F(MeasurementTest, TakesOnePacketOfSoManyAndCountsTheOthers) {
  MeasurementOptions sampled;
  sampled.sampling = 3;
  const auto only = Of(10, sampled);
  only->Run(stop_);
  EXPECT_EQ(only->Report().packets_seen, 10U);
  EXPECT_EQ(only->Report().packets_in_records, 4U);
  EXPECT_EQ(only->Report().packets_not_sampled, 6U);
}

TEST_F(MeasurementTest, KnowsItsInterfaceBeforeItRuns) {
  const auto only = Of(1, {});
  ASSERT_EQ(only->Report().interfaces.size(), 1U);
  EXPECT_EQ(only->Report().interfaces[0].status.name, "eth7");
  EXPECT_EQ(only->Report().packets_seen, 0U);
}

}  // namespace
}  // namespace exporter
