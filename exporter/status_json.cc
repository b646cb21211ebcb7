// SPDX-License-Identifier: Apache-2.0
#include "exporter/status_json.h"

#include <array>
#include <chrono>
#include <numeric>
#include <string_view>

#include <arpa/inet.h>
#include <nlohmann/json.hpp>

#include "tracker/decode.h"
#include "tracker/flow.h"

namespace exporter {
namespace {

using nlohmann::json;

std::string AddressText(const tracker::IpAddress& address, int version) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(version == 4 ? AF_INET : AF_INET6,
            address.octets.data() + (version == 4 ? 12 : 0), text.data(),
            text.size());
  return text.data();
}

std::int64_t Milliseconds(tracker::Timestamp time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(
             time.time_since_epoch())
      .count();
}

// [{"name": ..., "count": ...}, ...], without those that are 0.
class Counts {
 public:
  void Add(std::string_view name, std::uint64_t count) {
    if (count > 0) {
      list_.push_back({{"name", name}, {"count", count}});
      total_ += count;
    }
  }
  [[nodiscard]] const json& List() const { return list_; }
  [[nodiscard]] std::uint64_t Total() const { return total_; }

 private:
  json list_ = json::array();
  std::uint64_t total_ = 0;
};

json Packets(const CaptureReport& capture) {
  Counts left_out;
  left_out.Add("not_sampled", capture.packets_not_sampled);
  for (std::size_t i = 1; i < tracker::kDecodeResults; ++i) {
    const auto reason = static_cast<tracker::DecodeResult>(i);
    left_out.Add(tracker::Name(reason), capture.tracker.Unmatched(reason));
  }
  left_out.Add("export_overrun", capture.packets_overrun);
  return {{"seen", capture.packets_seen},
          {"in_records", capture.packets_in_records},
          {"in_live_flows", capture.packets_live},
          {"left_out", left_out.Total()},
          {"left_out_by_reason", left_out.List()},
          {"dropped_by_kernel", capture.capture.dropped_by_kernel},
          {"dropped_by_interface", capture.capture.dropped_by_interface}};
}

json Flows(const CaptureReport& capture, std::size_t limit) {
  Counts ended;
  for (std::size_t i = 1; i < tracker::kEndReasons; ++i) {
    const auto cause = static_cast<tracker::EndReason>(i);
    ended.Add(tracker::Name(cause), capture.tracker.Ended(cause));
  }
  return {{"created", capture.tracker.flows_created},
          {"ended", ended.Total()},
          {"ended_by_cause", ended.List()},
          {"live", capture.flows_live},
          {"limit", limit},
          {"active_timeouts", capture.tracker.intervals_reported},
          {"records_overrun", capture.records_overrun}};
}

json Orphans(const CaptureReport& capture) {
  Counts orphans;
  for (std::size_t i = 0; i < tracker::kOrphans; ++i) {
    orphans.Add(tracker::Name(static_cast<tracker::Orphan>(i)),
                capture.fragments.orphans[i]);
  }
  return orphans.List();
}

json Interfaces(const std::vector<InterfaceReport>& interfaces) {
  json list = json::array();
  for (const auto& [name, capture] : interfaces) {
    list.push_back({{"name", name}, {"packets", Packets(capture)}});
  }
  return list;
}

json Collectors(const ExportReport& exported) {
  json list = json::array();
  for (const auto& [name, counts] : exported.outputs) {
    Counts dropped;
    for (const auto& [reason, count] : counts.dropped) {
      dropped.Add(reason, count);
    }
    list.push_back({{"name", name},
                    {"made", counts.made},
                    {"sent", counts.sent},
                    {"queued", counts.Queued()},
                    {"spooled", counts.spooled},
                    {"spooled_of_earlier_runs", counts.earlier.spooled},
                    {"dropped", dropped.Total()},
                    {"dropped_by_reason", dropped.List()},
                    {"repeated", counts.repeated},
                    {"away_since_ms",
                     counts.away_since ? json(Milliseconds(*counts.away_since))
                                       : json()}});
  }
  return list;
}

json Talkers(const TrafficReport& traffic) {
  json hosts = json::array();
  for (const auto& [key, octets] : traffic.hosts) {
    hosts.push_back({{"address", AddressText(key.address, key.ip_version)},
                     {"octets", octets}});
  }
  json conversations = json::array();
  for (const auto& [key, octets] : traffic.conversations) {
    conversations.push_back({{"low", AddressText(key.low, key.ip_version)},
                             {"high", AddressText(key.high, key.ip_version)},
                             {"protocol", key.protocol},
                             {"port", key.port},
                             {"octets", octets}});
  }
  return {{"interval", traffic.interval},
          {"hosts", std::move(hosts)},
          {"conversations", std::move(conversations)}};
}

json Findings(const std::vector<Finding>& findings) {
  json list = json::array();
  for (const Finding& finding : findings) {
    list.push_back({{"name", finding.name},
                    {"interface", finding.interface},
                    {"severity", Name(finding.severity)},
                    {"sentence", finding.sentence}});
  }
  return list;
}

}  // namespace

std::string StatusJson(const RunSnapshot& run) {
  const CaptureReport all = run.Captured();
  const json status{{"version", SPANFIX_VERSION},
                    {"started_ms", Milliseconds(run.started)},
                    {"now_ms", Milliseconds(run.now)},
                    {"troubles", run.troubles},
                    {"findings", Findings(run.findings)},
                    {"packets", Packets(all)},
                    {"wire_octets", run.traffic.octets_seen},
                    {"flows", Flows(all, run.max_flows)},
                    {"interfaces", Interfaces(run.interfaces)},
                    {"collectors", Collectors(run.exported)},
                    {"talkers", Talkers(run.traffic)},
                    {"rates",
                     {{"step_seconds", run.rates.step_seconds},
                      {"packets_per_second", run.rates.packets_per_second},
                      {"octets_per_second", run.rates.octets_per_second}}}};
  return status.dump(-1, ' ', false, json::error_handler_t::replace);
}

std::string SummaryJson(const CaptureReport& capture,
                        const ExportReport& exported, std::size_t max_flows) {
  const json summary{{"packets", Packets(capture)},
                     {"ip_octets_in_records", capture.octets_in_records},
                     {"fragments_on_ports_0", Orphans(capture)},
                     {"flows", Flows(capture, max_flows)},
                     {"collectors", Collectors(exported)}};
  return summary.dump(-1, ' ', false, json::error_handler_t::replace);
}

}  // namespace exporter
