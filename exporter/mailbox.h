// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <mutex>
#include <utility>
#include <vector>

namespace exporter {

// Where one thread leaves things for another, which looks now and then: that
// costs it one load while there is nothing.
template <typename T>
class Mailbox {
 public:
  void Post(T thing) {
    const std::lock_guard lock(mutex_);
    things_.push_back(std::move(thing));
    full_.store(true);
  }
  // All that was left since the last call, in order.
  std::vector<T> Take() {
    if (Empty()) {
      return {};
    }
    const std::lock_guard lock(mutex_);
    full_.store(false);
    return std::exchange(things_, {});
  }
  [[nodiscard]] bool Empty() const { return !full_.load(); }

 private:
  std::atomic<bool> full_{false};
  std::mutex mutex_;
  std::vector<T> things_;
};

}  // namespace exporter
