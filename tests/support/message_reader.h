// SPDX-License-Identifier: Apache-2.0
// A second reader of IPFIX messages, which shares no code with the encoder: a
// mistake on one side does not cancel out on the other.
#pragma once

#include <cstdint>
#include <map>
#include <span>
#include <string>
#include <utility>
#include <vector>

namespace test_support {

// (enterprise, id) -> the octets of the value as on the wire.
using ElementId = std::pair<std::uint32_t, std::uint16_t>;
using WireRecord = std::map<ElementId, std::vector<std::uint8_t>>;

struct WireField {
  ElementId element;
  std::uint16_t length = 0;  // 65535: variable

  bool operator==(const WireField&) const = default;
};

struct WireTemplate {
  std::vector<WireField> fields;
  std::uint16_t scope_fields = 0;
};

struct WireMessage {
  std::uint32_t export_time = 0;
  std::uint32_t sequence = 0;
  std::uint32_t domain = 0;
  std::size_t octets = 0;
  std::vector<std::uint16_t> templates;  // ids defined here
  std::vector<WireRecord> records;
};

// Keeps the templates of all messages, as a collector does.
class MessageReader {
 public:
  // Throws std::runtime_error when the message breaks RFC 7011: lengths, set
  // ids, empty sets, data without a template.
  WireMessage Read(std::span<const std::uint8_t> octets);

  [[nodiscard]] const WireTemplate& Template(std::uint32_t domain,
                                             std::uint16_t id) const {
    return templates_.at({domain, id});
  }

 private:
  std::map<std::pair<std::uint32_t, std::uint16_t>, WireTemplate> templates_;
};

// A value of up to 8 octets as a number; throws when it is longer or absent.
std::uint64_t Number(const WireRecord& record, std::uint32_t enterprise,
                     std::uint16_t id);
std::string Text(const WireRecord& record, std::uint32_t enterprise,
                 std::uint16_t id);

}  // namespace test_support
