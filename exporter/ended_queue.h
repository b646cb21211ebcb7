// SPDX-License-Identifier: Apache-2.0
// The ring between a capture thread and the export thread.
//
// One producer, one consumer, a fixed number of places. The places are written
// and read in place; positions only grow. Either side sleeps when it has
// nothing to do, and is woken by the other: a position is moved before the look
// at the sleeper, who says that he sleeps before the look at the positions, all
// sequentially consistent, so one of them sees the other.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <mutex>
#include <vector>

#include "exporter/record.h"

namespace exporter {

class EndedQueue {
 public:
  // `capacity` is a power of two.
  explicit EndedQueue(std::size_t capacity)
      : places_(capacity), mask_(capacity - 1) {}

  // Producer. A place to fill and then Commit(), or nullptr when full.
  EndedInterval* Reserve() {
    const std::size_t tail = tail_.load(std::memory_order_relaxed);
    return tail - head_.load(std::memory_order_acquire) == places_.size()
               ? nullptr
               : &places_[tail & mask_];
  }
  void Commit() { tail_.store(tail_.load(std::memory_order_relaxed) + 1); }
  // Producer. Enough has come together that it is worth a system call.
  [[nodiscard]] bool WorthWaking() const {
    return tail_.load(std::memory_order_relaxed) -
               head_.load(std::memory_order_relaxed) >=
           std::min(kBatch, places_.size() / 4);
  }
  // Producer. The consumer looks by itself after its timeout; sooner if woken.
  void WakeConsumer() { Wake(consumer_sleeps_); }
  // Producer. Blocks until there is room, or for 10 milliseconds.
  void WaitForRoom() {
    WakeConsumer();
    Sleep(producer_sleeps_, std::chrono::milliseconds{10},
          [&] { return tail_.load() - head_.load() < places_.size(); });
  }
  // Producer. Nothing comes any more.
  void Close() {
    closed_.store(true);
    WakeConsumer();
  }

  // Consumer. The oldest interval, valid until Pop(); nullptr when empty.
  const EndedInterval* Front() {
    const std::size_t head = head_.load(std::memory_order_relaxed);
    return head == tail_.load(std::memory_order_acquire)
               ? nullptr
               : &places_[head & mask_];
  }
  void Pop() {
    head_.store(head_.load(std::memory_order_relaxed) + 1);
    // The producer only sleeps when the ring is full; let it refill a good
    // part.
    if (producer_sleeps_.load(std::memory_order_relaxed) &&
        tail_.load() - head_.load() <= places_.size() / 2) {
      Wake(producer_sleeps_);
    }
  }
  // Consumer. Blocks until there is something, Close(), or `timeout`.
  void Wait(std::chrono::milliseconds timeout) {
    Sleep(consumer_sleeps_, timeout,
          [&] { return head_.load() != tail_.load() || closed_.load(); });
  }
  // Consumer. Closed, and everything was taken.
  [[nodiscard]] bool Drained() const {
    return closed_.load() && head_.load() == tail_.load();
  }

 private:
  static constexpr std::size_t kBatch = 256;

  template <typename Ready>
  void Sleep(std::atomic<bool>& sleeps, std::chrono::milliseconds timeout,
             Ready ready) {
    std::unique_lock lock(mutex_);
    sleeps.store(true);
    wake_.wait_for(lock, timeout, ready);
    sleeps.store(false);
  }
  void Wake(const std::atomic<bool>& sleeps) {
    if (sleeps.load()) {
      const std::lock_guard lock(mutex_);
      wake_.notify_all();
    }
  }

  std::vector<EndedInterval> places_;
  std::size_t mask_;
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
  std::atomic<bool> closed_{false};
  std::atomic<bool> consumer_sleeps_{false};
  std::atomic<bool> producer_sleeps_{false};
  std::mutex mutex_;
  std::condition_variable wake_;
};

}  // namespace exporter
