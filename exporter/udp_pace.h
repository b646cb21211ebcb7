// SPDX-License-Identifier: Apache-2.0
// When messages may go to a collector that has no means to say "not so fast".
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "exporter/receiver_queue.h"

namespace exporter {

struct UdpPaceOptions {
  std::uint32_t messages_per_second = 0;  // 0: no limit
  // As fast as a collector on this machine empties its socket instead, and at
  // the rate above if it is elsewhere. How long to wait for one that does not
  // read; zero: do not look at it.
  std::chrono::milliseconds patience{0};
};

// Lets a batch of messages through when those before it have had their time, or
// have been read.
class UdpPace {
 public:
  static constexpr std::size_t kMostMessages = 32;  // in a row

  explicit UdpPace(const UdpPaceOptions& options);

  // `socket` is connected to the collector; asked anew after each Open().
  void Opened(int socket);
  // Blocks. At most LargestBatch() messages.
  void Wait(std::size_t messages, std::size_t octets);
  // As many of them were not sent after all.
  void Return(std::size_t messages) {
    next_ -= static_cast<int>(messages) * interval_;
  }
  [[nodiscard]] std::size_t LargestBatch() const {
    return Limits() ? kMostMessages - kMakeUp : kMostMessages;
  }

 private:
  // What a sleep lasts too long is made up for by as many messages.
  static constexpr int kMakeUp = 4;

  [[nodiscard]] bool Limits() const { return interval_.count() > 0; }
  // True: there is room. False: nobody can say, or it does not read.
  bool WaitForRoom(std::size_t needed);
  void WaitForTurn(std::size_t messages);

  std::chrono::nanoseconds interval_;
  std::chrono::milliseconds patience_;
  std::chrono::steady_clock::time_point next_;  // batch
  std::optional<ReceiverQueue> receiver_;
  std::size_t room_ = 0;  // of the kernel's memory, without looking again
  bool does_not_read_ = false;
};

}  // namespace exporter
