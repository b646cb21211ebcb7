// SPDX-License-Identifier: Apache-2.0
#include "exporter/udp_pace.h"

#include <algorithm>
#include <thread>

namespace exporter {
namespace {

using std::chrono::steady_clock;

// Kernel memory for messages of so many octets, at least: 2304 octets for one
// of 1420 and 16640 for one of 8192 were seen.
std::size_t MemoryFor(std::size_t messages, std::size_t octets) {
  constexpr std::size_t kOverhead = 832;
  return messages * kOverhead + 2 * octets;
}

}  // namespace

UdpPace::UdpPace(const UdpPaceOptions& options)
    : interval_(options.messages_per_second == 0
                    ? std::chrono::nanoseconds{0}
                    : std::chrono::nanoseconds{std::chrono::seconds{1}} /
                          options.messages_per_second),
      patience_(options.patience) {}

void UdpPace::Opened(int socket) {
  room_ = 0;
  does_not_read_ = false;
  receiver_.reset();
  if (patience_.count() > 0) {
    receiver_.emplace(socket);
  }
}

void UdpPace::Wait(std::size_t messages, std::size_t octets) {
  if (receiver_ && WaitForRoom(MemoryFor(messages, octets))) {
    return;
  }
  if (Limits()) {
    WaitForTurn(messages);
  }
}

bool UdpPace::WaitForRoom(std::size_t needed) {
  constexpr std::size_t kMostWithoutLooking = std::size_t{4} << 20;
  constexpr std::chrono::microseconds kShortestPause{100};
  constexpr std::chrono::microseconds kLongestPause{2000};
  if (room_ >= needed) {
    room_ -= needed;
    return true;
  }
  const auto begin = steady_clock::now();
  for (auto pause = kShortestPause;;
       pause = std::min(2 * pause, kLongestPause)) {
    const std::optional<ReceiverQueue::Memory> memory = receiver_->Look();
    if (!memory) {
      return false;
    }
    // Half of what is free is left to others who send there.
    const std::size_t room = memory->Free() / 2;
    if (room >= std::min(needed, memory->limit / 4)) {
      room_ = std::min(room, kMostWithoutLooking);
      room_ -= std::min(room_, needed);
      does_not_read_ = false;
      return true;
    }
    if (does_not_read_ || steady_clock::now() - begin >= patience_) {
      does_not_read_ = true;
      return false;
    }
    std::this_thread::sleep_for(pause);
  }
}

void UdpPace::WaitForTurn(std::size_t messages) {
  const auto now = steady_clock::now();
  if (next_ > now) {
    std::this_thread::sleep_until(next_);
  }
  next_ = std::max(next_, now - kMakeUp * interval_) +
          static_cast<int>(messages) * interval_;
}

}  // namespace exporter
