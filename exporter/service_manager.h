// SPDX-License-Identifier: Apache-2.0
// What systemd is told of us, by its protocol sd_notify(3): datagrams to the
// socket that the environment names. Without one nobody asked, and nothing is
// sent.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/descriptor.h"

namespace exporter {

// Any thread. What cannot be sent is nobody's to hear: a service
// manager that does not listen will end us by its own timeouts.
class ServiceManager {
 public:
  // `socket` as in $NOTIFY_SOCKET: a path, or a name behind '@' that is in no
  // file system; empty: no service manager.
  explicit ServiceManager(const std::string& socket);

  // Also when what Reloading() began is over.
  void Ready() const { Send("READY=1"); }
  void Reloading() const;
  void Stopping() const { Send("STOPPING=1"); }
  void Alive() const { Send("WATCHDOG=1"); }

 private:
  void Send(std::string_view message) const;

  Descriptor socket_;
};

// The socket that $NOTIFY_SOCKET names, or empty.
std::string NotifySocket();
// Half of $WATCHDOG_USEC, as sd_watchdog_enabled(3) recommends for Alive(), or
// none when it is not for this process or makes no sense.
std::optional<std::chrono::microseconds> AliveInterval();

// Says when the service manager may hear that we are alive: once an interval,
// and only if every thread did something in it.
class Watchdog {
 public:
  using Time = std::chrono::steady_clock::time_point;

  Watchdog(std::optional<std::chrono::microseconds> interval, Time now);

  // `rounds` of each thread: they grow while it works, in whatever steps, and
  // are kAtEnd once it rightly does not any more.
  bool Due(Time now, const std::vector<std::uint64_t>& rounds);
  // How long Due() need not be asked, for poll(2); -1: never.
  [[nodiscard]] int Timeout(Time now) const;

  static constexpr std::uint64_t kAtEnd = UINT64_MAX;

 private:
  std::optional<std::chrono::microseconds> interval_;
  Time next_;
  std::vector<std::uint64_t> last_;
};

}  // namespace exporter
