// SPDX-License-Identifier: Apache-2.0
// Where a collector's name points, now and later.
#pragma once

#include <functional>
#include <future>

#include "exporter/collector_url.h"
#include "exporter/socket.h"

namespace exporter {

// A look-up may block for as long as name servers do not answer, so all but the
// first go on behind; an answer that comes late counts from the next Again().
class Resolver {
 public:
  // The addresses of a host and port; nullptr when there are none.
  using LookUp = std::function<Addresses(const CollectorUrl&, int type)>;

  // The first look-up; throws SetupError as Resolve() does. `type` as in
  // socket(2).
  Resolver(const CollectorUrl& url, int type);
  // The same with an answer of the caller's.
  Resolver(CollectorUrl url, int type, Addresses first, LookUp look_up);

  // The latest that are known, the best first; at least one. Valid until
  // Again().
  [[nodiscard]] const addrinfo* Latest() const { return latest_.get(); }
  // Asks again, and waits a moment for the answer. Where there is none, or the
  // name does not resolve any more, Latest() stays. Does nothing where the host
  // is an address.
  void Again();

 private:
  CollectorUrl url_;
  int type_;
  LookUp look_up_;
  bool numeric_;
  Addresses latest_;
  std::future<Addresses> answer_;  // of the look-up that goes on
};

// Whether `address` is one of `list`.
bool Contains(const addrinfo* list, const addrinfo& address);

}  // namespace exporter
