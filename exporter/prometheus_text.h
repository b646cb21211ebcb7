// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace exporter {

using MetricLabels = std::vector<std::pair<std::string_view, std::string>>;

// Metrics in Prometheus's text format, version 0.0.4: families one after the
// other, each with its HELP and TYPE and all its samples.
class PrometheusText {
 public:
  // Those that follow are of it. `type` is counter or gauge; a counter's name
  // ends in _total.
  void Family(std::string_view name, std::string_view type,
              std::string_view help);
  // The labels tell it from the family's others.
  void Sample(const MetricLabels& labels, std::uint64_t value);
  void Sample(const MetricLabels& labels, double value);

  [[nodiscard]] const std::string& Text() const { return text_; }

  static constexpr std::string_view kContentType =
      "text/plain; version=0.0.4; charset=utf-8";

 private:
  void Line(const MetricLabels& labels, std::string_view value);

  std::string text_;
  std::string name_;
};

}  // namespace exporter
