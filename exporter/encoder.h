// SPDX-License-Identifier: Apache-2.0
// From records to messages.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string_view>

#include "exporter/statistics.h"
#include "templates/flow_record.h"
#include "tracker/time.h"

namespace exporter {

using tracker::Timestamp;

// One whole message of the export protocol. `octets` is borrowed from the
// encoder for the length of the call that hands it over.
struct Message {
  std::span<const std::uint8_t> octets;
  std::uint32_t flow_records = 0;  // data records of flows; 0: templates, types
};

using MessageSink = std::function<void(const Message&)>;

// `now` stamps the messages; an encoder reads no clock. Records come out in the
// order in which they went in.
class Encoder {
 public:
  Encoder() = default;
  Encoder(const Encoder&) = delete;
  Encoder& operator=(const Encoder&) = delete;
  virtual ~Encoder() = default;

  // Why the protocol has no place for `record`, in words for the summary; empty
  // when it has. Such a record is not appended.
  [[nodiscard]] virtual std::string_view Refusal(
      const templates::FlowRecord& /*record*/) const {
    return {};
  }
  // A new transport session (RFC 7011 section 2) begins: sequence numbers start
  // again. WriteTemplates() comes next.
  virtual void Restart() = 0;
  // A message of `flow_records` that an earlier session did not deliver is
  // about to go in this one: it gets the next sequence number.
  virtual void Renumber(std::span<std::uint8_t> message,
                        std::uint32_t flow_records) = 0;
  // The message of `flow_records` that was handed over last does not go in this
  // session: its numbers are free again.
  virtual void TakeBack(std::uint32_t /*flow_records*/) {}
  // What a collector must have before it can read records: for the start, after
  // a reconnect, and from time to time over UDP. A message under construction
  // is finished, and comes out behind them.
  virtual void WriteTemplates(Timestamp now, const MessageSink& sink) = 0;
  // In a message of its own, behind the templates; nothing where protocol or
  // profile have no place for it.
  virtual void WriteStatistics(const ExportStatistics& /*statistics*/,
                               Timestamp /*now*/, const MessageSink& /*sink*/) {
  }
  // The same for the names of interfaces.
  virtual void WriteInterfaces(
      std::span<const CapturedInterface> /*interfaces*/, Timestamp /*now*/,
      const MessageSink& /*sink*/) {}
  // Adds a record to the message under construction; hands over the message
  // before it when the record does not fit any more.
  virtual void Append(const templates::FlowRecord& record, Timestamp now,
                      const MessageSink& sink) = 0;
  // Hands over what is under construction, if anything.
  virtual void Flush(const MessageSink& sink) = 0;
};

}  // namespace exporter
