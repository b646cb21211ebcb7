// SPDX-License-Identifier: Apache-2.0
// One collector's session: its encoder, its connection and its counters.
#pragma once

#include <memory>

#include "exporter/collector_url.h"
#include "exporter/encoder.h"
#include "exporter/message_batch.h"
#include "exporter/output.h"
#include "exporter/statistics.h"
#include "exporter/transport.h"

namespace exporter {

// Templates go first on every connection, and again every template_refresh over
// UDP (RFC 7011 section 8.4). A broken connection is opened again after a pause
// that doubles up to half a minute. If it may come again, what comes meanwhile
// waits in a bounded backlog, and what the collector may not have read goes
// again, renumbered, behind the new templates; else it is counted as dropped.
// Statistics go behind the templates, over TCP as often as templates over UDP,
// and at the end.
//
// Messages gather until the transport has as many as it likes at once, or until
// the end of the burst. A late error of UDP ("nobody listens") does not say
// which message it answers, or how many: all that were handed over at once
// before it count as dropped.
class Collector final : public Output {
 public:
  // `patient`: rather than drop records, Add() waits for a collector that is
  // away, for a bounded time.
  Collector(CollectorUrl url, std::unique_ptr<Encoder> encoder,
            std::unique_ptr<Transport> transport, bool patient = false,
            StatisticsSource statistics = {});

  void Add(const templates::FlowRecord& record,
           tracker::Timestamp now) override;
  void EndBurst(tracker::Timestamp now) override { SendBatch(now); }
  void Tick(tracker::Timestamp now) override;
  void Finish(tracker::Timestamp now) override;
  [[nodiscard]] std::uint64_t RecordsFor(
      const templates::FlowRecord& record) const override {
    return url_.profile.biflow ? 1U
                               : (record.packets > 0 ? 1U : 0U) +
                                     (record.reverse_packets > 0 ? 1U : 0U);
  }
  [[nodiscard]] DeliveryCounts Counts() const override { return counts_; }
  [[nodiscard]] std::string Name() const override { return url_.text; }
  [[nodiscard]] std::string Notice() const override;

 private:
  void AddOne(const templates::FlowRecord& record, tracker::Timestamp now);
  void RefreshTemplates(tracker::Timestamp now);
  void Gather(const Message& message, tracker::Timestamp now);
  void SendBatch(tracker::Timestamp now);
  // The front message of the batch did not go.
  void GiveUp(const std::error_code& error, tracker::Timestamp now);
  // Opens if it is time to try; templates first.
  void Connect(tracker::Timestamp now);
  void RetryLater(tracker::Timestamp now);
  // At once: they show whether a new connection works.
  void SendTemplates(tracker::Timestamp now);
  void SendStatistics(tracker::Timestamp now);
  void TakeLateError();
  void Drop(std::uint64_t records, const std::string& why);
  void Drop(std::uint64_t records, const std::error_code& error);
  // Into the backlog; false: the connection is of a kind that has none.
  bool Keep(std::span<const std::uint8_t> octets, std::uint64_t flow_records);
  // Of the lost connection: what is unread, then what was not handed over.
  void KeepUndelivered();
  void SendBacklog(tracker::Timestamp now);
  void WaitForRoom(tracker::Timestamp now);
  // Tries again, now and then, as long as `done` is false. False: it was in
  // vain for kPatience.
  template <typename Done>
  bool Reconnect(tracker::Timestamp now, Done done);
  [[nodiscard]] MessageSink SinkAt(tracker::Timestamp now);

  CollectorUrl url_;
  std::unique_ptr<Encoder> encoder_;
  std::unique_ptr<Transport> transport_;
  MessageBatch batch_;
  StatisticsSource statistics_;
  DeliveryCounts counts_;
  std::uint64_t sent_messages_ = 0;
  std::uint64_t sent_octets_ = 0;
  tracker::Timestamp next_refresh_;
  tracker::Timestamp oldest_waiting_;  // when the message was begun
  bool waiting_ = false;               // records are in the encoder
  bool templates_sent_ = false;        // on this connection, or in the batch
  tracker::Timestamp next_attempt_;
  std::chrono::seconds pause_{0};
  std::error_code last_error_;
  std::uint64_t last_sent_ = 0;  // records of the last batch
  Backlog backlog_;
  bool patient_;
  bool patience_spent_ = false;
};

}  // namespace exporter
