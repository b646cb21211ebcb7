// SPDX-License-Identifier: Apache-2.0
#include "exporter/fixbuf_domain.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <arpa/inet.h>

namespace exporter::fixbuf {

Domain::Domain(fbInfoModel_t* model, std::uint32_t domain,
               std::uint16_t max_octets)
    : model_(model), octets_(max_octets), session_(fbSessionAlloc(model)) {
  fbSessionSetDomain(session_, domain);
}

void Domain::AddTemplate(std::uint16_t id, const std::vector<FieldSpec>& fields,
                         std::uint16_t scope_fields) {
  for (const gboolean internal : std::array<gboolean, 2>{1, 0}) {
    fbTemplate_t* made = fbTemplateAlloc(model_);
    for (const FieldSpec& field : fields) {
      std::string name = field.name;
      fbInfoElementSpec_t spec = {name.data(), field.length, 0};
      if (fbTemplateAppendSpec(made, &spec, 0, error_.Out()) == FALSE) {
        error_.Die("add a field to a template");
      }
    }
    if (scope_fields > 0) {
      fbTemplateSetOptionsScope(made, scope_fields);
    }
    if (fbSessionAddTemplate(session_, internal, id, made, error_.Out()) == 0) {
      error_.Die("add a template");
    }
  }
  ids_.push_back(id);
}

void Domain::Open() {
  fbExporter_t* exporter = fbExporterAllocBuffer(
      octets_.data(), static_cast<std::uint16_t>(octets_.size()));
  buffer_.reset(fBufAllocForExport(session_, exporter));
  fBufSetAutomaticMode(buffer_.get(), FALSE);
}

// One by one: all at once never ends when they do not fit into one message.
void Domain::WriteTemplates(Timestamp now, const MessageSink& sink) {
  Flush(sink);
  for (const std::uint16_t id : ids_) {
    Try("write a template", now, sink, [&] {
      return fbSessionExportTemplate(session_, id, error_.Out()) != FALSE;
    });
  }
  Flush(sink);
}

void Domain::Append(std::uint16_t id, std::vector<std::uint8_t>& record,
                    bool is_flow, Timestamp now, const MessageSink& sink) {
  Try("append a record", now, sink, [&] {
    return fBufSetInternalTemplate(buffer_.get(), id, error_.Out()) != FALSE &&
           fBufSetExportTemplate(buffer_.get(), id, error_.Out()) != FALSE &&
           fBufAppend(buffer_.get(), record.data(), record.size(),
                      error_.Out()) != FALSE;
  });
  ++data_records_;
  flow_records_ += is_flow ? 1 : 0;
}

void Domain::Flush(const MessageSink& sink) {
  Emit([&](std::span<std::uint8_t> octets) { HandOver(octets, sink); });
}

void Domain::Keep() {
  kept_data_records_ = data_records_;
  kept_flow_records_ = flow_records_;
  Emit([this](std::span<std::uint8_t> octets) {
    kept_.assign(octets.begin(), octets.end());
  });
  data_records_ = 0;
  flow_records_ = 0;
}

void Domain::WriteKept(const MessageSink& sink) {
  if (!kept_.empty()) {
    data_records_ = kept_data_records_;
    flow_records_ = kept_flow_records_;
    HandOver(kept_, sink);
    kept_.clear();
  }
}

// Emitting nothing would leave the length of the message before readable.
template <typename Take>
void Domain::Emit(Take take) {
  if (!pending_) {
    return;
  }
  if (fBufEmit(buffer_.get(), error_.Out()) == FALSE) {
    error_.Die("finish a message");
  }
  pending_ = false;
  const std::size_t length =
      fbExporterGetMsgLen(fBufGetExporter(buffer_.get()));
  take(std::span<std::uint8_t>(octets_.data(), length));
}

// The sequence number is ours, as libfixbuf has no way to start it again: data
// records of this domain before the message (RFC 7011 section 3.1).
void Domain::HandOver(std::span<std::uint8_t> octets, const MessageSink& sink) {
  constexpr std::size_t kSequenceAt = 8;
  const std::uint32_t network = htonl(sequence_);
  std::memcpy(octets.data() + kSequenceAt, &network, sizeof(network));
  sequence_ += data_records_;
  const Message message{octets, flow_records_};
  data_records_ = 0;
  flow_records_ = 0;
  sink(message);
}

// The export time of a message is fixed by its first record or template.
void Domain::Stamp(Timestamp now) {
  if (!pending_) {
    const auto seconds =
        std::chrono::floor<std::chrono::seconds>(now).time_since_epoch();
    // 0 would mean the system's clock to libfixbuf.
    fBufSetExportTime(
        buffer_.get(),
        static_cast<std::uint32_t>(std::max<std::int64_t>(seconds.count(), 1)));
  }
}

// Templates and data never share a message, and a fresh buffer asks for one
// empty round; so "end of message" comes at most twice in a row.
template <typename Action>
void Domain::Try(const char* doing, Timestamp now, const MessageSink& sink,
                 Action action) {
  Stamp(now);
  bool done = action();
  for (int round = 0; !done && round < 2 && error_.IsEndOfMessage(); ++round) {
    if (pending_) {
      Flush(sink);
    } else if (fBufEmit(buffer_.get(), error_.Out()) == FALSE) {
      error_.Die("start a message");
    }
    Stamp(now);
    done = action();
  }
  if (!done) {
    error_.Die(doing);
  }
  pending_ = true;
}

}  // namespace exporter::fixbuf
