// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <mutex>
#include <utility>

namespace exporter {

// The latest value that one thread shows to others.
template <typename T>
class Published {
 public:
  void Publish(T value) {
    const std::lock_guard lock(mutex_);
    value_ = std::move(value);
    ++times_;
  }
  [[nodiscard]] T Latest() const {
    const std::lock_guard lock(mutex_);
    return value_;
  }
  // How often something was published: a sign of life.
  [[nodiscard]] std::uint64_t Times() const {
    const std::lock_guard lock(mutex_);
    return times_;
  }

 private:
  mutable std::mutex mutex_;
  T value_;
  std::uint64_t times_ = 0;
};

}  // namespace exporter
