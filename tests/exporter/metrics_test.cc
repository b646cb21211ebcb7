// SPDX-License-Identifier: Apache-2.0
#include "exporter/metrics.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/prometheus_text.h"

namespace exporter {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

TEST(PrometheusText, WritesFamiliesWithTheirSamples) {
  PrometheusText text;
  text.Family("a_total", "counter", "What it is.");
  text.Sample({}, std::uint64_t{18446744073709551615U});
  text.Sample({{"x", "y"}, {"none", ""}, {"z", "1"}}, 0.5);

  EXPECT_EQ(text.Text(),
            "# HELP a_total What it is.\n"
            "# TYPE a_total counter\n"
            "a_total 18446744073709551615\n"
            "a_total{x=\"y\",z=\"1\"} 0.5\n");
}

TEST(PrometheusText, EscapesLabels) {
  PrometheusText text;
  text.Family("a", "gauge", "A.");
  text.Sample({{"x", "\\ \" \n \xff"}}, std::uint64_t{1});

  EXPECT_THAT(text.Text(), HasSubstr(R"(a{x="\\ \" \n ?"} 1)"));
}

TEST(Metrics, SayWhatTheSummarySays) {
  RunSnapshot run;
  CaptureReport capture;
  capture.packets_seen = 10;
  capture.packets_in_records = 7;
  capture.capture.dropped_by_kernel = 4;
  capture.tracker
      .unmatched[static_cast<std::size_t>(tracker::DecodeResult::kNotIp)] = 3;
  capture.tracker.ended[static_cast<std::size_t>(tracker::EndReason::kRst)] = 2;
  run.interfaces = {{"eth1", capture}};
  run.max_flows = 100;

  const std::string text = MetricsText(run);

  EXPECT_THAT(text, HasSubstr("spanfix_packets_seen_total"
                              "{interface=\"eth1\"} 10\n"));
  EXPECT_THAT(text, HasSubstr("spanfix_packets_in_records_total"
                              "{interface=\"eth1\"} 7\n"));
  EXPECT_THAT(text, HasSubstr("spanfix_packets_left_out_total"
                              "{interface=\"eth1\",reason=\"not_ip\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("spanfix_packets_dropped_total"
                              "{interface=\"eth1\",by=\"kernel\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("spanfix_flows_ended_total{interface=\"eth1\","
                              "reason=\"end_of_flow\",cause=\"rst\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("spanfix_flows_limit 100\n"));
}

TEST(Metrics, TellInterfacesApartAndCaptureFilesNot) {
  RunSnapshot run;
  run.interfaces = {{"eth1", {}}, {"eth2", {}}};
  RunSnapshot of_file;
  of_file.interfaces = {{"", {}}};

  EXPECT_THAT(MetricsText(run),
              HasSubstr("spanfix_flows_live{interface=\"eth1\"} 0\n"
                        "spanfix_flows_live{interface=\"eth2\"} 0\n"));
  EXPECT_THAT(MetricsText(of_file), HasSubstr("spanfix_flows_live 0\n"));
}

TEST(Metrics, AccountForEachCollector) {
  RunSnapshot run;
  DeliveryCounts counts;
  counts.made = 9;
  counts.sent = 3;
  counts.spooled = 2;
  counts.repeated = 2;
  counts.dropped["Connection refused"] = 3;
  counts.away_since = tracker::Timestamp{};
  run.exported.outputs = {{"tcp://h", counts}};

  const std::string text = MetricsText(run);

  EXPECT_THAT(text, HasSubstr("records_made_total{collector=\"tcp://h\"} 9\n"));
  EXPECT_THAT(text, HasSubstr("records_sent_total{collector=\"tcp://h\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("records_dropped_total{collector=\"tcp://h\","
                              "reason=\"Connection refused\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("records_queued{collector=\"tcp://h\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("records_spooled{collector=\"tcp://h\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("records_repeated_total"
                              "{collector=\"tcp://h\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("collector_up{collector=\"tcp://h\"} 0\n"));
}

TEST(Metrics, SayWhatIsWrong) {
  RunSnapshot run;
  EXPECT_THAT(MetricsText(run), HasSubstr("spanfix_healthy 1\n"));
  EXPECT_THAT(MetricsText(run), Not(HasSubstr("spanfix_finding{")));

  run.troubles = {"interface 'eth1' is lost"};
  run.findings = {
      {"duplicates", "eth1", Severity::kWarning, "Half are copies."}};

  EXPECT_THAT(MetricsText(run), HasSubstr("spanfix_healthy 0\n"));
  EXPECT_THAT(MetricsText(run), HasSubstr("spanfix_finding{name=\"duplicates\","
                                          "interface=\"eth1\","
                                          "severity=\"warning\"} 1\n"));
}

}  // namespace
}  // namespace exporter
