// SPDX-License-Identifier: Apache-2.0
#include "exporter/fixbuf_domain.h"

#include <algorithm>
#include <array>
#include <cstring>

#include <arpa/inet.h>

namespace exporter::fixbuf {
namespace {

using templates::Element;
using templates::ElementType;

std::uint16_t FullLength(ElementType type) {
  switch (type) {
    case ElementType::kUnsigned8:
      return 1;
    case ElementType::kUnsigned16:
      return 2;
    case ElementType::kUnsigned32:
      return 4;
    default:
      return FB_IE_VARLEN;
  }
}

// What libfixbuf must turn into network byte order, and does only when told.
bool IsInteger(ElementType type) {
  return type != ElementType::kMacAddress &&
         type != ElementType::kIpv6Address && type != ElementType::kString;
}

}  // namespace

std::uint8_t DataType(ElementType type) {
  switch (type) {
    case ElementType::kUnsigned8:
      return FB_UINT_8;
    case ElementType::kUnsigned16:
      return FB_UINT_16;
    case ElementType::kUnsigned32:
      return FB_UINT_32;
    case ElementType::kUnsigned64:
      return FB_UINT_64;
    case ElementType::kDateTimeMilliseconds:
      return FB_DT_MILSEC;
    case ElementType::kMacAddress:
      return FB_MAC_ADDR;
    case ElementType::kIpv4Address:
      return FB_IP4_ADDR;
    case ElementType::kIpv6Address:
      return FB_IP6_ADDR;
    case ElementType::kString:
      return FB_STRING;
  }
  return FB_OCTET_ARRAY;
}

// The model has IANA's elements and their reverse; the others come from our
// table. A reverse element of another enterprise is listed like any other.
Model MakeModel(std::uint32_t pen) {
  Model model(fbInfoModelAlloc());
  for (const Element& element : templates::Elements()) {
    if (element.enterprise == templates::kIana ||
        element.enterprise == templates::kReverse) {
      continue;
    }
    std::string name(element.name);
    fbInfoElement_t made = FB_IE_INIT_FULL(
        name.c_str(),
        element.enterprise == templates::kOwn ? pen : element.enterprise,
        element.id, FullLength(element.type),
        static_cast<std::uint32_t>(element.semantics) << 8 |
            static_cast<std::uint32_t>(element.units) << 16 |
            (IsInteger(element.type) ? FB_IE_F_ENDIAN : 0U),
        0, 0, DataType(element.type), nullptr);
    fbInfoModelAddElement(model.get(), &made);
  }
  return model;
}

fbVarfield_t Text(std::string_view text) {
  fbVarfield_t field{};
  field.len = text.size();
  field.buf = reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  return field;
}

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
  templates_.push_back({id, scope_fields > 0});
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
  bool has_options = false;
  for (const auto [id, options] : templates_) {
    if (options && has_options) {
      Flush(sink);
    }
    has_options = options;
    Try("write a template", now, sink, [&, id = id] {
      return fbSessionExportTemplate(session_, id, error_.Out()) != FALSE;
    });
  }
  Flush(sink);
}

void Domain::Append(std::uint16_t id, std::vector<std::uint8_t>& record,
                    Timestamp now, const MessageSink& sink) {
  Try("append a record", now, sink, [&] {
    return fBufSetInternalTemplate(buffer_.get(), id, error_.Out()) != FALSE &&
           fBufSetExportTemplate(buffer_.get(), id, error_.Out()) != FALSE &&
           fBufAppend(buffer_.get(), record.data(), record.size(),
                      error_.Out()) != FALSE;
  });
  ++data_records_;
}

// Emitting nothing would leave the length of the message before readable. The
// sequence number is ours, as libfixbuf has no way to start it again.
void Domain::Flush(const MessageSink& sink) {
  if (!pending_) {
    return;
  }
  if (fBufEmit(buffer_.get(), error_.Out()) == FALSE) {
    error_.Die("finish a message");
  }
  pending_ = false;
  constexpr std::size_t kSequenceAt = 8;
  const std::uint32_t network = htonl(sequence_);
  std::memcpy(octets_.data() + kSequenceAt, &network, sizeof(network));
  sequence_ += data_records_;
  data_records_ = 0;
  const std::size_t length =
      fbExporterGetMsgLen(fBufGetExporter(buffer_.get()));
  sink({std::span<const std::uint8_t>(octets_.data(), length), 0});
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
