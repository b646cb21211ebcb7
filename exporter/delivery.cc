// SPDX-License-Identifier: Apache-2.0
#include "exporter/delivery.h"

#include <algorithm>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>
#include <system_error>
#include <utility>

#include "exporter/balance.h"
#include "exporter/community_id.h"
#include "exporter/open_collector.h"
#include "exporter/output_thread.h"
#include "exporter/record.h"
#include "exporter/setup_error.h"
#include "exporter/text_output.h"

namespace exporter {
namespace {

using tracker::Timestamp;

constexpr std::chrono::milliseconds kTick{200};
// Without records for so long, what is in the outputs is not held back for
// more.
constexpr std::chrono::milliseconds kLull{5};
// Records of one ring before it is the turn of the next.
constexpr int kTurn = 1024;

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

bool AnyShowsOwnElements(const Options& options) {
  return options.format.has_value() ||
         std::any_of(
             options.collectors.begin(), options.collectors.end(),
             [](const CollectorUrl& url) { return url.profile.own_elements; });
}

std::optional<SpoolDirectory> OpenSpool(const Options& options,
                                        const std::optional<User>& user) {
  return options.spool.empty()
             ? std::nullopt
             : std::make_optional<SpoolDirectory>(options.spool, user);
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

// A collector may be slow. While an interface is captured, nothing waits for
// it, and no other output ever does.
std::unique_ptr<Output> OpenNetworkCollector(
    const CollectorUrl& url, const Options& options, const Clock& clock,
    const DeliveryHooks& hooks, const std::optional<SpoolOptions>& spool) {
  const bool live = !options.interfaces.empty();
  const std::size_t outputs =
      options.collectors.size() + (options.format.has_value() ? 1 : 0);
  std::unique_ptr<Output> collector = OpenCollector(url, live, hooks, spool);
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
      outputs.push_back({++number, OpenNetworkCollector(
                                       url, options, clock, hooks,
                                       SpoolFor(url, options, spool, hooks))});
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

// Of the outputs; they come first.
std::size_t Balanced(const Options& options) {
  if (!options.balance) {
    return 0;
  }
  return static_cast<std::size_t>(std::count_if(
      options.collectors.begin(), options.collectors.end(),
      [](const CollectorUrl& url) { return url.scheme != Scheme::kFile; }));
}

}  // namespace

Delivery::Delivery(const Options& options, const std::optional<User>& user,
                   const Clock& clock, const DeliveryHooks& hooks)
    : clock_(clock),
      live_(!options.interfaces.empty()),
      spool_(OpenSpool(options, user)),
      outputs_(OpenOutputs(options, clock, hooks, spool_)),
      balanced_(Balanced(options)),
      community_id_(AnyShowsOwnElements(options)),
      hooks_(hooks) {
  for (const CollectorUrl& url : options.collectors) {
    if (url.scheme != Scheme::kFile) {
      served_.push_back({++last_number_, url});
    }
  }
}

void Delivery::RefuseSpoolInUse(const CollectorUrl& url) const {
  if (!spool_ || !MaySpool(url)) {
    return;
  }
  const std::string place = spool_->Of(url);
  for (const Served& served : served_) {
    if (MaySpool(served.url) && spool_->Of(served.url) == place) {
      throw SetupError("--spool: collector '" + served.url.text +
                       "' has a spool, so its parameters cannot change until a "
                       "restart");
    }
  }
  for (const auto& [number, left] : leaving_) {
    if (left == place && !retired_.Closed(number)) {
      throw SetupError("--spool: that of collector '" + url.text +
                       "' is not finished yet; reload again in a while");
    }
  }
}

std::function<void()> Delivery::PrepareCollectors(
    const Options& options,
    const std::function<void(const std::string&)>& say) {
  auto change = std::make_shared<OutputChange>();
  change->balanced = Balanced(options);
  change->community_id = AnyShowsOwnElements(options);
  std::vector<Served> next;
  std::vector<Served> before = served_;
  for (const CollectorUrl& url : options.collectors) {
    if (url.scheme == Scheme::kFile) {
      continue;
    }
    const auto same =
        std::find_if(before.begin(), before.end(),
                     [&](const Served& served) { return served.url == url; });
    if (same != before.end()) {
      next.push_back(*same);
      before.erase(same);
      change->order.push_back({next.back().number, nullptr});
      continue;
    }
    RefuseSpoolInUse(url);
    next.push_back({++last_number_, url});
    change->order.push_back(
        {last_number_,
         OpenNetworkCollector(url, options, clock_, hooks_,
                              SpoolFor(url, options, spool_, hooks_))});
    if (const std::string notice = change->order.back().output->Notice();
        !notice.empty()) {
      say(notice);
    }
  }
  return [this, change, next = std::move(next), before = std::move(before)] {
    for (const Served& leaves : before) {
      if (spool_ && MaySpool(leaves.url)) {
        leaving_[leaves.number] = spool_->Of(leaves.url);
      }
    }
    served_ = next;
    changes_.Post(std::move(*change));
  };
}

void Delivery::Change(Timestamp now) {
  for (OutputChange& change : changes_.Take()) {
    std::vector<NumberedOutput> next = std::move(change.order);
    for (NumberedOutput& output : outputs_) {
      const auto place =
          std::find_if(next.begin(), next.end(), [&](const auto& other) {
            return output.number != 0 && other.number == output.number;
          });
      if (place != next.end()) {
        place->output = std::move(output.output);
      } else if (output.number == 0) {
        next.push_back(std::move(output));
      } else {
        retired_.Add(std::move(output));
      }
    }
    outputs_ = std::move(next);
    balanced_ = change.balanced;
    community_id_ = change.community_id;
  }
  retired_.Tick(now);
}

std::vector<std::string> Delivery::Notices() const {
  std::vector<std::string> notices;
  for (const auto& [number, output] : outputs_) {
    if (std::string notice = output->Notice(); !notice.empty()) {
      notices.push_back(std::move(notice));
    }
  }
  return notices;
}

void Delivery::Publish() {
  ExportReport report;
  for (const auto& [number, output] : outputs_) {
    report.outputs.emplace_back(output->Name(), output->Counts());
  }
  retired_.AddTo(report);
  report_.Publish(std::move(report));
}

Timestamp Delivery::Take(EndedQueue& ring, Timestamp now) {
  int left = kTurn;
  for (const EndedInterval* ended = ring.Front(); ended != nullptr && left > 0;
       ended = ring.Front()) {
    templates::FlowRecord record = MakeRecord(*ended);
    if (community_id_) {
      AssignCommunityId(record);
    }
    now = ended->at;
    if (balanced_ > 0) {
      outputs_[ShareOf(ended->key, balanced_)].output->Add(record, now);
    }
    ring.Pop();
    for (std::size_t i = balanced_; i < outputs_.size(); ++i) {
      outputs_[i].output->Add(record, now);
    }
    --left;
  }
  return now;
}

void Delivery::Run(std::span<EndedQueue* const> rings, Doorbell& doorbell) {
  const auto ready = [](const EndedQueue* ring) { return ring->Ready(); };
  const auto drained = [](const EndedQueue* ring) { return ring->Drained(); };
  const auto all_drained = [&] {
    return std::all_of(rings.begin(), rings.end(), drained);
  };
  const auto something_to_do = [&] {
    return std::any_of(rings.begin(), rings.end(), ready) || all_drained();
  };
  // Files have the time of their packets, so that a run can be repeated.
  Timestamp now = live_ ? clock_.Now() : Timestamp{};
  Timestamp next_tick = now + kTick;
  while (!all_drained()) {
    Change(now);
    for (EndedQueue* ring : rings) {
      now = Take(*ring, now);
    }
    if (live_ && clock_.Now() >= next_tick) {
      now = clock_.Now();
      next_tick = now + kTick;
      for (const auto& [number, output] : outputs_) {
        output->Tick(now);
      }
    }
    Publish();
    doorbell.Wait(kLull, something_to_do);
    if (!something_to_do()) {
      for (const auto& [number, output] : outputs_) {
        output->EndBurst(now);
      }
      doorbell.Wait(kTick, something_to_do);
    }
  }
  for (const auto& [number, output] : outputs_) {
    output->Finish(live_ ? clock_.Now() : now);
  }
  retired_.Finish(now);
  Publish();
}

}  // namespace exporter
