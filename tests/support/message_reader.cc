// SPDX-License-Identifier: Apache-2.0
#include "tests/support/message_reader.h"

#include <stdexcept>

namespace test_support {
namespace {

void Require(bool holds, const char* what) {
  if (!holds) {
    throw std::runtime_error(what);
  }
}

class Octets {
 public:
  explicit Octets(std::span<const std::uint8_t> octets) : octets_(octets) {}

  [[nodiscard]] std::size_t Left() const { return octets_.size(); }
  std::span<const std::uint8_t> Take(std::size_t count) {
    Require(count <= octets_.size(), "a field runs past its set");
    const auto taken = octets_.first(count);
    octets_ = octets_.subspan(count);
    return taken;
  }
  std::uint32_t Number(std::size_t count) {
    std::uint32_t number = 0;
    for (const std::uint8_t octet : Take(count)) {
      number = number << 8 | octet;
    }
    return number;
  }
  std::uint16_t U16() { return static_cast<std::uint16_t>(Number(2)); }

 private:
  std::span<const std::uint8_t> octets_;
};

WireTemplate ReadTemplate(Octets& set, bool options, std::uint16_t fields) {
  WireTemplate made;
  made.scope_fields = options ? set.U16() : std::uint16_t{0};
  for (std::uint16_t i = 0; i < fields; ++i) {
    WireField field;
    const std::uint16_t id = set.U16();
    field.length = set.U16();
    field.element = {0, static_cast<std::uint16_t>(id & 0x7fff)};
    if ((id & 0x8000) != 0) {
      field.element.first = set.Number(4);
    }
    made.fields.push_back(field);
  }
  return made;
}

WireRecord ReadRecord(Octets& set, const WireTemplate& layout) {
  WireRecord record;
  for (const WireField& field : layout.fields) {
    std::size_t length = field.length;
    if (length == 65535) {
      length = set.Number(1);
      length = length == 255 ? set.Number(2) : length;
    }
    const auto value = set.Take(length);
    record[field.element] = {value.begin(), value.end()};
  }
  return record;
}

}  // namespace

WireMessage MessageReader::Read(std::span<const std::uint8_t> octets) {
  Octets message(octets);
  WireMessage read;
  read.octets = octets.size();
  Require(message.U16() == 10, "the version is not 10");
  Require(message.U16() == octets.size(), "the length is not the message's");
  read.export_time = message.Number(4);
  read.sequence = message.Number(4);
  read.domain = message.Number(4);
  while (message.Left() > 0) {
    const std::uint16_t id = message.U16();
    const std::uint16_t length = message.U16();
    Require(length > 4, "a set is empty");
    Octets set(message.Take(length - 4U));
    if (id == 2 || id == 3) {
      while (set.Left() > 3) {
        const std::uint16_t template_id = set.U16();
        const std::uint16_t fields = set.U16();
        Require(template_id >= 256, "a template id is below 256");
        Require(fields > 0, "a template is withdrawn");
        templates_[{read.domain, template_id}] =
            ReadTemplate(set, id == 3, fields);
        read.templates.push_back(template_id);
      }
      continue;
    }
    Require(id >= 256, "a set id is reserved");
    const auto layout = templates_.find({read.domain, id});
    Require(layout != templates_.end(), "data came before its template");
    while (set.Left() > 3) {
      read.records.push_back(ReadRecord(set, layout->second));
    }
  }
  return read;
}

std::uint64_t Number(const WireRecord& record, std::uint32_t enterprise,
                     std::uint16_t id) {
  const auto& octets = record.at({enterprise, id});
  Require(octets.size() <= 8, "not a number");
  std::uint64_t number = 0;
  for (const std::uint8_t octet : octets) {
    number = number << 8 | octet;
  }
  return number;
}

std::string Text(const WireRecord& record, std::uint32_t enterprise,
                 std::uint16_t id) {
  const auto& octets = record.at({enterprise, id});
  return {octets.begin(), octets.end()};
}

}  // namespace test_support
