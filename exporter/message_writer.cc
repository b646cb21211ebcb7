// SPDX-License-Identifier: Apache-2.0
#include "exporter/message_writer.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace exporter {
namespace {

using templates::Element;
using templates::ElementType;
using templates::FlowRecord;

constexpr std::size_t kMessageHeader = 16;  // RFC 7011 section 3.1
constexpr std::size_t kSetHeader = 4;       // section 3.3.2
constexpr std::uint16_t kVersion = 10;

static_assert(std::endian::native == std::endian::little);

std::uint16_t Swapped(std::uint16_t value) { return __builtin_bswap16(value); }
std::uint32_t Swapped(std::uint32_t value) { return __builtin_bswap32(value); }
std::uint64_t Swapped(std::uint64_t value) { return __builtin_bswap64(value); }

template <typename Integer>
std::uint8_t* Store(Integer value, std::uint8_t* to) {
  const Integer swapped = Swapped(value);
  std::memcpy(to, &swapped, sizeof(swapped));
  return to + sizeof(swapped);
}

template <typename Integer>
std::uint8_t* SwapField(const std::uint8_t* from, std::uint8_t* to) {
  Integer value = 0;
  std::memcpy(&value, from, sizeof(value));
  return Store(value, to);
}

bool IsInteger(ElementType type) {
  return type == ElementType::kUnsigned8 || type == ElementType::kUnsigned16 ||
         type == ElementType::kUnsigned32 || type == ElementType::kUnsigned64 ||
         type == ElementType::kDateTimeMilliseconds;
}

}  // namespace

RecordLayout::RecordLayout(const templates::FlowTemplate& flow_template)
    : id_(flow_template.id) {
  for (const Element* element : flow_template.fields) {
    Add(*element);
  }
}

void RecordLayout::Add(const Element& element) {
  if (element.type == ElementType::kString) {
    steps_.push_back({Kind::kString, 0, element.offset});
    strings_.push_back(element.offset);
    return;
  }
  fixed_octets_ += element.length;
  Kind kind = Kind::kCopy;
  if (IsInteger(element.type)) {
    // An integer of one octet on the wire has one octet in the record, too.
    kind = element.length == 8   ? Kind::kSwap8
           : element.length == 4 ? Kind::kSwap4
           : element.length == 2 ? Kind::kSwap2
                                 : Kind::kCopy;
  }
  // Neighbours in the record that are neighbours on the wire go as one.
  if (kind == Kind::kCopy && !steps_.empty() &&
      steps_.back().kind == Kind::kCopy &&
      steps_.back().offset + steps_.back().octets == element.offset) {
    steps_.back().octets =
        static_cast<std::uint16_t>(steps_.back().octets + element.length);
    return;
  }
  steps_.push_back({kind, element.length, element.offset});
}

std::size_t RecordLayout::Length(const FlowRecord& record) const {
  const auto* base = reinterpret_cast<const std::uint8_t*>(&record);
  std::size_t octets = fixed_octets_;
  for (const std::uint16_t offset : strings_) {
    octets += 1U + base[offset];
  }
  return octets;
}

std::uint8_t* RecordLayout::Write(const FlowRecord& record,
                                  std::uint8_t* to) const {
  const auto* base = reinterpret_cast<const std::uint8_t*>(&record);
  for (const Step& step : steps_) {
    const std::uint8_t* from = base + step.offset;
    switch (step.kind) {
      case Kind::kCopy:
        to = std::copy_n(from, step.octets, to);
        break;
      case Kind::kSwap2:
        to = SwapField<std::uint16_t>(from, to);
        break;
      case Kind::kSwap4:
        to = SwapField<std::uint32_t>(from, to);
        break;
      case Kind::kSwap8:
        to = SwapField<std::uint64_t>(from, to);
        break;
      case Kind::kString:
        to = std::copy_n(from, 1U + *from, to);
        break;
    }
  }
  return to;
}

DataMessage::DataMessage(std::uint32_t observation_domain,
                         std::size_t max_octets)
    : domain_(observation_domain), octets_(max_octets) {}

bool DataMessage::HasRoom(const RecordLayout& layout,
                          const FlowRecord& record) const {
  return std::max(length_, kMessageHeader) +
             (layout.TemplateId() == set_id_ ? 0 : kSetHeader) +
             layout.Length(record) <=
         octets_.size();
}

void DataMessage::Append(const RecordLayout& layout, const FlowRecord& record,
                         tracker::Timestamp now) {
  std::uint8_t* const begin = octets_.data();
  if (records_ == 0) {
    const auto seconds =
        std::chrono::floor<std::chrono::seconds>(now).time_since_epoch();
    Store(kVersion, begin);
    Store(
        static_cast<std::uint32_t>(std::max<std::int64_t>(seconds.count(), 1)),
        begin + 4);
    Store(domain_, begin + 12);
    length_ = kMessageHeader;
  }
  if (set_id_ != layout.TemplateId()) {
    EndSet();
    set_id_ = layout.TemplateId();
    set_at_ = length_;
    Store(set_id_, begin + length_);
    length_ += kSetHeader;
  }
  length_ =
      static_cast<std::size_t>(layout.Write(record, begin + length_) - begin);
  ++records_;
}

void DataMessage::EndSet() {
  if (set_id_ != 0) {
    Store(static_cast<std::uint16_t>(length_ - set_at_),
          octets_.data() + set_at_ + 2);
    set_id_ = 0;
  }
}

std::span<const std::uint8_t> DataMessage::Finish(std::uint32_t sequence) {
  EndSet();
  Store(static_cast<std::uint16_t>(length_), octets_.data() + 2);
  Store(sequence, octets_.data() + 8);
  const std::size_t length = length_;
  length_ = 0;
  records_ = 0;
  return std::span(octets_).first(length);
}

}  // namespace exporter
