// SPDX-License-Identifier: Apache-2.0
// The ring between two threads: a capture thread and the export thread, or this
// and that of a collector.
//
// One producer, one consumer, a fixed number of places. The places are written
// and read in place; positions only grow, and the other side hears of several
// at once, as each time is a cache line that changes hands. Either side sleeps
// when it has nothing to do, and is woken by the other (doorbell.h); one
// consumer may serve several rings, so the doorbell at which it sleeps belongs
// to none of them.
#pragma once

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <limits>
#include <vector>

#include "exporter/doorbell.h"

namespace exporter {

template <typename T>
class Ring {
 public:
  // What is worth waking a consumer who must not be late, and one who may.
  static constexpr std::size_t kSoon = 256;
  static constexpr std::size_t kLate = std::numeric_limits<std::size_t>::max();

  // `capacity` is a power of two. The consumer sleeps at `consumer`, which
  // outlives the queue, and is worth waking when so many wait for him, or a
  // quarter of them all.
  Ring(std::size_t capacity, Doorbell& consumer,
       std::size_t worth_waking = kSoon)
      : places_(capacity),
        mask_(capacity - 1),
        consumer_(consumer),
        worth_waking_(OrAQuarter(worth_waking)) {}

  // Producer. A place to fill and then Commit(), or nullptr when full.
  T* Reserve() {
    if (filled_ - given_back_ == places_.size()) {
      given_back_ = head_.load(std::memory_order_acquire);
    }
    return filled_ - given_back_ == places_.size()
               ? nullptr
               : &places_[filled_ & mask_].value;
  }
  // The consumer gets it when some have come together, or at Publish().
  void Commit() {
    ++filled_;
    Fetch<kToWrite>(filled_ + kAhead);
    if (filled_ - tail_.load(std::memory_order_relaxed) >=
        OrAQuarter(kAtOnce)) {
      Publish();
    }
  }
  // Producer. What was committed is the consumer's, who is woken if that is
  // worth a system call; else he looks by himself after his timeout. To be
  // called before the producer turns to something that takes its time.
  void Publish() {
    if (filled_ == tail_.load(std::memory_order_relaxed)) {
      return;
    }
    tail_.store(filled_);
    if (filled_ - head_.load(std::memory_order_relaxed) >= worth_waking_) {
      consumer_.Ring();
    }
  }
  // Producer. The same, and the consumer is woken.
  void WakeConsumer() {
    Publish();
    consumer_.Ring();
  }
  // Producer. Blocks until half of the places are free, so that it is worth the
  // way, or for `longest`.
  void WaitForRoom(std::chrono::milliseconds longest) {
    WakeConsumer();
    producer_.Wait(longest, [&] { return HalfFree(); });
  }
  // Producer. Nothing comes any more.
  void Close() {
    Publish();
    closed_.store(true);
    consumer_.Ring();
  }

  // Consumer. The oldest, valid until Pop(); nullptr when empty.
  const T* Front() {
    if (next_ == end_) {
      GiveBack();
      end_ = tail_.load(std::memory_order_acquire);
    }
    if (next_ == end_) {
      return nullptr;
    }
    Fetch<kToRead>(next_ + kAhead);
    return &places_[next_ & mask_].value;
  }
  // The producer hears of it when some have come together, and when Front()
  // finds no more.
  void Pop() {
    ++next_;
    if (next_ - head_.load(std::memory_order_relaxed) >=
        OrAQuarter(kGiveBack)) {
      GiveBack();
    }
  }
  // Consumer. There is something to take.
  [[nodiscard]] bool Ready() const { return next_ != tail_.load(); }
  // Consumer. Closed, and everything was taken.
  [[nodiscard]] bool Drained() const { return closed_.load() && !Ready(); }
  // Any thread. Close() was called.
  [[nodiscard]] bool Closed() const { return closed_.load(); }

 private:
  static constexpr std::size_t kAtOnce = 16;
  static constexpr std::size_t kGiveBack = 64;
  static constexpr std::size_t kAhead = 12;
  static constexpr std::size_t kLine = 64;
  enum Purpose : int { kToRead, kToWrite };

  // No two share a line.
  struct alignas(kLine) Place {
    T value;
  };

  // With the right to write, which the processor would have to ask the other
  // thread's for as soon as it does. GCC has it only where every processor of
  // the target knows it; those that do not take it for nothing.
  static void PrefetchToWrite(const std::byte* line) {
#ifdef __x86_64__
    asm volatile("prefetchw %0" : : "m"(*line));
#else
    __builtin_prefetch(line, 1);
#endif
  }
  // The other thread's processor had it last. What is far behind in a place is
  // seldom used.
  template <Purpose kPurpose>
  void Fetch(std::size_t position) {
    constexpr std::size_t kOctets = std::min(sizeof(T), 4 * kLine);
    const auto* place =
        reinterpret_cast<const std::byte*>(&places_[position & mask_]);
// GCC would keep the loop, which is as long as what it does.
#pragma GCC unroll 4
    for (std::size_t at = 0; at < kOctets; at += kLine) {
      if constexpr (kPurpose == kToWrite) {
        PrefetchToWrite(place + at);
      } else {
        __builtin_prefetch(place + at);
      }
    }
  }

  // Of a small ring, less.
  [[nodiscard]] std::size_t OrAQuarter(std::size_t places) const {
    return std::min(places, places_.size() / 4);
  }
  void GiveBack() {
    head_.store(next_);
    if (producer_.SomebodySleeps() && HalfFree()) {
      producer_.Ring();
    }
  }
  [[nodiscard]] bool HalfFree() const {
    return tail_.load() - head_.load() <= places_.size() / 2;
  }

  std::vector<Place> places_;
  std::size_t mask_;
  Doorbell& consumer_;
  std::size_t worth_waking_;
  Doorbell producer_;
  alignas(64) std::size_t next_ = 0;    // the consumer's alone:
  std::size_t end_ = 0;                 // those before it are there
  alignas(64) std::size_t filled_ = 0;  // the producer's alone:
  std::size_t given_back_ = 0;          // those before it were
  alignas(64) std::atomic<std::size_t> head_{0};
  alignas(64) std::atomic<std::size_t> tail_{0};
  std::atomic<bool> closed_{false};
};

}  // namespace exporter
