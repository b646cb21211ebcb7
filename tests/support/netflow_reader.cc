// SPDX-License-Identifier: Apache-2.0
#include "tests/support/netflow_reader.h"

#include <algorithm>
#include <array>
#include <stdexcept>
#include <utility>

namespace test_support {
namespace {

using Octets = std::span<const std::uint8_t>;

void Require(bool holds, const char* what) {
  if (!holds) {
    throw std::runtime_error(what);
  }
}

Octets Take(Octets& from, std::size_t count) {
  Require(count <= from.size(), "a field runs past its end");
  const Octets taken = from.first(count);
  from = from.subspan(count);
  return taken;
}

std::uint64_t ToNumber(Octets octets) {
  std::uint64_t number = 0;
  for (const std::uint8_t octet : octets) {
    number = number << 8 | octet;
  }
  return number;
}

std::uint16_t U16(Octets& from) {
  return static_cast<std::uint16_t>(ToNumber(Take(from, 2)));
}
std::uint32_t U32(Octets& from) {
  return static_cast<std::uint32_t>(ToNumber(Take(from, 4)));
}

}  // namespace

std::uint64_t NetflowMessage::TimeOf(const NetflowRecord& record,
                                     std::uint16_t field) const {
  return time_ms - uptime_ms + Value(record, field);
}

NetflowMessage Netflow9Reader::Read(Octets octets) {
  NetflowMessage read;
  read.octets = octets.size();
  Require(U16(octets) == 9, "the version is not 9");
  const std::uint16_t count = U16(octets);
  read.uptime_ms = U32(octets);
  read.time_ms = std::uint64_t{U32(octets)} * 1000;
  read.sequence = U32(octets);
  read.source = U32(octets);
  while (!octets.empty()) {
    const std::uint16_t id = U16(octets);
    const std::uint16_t length = U16(octets);
    Require(length > 4 && length % 4 == 0, "a set is empty or not padded");
    const Octets set = Take(octets, length - 4U);
    if (id == 0) {
      ReadTemplates(set, read);
    } else if (id == 1) {
      ReadOptionsTemplate(set, read);
    } else if (const auto options = options_templates_.find(id);
               options != options_templates_.end()) {
      ReadRecords(set, options->second, read.options);
    } else {
      const auto layout = templates_.find(id);
      Require(layout != templates_.end(), "data came before its template");
      ReadRecords(set, layout->second, read.records);
    }
  }
  Require(count ==
              read.templates.size() + read.records.size() + read.options.size(),
          "the count is not that of the records");
  return read;
}

void Netflow9Reader::ReadTemplates(Octets set, NetflowMessage& read) {
  while (!set.empty()) {
    const std::uint16_t number = U16(set);
    const std::uint16_t fields = U16(set);
    Require(number >= 256 && fields > 0, "a template is none");
    NetflowTemplate& made = templates_[number];
    made.clear();
    for (std::uint16_t i = 0; i < fields; ++i) {
      const std::uint16_t field = U16(set);
      made.emplace_back(field, U16(set));
    }
    read.templates.push_back(number);
  }
}

// One, with one scope; RFC 3954 section 6.1 gives lengths in octets.
void Netflow9Reader::ReadOptionsTemplate(Octets set, NetflowMessage& read) {
  const std::uint16_t number = U16(set);
  Require(number >= 256, "an options template is none");
  Require(U16(set) == 4, "there is not one scope");
  const std::uint16_t octets = U16(set);
  Require(U16(set) == 1, "the scope is not the system");
  NetflowTemplate& made = options_templates_[number];
  made = {{kScope, U16(set)}};
  Octets fields = Take(set, octets);
  while (!fields.empty()) {
    const std::uint16_t field = U16(fields);
    made.emplace_back(field, U16(fields));
  }
  read.templates.push_back(number);
  Require(set.size() < 4 && (set.empty() || ToNumber(set) == 0),
          "the padding is none");
}

void Netflow9Reader::ReadRecords(Octets set, const NetflowTemplate& layout,
                                 std::vector<NetflowRecord>& to) {
  std::size_t size = 0;
  for (const auto& [field, octets] : layout) {
    size += octets;
  }
  while (set.size() >= size) {
    NetflowRecord record;
    for (const auto& [field, octets] : layout) {
      const Octets value = Take(set, octets);
      Require(!record.contains(field), "a field is there twice");
      record[field] = {value.begin(), value.end()};
    }
    to.push_back(std::move(record));
  }
  Require(set.size() < 4 && ToNumber(set) == 0, "the padding is none");
}

NetflowMessage ReadNetflow5(Octets octets) {
  // (field, octets); 0 for what must be 0.
  constexpr std::array<std::pair<std::uint16_t, std::uint16_t>, 20> kFields = {
      {{8, 4},  {12, 4}, {15, 4}, {10, 2}, {14, 2}, {2, 4}, {1, 4},
       {22, 4}, {21, 4}, {7, 2},  {11, 2}, {0, 1},  {6, 1}, {4, 1},
       {5, 1},  {16, 2}, {17, 2}, {9, 1},  {13, 1}, {0, 2}}};
  NetflowMessage read;
  read.octets = octets.size();
  Require(U16(octets) == 5, "the version is not 5");
  const std::uint16_t count = U16(octets);
  read.uptime_ms = U32(octets);
  read.time_ms = std::uint64_t{U32(octets)} * 1000;
  const std::uint32_t nanoseconds = U32(octets);
  Require(nanoseconds < 1'000'000'000, "there are not as many nanoseconds");
  read.time_ms += nanoseconds / 1'000'000;
  read.sequence = U32(octets);
  read.source = U16(octets);
  read.sampling = U16(octets);
  Require(count > 0 && count <= 30, "there are none or more than 30 records");
  for (std::uint16_t i = 0; i < count; ++i) {
    NetflowRecord record;
    for (const auto& [field, octets_of] : kFields) {
      const Octets value = Take(octets, octets_of);
      if (field == 0) {
        Require(ToNumber(value) == 0, "the padding is none");
      } else {
        record[field] = {value.begin(), value.end()};
      }
    }
    read.records.push_back(std::move(record));
  }
  Require(octets.empty(), "there are octets behind the records");
  return read;
}

std::uint64_t Value(const NetflowRecord& record, std::uint16_t field) {
  const auto& octets = record.at(field);
  Require(octets.size() <= 8, "not a number");
  return ToNumber(octets);
}

}  // namespace test_support
