// SPDX-License-Identifier: Apache-2.0
#include "exporter/netflow9_encoder.h"

#include <algorithm>
#include <array>
#include <span>
#include <utility>
#include <vector>

#include "exporter/message_writer.h"
#include "exporter/network_order.h"
#include "exporter/uptime.h"
#include "templates/flow_template.h"

namespace exporter {
namespace {

using templates::Element;
using templates::FlowRecord;
using templates::FlowTemplate;

constexpr std::uint16_t kVersion = 9;
constexpr std::size_t kMessageHeader = 20;  // RFC 3954 section 5.1
constexpr std::size_t kSetHeader = 4;       // sections 5.2 and 5.3
constexpr std::uint16_t kTemplateSet = 0;
constexpr std::uint16_t kOptionsTemplateSet = 1;  // section 6.1
constexpr std::size_t kAlignment = 4;             // of sets, by padding
// Section 8. They stand before the other fields, four octets each.
constexpr std::uint16_t kLastSwitched = 21;
constexpr std::uint16_t kFirstSwitched = 22;
constexpr std::size_t kTimes = 8;
// Apart from those of the flows.
constexpr std::uint16_t kSamplingTemplate = 401;
// Section 8, and the one scope that is about the whole exporter (section 6.1).
constexpr std::uint16_t kSystem = 1;
constexpr std::uint16_t kSamplingInterval = 34;
// From here on numbers mean something in IPFIX only.
constexpr std::uint16_t kFirstOfIpfix = 128;

std::array<FlowTemplate, templates::kShapes> Netflow9Templates() {
  templates::Profile profile;
  profile.biflow = false;
  auto made = templates::MakeTemplates(profile);
  for (FlowTemplate& each : made) {
    // Here, one number stands for both versions of ICMP.
    std::replace(each.fields.begin(), each.fields.end(),
                 &templates::ElementNamed("icmpTypeCodeIPv6"),
                 &templates::ElementNamed("icmpTypeCodeIPv4"));
    std::erase_if(each.fields, [](const Element* element) {
      return element->enterprise != templates::kIana ||
             element->id >= kFirstOfIpfix;
    });
  }
  return made;
}

std::size_t IndexFor(const FlowRecord& record) {
  templates::Shape shape = templates::ShapeOf(record);
  shape.biflow = false;
  shape.overlay = false;
  return IndexOf(shape);
}

// One message: its header is written last, when its sets and its time are
// known.
class Message9 {
 public:
  explicit Message9(std::size_t max_octets)
      : octets_(max_octets + RecordLayout::kSpoiled) {}

  // Data or template records.
  [[nodiscard]] std::uint16_t Records() const { return records_; }
  // With what pads this set and the one before it.
  [[nodiscard]] bool HasRoom(std::size_t record_octets) const {
    return length_ + kSetHeader + record_octets + 2 * (kAlignment - 1) <=
           octets_.size() - RecordLayout::kSpoiled;
  }
  // Where a record of `octets` goes, in a set `id`. There is room.
  std::uint8_t* Add(std::uint16_t id, std::size_t octets) {
    if (!in_set_ || set_id_ != id) {
      EndSet();
      in_set_ = true;
      set_id_ = id;
      set_at_ = length_;
      length_ += kSetHeader;
    }
    ++records_;
    length_ += octets;
    return octets_.data() + length_ - octets;
  }
  // The whole message, valid until the next Add(), which begins another.
  std::span<const std::uint8_t> Finish(std::uint32_t uptime_ms,
                                       std::uint32_t seconds,
                                       std::uint32_t sequence,
                                       std::uint32_t source_id) {
    EndSet();
    std::uint8_t* at = PutNetworkOrder(kVersion, octets_.data());
    at = PutNetworkOrder(records_, at);
    at = PutNetworkOrder(uptime_ms, at);
    at = PutNetworkOrder(seconds, at);
    at = PutNetworkOrder(sequence, at);
    PutNetworkOrder(source_id, at);
    records_ = 0;
    return std::span(octets_).first(std::exchange(length_, kMessageHeader));
  }

 private:
  void EndSet() {
    if (!in_set_) {
      return;
    }
    while (length_ % kAlignment != 0) {
      octets_[length_++] = 0;
    }
    std::uint8_t* at = PutNetworkOrder(set_id_, octets_.data() + set_at_);
    PutNetworkOrder(static_cast<std::uint16_t>(length_ - set_at_), at);
    in_set_ = false;
  }

  std::vector<std::uint8_t> octets_;  // and behind them what a layout spoils
  std::size_t length_ = kMessageHeader;
  std::size_t set_at_ = 0;
  std::uint16_t set_id_ = 0;
  bool in_set_ = false;
  std::uint16_t records_ = 0;
};

class Netflow9Encoder final : public Encoder {
 public:
  explicit Netflow9Encoder(const Netflow9Options& options)
      : options_(options),
        templates_(Netflow9Templates()),
        data_(options.max_message_octets),
        definitions_(options.max_message_octets) {
    std::transform(templates_.begin(), templates_.end(), layouts_.begin(),
                   [](const FlowTemplate& each) { return RecordLayout(each); });
  }

  void Restart() override { sequence_ = 0; }
  void Renumber(std::span<std::uint8_t> message,
                std::uint32_t /*flow_records*/) override {
    constexpr std::size_t kSequenceAt = 12;  // RFC 3954 section 5.1
    PutNetworkOrder(sequence_++, message.data() + kSequenceAt);
  }
  void TakeBack(std::uint32_t /*flow_records*/) override { --sequence_; }

