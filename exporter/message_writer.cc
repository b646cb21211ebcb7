// SPDX-License-Identifier: Apache-2.0
#include "exporter/message_writer.h"

#include <algorithm>
#include <bit>
#include <cstring>

#include "exporter/network_order.h"

namespace exporter {
namespace {

using templates::Element;
using templates::ElementType;
using templates::FlowRecord;

constexpr std::size_t kMessageHeader = 16;  // RFC 7011 section 3.1
constexpr std::size_t kSetHeader = 4;       // section 3.3.2
constexpr std::uint16_t kVersion = 10;

template <typename Integer, typename Moves>
void CopyAll(const Moves& moves, const std::uint8_t* from, std::uint8_t* to) {
  for (const auto& move : moves) {
    std::memcpy(to + move.to, from + move.from, sizeof(Integer));
  }
}

template <typename Integer, typename Moves>
void SwapAll(const Moves& moves, const std::uint8_t* from, std::uint8_t* to) {
  for (const auto& move : moves) {
    Integer value = 0;
    std::memcpy(&value, from + move.from, sizeof(value));
    PutNetworkOrder(value, to + move.to);
  }
}

bool IsInteger(ElementType type) {
  return type == ElementType::kUnsigned8 || type == ElementType::kUnsigned16 ||
         type == ElementType::kUnsigned32 || type == ElementType::kUnsigned64 ||
         type == ElementType::kDateTimeMilliseconds;
}

std::size_t SizeIndex(std::uint16_t octets) {
  return static_cast<std::size_t>(std::countr_zero(octets));
}

std::uint16_t Sum(std::uint16_t a, std::uint16_t b) {
  return static_cast<std::uint16_t>(a + b);
}

}  // namespace

RecordLayout::RecordLayout(const templates::FlowTemplate& flow_template)
    : id_(flow_template.id) {
  // Neighbours in the record that are neighbours on the wire are copied as one.
  Move run{0, 0};
  std::uint16_t run_octets = 0;
  for (const Element* element : flow_template.fields) {
    if (element->type == ElementType::kString) {
      strings_.push_back(element->offset);
      continue;
    }
    const Move move{element->offset, fixed_octets_};
    fixed_octets_ = Sum(fixed_octets_, element->length);
    if (IsInteger(element->type) && element->length > 1) {
      swaps_[SizeIndex(element->length)].push_back(move);
    } else if (run.from + run_octets == move.from &&
               run.to + run_octets == move.to) {
      run_octets = Sum(run_octets, element->length);
    } else {
      AddCopies(run, run_octets);
      run = move;
      run_octets = element->length;
    }
  }
  AddCopies(run, run_octets);
}

void RecordLayout::AddCopies(Move first, std::uint16_t octets) {
  while (octets > 0) {
    const auto size = std::min<std::uint16_t>(std::bit_floor(octets), 8);
    copies_[SizeIndex(size)].push_back(first);
    first = {Sum(first.from, size), Sum(first.to, size)};
    octets = static_cast<std::uint16_t>(octets - size);
  }
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
  CopyAll<std::uint8_t>(copies_[0], base, to);
  CopyAll<std::uint16_t>(copies_[1], base, to);
  CopyAll<std::uint32_t>(copies_[2], base, to);
  CopyAll<std::uint64_t>(copies_[3], base, to);
  SwapAll<std::uint16_t>(swaps_[1], base, to);
  SwapAll<std::uint32_t>(swaps_[2], base, to);
  SwapAll<std::uint64_t>(swaps_[3], base, to);
  to += fixed_octets_;
  for (const std::uint16_t offset : strings_) {
    to = std::copy_n(base + offset, 1U + base[offset], to);
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
    PutNetworkOrder(kVersion, begin);
    PutNetworkOrder(
        static_cast<std::uint32_t>(std::max<std::int64_t>(seconds.count(), 1)),
        begin + 4);
    PutNetworkOrder(domain_, begin + 12);
    length_ = kMessageHeader;
  }
  if (set_id_ != layout.TemplateId()) {
    EndSet();
    set_id_ = layout.TemplateId();
    set_at_ = length_;
    PutNetworkOrder(set_id_, begin + length_);
    length_ += kSetHeader;
  }
  length_ =
      static_cast<std::size_t>(layout.Write(record, begin + length_) - begin);
  ++records_;
}

void DataMessage::EndSet() {
  if (set_id_ != 0) {
    PutNetworkOrder(static_cast<std::uint16_t>(length_ - set_at_),
                    octets_.data() + set_at_ + 2);
    set_id_ = 0;
  }
}

std::span<const std::uint8_t> DataMessage::Finish(std::uint32_t sequence) {
  EndSet();
  PutNetworkOrder(static_cast<std::uint16_t>(length_), octets_.data() + 2);
  PutNetworkOrder(sequence, octets_.data() + 8);
  const std::size_t length = length_;
  length_ = 0;
  records_ = 0;
  return std::span(octets_).first(length);
}

}  // namespace exporter
