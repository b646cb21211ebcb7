// SPDX-License-Identifier: Apache-2.0
// The only clock of the program, so that tests can bring their own.
#pragma once

#include <chrono>

#include "tracker/time.h"

namespace exporter {

class Clock {
 public:
  Clock() = default;
  Clock(const Clock&) = delete;
  Clock& operator=(const Clock&) = delete;
  virtual ~Clock() = default;

  // The time of day.
  [[nodiscard]] virtual tracker::Timestamp Now() const = 0;
};

class SystemClock final : public Clock {
 public:
  [[nodiscard]] tracker::Timestamp Now() const override {
    return std::chrono::system_clock::now();
  }
};

}  // namespace exporter
