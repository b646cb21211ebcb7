// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <mutex>

namespace exporter {

// Where one thread sleeps until others have something for it. Who rings has
// changed an atomic before, the sleeper says that he sleeps before he looks at
// it, all sequentially consistent, so one of them sees the other. Only the
// first to ring makes a system call; ringing costs the others one load, as it
// does while nobody sleeps.
class Doorbell {
 public:
  // Blocks until ready(), which is asked at the beginning and at each ring, or
  // for `longest`.
  template <typename Ready>
  void Wait(std::chrono::milliseconds longest, Ready ready) {
    std::unique_lock lock(mutex_);
    rung_.wait_for(lock, longest, [&] {
      sleeps_.store(true);
      return ready();
    });
    sleeps_.store(false);
  }
  // Any thread.
  void Ring() {
    if (sleeps_.load() && sleeps_.exchange(false)) {
      // Between his look and his sleep the sleeper has the mutex. He is woken
      // without it, as he takes it first of all.
      { const std::lock_guard lock(mutex_); }
      rung_.notify_all();
    }
  }
  // Whether ringing now would wake somebody.
  [[nodiscard]] bool SomebodySleeps() const { return sleeps_.load(); }

 private:
  std::atomic<bool> sleeps_{false};
  std::mutex mutex_;
  std::condition_variable rung_;
};

}  // namespace exporter
