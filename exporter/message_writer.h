// SPDX-License-Identifier: Apache-2.0
// Data records on the wire, by stores that are compiled from the template
// table.
//
// libfixbuf decides about every field of every record anew; here that is done
// once for each template. Its octets remain the measure: a test holds them
// against these for random records and every template.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "exporter/octet_moves.h"
#include "templates/flow_record.h"
#include "templates/flow_template.h"
#include "tracker/time.h"

namespace exporter {

// How records of one template are written: integers in network byte order,
// strings with a length of one octet (RFC 7011 sections 6 and 7).
class RecordLayout {
 public:
  // Octets behind the record that Write() may overwrite.
  static constexpr std::size_t kSpoiled = OctetMoves::kSpoiled;

  RecordLayout() = default;
  explicit RecordLayout(const templates::FlowTemplate& flow_template);

  [[nodiscard]] std::uint16_t TemplateId() const { return id_; }
  // Octets of `record` on the wire.
  [[nodiscard]] std::size_t Length(const templates::FlowRecord& record) const;
  // Writes Length() octets and returns where they end.
  std::uint8_t* Write(const templates::FlowRecord& record,
                      std::uint8_t* to) const;

 private:
  std::uint16_t id_ = 0;
  // Fields of fixed length stand first, always in the same place.
  OctetMoves fixed_;
  std::vector<std::uint16_t> strings_;  // offsets of their lengths
};

// One message of data sets under construction (RFC 7011 section 3).
class DataMessage {
 public:
  DataMessage(std::uint32_t observation_domain, std::size_t max_octets);

  [[nodiscard]] std::uint32_t Records() const { return records_; }
  [[nodiscard]] bool HasRoom(const RecordLayout& layout,
                             const templates::FlowRecord& record) const;
  // There is room. The first record fixes the export time.
  void Append(const RecordLayout& layout, const templates::FlowRecord& record,
              tracker::Timestamp now);
  // The whole message, valid until the next Append(), which begins another.
  std::span<const std::uint8_t> Finish(std::uint32_t sequence);

 private:
  void EndSet();

  std::uint32_t domain_;
  std::vector<std::uint8_t> octets_;  // and behind them what Write() spoils
  std::size_t length_ = 0;
  std::size_t set_at_ = 0;    // where the open set begins
  std::uint16_t set_id_ = 0;  // 0: there is none
  std::uint32_t records_ = 0;
};

}  // namespace exporter
