// SPDX-License-Identifier: Apache-2.0
#include "exporter/resolver.h"

#include <chrono>
#include <cstring>
#include <thread>
#include <utility>

namespace exporter {
namespace {

// Longer than a hosts file or a resolver on this machine needs.
constexpr std::chrono::milliseconds kMoment{200};

bool IsAddress(const std::string& host) {
  addrinfo hints{};
  hints.ai_flags = AI_NUMERICHOST;
  addrinfo* list = nullptr;
  return Addresses(getaddrinfo(host.c_str(), nullptr, &hints, &list) == 0
                       ? list
                       : nullptr) != nullptr;
}

}  // namespace

Resolver::Resolver(const CollectorUrl& url, int type)
    : Resolver(url, type, Resolve(url, type), LookUpAddresses) {}

Resolver::Resolver(CollectorUrl url, int type, Addresses first, LookUp look_up)
    : url_(std::move(url)),
      type_(type),
      look_up_(std::move(look_up)),
      numeric_(IsAddress(url_.host)),
      latest_(std::move(first)) {}

void Resolver::Again() {
  if (numeric_) {
    return;
  }
  if (!answer_.valid()) {
    std::packaged_task<Addresses()> task(
        [look_up = look_up_, url = url_, type = type_] {
          return look_up(url, type);
        });
    answer_ = task.get_future();
    // Nobody waits for it: the end of a run must not hang on a name server.
    std::thread(std::move(task)).detach();
  }
  if (answer_.wait_for(kMoment) != std::future_status::ready) {
    return;
  }
  if (Addresses answer = answer_.get(); answer != nullptr) {
    latest_ = std::move(answer);
  }
}

bool Contains(const addrinfo* list, const addrinfo& address) {
  for (const addrinfo* at = list; at != nullptr; at = at->ai_next) {
    if (at->ai_addrlen == address.ai_addrlen &&
        std::memcmp(at->ai_addr, address.ai_addr, address.ai_addrlen) == 0) {
      return true;
    }
  }
  return false;
}

}  // namespace exporter
