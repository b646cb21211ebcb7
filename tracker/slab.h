// SPDX-License-Identifier: Apache-2.0
// Places for a fixed number of objects that are made and destroyed in place.
#pragma once

#include <algorithm>
#include <cstddef>
#include <new>
#include <utility>

#include "tracker/pages.h"

namespace tracker {

// The owner knows which places hold an object, and destroys those before the
// slab goes.
template <typename T>
class Slab {
 public:
  Slab() = default;
  explicit Slab(std::size_t capacity)
      : pages_(capacity * sizeof(Place)), capacity_(capacity) {}

  [[nodiscard]] std::size_t Capacity() const { return capacity_; }

  template <typename... Args>
  T& Construct(std::size_t at, Args&&... args) {
    return *::new (static_cast<void*>(Places() + at))
        T{std::forward<Args>(args)...};
  }
  void Destroy(std::size_t at) { (*this)[at].~T(); }

  T& operator[](std::size_t at) {
    return *std::launder(reinterpret_cast<T*>(Places() + at));
  }
  const T& operator[](std::size_t at) const {
    return *std::launder(reinterpret_cast<const T*>(Places() + at));
  }
  // As Pages::UseLargePages() and Pages::PopulateAhead().
  void UseLargePages() const { pages_.UseLargePages(); }
  void PopulateAhead(std::size_t at) const {
    pages_.PopulateAhead(at, sizeof(Place));
  }
  // Inline always: GCC leaves out a call of what has no effect that it knows.
  [[gnu::always_inline]] void Prefetch(std::size_t at) const {
    for (std::size_t line = 0; line < sizeof(T); line += kLine) {
      PrefetchToSecondLevel(Places()[at].octets + line);
    }
    if constexpr (kAlignment < kLine) {
      PrefetchToSecondLevel(Places()[at].octets + sizeof(T) - 1);
    }
  }

 private:
  static constexpr std::size_t kLine = 64;
  // Large ones in lines of their own, so that one miss fewer fetches them.
  static constexpr std::size_t kAlignment =
      sizeof(T) < kLine ? alignof(T) : std::max(alignof(T), kLine);

  struct alignas(kAlignment) Place {
    std::byte octets[sizeof(T)];
  };

  [[nodiscard]] Place* Places() const {
    return static_cast<Place*>(pages_.Address());
  }

  Pages pages_;
  std::size_t capacity_ = 0;
};

}  // namespace tracker
