// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <unistd.h>

#include <utility>

#include <sys/stat.h>

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
  // The caller owns it from here on.
  int Release() { return std::exchange(number_, -1); }
  [[nodiscard]] int Get() const { return number_; }
  [[nodiscard]] bool Valid() const { return number_ >= 0; }
  // What it has can be read at once, and again.
  [[nodiscard]] bool IsRegularFile() const {
    struct stat status {};
    return fstat(number_, &status) == 0 && S_ISREG(status.st_mode);
  }

 private:
  int number_ = -1;
};

}  // namespace exporter
