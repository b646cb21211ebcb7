// SPDX-License-Identifier: Apache-2.0
// One interface, by its name, through all its lives: it may go down, and be
// removed and created again with another ifIndex. The only place that opens
// interfaces.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "exporter/clock.h"
#include "exporter/fanout.h"
#include "exporter/link_state.h"
#include "exporter/packet_socket.h"
#include "exporter/source.h"

namespace exporter {

// Shared by the sources of its threads; any of them may call anything.
class LiveInterface {
 public:
  // Opens a socket for each of options.threads. One that is down is waited for.
  // Throws SetupError: there is no such interface, or it cannot be captured.
  LiveInterface(const LiveOptions& options, const Clock& clock);

  struct Share {
    std::unique_ptr<PacketSocket> socket;  // null while it is away
    std::uint64_t life = 0;
    std::uint64_t filter = 0;  // that the socket has
  };
  // That of one thread, from 0.
  Share Take(std::size_t thread);
  // Another number when there are other sockets, or none any more: then what
  // was taken is to be given up.
  [[nodiscard]] std::uint64_t Life() const { return life_.load(); }

  struct Filter {
    std::uint64_t number = 0;  // grows with each
    std::string expression;
    KernelFilter program;  // of `expression`; empty: no socket had it yet
  };
  // As Source::PrepareFilter(); the interface outlives what it gives.
  [[nodiscard]] std::function<void()> PrepareFilter(
      const std::string& expression);
  // To be compared with that of the share that was taken.
  [[nodiscard]] std::uint64_t FilterNumber() const { return filter_number_; }
  [[nodiscard]] Filter CurrentFilter() const;

  // Nothing came for a while: asks the kernel why, opens the interface again
  // when it is back, and tells what changed. Returns at once when another
  // thread is at it.
  void Watch();
  // A socket of that life has failed.
  void Fail(std::uint64_t life, const std::string& error);

  [[nodiscard]] InterfaceStatus Status() const;
  // What the user should know before it starts.
  [[nodiscard]] const std::vector<std::string>& Notices() const {
    return notices_;
  }

 private:
  [[nodiscard]] Link Look() const;
  void OpenSockets();
  void CloseSockets();
  void OpenAgain();
  // What it is, once it has been for long enough.
  LinkState Settled(LinkState seen);
  void Enter(LinkState state);
  void TellFailure(const Link& link, const std::string& what);
  void Tell(const std::string& what) const;
  [[nodiscard]] std::string Sentence(const std::string& what) const {
    return "interface '" + options_.interface + "' " + what;
  }

  LiveOptions options_;  // `filter` under mutex_, the others do not change
  const Clock& clock_;
  const FanoutSeeds seeds_;
  // Not libpcap's own, such as "any", of which the kernel knows nothing.
  const bool known_to_kernel_;
  std::vector<std::string> notices_;
  std::atomic<std::uint64_t> life_{0};
  std::atomic<std::uint64_t> filter_number_{0};

  mutable std::mutex mutex_;
  std::vector<std::unique_ptr<PacketSocket>> sockets_;  // not yet taken
  std::uint64_t sockets_filter_ = 0;                    // its number
  KernelFilter program_;
  InterfaceStatus status_;
  tracker::Timestamp next_attempt_{};
  std::optional<tracker::Timestamp> no_carrier_since_;  // not yet told
  std::string told_failure_;  // since it was last well
};

}  // namespace exporter
