// SPDX-License-Identifier: Apache-2.0
#include "exporter/netflow5_encoder.h"

#include <algorithm>
#include <array>
#include <limits>
#include <span>
#include <string_view>
#include <vector>

#include "exporter/network_order.h"
#include "exporter/uptime.h"

namespace exporter {
namespace {

using templates::FlowRecord;

constexpr std::uint16_t kVersion = 5;
constexpr std::size_t kHeaderOctets = 24;
constexpr std::size_t kRecordOctets = 48;
constexpr std::size_t kMostRecords = 30;
// The mode in the upper two bits of the field that says how packets are
// sampled.
constexpr std::uint16_t kSystematic = 1 << 14;

template <typename Small, typename Integer>
Small Saturated(Integer value) {
  return static_cast<Small>(
      std::min<Integer>(value, std::numeric_limits<Small>::max()));
}

class Netflow5Encoder final : public Encoder {
 public:
  explicit Netflow5Encoder(const Netflow5Options& options)
      : engine_(options.engine),
        sampling_(options.sampling_interval > 1
                      ? static_cast<std::uint16_t>(kSystematic |
                                                   options.sampling_interval)
                      : std::uint16_t{0}),
        most_records_(std::clamp<std::size_t>(
            (options.max_message_octets - kHeaderOctets) / kRecordOctets, 1,
            kMostRecords)),
        octets_(kHeaderOctets + most_records_ * kRecordOctets) {}

  [[nodiscard]] std::string_view Refusal(
      const FlowRecord& record) const override {
    return record.ip_version == 4 ? "" : "NetFlow v5 has no IPv6";
  }

  void Restart() override { sequence_ = 0; }
  void Renumber(std::span<std::uint8_t> message,
                std::uint32_t flow_records) override {
    constexpr std::size_t kSequenceAt = 16;
    PutNetworkOrder(sequence_, message.data() + kSequenceAt);
    sequence_ += flow_records;
  }
  void TakeBack(std::uint32_t flow_records) override {
    sequence_ -= flow_records;
  }

  // There are none.
  void WriteTemplates(Timestamp /*now*/, const MessageSink& sink) override {
    Flush(sink);
  }

  void Append(const FlowRecord& record, Timestamp now,
              const MessageSink& sink) override {
    const std::uint64_t time =
        MessageTime(Milliseconds(now), record.start_ms, record.end_ms);
    if (records_ == most_records_ ||
        !uptime_.Holds(record.start_ms, std::max(time, time_ms_))) {
      Flush(sink);
    }
    time_ms_ = std::max(time, time_ms_);
    if (!uptime_.Holds(record.start_ms, time_ms_)) {
      uptime_.Boot(record.start_ms, time_ms_);
    }
    Write(record, octets_.data() + kHeaderOctets + records_ * kRecordOctets);
    ++records_;
  }

  void Flush(const MessageSink& sink) override {
    if (records_ > 0) {
      const auto records = static_cast<std::uint16_t>(records_);
      WriteHeader(records);
      sequence_ += records;
      const std::size_t length = kHeaderOctets + records_ * kRecordOctets;
      records_ = 0;
      time_ms_ = 0;
      sink({std::span(octets_).first(length), records});
    }
  }

 private:
  void WriteHeader(std::uint16_t records) {
    std::uint8_t* at = PutNetworkOrder(kVersion, octets_.data());
    at = PutNetworkOrder(records, at);
    at = PutNetworkOrder(uptime_.At(time_ms_), at);
    at = PutNetworkOrder(static_cast<std::uint32_t>(time_ms_ / 1000), at);
    at = PutNetworkOrder(
        static_cast<std::uint32_t>(time_ms_ % 1000 * 1'000'000), at);
    at = PutNetworkOrder(sequence_, at);
    at = PutNetworkOrder(engine_, at);
    PutNetworkOrder(sampling_, at);
  }

  void Write(const FlowRecord& record, std::uint8_t* at) const {
    at = std::copy_n(record.source_address.data() + 12, 4, at);
    at = std::copy_n(record.destination_address.data() + 12, 4, at);
    at = PutNetworkOrder(std::uint32_t{0}, at);  // next hop
    at =
        PutNetworkOrder(Saturated<std::uint16_t>(record.ingress_interface), at);
    at = PutNetworkOrder(Saturated<std::uint16_t>(record.egress_interface), at);
    at = PutNetworkOrder(Saturated<std::uint32_t>(record.packets), at);
    at = PutNetworkOrder(Saturated<std::uint32_t>(record.octets), at);
    at = PutNetworkOrder(uptime_.At(record.start_ms), at);
    at = PutNetworkOrder(uptime_.At(record.end_ms), at);
    at = PutNetworkOrder(record.source_port, at);
    at = PutNetworkOrder(record.destination_port, at);
    *at++ = 0;
    *at++ = record.tcp_flags;
    *at++ = record.protocol;
    *at++ = record.class_of_service;
    std::fill_n(at, 8, std::uint8_t{0});  // systems, masks, padding
  }

  std::uint16_t engine_;
  std::uint16_t sampling_;  // mode and interval; 0: nothing is sampled
  std::size_t most_records_;
  std::vector<std::uint8_t> octets_;
  std::size_t records_ = 0;
  std::uint64_t time_ms_ = 0;  // of the message: at or behind its packets
  Uptime uptime_;
  std::uint32_t sequence_ = 0;
};

}  // namespace

std::unique_ptr<Encoder> MakeNetflow5Encoder(const Netflow5Options& options) {
  return std::make_unique<Netflow5Encoder>(options);
}

}  // namespace exporter
