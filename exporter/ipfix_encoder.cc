// SPDX-License-Identifier: Apache-2.0
#include "exporter/ipfix_encoder.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/fixbuf_domain.h"
#include "templates/flow_template.h"

namespace exporter {
namespace {

using fixbuf::Domain;
using fixbuf::FieldSpec;
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
