// SPDX-License-Identifier: Apache-2.0
#include "exporter/text_output.h"

#include <algorithm>
#include <array>
#include <cerrno>
#include <cinttypes>
#include <cstring>
#include <ctime>
#include <string>
#include <system_error>
#include <utility>

#include <arpa/inet.h>

#include "templates/flow_template.h"

namespace exporter {
namespace {

using templates::Element;
using templates::ElementType;
using templates::FlowRecord;

// "2026-11-23T07:48:00.123Z" (RFC 3339); a blank instead of T for a table.
std::string TimeText(std::uint64_t milliseconds, bool table) {
  const auto seconds = static_cast<std::time_t>(milliseconds / 1000);
  std::tm parts{};
  gmtime_r(&seconds, &parts);
  std::array<char, 40> text{};
  const std::size_t length = std::strftime(text.data(), text.size(),
                                           table ? "%F %T" : "%FT%T", &parts);
  std::snprintf(text.data() + length, text.size() - length, ".%03u%s",
                static_cast<unsigned>(milliseconds % 1000), table ? "" : "Z");
  return text.data();
}

std::string AddressText(int family, const std::uint8_t* octets) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(family, octets, text.data(), text.size());
  return text.data();
}

std::string MacText(const std::uint8_t* octets) {
  std::array<char, 18> text{};
  std::snprintf(text.data(), text.size(), "%02x:%02x:%02x:%02x:%02x:%02x",
                octets[0], octets[1], octets[2], octets[3], octets[4],
                octets[5]);
  return text.data();
}

// Integers are in host byte order in the record.
std::uint64_t Integer(const std::uint8_t* value, std::size_t length) {
  switch (length) {
    case 1:
      return *value;
    case 2: {
      std::uint16_t number = 0;
      std::memcpy(&number, value, sizeof(number));
      return number;
    }
    case 4: {
      std::uint32_t number = 0;
      std::memcpy(&number, value, sizeof(number));
      return number;
    }
    default: {
      std::uint64_t number = 0;
      std::memcpy(&number, value, sizeof(number));
      return number;
    }
  }
}

// The strings of our records are letters and digits: nothing to escape.
std::string JsonValue(const Element& element, const std::uint8_t* value) {
  const auto quoted = [](const std::string& text) { return '"' + text + '"'; };
  switch (element.type) {
    case ElementType::kDateTimeMilliseconds:
      return quoted(TimeText(Integer(value, 8), false));
    case ElementType::kIpv4Address:
      return quoted(AddressText(AF_INET, value));
    case ElementType::kIpv6Address:
      return quoted(AddressText(AF_INET6, value));
    case ElementType::kMacAddress:
      return quoted(MacText(value));
    case ElementType::kString:
      return quoted({reinterpret_cast<const char*>(value + 1), *value});
    default:
      return std::to_string(Integer(value, element.length));
  }
}

class JsonFormat {
 public:
  static std::string Heading() { return ""; }

  // The members are those of the generic profile's template for the record.
  [[nodiscard]] std::string Line(const FlowRecord& record) const {
    const auto* base = reinterpret_cast<const std::uint8_t*>(&record);
    std::string line = "{";
    for (const Element* element :
         templates_[IndexOf(templates::ShapeOf(record))].fields) {
      line += line.size() > 1 ? ",\"" : "\"";
      line += element->name;
      line += "\":";
      line += JsonValue(*element, base + element->offset);
    }
    return line + "}\n";
  }

 private:
  static templates::Profile Everything() {
    templates::Profile profile = *templates::FindProfile("generic");
    profile.overlays = true;
    return profile;
  }

  std::array<templates::FlowTemplate, templates::kShapes> templates_ =
      templates::MakeTemplates(Everything());
};

class TableFormat {
 public:
  static std::string Heading() {
    return Row({"START (UTC)", "SECONDS", "PROTO", "INITIATOR", "RESPONDER",
                "PACKETS", "OCTETS", "STATE", "END", "HISTORY"});
  }

  static std::string Line(const FlowRecord& record) {
    const std::uint64_t start =
        record.reverse_packets > 0
            ? std::min(record.start_ms, record.reverse_start_ms)
            : record.start_ms;
    const std::uint64_t end = std::max(record.end_ms, record.reverse_end_ms);
    std::array<char, 32> seconds{};
    std::snprintf(seconds.data(), seconds.size(), "%.3f",
                  static_cast<double>(end - start) / 1000);
    return Row(
        {TimeText(start, true), seconds.data(), Protocol(record),
         Endpoint(record, record.source_address, record.source_port),
         Endpoint(record, record.destination_address, record.destination_port),
         Pair(record.packets, record.reverse_packets),
         Pair(record.octets, record.reverse_octets),
         std::string(record.connection_state.View()), Cause(record),
         std::string(record.history.View())});
  }

