// SPDX-License-Identifier: Apache-2.0
#include "exporter/metrics.h"

#include <functional>
#include <numeric>
#include <string_view>

#include "exporter/prometheus_text.h"
#include "tracker/decode.h"
#include "tracker/flow.h"

namespace exporter {
namespace {

using Value = std::function<std::uint64_t(const CaptureReport&)>;

constexpr std::string_view kCounter = "counter";
constexpr std::string_view kGauge = "gauge";

// One sample for each interface.
void OfEach(const RunSnapshot& run, PrometheusText& text,
            const MetricLabels& more, const Value& value) {
  for (const InterfaceReport& interface : run.interfaces) {
    MetricLabels labels{{"interface", interface.name}};
    labels.insert(labels.end(), more.begin(), more.end());
    text.Sample(labels, value(interface.capture));
  }
}

struct Family {
  std::string_view name;
  std::string_view type;
  std::string_view help;
};

void Whole(const RunSnapshot& run, PrometheusText& text, const Family& family,
           const Value& value) {
  text.Family(family.name, family.type, family.help);
  OfEach(run, text, {}, value);
}

void AddProcess(const RunSnapshot& run, PrometheusText& text) {
  using Seconds = std::chrono::duration<double>;
  text.Family("spanfix_build_info", kGauge, "Which spanfix this is; always 1.");
  text.Sample({{"version", SPANFIX_VERSION}}, std::uint64_t{1});
  text.Family("process_start_time_seconds", kGauge,
              "When the process started, in seconds since 1970.");
  text.Sample({}, Seconds(run.started.time_since_epoch()).count());
  text.Family("spanfix_healthy", kGauge,
              "1 if /healthz answers ok, 0 if it says what is wrong.");
  text.Sample({}, std::uint64_t{run.troubles.empty() ? 1U : 0U});
  text.Family("spanfix_finding", kGauge,
              "1 for each thing that is wrong with what is captured.");
  for (const Finding& finding : run.findings) {
    text.Sample({{"name", finding.name},
                 {"interface", finding.interface},
                 {"severity", std::string(Name(finding.severity))}},
                std::uint64_t{1});
  }
}

void AddPackets(const RunSnapshot& run, PrometheusText& text) {
  Whole(run, text,
        {"spanfix_packets_seen_total", kCounter, "Packets that were captured."},
        [](const auto& capture) { return capture.packets_seen; });
  text.Family("spanfix_wire_bytes_total", kCounter,
              "Octets of the packets that were captured, on the wire.");
  text.Sample({}, run.traffic.octets_seen);
  Whole(run, text,
        {"spanfix_packets_in_records_total", kCounter,
         "Packets that records were made of."},
        [](const auto& capture) { return capture.packets_in_records; });
  Whole(run, text,
        {"spanfix_ip_bytes_in_records_total", kCounter,
         "Octets of IP that records were made of."},
        [](const auto& capture) { return capture.octets_in_records; });
  Whole(run, text,
        {"spanfix_packets_in_live_flows", kGauge,
         "Packets that are counted, but not yet in a record."},
        [](const auto& capture) { return capture.packets_live; });

  text.Family("spanfix_packets_left_out_total", kCounter,
              "Packets that are in no record, by reason.");
  OfEach(run, text, {{"reason", "not_sampled"}},
         [](const auto& capture) { return capture.packets_not_sampled; });
  for (std::size_t i = 1; i < tracker::kDecodeResults; ++i) {
    const auto reason = static_cast<tracker::DecodeResult>(i);
    if (reason == tracker::DecodeResult::kHeld) {
      continue;  // for now only: spanfix_fragments_held
    }
    OfEach(run, text, {{"reason", std::string(tracker::Name(reason))}},
           [reason](const auto& capture) {
             return capture.tracker.Unmatched(reason);
           });
  }
  OfEach(run, text, {{"reason", "export_overrun"}},
         [](const auto& capture) { return capture.packets_overrun; });

  text.Family("spanfix_packets_dropped_total", kCounter,
              "Packets that were never seen: dropped by the kernel, whose "
              "buffer was full, or by the interface.");
  OfEach(run, text, {{"by", "kernel"}},
         [](const auto& capture) { return capture.capture.dropped_by_kernel; });
  OfEach(run, text, {{"by", "interface"}}, [](const auto& capture) {
    return capture.capture.dropped_by_interface;
  });
}

// IANA's words for flowEndReason.
std::string_view EndReasonOf(tracker::EndReason cause) {
  using tracker::EndReason;
  switch (cause) {
    case EndReason::kFin:
    case EndReason::kRst:
    case EndReason::kReplaced:
      return "end_of_flow";
    case EndReason::kIdleTimeout:
      return "idle_timeout";
    case EndReason::kActiveTimeout:
      return "active_timeout";
    case EndReason::kEvicted:
      return "lack_of_resources";
    case EndReason::kShutdown:
      break;
  }
  return "forced_end";
}

void AddFlows(const RunSnapshot& run, PrometheusText& text) {
  Whole(run, text,
        {"spanfix_flows_created_total", kCounter, "Flows that began."},
        [](const auto& capture) { return capture.tracker.flows_created; });
  text.Family("spanfix_flows_ended_total", kCounter,
              "Flows that ended, by flowEndReason and flowEndCause.");
  for (std::size_t i = 1; i < tracker::kEndReasons; ++i) {
    const auto cause = static_cast<tracker::EndReason>(i);
    if (cause == tracker::EndReason::kActiveTimeout) {
      continue;  // the flow goes on
    }
    OfEach(
        run, text,
        {{"reason", std::string(EndReasonOf(cause))},
         {"cause", std::string(tracker::Name(cause))}},
        [cause](const auto& capture) { return capture.tracker.Ended(cause); });
  }
  Whole(run, text, {"spanfix_flows_live", kGauge, "Flows that go on."},
        [](const auto& capture) { return capture.flows_live; });
  text.Family("spanfix_flows_limit", kGauge,
              "Live flows that there is room for: --max-flows.");
  text.Sample({}, std::uint64_t{run.max_flows});
  Whole(run, text,
        {"spanfix_active_timeouts_total", kCounter,
         "Records of flows that went on."},
        [](const auto& capture) { return capture.tracker.intervals_reported; });
  Whole(run, text,
        {"spanfix_fragments_held", kGauge,
         "Fragments that wait for the first of their datagram."},
        [](const auto& capture) { return capture.fragments.held; });
  text.Family("spanfix_fragments_without_ports_total", kCounter,
              "Fragments that were counted on ports 0, by reason.");
  for (std::size_t i = 0; i < tracker::kOrphans; ++i) {
    OfEach(run, text,
           {{"reason",
             std::string(tracker::Name(static_cast<tracker::Orphan>(i)))}},
           [i](const auto& capture) { return capture.fragments.orphans[i]; });
  }
  Whole(run, text,
        {"spanfix_records_overrun_total", kCounter,
         "Records that found no room on their way to the export thread."},
        [](const auto& capture) { return capture.records_overrun; });
}

using Output = std::pair<std::string, DeliveryCounts>;

void OfEachCollector(
    const std::vector<Output>& outputs, PrometheusText& text,
    const Family& family,
    const std::function<std::uint64_t(const DeliveryCounts&)>& value) {
  text.Family(family.name, family.type, family.help);
  for (const auto& [collector, counts] : outputs) {
    text.Sample({{"collector", collector}}, value(counts));
  }
}

void AddCollectors(const std::vector<Output>& outputs, PrometheusText& text) {
  OfEachCollector(outputs, text,
                  {"spanfix_collector_records_made_total", kCounter,
                   "Records for the collector, as it counts them."},
                  [](const auto& counts) { return counts.made; });
  OfEachCollector(outputs, text,
                  {"spanfix_collector_records_sent_total", kCounter,
                   "Records that were handed over to the network."},
                  [](const auto& counts) { return counts.sent; });
  text.Family("spanfix_collector_records_dropped_total", kCounter,
              "Records that were not sent, by reason.");
  for (const auto& [collector, counts] : outputs) {
    for (const auto& [reason, count] : counts.dropped) {
      text.Sample({{"collector", collector}, {"reason", reason}}, count);
    }
  }
  OfEachCollector(outputs, text,
                  {"spanfix_collector_records_queued", kGauge,
                   "Records that wait in memory to be sent."},
                  [](const auto& counts) { return counts.Queued(); });
  OfEachCollector(outputs, text,
                  {"spanfix_collector_records_spooled", kGauge,
                   "Records of this run that wait in the spool."},
                  [](const auto& counts) { return counts.spooled; });
  OfEachCollector(outputs, text,
                  {"spanfix_collector_records_of_earlier_runs_spooled", kGauge,
                   "Records of earlier runs that wait in the spool."},
                  [](const auto& counts) { return counts.earlier.spooled; });
  OfEachCollector(outputs, text,
                  {"spanfix_collector_records_repeated_total", kCounter,
                   "Records that were sent again after a lost connection."},
                  [](const auto& counts) { return counts.repeated; });
  OfEachCollector(
      outputs, text,
      {"spanfix_collector_up", kGauge,
       "0 while a connection cannot be made or was lost, else 1."},
      [](const auto& counts) { return counts.away_since ? 0U : 1U; });
}

}  // namespace

std::string MetricsText(const RunSnapshot& run) {
  PrometheusText text;
  AddProcess(run, text);
  AddPackets(run, text);
  AddFlows(run, text);
  AddCollectors(run.exported.outputs, text);
  return text.Text();
}

}  // namespace exporter