  void WriteTemplates(Timestamp now, const MessageSink& sink) override {
    const std::uint64_t seconds = WholeSeconds(Milliseconds(now));
    if (data_.Records() > 0 && !uptime_.Holds(seconds * 1000, seconds * 1000)) {
      Flush(sink);  // by the boot that it was begun with
    }
    HoldTimes(seconds * 1000, seconds);
    for (const FlowTemplate& each : templates_) {
      if (each.fields.empty()) {
        continue;
      }
      const std::size_t octets = 4 + 4 * (each.fields.size() + 2);
      if (!definitions_.HasRoom(octets)) {
        FinishDefinitions(seconds, sink);
      }
      Define(each, definitions_.Add(kTemplateSet, octets));
    }
    if (options_.sampling_interval > 1) {
      DefineSampling(seconds, sink);
    }
    FinishDefinitions(seconds, sink);
    Flush(sink);
  }

  void Append(const FlowRecord& record, Timestamp now,
              const MessageSink& sink) override {
    const std::size_t index = IndexFor(record);
    const RecordLayout& layout = layouts_[index];
    const std::size_t octets = kTimes + layout.Length(record);
    const std::uint64_t seconds = WholeSeconds(
        MessageTime(Milliseconds(now), record.start_ms, record.end_ms));
    if (data_.Records() == options_.max_message_records ||
        !data_.HasRoom(octets) ||
        !uptime_.Holds(record.start_ms, std::max(seconds, seconds_) * 1000)) {
      Flush(sink);
    }
    seconds_ = std::max(seconds, seconds_);
    HoldTimes(record.start_ms, seconds_);
    std::uint8_t* at = data_.Add(layout.TemplateId(), octets);
    at = PutNetworkOrder(uptime_.At(record.start_ms), at);
    at = PutNetworkOrder(uptime_.At(record.end_ms), at);
    layout.Write(record, at);
  }

  void Flush(const MessageSink& sink) override {
    if (const std::uint32_t records = data_.Records(); records > 0) {
      sink({Finish(data_, seconds_), records});
    }
    seconds_ = 0;
  }

 private:
  // The header has whole seconds, from which collectors learn the boot to the
  // millisecond. Rounded up, because a packet that is later than its message
  // would be taken for one of 49 days before.
  static std::uint64_t WholeSeconds(std::uint64_t ms) {
    return (ms + 999) / 1000;
  }

  void HoldTimes(std::uint64_t first_ms, std::uint64_t last_seconds) {
    if (!uptime_.Holds(first_ms, last_seconds * 1000)) {
      uptime_.Boot(first_ms, last_seconds * 1000);
    }
  }

  static void Define(const FlowTemplate& each, std::uint8_t* to) {
    constexpr std::uint16_t kTimeOctets = 4;
    to = PutNetworkOrder(each.id, to);
    to =
        PutNetworkOrder(static_cast<std::uint16_t>(each.fields.size() + 2), to);
    for (const std::uint16_t time : {kFirstSwitched, kLastSwitched}) {
      to = PutNetworkOrder(kTimeOctets, PutNetworkOrder(time, to));
    }
    for (const Element* element : each.fields) {
      to = PutNetworkOrder(element->length, PutNetworkOrder(element->id, to));
    }
  }

  // Its template and the one record of it. Without the algorithm (field 35):
  // beside it, nfcapd 1.7.1 takes no notice of the interval.
  void DefineSampling(std::uint64_t seconds, const MessageSink& sink) {
    constexpr std::uint16_t kScopeOctets = 4;
    constexpr std::uint16_t kOptionOctets = 4;
    constexpr std::size_t kTemplate = 6 + kScopeOctets + kOptionOctets;
    constexpr std::size_t kRecord = 4 + 4;
    if (!definitions_.HasRoom(kTemplate + kRecord + kSetHeader + kAlignment)) {
      FinishDefinitions(seconds, sink);
    }
    std::uint8_t* at = definitions_.Add(kOptionsTemplateSet, kTemplate);
    for (const std::uint16_t word :
         {kSamplingTemplate, kScopeOctets, kOptionOctets, kSystem,
          std::uint16_t{4}, kSamplingInterval, std::uint16_t{4}}) {
      at = PutNetworkOrder(word, at);
    }
    at = definitions_.Add(kSamplingTemplate, kRecord);
    at = PutNetworkOrder(options_.source_id, at);
    PutNetworkOrder(options_.sampling_interval, at);
  }

  void FinishDefinitions(std::uint64_t seconds, const MessageSink& sink) {
    sink({Finish(definitions_, seconds), 0});
  }

  std::span<const std::uint8_t> Finish(Message9& message,
                                       std::uint64_t seconds) {
    return message.Finish(uptime_.At(seconds * 1000),
                          static_cast<std::uint32_t>(seconds), sequence_++,
                          options_.source_id);
  }

  Netflow9Options options_;
  std::array<FlowTemplate, templates::kShapes> templates_;
  std::array<RecordLayout, templates::kShapes> layouts_;
  Message9 data_;
  Message9 definitions_;       // templates, sampling
  std::uint64_t seconds_ = 0;  // of data_, since 1970: at or behind its packets
  Uptime uptime_;
  std::uint32_t sequence_ = 0;
};

}  // namespace

std::unique_ptr<Encoder> MakeNetflow9Encoder(const Netflow9Options& options) {
  return std::make_unique<Netflow9Encoder>(options);
}

}  // namespace exporter