 private:
  static std::string Row(const std::array<std::string, 10>& cells) {
    constexpr std::array<int, 10> kWidths = {-23, 8,  -6, -24, -24,
                                             13,  19, -6, -8,  0};
    std::string row;
    for (std::size_t i = 0; i < cells.size(); ++i) {
      const auto width = static_cast<std::size_t>(std::abs(kWidths[i]));
      const std::string gap(
          cells[i].size() < width ? width - cells[i].size() : 0, ' ');
      row += kWidths[i] > 0 ? gap + cells[i] : cells[i] + gap;
      row += ' ';
    }
    row.erase(row.find_last_not_of(' ') + 1);
    return row + '\n';
  }

  // The initiator's figure first.
  static std::string Pair(std::uint64_t forward, std::uint64_t reverse) {
    return std::to_string(forward) + '/' + std::to_string(reverse);
  }

  static std::string Protocol(const FlowRecord& record) {
    switch (record.protocol) {
      case 1:
        return "icmp";
      case 6:
        return "tcp";
      case 17:
        return "udp";
      case 58:
        return "icmp6";
      case 132:
        return "sctp";
      default:
        return std::to_string(record.protocol);
    }
  }

  static std::string Endpoint(const FlowRecord& record,
                              const std::array<std::uint8_t, 16>& address,
                              std::uint16_t port) {
    const bool v4 = record.ip_version == 4;
    std::string text = v4 ? AddressText(AF_INET, address.data() + 12)
                          : AddressText(AF_INET6, address.data());
    if (port == 0) {
      return text;
    }
    if (!v4) {
      text = '[' + text + ']';
    }
    if (templates::ShapeOf(record).transport == templates::Transport::kIcmp) {
      return text + ':' + std::to_string(port >> 8) + '.' +
             std::to_string(port & 0xff);
    }
    return text + ':' + std::to_string(port);
  }

  static std::string Cause(const FlowRecord& record) {
    constexpr std::array<const char*, 8> kCauses = {
        "", "fin", "rst", "idle", "evicted", "active", "shutdown", "replaced"};
    return kCauses.at(record.end_cause);
  }
};

template <typename Format>
class TextOutput final : public Output {
 public:
  explicit TextOutput(std::FILE* stream) : stream_(stream) {}

  void Add(const FlowRecord& record, tracker::Timestamp /*now*/) override {
    Head();
    ++counts_.made;
    Write(format_.Line(record));
    ++waiting_;
    // A reader that goes away early got what was printed until then.
    constexpr std::uint64_t kSettle = 256;
    if (waiting_ == kSettle) {
      Flush();
    }
  }
  void Tick(tracker::Timestamp /*now*/) override { Flush(); }
  void Finish(tracker::Timestamp /*now*/) override {
    Head();
    Flush();
  }
  [[nodiscard]] DeliveryCounts Counts() const override { return counts_; }
  [[nodiscard]] std::string Name() const override { return "standard output"; }

 private:
  void Head() {
    if (!headed_) {
      headed_ = true;
      Write(Format::Heading());
    }
  }
  void Write(const std::string& text) {
    if (error_ == 0 &&
        std::fwrite(text.data(), 1, text.size(), stream_) != text.size()) {
      error_ = errno;
    }
  }
  // Only then is known whether the records arrived.
  void Flush() {
    if (error_ == 0 && std::fflush(stream_) != 0) {
      error_ = errno;
    }
    if (error_ == 0) {
      counts_.sent += waiting_;
    } else if (waiting_ > 0) {
      counts_.dropped[std::generic_category().message(error_)] += waiting_;
    }
    waiting_ = 0;
  }

  std::FILE* stream_;
  Format format_;
  DeliveryCounts counts_;
  std::uint64_t waiting_ = 0;
  bool headed_ = false;
  int error_ = 0;
};

}  // namespace

std::unique_ptr<Output> MakeTextOutput(TextFormat format, std::FILE* stream) {
  if (format == TextFormat::kJson) {
    return std::make_unique<TextOutput<JsonFormat>>(stream);
  }
  return std::make_unique<TextOutput<TableFormat>>(stream);
}

}  // namespace exporter
