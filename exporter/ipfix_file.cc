// SPDX-License-Identifier: Apache-2.0
#include "exporter/ipfix_file.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <limits>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/fixbuf_domain.h"
#include "templates/element.h"
#include "templates/flow_template.h"

namespace exporter {
namespace {

using templates::Element;
using templates::ElementType;
using templates::FlowRecord;

constexpr std::size_t kMessageHeader = 16;  // RFC 7011 section 3.1
constexpr std::uint16_t kVersion = 10;
constexpr std::uint16_t kInternalTemplate = 256;

// What exporters have that count from the beginning of a flow.
struct Total {
  std::string_view name;
  std::uint64_t FlowRecord::*stands_for;
};
constexpr std::array kTotals = {
    Total{"octetTotalCount", &FlowRecord::octets},
    Total{"packetTotalCount", &FlowRecord::packets},
    Total{"reverseOctetTotalCount", &FlowRecord::reverse_octets},
    Total{"reversePacketTotalCount", &FlowRecord::reverse_packets},
};

std::uint16_t Number16(const std::uint8_t* octets) {
  return static_cast<std::uint16_t>(octets[0] << 8 | octets[1]);
}

// Octets of a value as libfixbuf hands it over: never reduced, since another
// exporter may use them all.
std::uint16_t FullOctets(ElementType type) {
  switch (type) {
    case ElementType::kUnsigned8:
      return 1;
    case ElementType::kUnsigned16:
      return 2;
    case ElementType::kUnsigned32:
    case ElementType::kIpv4Address:
      return 4;
    case ElementType::kUnsigned64:
    case ElementType::kDateTimeMilliseconds:
      return 8;
    case ElementType::kMacAddress:
      return 6;
    case ElementType::kIpv6Address:
      return 16;
    case ElementType::kString:
      return sizeof(fbVarfield_t);
  }
  return 0;
}

std::uint64_t HostInteger(const std::uint8_t* value, std::size_t octets) {
  std::uint64_t number = 0;  // little-endian, as message_writer.cc asserts
  std::memcpy(&number, value, octets);
  return number;
}

// Into fewer octets: the largest number that they hold.
void StoreInteger(std::uint64_t number, std::uint8_t* to, std::size_t octets) {
  if (octets < sizeof(number)) {
    number = std::min(number, (std::uint64_t{1} << octets * 8) - 1);
  }
  std::memcpy(to, &number, octets);
}

// Strings of the record differ in length only; the table does not say which.
void StoreString(const Element& element, std::string_view text,
                 FlowRecord& record) {
  if (element.offset == offsetof(FlowRecord, connection_state)) {
    record.connection_state.Assign(text);
  } else if (element.offset == offsetof(FlowRecord, history)) {
    record.history.Assign(text);
  } else {
    record.community_id.Assign(text);
  }
}

bool IsAddress(const Element& element) {
  return element.type == ElementType::kIpv4Address ||
         element.type == ElementType::kIpv6Address;
}

// The templates of a file, and its messages one after the other, by libfixbuf.
class IpfixFile final : public RecordFile {
 public:
  IpfixFile(std::unique_ptr<CaptureStream> stream, std::uint32_t pen)
      : stream_(std::move(stream)), model_(fixbuf::MakeModel(pen)) {
    // It speaks of sequence numbers, on the standard error.
    g_log_set_default_handler(
        [](const gchar*, GLogLevelFlags, const gchar*, gpointer) {}, nullptr);
    fbTemplate_t* all = fbTemplateAlloc(model_.get());
    for (const Element& element : templates::Elements()) {
      const std::uint16_t octets = FullOctets(element.type);
      AddField(all, element.name,
               element.type == ElementType::kString
                   ? std::uint16_t{FB_IE_VARLEN}
                   : octets);
      record_octets_ += octets;
    }
    for (const Total& total : kTotals) {
      AddField(all, total.name, sizeof(std::uint64_t));
      record_octets_ += sizeof(std::uint64_t);
    }
    fbSession_t* session = fbSessionAlloc(model_.get());
    if (fbSessionAddTemplate(session, TRUE, kInternalTemplate, all,
                             error_.Out()) == 0) {
      error_.Die("add a template");
    }
    buffer_.reset(fBufAllocForCollection(session, nullptr));
    fBufSetAutomaticMode(buffer_.get(), FALSE);
    if (fBufSetInternalTemplate(buffer_.get(), kInternalTemplate,
                                error_.Out()) == FALSE) {
      error_.Die("set a template");
    }
    values_.resize(record_octets_);
  }

  bool Next(FlowRecord& record) override {
    do {
      while (in_message_) {
        fbTemplate_t* external = NextValues();
        if (external != nullptr && MakeRecord(external, record)) {
          return true;
        }
      }
    } while (Error().empty() && ReadMessage());
    return false;
  }

 private:
  void AddField(fbTemplate_t* to, std::string_view name, std::uint16_t length) {
    std::string copy(name);
    fbInfoElementSpec_t spec = {copy.data(), length, 0};
    if (fbTemplateAppendSpec(to, &spec, 0, error_.Out()) == FALSE) {
      error_.Die("add a field to a template");
    }
  }

  // Fills values_ from the next record of the message; its template, or nullptr
  // when there is none.
  fbTemplate_t* NextValues() {
    fbTemplate_t* external =
        fBufNextCollectionTemplate(buffer_.get(), nullptr, error_.Out());
    std::size_t octets = record_octets_;
    if (external != nullptr && fBufNext(buffer_.get(), values_.data(), &octets,
                                        error_.Out()) != FALSE) {
      return external;
    }
    in_message_ = false;
    if (!error_.IsEndOfMessage()) {
      Damaged();
    }
    return nullptr;
  }

