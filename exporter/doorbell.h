// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace exporter {

// Where one thread sleeps until others have something for it. Who rings has
// changed an atomic before, the sleeper says that he sleeps before he looks at
// it, all sequentially consistent, so one of them sees the other; ringing
// costs one load while nobody sleeps.
class Doorbell {
 public:
  // Blocks until ready(), which is asked at the beginning and at each ring, or
  // for `timeout`.
  template <typename Ready>
  void Wait(std::chrono::milliseconds timeout, Ready ready) {
    std::unique_lock lock(mutex_);
    sleeps_.store(true);
    rung_.wait_for(lock, timeout, ready);
    sleeps_.store(false);
  }
  // Any thread.
  void Ring() {
    if (sleeps_.load()) {
      const std::lock_guard lock(mutex_);
      rung_.notify_all();
    }
  }
  // Whether ringing now would wake somebody, more or less.
  [[nodiscard]] bool SomebodySleeps() const {
    return sleeps_.load(std::memory_order_relaxed);
  }

 private:
  std::atomic<bool> sleeps_{false};
  std::mutex mutex_;
  std::condition_variable rung_;
};

}  // namespace exporter
