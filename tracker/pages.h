// SPDX-License-Identifier: Apache-2.0
// Large arrays whose elements are zero octets until they are written.
#pragma once

#include <cstddef>
#include <type_traits>
#include <utility>

namespace tracker {

// Zeroed memory from the operating system. What is never touched costs address
// space, not memory.
class Pages {
 public:
  Pages() = default;
  // Throws std::bad_alloc.
  explicit Pages(std::size_t octets);
  Pages(Pages&& other) noexcept { Swap(other); }
  Pages& operator=(Pages&& other) noexcept {
    Pages taken(std::move(other));
    Swap(taken);
    return *this;
  }
  ~Pages();

  [[nodiscard]] void* Address() const { return address_; }
  // What is touched from now on comes in large pages where the system has them,
  // so that look-ups all over it miss the TLB less. All of a page is emptied
  // when the first of it is touched. Not the beginning: there may be few.
  void UseLargePages() const;
  // All of these octets are about to be used: their memory comes now, for less
  // than it costs page by page. Those behind the end do not count.
  void Populate(std::size_t from, std::size_t octets) const;
  // Of places of so many octets that are used from the first on, `place` is
  // about to be, the first time: with it comes the memory of many behind it.
  // But of the first ones: there may be few.
  void PopulateAhead(std::size_t place, std::size_t octets) const {
    constexpr std::size_t kAtOnce = 1 << 11;
    if (place > 0 && place % kAtOnce == 0) {
      Populate(place * octets, kAtOnce * octets);
    }
  }

 private:
  void Swap(Pages& other) {
    std::swap(address_, other.address_);
    std::swap(octets_, other.octets_);
  }

  void* address_ = nullptr;
  std::size_t octets_ = 0;
};

// There may be no such octets. Not into the first-level cache: there is more
// room for what is on its way to the second.
[[gnu::always_inline]] inline void PrefetchToSecondLevel(const void* octets) {
  constexpr int kRead = 0;
  constexpr int kSecondLevel = 2;
  __builtin_prefetch(octets, kRead, kSecondLevel);
}

// An array of T, all of whose octets are zero at first.
template <typename T>
class PageArray {
 public:
  static_assert(std::is_trivially_copyable_v<T> &&
                std::is_trivially_destructible_v<T>);

  PageArray() = default;
  explicit PageArray(std::size_t count) : pages_(count * sizeof(T)) {}

  T& operator[](std::size_t at) {
    return static_cast<T*>(pages_.Address())[at];
  }
  const T& operator[](std::size_t at) const {
    return static_cast<const T*>(pages_.Address())[at];
  }
  // As Pages::UseLargePages().
  void UseLargePages() const { pages_.UseLargePages(); }
  // As Pages::Populate(); of those of `count` that there are.
  void Populate(std::size_t at, std::size_t count) const {
    pages_.Populate(at * sizeof(T), count * sizeof(T));
  }
  // As Pages::PopulateAhead().
  void PopulateAhead(std::size_t at) const {
    pages_.PopulateAhead(at, sizeof(T));
  }
  // There may be no such place.
  [[gnu::always_inline]] void Prefetch(std::size_t at) const {
    PrefetchToSecondLevel(static_cast<const T*>(pages_.Address()) + at);
  }

 private:
  Pages pages_;
};

}  // namespace tracker
