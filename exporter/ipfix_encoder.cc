// SPDX-License-Identifier: Apache-2.0
#include "exporter/ipfix_encoder.h"

#include <array>
#include <string>
#include <string_view>
#include <vector>

#include "exporter/fixbuf_domain.h"
#include "exporter/message_writer.h"
#include "exporter/network_order.h"
#include "templates/flow_template.h"

namespace exporter {
namespace {

using fixbuf::Domain;
using fixbuf::FieldSpec;
using templates::Element;
using templates::ElementType;
using templates::FlowRecord;
using templates::FlowTemplate;

// Template ids of options, apart from those of the flows and from each other in
// whatever domain: some collectors keep templates by id and sender alone.
constexpr std::uint16_t kElementTypeTemplate = 400;  // in domain 0
constexpr std::uint16_t kSamplingTemplate = 401;     // in that of the flows
constexpr std::uint16_t kInterfaceTemplate = 402;    // likewise
constexpr std::uint16_t kStatisticsTemplate = 403;   // in domain 0

// Fixed, because collectors read no names of variable length in options.
constexpr std::uint16_t kInterfaceNameOctets = 16;

class IpfixEncoder final : public Encoder {
 public:
  explicit IpfixEncoder(const IpfixOptions& options)
      : options_(options),
        templates_(templates::MakeTemplates(options.profile)),
        model_(fixbuf::MakeModel(options.pen)),
        flows_(model_.get(), options.observation_domain,
               options.max_message_octets),
        process_(model_.get(), 0, options.max_message_octets),
        message_(options.observation_domain, options.max_message_octets) {
    for (std::size_t i = 0; i < templates_.size(); ++i) {
      AddFlowTemplate(templates_[i]);
      layouts_[i] = RecordLayout(templates_[i]);
    }
    if (SaysSampling()) {
      flows_.AddTemplate(kSamplingTemplate,
                         {{"observationDomainId", 4}, {"samplingInterval", 4}},
                         1);
    }
    if (options_.profile.interface_names) {
      flows_.AddTemplate(kInterfaceTemplate,
                         {{"observationDomainId", 4},
                          {"ingressInterface", 4},
                          {"interfaceName", kInterfaceNameOctets},
                          {"interfaceDescription", kInterfaceNameOctets}},
                         1);
    }
    AddProcessTemplates();
    flows_.Open();
    process_.Open();
  }

  void Restart() override {
    flows_.Restart();
    process_.Restart();
  }

  void Renumber(std::span<std::uint8_t> message,
                std::uint32_t flow_records) override {
    constexpr std::size_t kSequenceAt = 8;  // RFC 7011 section 3.1
    PutNetworkOrder(flows_.Sequence(), message.data() + kSequenceAt);
    flows_.AdvanceSequence(flow_records);
  }

  void TakeBack(std::uint32_t flow_records) override {
    flows_.AdvanceSequence(-flow_records);
  }

  void WriteTemplates(Timestamp now, const MessageSink& sink) override {
    process_.WriteTemplates(now, sink);
    if (options_.profile.element_types) {
      WriteElementTypes(now, sink);
    }
    flows_.WriteTemplates(now, sink);
    if (SaysSampling()) {
      WriteSamplingInterval(now, sink);
    }
    Flush(sink);
  }

  void WriteStatistics(const ExportStatistics& statistics, Timestamp now,
                       const MessageSink& sink) override {
    if (!options_.profile.statistics) {
      return;
    }
    std::vector<std::uint8_t> record;
    Put(options_.observation_domain, record);
    Put(options_.observation_domain, record);
    for (const std::uint64_t total :
         {statistics.messages, statistics.flow_records, statistics.octets,
          statistics.metering.ignored_packets,
          statistics.metering.dropped_packets,
          statistics.dropped_records + statistics.metering.lost_records}) {
      Put(total, record);
    }
    process_.Append(kStatisticsTemplate, record, now, sink);
    process_.Flush(sink);
  }

  void WriteInterfaces(std::span<const CapturedInterface> interfaces,
                       Timestamp now, const MessageSink& sink) override {
    if (!options_.profile.interface_names) {
      return;
    }
    for (const CapturedInterface& interface : interfaces) {
      std::array<char, kInterfaceNameOctets> name{};  // with zeros behind it
      interface.name.copy(name.data(), name.size() - 1);
      std::vector<std::uint8_t> record;
      Put(options_.observation_domain, record);
      Put(interface.index, record);
      Put(name, record);
      Put(name, record);
      AppendOptions(kInterfaceTemplate, record, now, sink);
    }
  }

