// SPDX-License-Identifier: Apache-2.0
#include "exporter/live_interface.h"

#include <chrono>
#include <thread>
#include <utility>

#include "exporter/bpf_filter.h"

namespace exporter {
namespace {

using std::chrono::milliseconds;

// Before what failed is tried again.
constexpr milliseconds kPause{1000};
// The kernel says up to a second late that there is a carrier.
constexpr milliseconds kCarrierDelay{2000};

std::string Words(LinkState state) {
  switch (state) {
    case LinkState::kUp:
      return "is up again";
    case LinkState::kNoCarrier:
      return "has no carrier; is the cable plugged in?";
    case LinkState::kDown:
      return "is down; waiting for it";
    case LinkState::kGone:
      break;
  }
  return "is gone; waiting for it";
}

}  // namespace

LiveInterface::LiveInterface(const LiveOptions& options, const Clock& clock)
    : options_(options),
      clock_(clock),
      seeds_(RandomFanoutSeeds()),
      known_to_kernel_(LinkNamed(options.interface).state != LinkState::kGone) {
  status_.name = options.interface;
  status_.state = LinkState::kUp;
  status_.since = clock.Now();
  try {
    OpenSockets();
    if (!sockets_.front()->Notice().empty()) {
      notices_.push_back(sockets_.front()->Notice());
    }
  } catch (const InterfaceDown&) {
    CheckFilter(options.filter);
    status_.index = LinkNamed(options.interface).index;
    status_.state = LinkState::kDown;
    notices_.push_back(Sentence(Words(LinkState::kDown)));
  }
}

Link LiveInterface::Look() const {
  return known_to_kernel_ ? LinkNamed(options_.interface)
                          : Link{status_.index, LinkState::kUp};
}

void LiveInterface::OpenSockets() {
  // A packet that was about to be delivered when a socket joined is by then.
  constexpr milliseconds kDelivery{10};
  std::vector<std::unique_ptr<PacketSocket>> sockets;
  while (sockets.size() < options_.threads) {
    sockets.push_back(std::make_unique<PacketSocket>(options_));
  }
  if (sockets.size() > 1) {
    FanoutGroup group(seeds_);
    for (const auto& socket : sockets) {
      socket->Join(group);
    }
    // Until here each of them got everything.
    std::this_thread::sleep_for(kDelivery);
    const tracker::Timestamp start = clock_.Now();
    for (const auto& socket : sockets) {
      socket->ForgetBefore(start);
    }
  }
  status_.index = sockets.front()->Index();
  sockets_ = std::move(sockets);
  sockets_filter_ = filter_number_;
  status_.open = true;
  ++life_;
}

void LiveInterface::CloseSockets() {
  sockets_.clear();
  status_.open = false;
  ++life_;
}

LiveInterface::Share LiveInterface::Take(std::size_t thread) {
  const std::lock_guard lock(mutex_);
  return {status_.open ? std::move(sockets_[thread]) : nullptr, life_,
          sockets_filter_};
}

std::function<void()> LiveInterface::PrepareFilter(
    const std::string& expression) {
  // What libpcap gives to the kernel depends on the interface, so a socket that
  // nobody reads has it compiled. Its handle is not one that is in use, and
  // names in the filter may take their time.
  LiveOptions trial = options_;
  trial.filter = expression;
  trial.ring_mebibytes = 1;
  trial.promiscuous = false;
  const std::uint64_t life = life_;
  KernelFilter program;
  const auto socket = [&]() -> std::unique_ptr<PacketSocket> {
    try {
      return Status().open ? std::make_unique<PacketSocket>(trial) : nullptr;
    } catch (const InterfaceDown&) {
      return nullptr;
    }
  }();
  if (socket != nullptr) {
    program = socket->GetFilter();
  } else {
    CheckFilter(expression);  // the next sockets have it compiled
  }
  return [this, life, expression, program = std::move(program)] {
    const std::lock_guard lock(mutex_);
    options_.filter = expression;
    program_ = program;
    ++filter_number_;
    // It may be another kind of interface by now.
    if (status_.open && (life != life_ || program_.empty())) {
      CloseSockets();
    }
  };
}

LiveInterface::Filter LiveInterface::CurrentFilter() const {
  const std::lock_guard lock(mutex_);
  return {filter_number_, options_.filter, program_};
}

InterfaceStatus LiveInterface::Status() const {
  const std::lock_guard lock(mutex_);
  return status_;
}

void LiveInterface::Watch() {
  const std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock.owns_lock()) {
    return;
  }
  const Link link = Look();
  // One of the same name is not the one that the sockets are bound to.
  if (status_.open && link.index != status_.index) {
    CloseSockets();
    Enter(LinkState::kGone);
  }
  if (!status_.open &&
      (link.state == LinkState::kUp || link.state == LinkState::kNoCarrier)) {
    OpenAgain();
  }
  if (status_.open || link.state == LinkState::kDown ||
      link.state == LinkState::kGone) {
    Enter(Settled(link.state));
  }
}

LinkState LiveInterface::Settled(LinkState seen) {
  if (seen != LinkState::kNoCarrier || status_.state == LinkState::kNoCarrier) {
    no_carrier_since_.reset();
    return seen;
  }
  const tracker::Timestamp now = clock_.Now();
  no_carrier_since_ = no_carrier_since_.value_or(now);
  return now - *no_carrier_since_ < kCarrierDelay ? LinkState::kUp : seen;
}

void LiveInterface::Fail(std::uint64_t life, const std::string& error) {
  {
    const std::lock_guard lock(mutex_);
    if (life != life_) {
      return;  // another thread was first
    }
    CloseSockets();
    const Link link = Look();
    if (link.index != status_.index) {
      Enter(LinkState::kGone);
    } else {
      next_attempt_ = clock_.Now() + kPause;
      TellFailure(link, "failed: " + error + "; opening it again");
    }
  }
  Watch();
}

void LiveInterface::OpenAgain() {
  if (clock_.Now() < next_attempt_) {
    return;
  }
  next_attempt_ = clock_.Now() + kPause;
  const std::uint32_t index = status_.index;
  try {
    OpenSockets();
  } catch (const SetupError& error) {
    TellFailure(Look(), std::string("cannot be opened again: ") + error.what());
    return;
  }
  told_failure_.clear();
  next_attempt_ = {};
  if (status_.state != LinkState::kDown || status_.index != index) {
    Tell("is back with ifIndex " + std::to_string(status_.index));
    status_.state = LinkState::kUp;
    status_.since = clock_.Now();
  }
}

void LiveInterface::Enter(LinkState state) {
  if (state == status_.state) {
    return;
  }
  status_.state = state;
  status_.since = clock_.Now();
  Tell(Words(state));
}

// Once until it is well. That it is down or gone is told by itself.
void LiveInterface::TellFailure(const Link& link, const std::string& what) {
  if (link.state != LinkState::kDown && link.state != LinkState::kGone &&
      what != told_failure_) {
    told_failure_ = what;
    Tell(what);
  }
}

void LiveInterface::Tell(const std::string& what) const {
  if (options_.tell) {
    options_.tell(Sentence(what));
  }
}

}  // namespace exporter
