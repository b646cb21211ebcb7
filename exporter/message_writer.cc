// SPDX-License-Identifier: Apache-2.0
#include "exporter/message_writer.h"

#include <algorithm>
#include <cstddef>
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

bool IsInteger(ElementType type) {
  return type == ElementType::kUnsigned8 || type == ElementType::kUnsigned16 ||
         type == ElementType::kUnsigned32 || type == ElementType::kUnsigned64 ||
         type == ElementType::kDateTimeMilliseconds;
}

// Copies a string with its length in front, by pieces. The octets behind it may
// be read and spoiled up to the end of the last.
std::uint8_t* CopyString(const std::uint8_t* from, std::uint8_t* to) {
  const std::size_t octets = 1U + *from;
  for (std::size_t at = 0; at < octets; at += OctetMoves::kAtOnce) {
    std::memcpy(to + at, from + at, OctetMoves::kAtOnce);
  }
  return to + octets;
}

// All of them are followed by so much in the record, or end with a piece.
static_assert(offsetof(FlowRecord, connection_state) +
                      sizeof(FlowRecord::connection_state) ==
                  offsetof(FlowRecord, history) &&
              offsetof(FlowRecord, history) + sizeof(FlowRecord::history) ==
                  offsetof(FlowRecord, community_id) &&
              sizeof(FlowRecord::community_id) % OctetMoves::kAtOnce == 0);

}  // namespace

RecordLayout::RecordLayout(const templates::FlowTemplate& flow_template)
    : id_(flow_template.id) {
  std::vector<std::uint16_t> offsets;
  for (const Element* element : flow_template.fields) {
    if (element->type == ElementType::kString) {
      strings_.push_back(element->offset);
      continue;
    }
    const std::size_t begin = offsets.size();
    for (std::uint16_t i = 0; i < element->length; ++i) {
      offsets.push_back(static_cast<std::uint16_t>(element->offset + i));
    }
    if (IsInteger(element->type)) {
      std::reverse(offsets.begin() + static_cast<std::ptrdiff_t>(begin),
                   offsets.end());
    }
  }
  fixed_ = OctetMoves(offsets, sizeof(FlowRecord));
}

std::size_t RecordLayout::Length(const FlowRecord& record) const {
  const auto* base = reinterpret_cast<const std::uint8_t*>(&record);
  std::size_t octets = fixed_.Length();
  for (const std::uint16_t offset : strings_) {
    octets += 1U + base[offset];
  }
  return octets;
}

std::uint8_t* RecordLayout::Write(const FlowRecord& record,
                                  std::uint8_t* to) const {
  const auto* base = reinterpret_cast<const std::uint8_t*>(&record);
  fixed_.Apply(base, to);
  to += fixed_.Length();
  for (const std::uint16_t offset : strings_) {
    to = CopyString(base + offset, to);
  }
  return to;
}

DataMessage::DataMessage(std::uint32_t observation_domain,
                         std::size_t max_octets)
    : domain_(observation_domain),
      octets_(max_octets + RecordLayout::kSpoiled) {}

bool DataMessage::HasRoom(const RecordLayout& layout,
                          const FlowRecord& record) const {
  return std::max(length_, kMessageHeader) +
             (layout.TemplateId() == set_id_ ? 0 : kSetHeader) +
             layout.Length(record) <=
         octets_.size() - RecordLayout::kSpoiled;
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
