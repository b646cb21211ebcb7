// SPDX-License-Identifier: Apache-2.0
// Records as Protobuf messages (templates/flow.proto), and back.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "templates/flow_record.h"

namespace exporter {

// Appends `record` as one message of a delimited stream: its length in octets
// as a varint, then the message. The same record gives the same octets.
void AppendFlowMessage(const templates::FlowRecord& record,
                       std::vector<std::uint8_t>& stream);

// Writes one message after the other without allocating for each.
class FlowMessageWriter {
 public:
  FlowMessageWriter();
  ~FlowMessageWriter();

  // `record` as a message without its length; valid until the next call. The
  // same record gives the same octets.
  std::span<const std::uint8_t> Write(const templates::FlowRecord& record);

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// The record in `message`, which stands there without its length. Fields that
// are not in it are 0, unknown ones are skipped. Returns false when it is no
// such message: not Protobuf, or an address that has not 16 octets.
[[nodiscard]] bool ParseFlowMessage(std::span<const std::uint8_t> message,
                                    templates::FlowRecord& record);

// Whether a message of AppendFlowMessage() begins with this octet. It is a tag:
// of the source address, or of a time before it that is not 0.
[[nodiscard]] bool MayBeginFlowMessage(std::uint8_t octet);

}  // namespace exporter
