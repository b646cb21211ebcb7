// SPDX-License-Identifier: Apache-2.0
// One collector's session: its encoder, its connection and its counters.
#pragma once

#include <memory>

#include "exporter/collector_url.h"
#include "exporter/encoder.h"
#include "exporter/output.h"
#include "exporter/transport.h"

namespace exporter {

// Templates go first on every connection, and again every template_refresh over
// UDP (RFC 7011 section 8.4). A broken connection is opened again after a pause
// that doubles up to half a minute; what comes meanwhile is counted as dropped.
class Collector final : public Output {
 public:
  Collector(CollectorUrl url, std::unique_ptr<Encoder> encoder,
            std::unique_ptr<Transport> transport);

  void Add(const templates::FlowRecord& record,
           tracker::Timestamp now) override;
  void Tick(tracker::Timestamp now) override;
  void Finish(tracker::Timestamp now) override;
  [[nodiscard]] DeliveryCounts Counts() const override { return counts_; }
  [[nodiscard]] std::string Name() const override { return url_.text; }

 private:
  void AddOne(const templates::FlowRecord& record, tracker::Timestamp now);
  void RefreshTemplates(tracker::Timestamp now);
  void Deliver(const Message& message, tracker::Timestamp now);
  // Opens if it is time to try; templates first.
  void Connect(tracker::Timestamp now);
  void RetryLater(tracker::Timestamp now);
  std::error_code SendTemplates(tracker::Timestamp now);
  void TakeLateError();
  void Drop(std::uint64_t records, const std::error_code& error);
  [[nodiscard]] MessageSink SinkAt(tracker::Timestamp now);

  CollectorUrl url_;
  std::unique_ptr<Encoder> encoder_;
  std::unique_ptr<Transport> transport_;
  DeliveryCounts counts_;
  tracker::Timestamp next_refresh_;
  tracker::Timestamp oldest_waiting_;  // when the message was begun
  bool waiting_ = false;               // records are in the encoder
  bool templates_sent_ = false;        // on this connection
  tracker::Timestamp next_attempt_;
  std::chrono::seconds pause_{0};
  std::error_code last_error_;
  std::uint64_t last_sent_ = 0;  // records of the last message
};

// Resolves, connects, makes files. Throws SetupError. With `live`, a TCP
// collector that refuses now may come later; without, UDP is paced.
std::unique_ptr<Output> OpenCollector(const CollectorUrl& url, bool live);

}  // namespace exporter
