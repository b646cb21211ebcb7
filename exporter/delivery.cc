// SPDX-License-Identifier: Apache-2.0
#include "exporter/delivery.h"

#include <algorithm>
#include <array>
#include <memory>
#include <new>
#include <string>
#include <utility>

#include "exporter/balance.h"
#include "exporter/community_id.h"
#include "exporter/open_outputs.h"
#include "exporter/record.h"
#include "exporter/setup_error.h"

namespace exporter {
namespace {

using tracker::Timestamp;

constexpr std::chrono::milliseconds kTick{200};
// Without records for so long, what is in the outputs is not held back for
// more.
constexpr std::chrono::milliseconds kLull{5};
// Records of one ring before it is the turn of the next.
constexpr std::size_t kTurn = 1024;

std::optional<SpoolDirectory> OpenSpool(const Options& options,
                                        const std::optional<User>& user) {
  return options.spool.empty()
             ? std::nullopt
             : std::make_optional<SpoolDirectory>(options.spool, user);
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
         OpenNetworkCollector(url, options, clock_, hooks_, spool_)});
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

// The records of those that come next in the ring, with what is to be known
// beside them.
struct Delivery::Group {
  static constexpr std::size_t kMost = kCommunityIdsAtOnce;
  struct Origin {
    Timestamp at;
    tracker::EndReason reason = tracker::EndReason::kShutdown;
    std::size_t share = 0;  // whose it is, of those that divide the flows
  };

  // As many as are there, and fit.
  void TakeFrom(EndedQueue& ring, std::size_t balanced) {
    for (count = 0; count < kMost; ++count) {
      const EndedInterval* ended = ring.Front();
      if (ended == nullptr) {
        return;
      }
      // Made where it stays: to assign it is 6 % of a run of short flows.
      ::new (static_cast<void*>(&records[count]))
          templates::FlowRecord(MakeRecord(*ended));
      origins[count] = {ended->at, ended->reason,
                        balanced > 0 ? ShareOf(ended->flow.key, balanced) : 0};
      ring.Pop();
    }
  }

  std::array<templates::FlowRecord, kMost> records;
  std::array<Origin, kMost> origins;
  std::size_t count = 0;
};

Timestamp Delivery::Take(EndedQueue& ring, Timestamp now) {
  Group group;
  for (std::size_t taken = 0; taken < kTurn; taken += group.count) {
    group.TakeFrom(ring, balanced_);
    if (group.count == 0) {
      break;
    }
    if (community_id_) {
      AssignCommunityIds(std::span(group.records).first(group.count));
    }
    for (std::size_t i = 0; i < group.count; ++i) {
      now = group.origins[i].at;
      if (group.origins[i].reason == tracker::EndReason::kShutdown) {
        TellCaptureEnded();
      }
      Deliver(group.records[i], group.origins[i].share, now);
    }
  }
  return now;
}

void Delivery::TellCaptureEnded() {
  if (capture_ended_) {
    return;
  }
  capture_ended_ = true;
  for (const NumberedOutput& output : outputs_) {
    output.output->CaptureEnded();
  }
}

void Delivery::Deliver(const templates::FlowRecord& record, std::size_t share,
                       Timestamp now) {
  if (balanced_ > 0) {
    outputs_[share].output->Add(record, now);
  }
  for (std::size_t i = balanced_; i < outputs_.size(); ++i) {
    outputs_[i].output->Add(record, now);
  }
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
