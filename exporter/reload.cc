// SPDX-License-Identifier: Apache-2.0
#include "exporter/reload.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <numeric>
#include <string_view>
#include <utility>

namespace exporter {
namespace {

// An option, and how its value is said.
struct Row {
  std::string_view name;
  std::string (*value)(const Options& options);
};

std::string OrOff(const std::string& text) {
  return text.empty() ? "off" : text;
}

std::string Switch(bool on) { return on ? "on" : "off"; }

std::string Seconds(tracker::Duration time) {
  return std::to_string(
      std::chrono::duration_cast<std::chrono::seconds>(time).count());
}

std::string Listed(const std::vector<std::string>& words) {
  return words.empty()
             ? "off"
             : std::accumulate(words.begin() + 1, words.end(), words.front(),
                               [](const std::string& a, const std::string& b) {
                                 return a + ", " + b;
                               });
}

std::string Files(const Options& options) {
  std::vector<std::string> files;
  for (const CollectorUrl& url : options.collectors) {
    if (url.scheme == Scheme::kFile) {
      files.push_back('\'' + url.text + '\'');
    }
  }
  return Listed(files);
}

std::string Key(const Options& options) {
  std::vector<std::string> parts;
  if (options.five_tuple.vlan_in_key) {
    parts.emplace_back("vlan");
  }
  if (options.five_tuple.tunnel_in_key) {
    parts.emplace_back("tunnel");
  }
  return Listed(parts);
}

std::string Format(const Options& options) {
  if (!options.format) {
    return "off";
  }
  return *options.format == TextFormat::kJson ? "json" : "table";
}

// What is opened, or what the flows that live are made of.
constexpr std::array kFixed = {
    Row{"interface", [](const Options& o) { return Listed(o.interfaces); }},
    Row{"read", [](const Options& o) { return Listed(o.files); }},
    Row{"sampling",
        [](const Options& o) { return std::to_string(o.sampling); }},
    Row{"threads",
        [](const Options& o) { return std::to_string(o.live.threads); }},
    Row{"ring-size",
        [](const Options& o) { return std::to_string(o.live.ring_mebibytes); }},
    Row{"snaplen",
        [](const Options& o) { return std::to_string(o.live.snaplen); }},
    Row{"promiscuous",
        [](const Options& o) -> std::string {
          return o.live.promiscuous ? "yes" : "no";
        }},
    Row{"immediate", [](const Options& o) { return Switch(o.live.immediate); }},
    Row{"spool", [](const Options& o) { return OrOff(o.spool); }},
    Row{"spool-size",
        [](const Options& o) { return std::to_string(o.spool_octets); }},
    Row{"write", Files},
    Row{"format", Format},
    Row{"tunnels",
        [](const Options& o) -> std::string {
          return o.five_tuple.innermost ? "inner" : "outer";
        }},
    Row{"key", Key},
    Row{"dedup",
        [](const Options& o) { return Switch(o.five_tuple.drop_duplicates); }},
    Row{"user", [](const Options& o) { return OrOff(o.user); }},
    Row{"http", [](const Options& o) { return o.http ? o.http->text : "off"; }},
    Row{"log-format",
        [](const Options& o) -> std::string {
          return o.log.format == LogFormat::kJson ? "json" : "text";
        }},
};

constexpr std::array kReloaded = {
    Row{"idle-timeout-tcp",
        [](const Options& o) { return Seconds(o.tracker.idle_timeout_tcp); }},
    Row{"idle-timeout-udp",
        [](const Options& o) { return Seconds(o.tracker.idle_timeout_udp); }},
    Row{"idle-timeout-other",
        [](const Options& o) { return Seconds(o.tracker.idle_timeout_other); }},
    Row{"active-timeout",
        [](const Options& o) { return Seconds(o.tracker.active_timeout); }},
    Row{"active-align",
        [](const Options& o) { return Switch(o.tracker.active_align); }},
    Row{"close-linger",
        [](const Options& o) { return Seconds(o.tracker.close_linger); }},
    Row{"max-flows",
        [](const Options& o) { return std::to_string(o.tracker.max_flows); }},
    Row{"filter", [](const Options& o) { return '\'' + o.filter + '\''; }},
    Row{"balance", [](const Options& o) { return Switch(o.balance); }},
    Row{"log-level",
        [](const Options& o) { return std::string(Name(o.log.level)); }},
};

// Parts of a CollectorUrl.
constexpr std::array<std::string_view, 5> kOfCollectors = {
    "collector", "profile", "observation-domain", "pen", "template-refresh"};

bool IsFile(const CollectorUrl& url) { return url.scheme == Scheme::kFile; }

// Those by a network as wanted, in what of them follows from options that stay;
// the files as they are.
std::vector<CollectorUrl> Collectors(const Options& running,
                                     const Options& wanted) {
  std::vector<CollectorUrl> collectors;
  for (CollectorUrl url : wanted.collectors) {
    if (!IsFile(url)) {
      url.sampling = running.sampling;
      url.profile.overlays = running.five_tuple.innermost;
      collectors.push_back(std::move(url));
    }
  }
  std::copy_if(running.collectors.begin(), running.collectors.end(),
               std::back_inserter(collectors), IsFile);
  return collectors;
}

void Compare(const std::vector<CollectorUrl>& before, ReloadPlan& plan) {
  const auto tell = [&](const std::vector<CollectorUrl>& from,
                        const std::vector<CollectorUrl>& to,
                        const std::string& what) {
    for (const CollectorUrl& url : to) {
      if (std::find(from.begin(), from.end(), url) == from.end()) {
        plan.changes.push_back(what + " collector '" + url.text + '\'');
      }
    }
  };
  tell(before, plan.options.collectors, "new");
  tell(plan.options.collectors, before, "no more");
}

}  // namespace

ReloadPlan PlanReload(const Options& running, const Options& wanted,
                      std::size_t most_flows) {
  ReloadPlan plan;
  plan.options = running;
  const auto stays = [&](const Row& row, const std::string& why) {
    plan.stays.push_back("--" + std::string(row.name) + " stays " +
                         row.value(running) + " until a restart" + why);
  };
  for (const Row& row : kFixed) {
    if (row.value(running) != row.value(wanted)) {
      stays(row, "");
    }
  }
  Options& options = plan.options;
  options.tracker = wanted.tracker;
  options.filter = wanted.filter;
  options.balance = wanted.balance;
  options.log.level = wanted.log.level;
  options.collectors = Collectors(running, wanted);
  if (options.collectors.empty() && !options.format) {
    options.collectors = running.collectors;
    options.balance = running.balance;
    plan.stays.emplace_back(
        "the collectors stay until a restart: without any there would be no "
        "output");
  }
  if (options.tracker.max_flows > most_flows) {
    options.tracker.max_flows = running.tracker.max_flows;
    plan.stays.push_back("--max-flows stays " +
                         std::to_string(running.tracker.max_flows) +
                         " until a restart: the start took memory for " +
                         std::to_string(most_flows));
  }
  for (const Row& row : kReloaded) {
    if (const std::string before = row.value(running), now = row.value(options);
        before != now) {
      std::string change(row.name);
      change.append(" ").append(before).append(" -> ").append(now);
      plan.changes.push_back(std::move(change));
    }
  }
  Compare(running.collectors, plan);
  plan.collectors = options.collectors != running.collectors ||
                    options.balance != running.balance;
  return plan;
}

std::vector<std::string> OptionsKnownToReload() {
  std::vector<std::string> names(kOfCollectors.begin(), kOfCollectors.end());
  for (const Row& row : kFixed) {
    names.emplace_back(row.name);
  }
  for (const Row& row : kReloaded) {
    names.emplace_back(row.name);
  }
  return names;
}

}  // namespace exporter
