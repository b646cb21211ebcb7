// SPDX-License-Identifier: Apache-2.0
#include "exporter/retired_outputs.h"

#include <utility>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace exporter {
namespace {

using testing::SizeIs;

// Finishes when it is told to for the second time.
class Slow final : public Output {
 public:
  explicit Slow(DeliveryCounts counts) : counts_(std::move(counts)) {}

  void Add(const templates::FlowRecord& /*record*/,
           tracker::Timestamp /*now*/) override {}
  void Tick(tracker::Timestamp /*now*/) override {}
  void Finish(tracker::Timestamp /*now*/) override {}
  bool FinishSoon(tracker::Timestamp /*now*/) override {
    return std::exchange(told_, true);
  }
  [[nodiscard]] DeliveryCounts Counts() const override { return counts_; }
  [[nodiscard]] std::string Name() const override { return "tcp://h"; }

 private:
  DeliveryCounts counts_;
  bool told_ = false;
};

DeliveryCounts Counts(std::uint64_t made, std::uint64_t sent,
                      std::uint64_t spooled) {
  DeliveryCounts counts;
  counts.made = made;
  counts.sent = sent;
  counts.spooled = spooled;
  counts.away_since = tracker::Timestamp{};
  return counts;
}

NumberedOutput Retiring(const DeliveryCounts& counts) {
  return {7, std::make_unique<Slow>(counts)};
}

TEST(RetiredOutputs, StayInTheReportWhileTheyFinishAndAfterwards) {
  RetiredOutputs retired;
  retired.Add(Retiring(Counts(3, 2, 0)));

  retired.Tick({});
  ExportReport finishing;
  retired.AddTo(finishing);
  EXPECT_FALSE(retired.Closed(7));
  ASSERT_THAT(finishing.outputs, SizeIs(1));
  EXPECT_EQ(finishing.outputs[0].second.Queued(), 1U);

  retired.Tick({});
  ExportReport closed;
  retired.AddTo(closed);
  EXPECT_TRUE(retired.Closed(7));
  ASSERT_THAT(closed.outputs, SizeIs(1));
  EXPECT_EQ(closed.outputs[0].second.made, 3U);
  EXPECT_FALSE(closed.outputs[0].second.away_since.has_value());
}

TEST(RetiredOutputs, AreOneWithAnOutputOfTheirName) {
  RetiredOutputs retired;
  retired.Add(Retiring(Counts(3, 3, 0)));
  retired.Finish({});
  ExportReport report;
  report.outputs.emplace_back("tcp://h", Counts(10, 9, 0));

  retired.AddTo(report);

  ASSERT_THAT(report.outputs, SizeIs(1));
  EXPECT_EQ(report.outputs[0].second.made, 13U);
  EXPECT_EQ(report.outputs[0].second.sent, 12U);
}

TEST(RetiredOutputs, DoNotCountAgainWhatTheNextFindsInTheirSpool) {
  RetiredOutputs retired;
  retired.Add(Retiring(Counts(5, 3, 2)));
  retired.Finish({});
  ExportReport report;
  DeliveryCounts next = Counts(10, 10, 0);
  next.earlier.made = 2;
  next.earlier.sent = 2;
  report.outputs.emplace_back("tcp://h", next);

  retired.AddTo(report);

  const DeliveryCounts& sum = report.outputs[0].second;
  EXPECT_EQ(sum.made, 13U);
  EXPECT_EQ(sum.sent, 13U);
  EXPECT_EQ(sum.spooled, 0U);
  EXPECT_EQ(sum.earlier.sent, 2U);
}

}  // namespace
}  // namespace exporter
