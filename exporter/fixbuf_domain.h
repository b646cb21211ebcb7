// SPDX-License-Identifier: Apache-2.0
// libfixbuf made to write messages into memory, one at a time. Private to
// ipfix_encoder.cc; ipfix_file.cc shares the model.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/encoder.h"
#include "exporter/fixbuf.h"
#include "templates/element.h"

namespace exporter::fixbuf {

// An information model with IANA's elements, their reverse, and all of
// templates::Elements(), our own under `pen`.
Model MakeModel(std::uint32_t pen);

// IANA's informationElementDataType (RFC 5610 section 3.1).
std::uint8_t DataType(templates::ElementType type);

// A string as records in memory have it; it must outlive the append.
fbVarfield_t Text(std::string_view text);

struct FieldSpec {
  std::string name;  // in the information model
  std::uint16_t length;
};

// One observation domain: a session with its templates, its sequence number,
// and the message under construction.
class Domain {
 public:
  // Refers to `model` for its lifetime. Messages have at most `max_octets`.
  Domain(fbInfoModel_t* model, std::uint32_t domain, std::uint16_t max_octets);

  // Templates are added once, before Open(): adding one later would write it,
  // and adding one again would withdraw it, which kills collectors over UDP.
  // With `scope_fields`, an options template.
  void AddTemplate(std::uint16_t id, const std::vector<FieldSpec>& fields,
                   std::uint16_t scope_fields);
  void Open();

  // All templates, in messages of their own, which have one options template
  // each at most: some collectors read no further than the first in its set.
  void WriteTemplates(Timestamp now, const MessageSink& sink);
  // `record` is laid out as the template says, packed, in host byte order,
  // strings as Text().
  void Append(std::uint16_t id, std::vector<std::uint8_t>& record,
              Timestamp now, const MessageSink& sink);
  // Hands over the message under construction, if there is one.
  void Flush(const MessageSink& sink);

  // Data records of this domain so far, modulo 2^32 (RFC 7011 section 3.1), for
  // messages that others write.
  [[nodiscard]] std::uint32_t Sequence() const { return sequence_; }
  void AdvanceSequence(std::uint32_t records) { sequence_ += records; }
  // The sequence number starts again with the next message that is handed over.
  void Restart() { sequence_ = 0; }

 private:
  void Stamp(Timestamp now);
  template <typename Action>
  void Try(const char* doing, Timestamp now, const MessageSink& sink,
           Action action);

  fbInfoModel_t* model_;
  std::vector<std::uint8_t> octets_;
  fbSession_t* session_;  // owned by buffer_ once that is made
  Buffer buffer_;
  struct Defined {
    std::uint16_t id;
    bool options;
  };
  std::vector<Defined> templates_;
  Error error_;
  bool pending_ = false;  // something was appended since the last message
  std::uint32_t data_records_ = 0;  // of the message under construction
  std::uint32_t sequence_ = 0;
};

}  // namespace exporter::fixbuf
