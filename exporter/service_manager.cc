// SPDX-License-Identifier: Apache-2.0
#include "exporter/service_manager.h"

#include <unistd.h>

#include <algorithm>
#include <charconv>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>

namespace exporter {
namespace {

// Read before any thread starts; nothing here writes the environment.
std::string_view Environment(const char* name) {
  const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe)
  return value == nullptr ? std::string_view() : value;
}

std::optional<std::int64_t> Number(std::string_view text) {
  std::int64_t number = 0;
  const char* const end = text.data() + text.size();
  const auto [behind, error] = std::from_chars(text.data(), end, number);
  return error == std::errc{} && behind == end ? std::optional(number)
                                               : std::nullopt;
}

}  // namespace

ServiceManager::ServiceManager(const std::string& socket) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  // The terminating zero of a path must fit, too.
  if (socket.size() < 2 || (socket[0] != '/' && socket[0] != '@') ||
      socket.size() >= sizeof(address.sun_path)) {
    return;
  }
  std::memcpy(address.sun_path, socket.data(), socket.size());
  if (socket[0] == '@') {
    address.sun_path[0] = '\0';  // the length, not a zero, ends the name
  }
  const auto length =
      static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size());
  Descriptor connected(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (connect(connected.Get(), reinterpret_cast<const sockaddr*>(&address),
              length) == 0) {
    socket_ = std::move(connected);
  }
}

void ServiceManager::Send(std::string_view message) const {
  if (socket_.Valid()) {
    // Without waiting: the summary and the signals are more important.
    static_cast<void>(send(socket_.Get(), message.data(), message.size(),
                           MSG_NOSIGNAL | MSG_DONTWAIT));
  }
}

// The time lets systemd tell this reload from the one before.
void ServiceManager::Reloading() const {
  const auto now = std::chrono::steady_clock::now().time_since_epoch();
  Send("RELOADING=1\nMONOTONIC_USEC=" +
       std::to_string(
           std::chrono::duration_cast<std::chrono::microseconds>(now).count()));
}

std::string NotifySocket() { return std::string(Environment("NOTIFY_SOCKET")); }

std::optional<std::chrono::microseconds> AliveInterval() {
  const std::string_view process = Environment("WATCHDOG_PID");
  if (!process.empty() && Number(process) != getpid()) {
    return std::nullopt;
  }
  const auto timeout = Number(Environment("WATCHDOG_USEC"));
  if (!timeout || *timeout < 2) {
    return std::nullopt;
  }
  return std::chrono::microseconds{*timeout / 2};
}

Watchdog::Watchdog(std::optional<std::chrono::microseconds> interval, Time now)
    : interval_(interval),
      next_(now + interval.value_or(std::chrono::microseconds{0})) {}

bool Watchdog::Due(Time now, const std::vector<std::uint64_t>& rounds) {
  if (!interval_ || now < next_) {
    return false;
  }
  next_ = now + *interval_;
  bool all = true;
  for (std::size_t i = 0; i < rounds.size(); ++i) {
    const std::uint64_t before = i < last_.size() ? last_[i] : 0;
    all = all && (rounds[i] == kAtEnd || rounds[i] != before);
  }
  last_ = rounds;
  return all;
}

int Watchdog::Timeout(Time now) const {
  if (!interval_) {
    return -1;
  }
  const auto left =
      std::chrono::ceil<std::chrono::milliseconds>(next_ - now).count();
  return static_cast<int>(std::clamp<std::int64_t>(left, 0, 60'000));
}

}  // namespace exporter