  bool ReadMessage() {
    message_.resize(kMessageHeader);
    const std::size_t got = stream_->ReadAll(message_);
    if (got == 0 && stream_->Error().empty()) {
      return false;
    }
    if (got < kMessageHeader) {
      return Torn();
    }
    const std::uint16_t length = Number16(message_.data() + 2);
    if (Number16(message_.data()) != kVersion || length < kMessageHeader) {
      return Fail("it is damaged: no message at octet " +
                  std::to_string(begin_));
    }
    message_.resize(length);
    if (stream_->ReadAll(std::span(message_).subspan(kMessageHeader)) <
        length - kMessageHeader) {
      return Torn();
    }
    fBufSetBuffer(buffer_.get(), message_.data(), message_.size());
    if (fBufNextMessage(buffer_.get(), error_.Out()) == FALSE) {
      return Damaged();
    }
    begin_ += length;
    in_message_ = true;
    return true;
  }

  bool Torn() {
    return Fail(stream_->Error().empty() ? "it ends inside a message"
                                         : stream_->Error());
  }
  bool Damaged() { return Fail("it is damaged: " + error_.Message()); }

  [[nodiscard]] bool Has(fbTemplate_t* external, const char* name) const {
    return fbTemplateContainsElement(
               external, fbInfoModelGetElementByName(model_.get(), name)) !=
           FALSE;
  }

  // Returns false when it is not about a flow between addresses.
  bool MakeRecord(fbTemplate_t* external, FlowRecord& record) {
    const bool v4 = Has(external, "sourceIPv4Address");
    const bool v6 = Has(external, "sourceIPv6Address");
    if (fbTemplateGetOptionsScope(external) > 0 || (!v4 && !v6)) {
      return false;
    }
    record = FlowRecord{};
    const std::uint8_t* value = values_.data();
    for (const Element& element : templates::Elements()) {
      if (!IsAddress(element)) {
        Store(element, value, record);
      }
      value += FullOctets(element.type);
    }
    for (const Total& total : kTotals) {
      std::uint64_t& delta = record.*total.stands_for;
      delta = std::max(delta, HostInteger(value, sizeof(delta)));
      value += sizeof(delta);
    }
    if (!v4 || !v6) {
      record.ip_version = v4 ? 4 : 6;
    }
    StoreAddresses(record);
    Complete(external, record);
    return true;
  }

  // One element has several places: the reader knows which it means only when
  // it is not 0.
  static void Store(const Element& element, const std::uint8_t* value,
                    FlowRecord& record) {
    auto* to = reinterpret_cast<std::uint8_t*>(&record) + element.offset;
    switch (element.type) {
      case ElementType::kString: {
        fbVarfield_t text{};
        std::memcpy(&text, value, sizeof(text));
        StoreString(element, {reinterpret_cast<char*>(text.buf), text.len},
                    record);
        break;
      }
      case ElementType::kMacAddress:
        std::memcpy(to, value, element.length);
        break;
      default:
        if (const std::uint64_t number =
                HostInteger(value, FullOctets(element.type));
            number != 0) {
          StoreInteger(number, to, element.length);
        }
    }
  }

  void StoreAddresses(FlowRecord& record) {
    const std::uint8_t* value = values_.data();
    const ElementType wanted = record.ip_version == 4
                                   ? ElementType::kIpv4Address
                                   : ElementType::kIpv6Address;
    for (const Element& element : templates::Elements()) {
      if (element.type == wanted) {
        auto* to = reinterpret_cast<std::uint8_t*>(&record) + element.offset;
        std::memcpy(to, value, element.length);
        if (wanted == ElementType::kIpv4Address) {
          std::reverse(to, to + element.length);  // an integer to libfixbuf
          to[-1] = to[-2] = 0xff;                 // the mapped form
        }
      }
      value += FullOctets(element.type);
    }
  }

  // What other exporters leave to their reader.
  void Complete(fbTemplate_t* external, FlowRecord& record) {
    constexpr std::uint64_t kMost = std::numeric_limits<std::uint32_t>::max();
    if (record.duration_ms == 0 && record.end_ms > record.start_ms) {
      record.duration_ms = static_cast<std::uint32_t>(
          std::min(record.end_ms - record.start_ms, kMost));
    }
    // The first flags are those of the flow, also in a later interval.
    if (!Has(external, "tcpControlBits")) {
      record.tcp_flags = record.initial_tcp_flags | record.later_tcp_flags;
    }
    if (!Has(external, "reverseTcpControlBits")) {
      record.reverse_tcp_flags =
          record.reverse_initial_tcp_flags | record.reverse_later_tcp_flags;
    }
    if (templates::ShapeOf(record).transport == templates::Transport::kIcmp &&
        record.destination_port == 0) {
      record.destination_port = record.icmp_type_code;
    }
  }

  std::unique_ptr<CaptureStream> stream_;
  fixbuf::Model model_;
  fixbuf::Buffer buffer_;
  fixbuf::Error error_;
  std::vector<std::uint8_t> message_;
  std::vector<std::uint8_t> values_;  // of one record, as the template has it
  std::size_t record_octets_ = 0;
  std::uint64_t begin_ = 0;  // of the message after this one
  bool in_message_ = false;
};

}  // namespace

bool IsIpfixFile(std::span<const std::uint8_t> start) {
  return start.size() >= 2 && Number16(start.data()) == kVersion;
}

std::unique_ptr<RecordFile> OpenIpfixFile(std::unique_ptr<CaptureStream> stream,
                                          std::uint32_t pen) {
  return std::make_unique<IpfixFile>(std::move(stream), pen);
}

}  // namespace exporter