  void Append(const FlowRecord& record, Timestamp now,
              const MessageSink& sink) override {
    const RecordLayout& layout = layouts_[IndexOf(templates::ShapeOf(record))];
    if (message_.Records() == options_.max_message_records ||
        !message_.HasRoom(layout, record)) {
      Flush(sink);
    }
    message_.Append(layout, record, now);
  }

  void Flush(const MessageSink& sink) override {
    if (const std::uint32_t records = message_.Records(); records > 0) {
      const auto octets = message_.Finish(flows_.Sequence());
      flows_.AdvanceSequence(records);
      sink({octets, records});
    }
  }

 private:
  [[nodiscard]] bool SaysSampling() const {
    return options_.sampling_interval > 1 || options_.profile.sampling_interval;
  }

  void AddProcessTemplates() {
    if (options_.profile.element_types) {
      // All the fields of RFC 5610 section 3.9: libfixbuf's own readers learn
      // from nothing less, and crash on a name of fixed length.
      process_.AddTemplate(kElementTypeTemplate,
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
    }
    if (options_.profile.statistics) {
      // RFC 7011 sections 4.1 to 4.3 in one, with the scopes of all: the domain
      // that was measured, and the process that exports it. Our domain tells
      // the processes of a host apart, so it is the number of both.
      process_.AddTemplate(kStatisticsTemplate,
                           {{"observationDomainId", 4},
                            {"exportingProcessId", 4},
                            {"exportedMessageTotalCount", 8},
                            {"exportedFlowRecordTotalCount", 8},
                            {"exportedOctetTotalCount", 8},
                            {"ignoredPacketTotalCount", 8},
                            {"droppedPacketTotalCount", 8},
                            {"notSentFlowTotalCount", 8}},
                           2);
    }
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
    for (const Element& element : templates::Elements()) {
      if (element.enterprise == templates::kIana ||
          element.enterprise == templates::kReverse) {
        continue;
      }
      std::vector<std::uint8_t> record;
      const auto put = [&record](const auto& value) { Put(value, record); };
      put(element.enterprise == templates::kOwn ? options_.pen
                                                : element.enterprise);
      put(element.id);
      put(fixbuf::DataType(element.type));
      put(static_cast<std::uint8_t>(element.semantics));
      put(static_cast<std::uint16_t>(element.units));
      put(std::uint64_t{0});  // no range
      put(std::uint64_t{0});
      put(fixbuf::Text(element.name));
      put(fixbuf::Text(element.description));
      process_.Append(kElementTypeTemplate, record, now, sink);
    }
    process_.Flush(sink);
  }

  void WriteSamplingInterval(Timestamp now, const MessageSink& sink) {
    std::vector<std::uint8_t> record;
    Put(options_.observation_domain, record);
    Put(options_.sampling_interval, record);
    AppendOptions(kSamplingTemplate, record, now, sink);
  }

  // In a message of its own.
  void AppendOptions(std::uint16_t id, std::vector<std::uint8_t>& record,
                     Timestamp now, const MessageSink& sink) {
    flows_.Append(id, record, now, sink);
    flows_.Flush(sink);
    if (!options_.profile.options_in_sequence) {
      flows_.AdvanceSequence(-std::uint32_t{1});
    }
  }

  // As libfixbuf takes it: in host byte order, packed.
  template <typename Value>
  static void Put(const Value& value, std::vector<std::uint8_t>& record) {
    const auto* octets = reinterpret_cast<const std::uint8_t*>(&value);
    record.insert(record.end(), octets, octets + sizeof(value));
  }

  IpfixOptions options_;
  std::array<FlowTemplate, templates::kShapes> templates_;
  fixbuf::Model model_;
  Domain flows_;
  Domain process_;
  DataMessage message_;
  std::array<RecordLayout, templates::kShapes> layouts_;
};

}  // namespace

std::unique_ptr<Encoder> MakeIpfixEncoder(const IpfixOptions& options) {
  return std::make_unique<IpfixEncoder>(options);
}

}  // namespace exporter
