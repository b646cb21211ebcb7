// SPDX-License-Identifier: Apache-2.0
// Room for a fixed number of objects that are made and destroyed in place.
#pragma once

#include <cstddef>
#include <memory>
#include <new>
#include <utility>

namespace tracker {

// Room that was never used costs address space, not memory. The owner knows
// which places hold an object, and destroys those before the slab goes.
template <typename T>
class Slab {
 public:
  Slab() = default;
  explicit Slab(std::size_t capacity)
      : places_(std::make_unique_for_overwrite<Place[]>(capacity)),
        capacity_(capacity) {}

  [[nodiscard]] std::size_t Capacity() const { return capacity_; }

  template <typename... Args>
  T& Construct(std::size_t at, Args&&... args) {
    return *::new (static_cast<void*>(&places_[at]))
        T{std::forward<Args>(args)...};
  }
  void Destroy(std::size_t at) { (*this)[at].~T(); }

  T& operator[](std::size_t at) {
    return *std::launder(reinterpret_cast<T*>(&places_[at]));
  }
  const T& operator[](std::size_t at) const {
    return *std::launder(reinterpret_cast<const T*>(&places_[at]));
  }
  // The address alone, to prefetch.
  [[nodiscard]] const void* Address(std::size_t at) const {
    return &places_[at];
  }

 private:
  struct alignas(64) Place {
    std::byte octets[(sizeof(T) + 63) / 64 * 64];
  };

  std::unique_ptr<Place[]> places_;
  std::size_t capacity_ = 0;
};

}  // namespace tracker
