// SPDX-License-Identifier: Apache-2.0
#include "exporter/summary.h"

#include <gtest/gtest.h>

#include "exporter/progress.h"

namespace exporter {
namespace {

CaptureReport From(const std::string& interface, const CaptureCounts& counts) {
  CaptureReport report;
  report.interfaces.push_back(
      {.status = {.name = interface}, .counts = counts});
  return report;
}

TEST(Summary, NamesWhatWasLeftOut) {
  CaptureReport capture;
  capture.packets_seen = 10;
  capture.packets_in_records = 7;
  capture.tracker
      .unmatched[static_cast<std::size_t>(tracker::DecodeResult::kNotIp)] = 2;
  capture.tracker
      .unmatched[static_cast<std::size_t>(tracker::DecodeResult::kTruncated)] =
      1;
  EXPECT_NE(SummaryText(capture, {})
                .find("packets seen 10 = in records 7 + left out 3 "
                      "(truncated 1, not_ip 2)\n"),
            std::string::npos);
}

TEST(Summary, NamesHowFlowsEnded) {
  CaptureReport capture;
  capture.tracker.flows_created = 3;
  capture.tracker.ended[static_cast<std::size_t>(tracker::EndReason::kFin)] = 2;
  capture.flows_live = 1;
  EXPECT_NE(
      SummaryText(capture, {}).find("flows 3 = ended 2 (fin 2) + live 1\n"),
      std::string::npos);
}

TEST(Summary, AccountsForEachOutput) {
  ExportReport exported;
  DeliveryCounts counts;
  counts.made = 9;
  counts.sent = 6;
  counts.dropped["Connection refused"] = 2;
  exported.outputs.emplace_back("udp://h", counts);
  EXPECT_NE(SummaryText({}, exported)
                .find("records made 9 = sent 6 + dropped 2 (Connection refused "
                      "2) + queued 1 to udp://h\n"),
            std::string::npos);
}

TEST(Summary, SaysWhatTheKernelDropped) {
  CaptureReport capture;
  capture.capture.dropped_by_kernel = 4;
  EXPECT_NE(SummaryText(capture, {}).find("dropped by the kernel 4"),
            std::string::npos);
}

TEST(Summary, AddsUpWhatThreadsSay) {
  CaptureReport one;
  one.packets_seen = 15;
  one.packets_not_sampled = 5;
  one.packets_in_records = 6;
  one.octets_in_records = 600;
  one.packets_live = 2;
  one.flows_live = 1;
  one.tracker.flows_created = 3;
  one.tracker.ended[static_cast<std::size_t>(tracker::EndReason::kFin)] = 2;
  one.tracker
      .unmatched[static_cast<std::size_t>(tracker::DecodeResult::kNotIp)] = 1;
  one.tracker.intervals_reported = 4;
  one.fragments.orphans[0] = 1;
  one.records_overrun = 1;
  one.packets_overrun = 1;
  CaptureReport both;
  both += one;
  both += one;

  const std::string text = SummaryText(both, {});

  EXPECT_NE(text.find("packets seen 30 = in records 12 + left out 14 "
                      "(not_sampled 10, not_ip 2, export_overrun 2) + in live "
                      "flows 4\n"
                      "octets of IP in records 1200\n"
                      "flows 6 = ended 4 (fin 4) + live 2; reported while "
                      "active 8\n"
                      "fragments on ports 0: 2"),
            std::string::npos)
      << text;
  EXPECT_NE(text.find("records lost before export 2:"), std::string::npos);
}

TEST(Summary, TakesTheDropsOfTheInterfaceOnceThatEachThreadSaw) {
  CaptureReport both;
  for (const std::uint64_t seen : {7, 9}) {
    both +=
        From("eth1", {.dropped_by_kernel = 5, .dropped_by_interface = seen});
  }
  EXPECT_NE(SummaryText(both, {}).find(
                "dropped by the kernel 10, by the interface 9\n"),
            std::string::npos);
}

TEST(Summary, SaysWhichOfSeveralInterfacesDropped) {
  CaptureReport all;
  all += From("eth1", {.dropped_by_kernel = 5, .dropped_by_interface = 2});
  all += From("eth1", {.dropped_by_kernel = 1, .dropped_by_interface = 2});
  all += From("eth2", {});
  all += From("eth3", {.dropped_by_kernel = 0, .dropped_by_interface = 7});
  EXPECT_EQ(all.interfaces.size(), 3U);
  EXPECT_NE(
      SummaryText(all, {}).find(
          "never seen: dropped by the kernel 6, by the interface 9\n"
          "never seen on eth1: dropped by the kernel 6, by the interface 2\n"
          "never seen on eth3: dropped by the kernel 0, by the interface 7\n"),
      std::string::npos);
}

TEST(Progress, ShowsShareRateAndTimeLeft) {
  EXPECT_EQ(ProgressText(
                {.octets_read = 25, .octets_total = 100, .packets = 3'000'000},
                std::chrono::seconds{2}),
            " 25 %  1.50 M packets/s  6 s left");
}

TEST(Progress, PromisesNothingBeforeTheFirstOctet) {
  EXPECT_EQ(ProgressText({.octets_read = 0, .octets_total = 100, .packets = 0},
                         std::chrono::seconds{1}),
            "  0 %  0.00 M packets/s");
}

}  // namespace
}  // namespace exporter
