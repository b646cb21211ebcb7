// SPDX-License-Identifier: Apache-2.0
#include "exporter/rate_meter.h"

namespace exporter {

void RateMeter::Observe(Time now, std::uint64_t packets, std::uint64_t octets) {
  if (!totals_.empty() && now - totals_.back().at < kStep) {
    return;
  }
  totals_.push_back({now, packets, octets});
  if (totals_.size() > kSteps + 1) {
    totals_.pop_front();
  }
}

RateHistory RateMeter::Rates() const {
  RateHistory rates;
  rates.step_seconds = kStep.count();
  for (std::size_t i = 1; i < totals_.size(); ++i) {
    const Total& before = totals_[i - 1];
    const Total& after = totals_[i];
    // Of what it was, not of what it should have been: we may be late.
    const double seconds =
        std::chrono::duration<double>(after.at - before.at).count();
    rates.packets_per_second.push_back(
        static_cast<double>(after.packets - before.packets) / seconds);
    rates.octets_per_second.push_back(
        static_cast<double>(after.octets - before.octets) / seconds);
  }
  return rates;
}

}  // namespace exporter
