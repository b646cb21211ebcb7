// SPDX-License-Identifier: Apache-2.0
#include "exporter/prometheus_text.h"

#include <array>
#include <charconv>

namespace exporter {
namespace {

// Of a label's value. UTF-8 is asked for; what else an interface may be called
// is shown as '?'.
std::string Escaped(std::string_view text) {
  std::string escaped;
  for (const char c : text) {
    if (c == '\\' || c == '"') {
      escaped += '\\';
      escaped += c;
    } else if (c == '\n') {
      escaped += "\\n";
    } else {
      escaped += c >= ' ' && c <= '~' ? c : '?';
    }
  }
  return escaped;
}

}  // namespace

void PrometheusText::Family(std::string_view name, std::string_view type,
                            std::string_view help) {
  name_ = name;
  text_.append("# HELP ").append(name_).append(" ").append(help);
  text_.append("\n# TYPE ").append(name_).append(" ").append(type).append("\n");
}

void PrometheusText::Sample(const MetricLabels& labels, std::uint64_t value) {
  Line(labels, std::to_string(value));
}

void PrometheusText::Sample(const MetricLabels& labels, double value) {
  std::array<char, 32> text{};
  const auto [end, error] =
      std::to_chars(text.data(), text.data() + text.size(), value);
  Line(labels, std::string_view(text.data(), end));
}

void PrometheusText::Line(const MetricLabels& labels, std::string_view value) {
  text_ += name_;
  char before = '{';
  for (const auto& [label, content] : labels) {
    if (content.empty()) {
      continue;  // to Prometheus an empty label is none
    }
    text_ += before;
    text_.append(label).append("=\"").append(Escaped(content)).append("\"");
    before = ',';
  }
  text_.append(before == ',' ? "} " : " ").append(value).append("\n");
}

}  // namespace exporter
