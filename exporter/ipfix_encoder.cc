// SPDX-License-Identifier: Apache-2.0
#include "exporter/ipfix_encoder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include <arpa/inet.h>

#include "exporter/fixbuf.h"
#include "templates/flow_template.h"

namespace exporter {
namespace {

using templates::Element;
using templates::ElementType;
using templates::FlowRecord;
using templates::FlowTemplate;

constexpr std::uint32_t kMessageHeader = 16;  // RFC 7011 section 3.1
constexpr std::uint32_t kSetHeader = 4;       // section 3.3.2
// Template ids of domain 0, apart from those of the flows: some collectors keep
// templates by id and sender alone.
constexpr std::uint16_t kElementTypeTemplate = 400;
// IANA's informationElementDataType, and libfixbuf's values for it.
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

// The model has IANA's elements and their reverse; the others come from our
// table. A reverse element of another enterprise is listed like any other.
fixbuf::Model MakeModel(std::uint32_t pen) {
  fixbuf::Model model(fbInfoModelAlloc());
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

// The text must outlive the append.
fbVarfield_t Text(std::string_view text) {
  fbVarfield_t field{};
  field.len = text.size();
  field.buf = reinterpret_cast<std::uint8_t*>(const_cast<char*>(text.data()));
  return field;
}

struct FieldSpec {
  std::string name;
  std::uint16_t length;
};

// One observation domain: a libfixbuf session that writes messages into a
// buffer of its own.
class Domain {
 public:
  Domain(fbInfoModel_t* model, std::uint32_t domain, std::uint16_t max_octets)
      : model_(model), octets_(max_octets), session_(fbSessionAlloc(model)) {
    fbSessionSetDomain(session_, domain);
  }

  // Templates are added once, before Open(): adding one later would write it,
  // and adding one again would withdraw it, which kills collectors over UDP.
  void AddTemplate(std::uint16_t id, const std::vector<FieldSpec>& fields,
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
      if (fbSessionAddTemplate(session_, internal, id, made, error_.Out()) ==
          0) {
        error_.Die("add a template");
      }
    }
    ids_.push_back(id);
  }

  void Open() {
    fbExporter_t* exporter = fbExporterAllocBuffer(
        octets_.data(), static_cast<std::uint16_t>(octets_.size()));
    buffer_.reset(fBufAllocForExport(session_, exporter));
    fBufSetAutomaticMode(buffer_.get(), FALSE);
  }

  [[nodiscard]] std::size_t Capacity() const { return octets_.size(); }

  // One by one: all at once never ends when they do not fit into one message.
  void WriteTemplates(Timestamp now, const MessageSink& sink) {
    Flush(sink);
    for (const std::uint16_t id : ids_) {
      Stamp(now);
      if (fbSessionExportTemplate(session_, id, error_.Out()) == FALSE) {
        Retry("write a template", now, sink, [&] {
          return fbSessionExportTemplate(session_, id, error_.Out());
        });
      }
      pending_ = true;
    }
    Flush(sink);
  }

  // `record` is laid out as the template says, packed, in host byte order.
  void Append(std::uint16_t id, std::vector<std::uint8_t>& record, bool is_flow,
              Timestamp now, const MessageSink& sink) {
    const auto append = [&] {
      return fBufSetInternalTemplate(buffer_.get(), id, error_.Out()) !=
                 FALSE &&
             fBufSetExportTemplate(buffer_.get(), id, error_.Out()) != FALSE &&
             fBufAppend(buffer_.get(), record.data(), record.size(),
                        error_.Out()) != FALSE;
    };
    Stamp(now);
    if (!append()) {
      Retry("append a record", now, sink, append);
    }
    pending_ = true;
    ++data_records_;
    flow_records_ += is_flow ? 1 : 0;
  }

  void Flush(const MessageSink& sink) {
    Emit([&](std::span<std::uint8_t> octets) { HandOver(octets, sink); });
  }

  void Restart() { sequence_ = 0; }

  // Finishes the message under construction, to hand it over later.
  void Keep() {
    kept_data_records_ = data_records_;
    kept_flow_records_ = flow_records_;
    Emit([this](std::span<std::uint8_t> octets) {
      kept_.assign(octets.begin(), octets.end());
    });
    data_records_ = 0;
    flow_records_ = 0;
  }

  void WriteKept(const MessageSink& sink) {
    if (!kept_.empty()) {
      data_records_ = kept_data_records_;
      flow_records_ = kept_flow_records_;
      HandOver(kept_, sink);
      kept_.clear();
    }
  }

 private:
  template <typename Take>
  void Emit(Take take) {
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

  // The sequence number is ours, as libfixbuf has no way to start it again:
  // data records of this domain before the message (RFC 7011 section 3.1).
  void HandOver(std::span<std::uint8_t> octets, const MessageSink& sink) {
    const std::uint32_t network = htonl(sequence_);
    std::memcpy(octets.data() + 8, &network, sizeof(network));
    sequence_ += data_records_;
    const Message message{octets, flow_records_};
    data_records_ = 0;
    flow_records_ = 0;
    sink(message);
  }

  // The export time of a message is fixed by its first record or template.
  void Stamp(Timestamp now) {
    if (!pending_) {
      const auto seconds =
          std::chrono::floor<std::chrono::seconds>(now).time_since_epoch();
      // 0 would mean the system's clock to libfixbuf.
      fBufSetExportTime(buffer_.get(),
                        static_cast<std::uint32_t>(
                            std::max<std::int64_t>(seconds.count(), 1)));
    }
  }

  // Templates and data never share a message, and a fresh buffer asks for one
  // empty round; so "end of message" comes at most twice in a row.
  template <typename Action>
  void Retry(const char* doing, Timestamp now, const MessageSink& sink,
             Action action) {
    for (int attempt = 0; attempt < 2 && error_.IsEndOfMessage(); ++attempt) {
      if (pending_) {
        Flush(sink);
      } else if (fBufEmit(buffer_.get(), error_.Out()) == FALSE) {
        error_.Die("start a message");
      }
      Stamp(now);
      if (action()) {
        return;
      }
    }
    error_.Die(doing);
  }

  fbInfoModel_t* model_;
  std::vector<std::uint8_t> octets_;
  fbSession_t* session_;  // owned by buffer_ once that is made
  fixbuf::Buffer buffer_;
  std::vector<std::uint16_t> ids_;
  fixbuf::Error error_;
  std::vector<std::uint8_t> kept_;  // a finished message
  std::uint32_t kept_data_records_ = 0;
  std::uint32_t kept_flow_records_ = 0;
  bool pending_ = false;  // something was appended since the last message
  // Of the message under construction.
  std::uint32_t data_records_ = 0;
  std::uint32_t flow_records_ = 0;
  std::uint32_t sequence_ = 0;  // data records handed over, modulo 2^32
};

// What a record needs on the wire, and the packed copy that libfixbuf reads.
class PackedRecord {
 public:
  void Pack(const FlowTemplate& flow_template, const FlowRecord& record) {
    octets_.clear();
    wire_length_ = 0;
    const auto* base = reinterpret_cast<const std::uint8_t*>(&record);
    for (const Element* element : flow_template.fields) {
      PackField(*element, base + element->offset);
    }
  }

  [[nodiscard]] std::uint32_t WireLength() const { return wire_length_; }
  [[nodiscard]] std::vector<std::uint8_t>& Octets() { return octets_; }

 private:
  void PackField(const Element& element, const std::uint8_t* value) {
    switch (element.type) {
      case ElementType::kString: {
        // ShortString: the length, then the octets.
        const fbVarfield_t field =
            Text({reinterpret_cast<const char*>(value) + 1, *value});
        PackOctets(reinterpret_cast<const std::uint8_t*>(&field),
                   sizeof(field));
        wire_length_ += 1 + *value;  // at most 32 octets: short length form
        return;
      }
      case ElementType::kIpv4Address: {
        const std::uint32_t host = static_cast<std::uint32_t>(value[0]) << 24 |
                                   static_cast<std::uint32_t>(value[1]) << 16 |
                                   static_cast<std::uint32_t>(value[2]) << 8 |
                                   value[3];
        PackOctets(reinterpret_cast<const std::uint8_t*>(&host), sizeof(host));
        break;
      }
      default:
        PackOctets(value, element.length);
        break;
    }
    wire_length_ += element.length;
  }

  void PackOctets(const std::uint8_t* from, std::size_t count) {
    octets_.insert(octets_.end(), from, from + count);
  }

  std::vector<std::uint8_t> octets_;
  std::uint32_t wire_length_ = 0;
};

class IpfixEncoder final : public Encoder {
 public:
  explicit IpfixEncoder(const IpfixOptions& options)
      : options_(options),
        templates_(templates::MakeTemplates(options.profile)),
        model_(MakeModel(options.pen)),
        flows_(model_.get(), options.observation_domain,
               options.max_message_octets),
        types_(model_.get(), 0, options.max_message_octets) {
    for (const FlowTemplate& flow_template : templates_) {
      AddFlowTemplate(flow_template);
    }
    // All the fields of RFC 5610 section 3.9: libfixbuf's own readers learn
    // from nothing less, and crash on a name of fixed length.
    types_.AddTemplate(kElementTypeTemplate,
                       {{"privateEnterpriseNumber", 4},
                        {"informationElementId", 2},
                        {"informationElementDataType", 1},
                        {"informationElementSemantics", 1},
                        {"informationElementUnits", 2},
                        {"informationElementRangeBegin", 8},
                        {"informationElementRangeEnd", 8},
                        {"informationElementName", FB_IE_VARLEN},
                        {"informationElementDescription", FB_IE_VARLEN}},
                       2);
    flows_.Open();
    types_.Open();
  }

  void Restart() override {
    flows_.Restart();
    types_.Restart();
  }

  void WriteTemplates(Timestamp now, const MessageSink& sink) override {
    flows_.Keep();
    BeginMessage();
    if (options_.profile.element_types) {
      WriteElementTypes(now, sink);
    }
    flows_.WriteTemplates(now, sink);
    flows_.WriteKept(sink);
  }

  void Append(const FlowRecord& record, Timestamp now,
              const MessageSink& sink) override {
    const FlowTemplate& flow_template =
        templates_[IndexOf(templates::ShapeOf(record))];
    packed_.Pack(flow_template, record);
    // libfixbuf would find out that the record does not fit after it has begun
    // its set, and leave an empty set behind.
    const bool new_set = flow_template.id != last_template_;
    const std::uint32_t needed =
        packed_.WireLength() + (new_set ? kSetHeader : 0);
    if (length_ + needed > flows_.Capacity() ||
        records_ == options_.max_message_records) {
      Flush(sink);
    }
    if (records_ == 0) {
      length_ = kMessageHeader + kSetHeader + packed_.WireLength();
    } else {
      length_ += needed;
    }
    flows_.Append(flow_template.id, packed_.Octets(), true, now, sink);
    last_template_ = flow_template.id;
    ++records_;
  }

  void Flush(const MessageSink& sink) override {
    flows_.Flush(sink);
    BeginMessage();
  }

 private:
  void BeginMessage() {
    records_ = 0;
    length_ = 0;
    last_template_ = 0;
  }

  void AddFlowTemplate(const FlowTemplate& flow_template) {
    if (flow_template.fields.empty()) {
      return;
    }
    std::vector<FieldSpec> fields;
    for (const Element* element : flow_template.fields) {
      fields.push_back(
          {std::string(element->name), element->type == ElementType::kString
                                           ? std::uint16_t{FB_IE_VARLEN}
                                           : element->length});
    }
    flows_.AddTemplate(flow_template.id, fields, 0);
  }

  // RFC 5610 section 3.9.
  void WriteElementTypes(Timestamp now, const MessageSink& sink) {
    types_.WriteTemplates(now, sink);
    for (const Element& element : templates::Elements()) {
      if (element.enterprise == templates::kIana ||
          element.enterprise == templates::kReverse) {
        continue;
      }
      std::vector<std::uint8_t> record;
      const auto put = [&](const auto& value) {
        const auto* octets = reinterpret_cast<const std::uint8_t*>(&value);
        record.insert(record.end(), octets, octets + sizeof(value));
      };
      put(element.enterprise == templates::kOwn ? options_.pen
                                                : element.enterprise);
      put(element.id);
      put(DataType(element.type));
      put(static_cast<std::uint8_t>(element.semantics));
      put(static_cast<std::uint16_t>(element.units));
      put(std::uint64_t{0});  // no range
      put(std::uint64_t{0});
      put(Text(element.name));
      put(Text(element.description));
      types_.Append(kElementTypeTemplate, record, false, now, sink);
    }
    types_.Flush(sink);
  }

  IpfixOptions options_;
  std::array<FlowTemplate, templates::kShapes> templates_;
  fixbuf::Model model_;
  Domain flows_;
  Domain types_;
  PackedRecord packed_;
  // The message under construction: octets, records, and the set that is open.
  std::size_t length_ = 0;
  std::uint32_t records_ = 0;
  std::uint16_t last_template_ = 0;
};

}  // namespace

std::unique_ptr<Encoder> MakeIpfixEncoder(const IpfixOptions& options) {
  return std::make_unique<IpfixEncoder>(options);
}

}  // namespace exporter
