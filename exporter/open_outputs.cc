// SPDX-License-Identifier: Apache-2.0
#include "exporter/open_outputs.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <string>
#include <system_error>
#include <utility>

#include "exporter/output_thread.h"
#include "exporter/setup_error.h"
#include "exporter/text_output.h"

namespace exporter {
namespace {

// Throws if the file of `url` is also read, or written by an earlier collector.
void RefuseToOverwrite(const Options& options, const CollectorUrl& url) {
  std::error_code none;
  for (const std::string& file : options.files) {
    if (std::filesystem::equivalent(file, url.path, none)) {
      throw SetupError("'" + url.path + "' is read by -r; write another file");
    }
  }
  for (const CollectorUrl& other : options.collectors) {
    if (&other == &url) {
      break;
    }
    if (other.scheme == Scheme::kFile &&
        std::filesystem::equivalent(other.path, url.path, none)) {
      throw SetupError("'" + url.path +
                       "' is written already; write another file");
    }
  }
}

// Of the collector of `url`, if that may have one.
std::optional<SpoolOptions> SpoolFor(const CollectorUrl& url,
                                     const Options& options,
                                     const std::optional<SpoolDirectory>& spool,
                                     const DeliveryHooks& hooks) {
  if (!spool || !MaySpool(url)) {
    return std::nullopt;
  }
  for (const CollectorUrl& other : options.collectors) {
    if (&other == &url) {
      break;
    }
    if (MaySpool(other) && spool->Of(other) == spool->Of(url)) {
      throw SetupError("--spool: the collectors '" + other.text + "' and '" +
                       url.text +
                       "' would have one spool; give the second another "
                       "domain, as in ?domain=2");
    }
  }
  SpoolOptions own;
  own.directory = spool->Of(url);
  own.user = spool->Owner();
  own.most_octets = options.spool_octets;
  own.say = hooks.say;
  return own;
}

}  // namespace

// A collector may be slow. While an interface is captured, nothing waits for
// it, and no other output ever does.
std::unique_ptr<Output> OpenNetworkCollector(
    const CollectorUrl& url, const Options& options, const Clock& clock,
    const DeliveryHooks& hooks, const std::optional<SpoolDirectory>& spool) {
  const bool live = !options.interfaces.empty();
  const std::size_t outputs =
      options.collectors.size() + (options.format.has_value() ? 1 : 0);
  std::unique_ptr<Output> collector =
      OpenCollector(url, live, hooks, SpoolFor(url, options, spool, hooks));
  if (!live && outputs == 1) {
    return collector;
  }
  return std::make_unique<OutputThread>(std::move(collector), clock,
                                        OutputThreadOptions{.live = live});
}

std::vector<NumberedOutput> OpenOutputs(
    const Options& options, const Clock& clock, const DeliveryHooks& hooks,
    const std::optional<SpoolDirectory>& spool) {
  const bool live = !options.interfaces.empty();
  std::vector<NumberedOutput> outputs;
  std::uint64_t number = 0;
  for (const CollectorUrl& url : options.collectors) {
    if (url.scheme != Scheme::kFile) {
      outputs.push_back(
          {++number, OpenNetworkCollector(url, options, clock, hooks, spool)});
    }
  }
  for (const CollectorUrl& url : options.collectors) {
    if (url.scheme == Scheme::kFile) {
      RefuseToOverwrite(options, url);
      outputs.push_back({0, OpenCollector(url, live, hooks)});
    }
  }
  if (options.format) {
    outputs.push_back({0, MakeTextOutput(*options.format, stdout)});
  }
  return outputs;
}

std::size_t Balanced(const Options& options) {
  if (!options.balance) {
    return 0;
  }
  return static_cast<std::size_t>(std::count_if(
      options.collectors.begin(), options.collectors.end(),
      [](const CollectorUrl& url) { return url.scheme != Scheme::kFile; }));
}

bool AnyShowsOwnElements(const Options& options) {
  return options.format.has_value() ||
         std::any_of(
             options.collectors.begin(), options.collectors.end(),
             [](const CollectorUrl& url) { return url.profile.own_elements; });
}

}  // namespace exporter
