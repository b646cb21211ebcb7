// SPDX-License-Identifier: Apache-2.0
// What the socket transports share.
#pragma once

#include <netdb.h>
#include <unistd.h>

#include <memory>
#include <string>
#include <utility>

#include "exporter/collector_url.h"

namespace exporter {

// Owns a file descriptor.
class Descriptor {
 public:
  Descriptor() = default;
  explicit Descriptor(int number) : number_(number) {}
  Descriptor(Descriptor&& other) noexcept
      : number_(std::exchange(other.number_, -1)) {}
  Descriptor& operator=(Descriptor&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
  }
  ~Descriptor() { Reset(); }

  void Reset() {
    if (number_ >= 0) {
      close(number_);
    }
    number_ = -1;
  }
  [[nodiscard]] int Get() const { return number_; }
  [[nodiscard]] bool Valid() const { return number_ >= 0; }

 private:
  int number_ = -1;
};

struct FreeAddresses {
  void operator()(addrinfo* list) const { freeaddrinfo(list); }
};
using Addresses = std::unique_ptr<addrinfo, FreeAddresses>;

// The addresses of the URL's host and port, `type` as in socket(2). Throws
// SetupError when the name does not resolve.
Addresses Resolve(const CollectorUrl& url, int type);

}  // namespace exporter
