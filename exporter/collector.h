// SPDX-License-Identifier: Apache-2.0
// One collector's session: its encoder, its connection and its counters.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>
#include <vector>

#include "exporter/collector_url.h"
#include "exporter/delivery_queue.h"
#include "exporter/encoder.h"
#include "exporter/message_batch.h"
#include "exporter/output.h"
#include "exporter/statistics.h"
#include "exporter/transport.h"

namespace exporter {

// Templates go first on every connection, and again every template_refresh over
// UDP (RFC 7011 section 8.4). A broken connection is opened again after a pause
// that doubles up to half a minute. If it may come again, what comes meanwhile
// waits in a bounded queue, in memory or in a spool, and what the collector may
// not have read goes again, renumbered, behind the new templates; else it is
// counted as dropped. What is new waits behind what is in the queue, which is
// sent a share at a time while an interface is captured.
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

  // Before the first record: what cannot be delivered goes there, and what it
  // has is delivered first.
  void SetSpool(std::unique_ptr<Spool> spool) {
    queue_.SetSpool(std::move(spool));
  }

  void Add(const templates::FlowRecord& record,
           tracker::Timestamp now) override;
  void EndBurst(tracker::Timestamp now) override;
  void Tick(tracker::Timestamp now) override;
  void SetLostBefore(std::uint64_t records) override { lost_before_ = records; }
  void Finish(tracker::Timestamp now) override;
  [[nodiscard]] std::uint64_t RecordsFor(
      const templates::FlowRecord& record) const override {
    return url_.profile.biflow ? 1U
                               : (record.packets > 0 ? 1U : 0U) +
                                     (record.reverse_packets > 0 ? 1U : 0U);
  }
  [[nodiscard]] DeliveryCounts Counts() const override;
  [[nodiscard]] std::string Name() const override { return url_.text; }
  [[nodiscard]] std::string Notice() const override;

 private:
  void AddOne(const templates::FlowRecord& record, tracker::Timestamp now);
  // What is due before the next record. In a message that was begun, that is a
  // question of the time only.
  void RefreshTemplates(tracker::Timestamp now) {
    if (!waiting_ || !templates_sent_ || now >= next_refresh_ ||
        now >= next_look_up_) {
      KeepSession(now);
    }
  }
  // Connects, if it is time; templates again, if that is due.
  void KeepSession(tracker::Timestamp now);
  // Now and then, over UDP: where the collector's name points.
  void FollowName(tracker::Timestamp now);
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
  // Behind the templates, and again when one has another number.
  void NameInterfaces(tracker::Timestamp now);
  void TakeLateError();
  void Drop(std::uint64_t records, const std::string& why);
  void Drop(std::uint64_t records, const std::error_code& error);
  // A message that cannot go now: into the queue, or dropped where the
  // connection is of a kind that has none.
  void Keep(const Message& message);
  // Of the lost connection: what is unread, then what was not handed over.
  void KeepUndelivered();
  // From the queue, about so many octets.
  void CatchUp(tracker::Timestamp now, std::size_t octets) {
    if (templates_sent_ && !queue_.Empty()) {
      SendFromQueue(now, octets);
    }
  }
  void SendFromQueue(tracker::Timestamp now, std::size_t octets);
  // At once: all, unless an interface is captured.
  [[nodiscard]] std::size_t Share() const;
  void WaitForRoom(tracker::Timestamp now);
  void FinishQueue(tracker::Timestamp now, std::error_code error);
  // Tries once, and again as long as `done` is false. False: it was in vain
  // for `patience`.
  template <typename Done>
  bool Reconnect(tracker::Timestamp now, std::chrono::seconds patience,
                 Done done);
  [[nodiscard]] std::chrono::seconds LookUpInterval() const;
  [[nodiscard]] MessageSink SinkAt(tracker::Timestamp now);

  CollectorUrl url_;
  std::unique_ptr<Encoder> encoder_;
  std::unique_ptr<Transport> transport_;
  MessageBatch batch_;
  StatisticsSource statistics_;
  std::vector<CapturedInterface> named_;  // on this connection
  DeliveryCounts counts_;
  std::uint64_t sent_messages_ = 0;
  std::uint64_t sent_octets_ = 0;
  tracker::Timestamp next_refresh_;
  tracker::Timestamp next_look_up_;
  tracker::Timestamp oldest_waiting_;  // when the message was begun
  bool waiting_ = false;               // records are in the encoder
  bool templates_sent_ = false;        // on this connection, or in the batch
  tracker::Timestamp next_attempt_;
  std::chrono::seconds pause_{0};
  std::error_code last_error_;
  std::uint64_t last_sent_ = 0;  // records of the last batch
  DeliveryQueue queue_;
  // Messages of flow records in the batch and before it, of this connection:
  // those of earlier runs went first.
  OfBothRuns<std::size_t> handed_;
  bool sending_earlier_ = false;  // in the batch
  std::uint64_t lost_before_ = 0;
  bool finishing_ = false;
  bool patient_;
  bool patience_spent_ = false;
};

}  // namespace exporter
