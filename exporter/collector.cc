// SPDX-License-Identifier: Apache-2.0
#include "exporter/collector.h"

#include <algorithm>
#include <thread>
#include <utility>

namespace exporter {
namespace {

using tracker::Timestamp;

constexpr std::chrono::seconds kLongestPause{32};
// For a collector that is away: about a minute of 5000 records a second.
constexpr std::size_t kBacklogOctets = std::size_t{64} << 20;
// How long a capture, or the end of a run, waits for it, and how many of its
// connections may break before it is given up.
constexpr std::chrono::seconds kPatience{10};
constexpr std::chrono::milliseconds kBetweenAttempts{50};
constexpr int kMostConnections = 100;
// How long a record may wait for others to fill its message.
constexpr std::chrono::milliseconds kLongestWait{1000};

}  // namespace

Collector::Collector(CollectorUrl url, std::unique_ptr<Encoder> encoder,
                     std::unique_ptr<Transport> transport, bool patient,
                     StatisticsSource statistics)
    : url_(std::move(url)),
      encoder_(std::move(encoder)),
      transport_(std::move(transport)),
      batch_(transport_->LargestBatch()),
      statistics_(std::move(statistics)),
      backlog_(kBacklogOctets),
      patient_(patient) {}

MessageSink Collector::SinkAt(Timestamp now) {
  return [this, now](const Message& message) { Gather(message, now); };
}

std::string Collector::Notice() const {
  const std::string begin = "collector '" + url_.text + "': ";
  switch (url_.version) {
    case ExportVersion::kNetflow5:
      return begin +
             "NetFlow v5 has a record for each direction and no IPv6, VLAN, "
             "MAC, TTL, or element of ours; records of IPv6 are dropped";
    case ExportVersion::kNetflow9:
      return begin +
             "NetFlow v9 has a record for each direction and no flow id, end "
             "reason, second VLAN, overlay network, or element of ours";
    case ExportVersion::kIpfix:
      break;
  }
  return "";
}

void Collector::Add(const templates::FlowRecord& record, Timestamp now) {
  RefreshTemplates(now);
  if (url_.profile.biflow) {
    AddOne(record, now);
    return;
  }
  if (record.packets > 0) {
    templates::FlowRecord forward = record;
    forward.reverse_packets = 0;  // so that it needs no reverse elements
    AddOne(forward, now);
  }
  if (record.reverse_packets > 0) {
    AddOne(templates::ReverseOf(record), now);
  }
}

void Collector::AddOne(const templates::FlowRecord& record, Timestamp now) {
  ++counts_.made;
  if (const std::string_view why = encoder_->Refusal(record); !why.empty()) {
    ++counts_.dropped[std::string(why)];
    return;
  }
  encoder_->Append(record, now, SinkAt(now));
  if (!waiting_) {
    waiting_ = true;
    oldest_waiting_ = now;
  }
}

void Collector::Tick(Timestamp now) {
  RefreshTemplates(now);
  if (waiting_ && now - oldest_waiting_ >= kLongestWait) {
    encoder_->Flush(SinkAt(now));
  }
  SendBatch(now);
}

void Collector::Finish(Timestamp now) {
  // A run without flows still says what a flow would look like.
  if (!templates_sent_) {
    Connect(now);
  }
  encoder_->Flush(SinkAt(now));
  SendBatch(now);
  SendStatistics(now);
  TakeLateError();
  std::error_code error = transport_->Close();
  if (!transport_->ComesAgain()) {
    if (error && last_sent_ > 0) {
      counts_.sent -= last_sent_;
      Drop(last_sent_, error);
    }
    return;
  }
  KeepUndelivered();
  const auto delivered = [&] {
    if (templates_sent_ && backlog_.Empty()) {
      if (transport_->IsOpen()) {
        SendStatistics(now);  // the connection before may have lost them
      }
      error = transport_->Close();
      KeepUndelivered();
    }
    return backlog_.Empty();
  };
  if (!Reconnect(now, delivered)) {
    while (!backlog_.Empty()) {
      Drop(backlog_.Take().flow_records, last_error_ ? last_error_ : error);
    }
  }
}

void Collector::RefreshTemplates(Timestamp now) {
  // Asked once for each message, when it is begun: it costs a system call.
  if (!templates_sent_ || (!waiting_ && !transport_->IsOpen())) {
    Connect(now);
    WaitForRoom(now);
    return;
  }
  if (url_.template_refresh == std::chrono::seconds{0} || now < next_refresh_) {
    return;
  }
  if (url_.scheme == Scheme::kUdp) {
    SendTemplates(now);
  } else if (url_.scheme == Scheme::kTcp && statistics_.live) {
    next_refresh_ = now + url_.template_refresh;
    SendStatistics(now);
  }
}

void Collector::Connect(Timestamp now) {
  if (now < next_attempt_) {
    return;
  }
  if (!transport_->IsOpen()) {
    SendBatch(now);  // nothing of the connection before comes into the new one
    KeepUndelivered();
    templates_sent_ = false;
    last_error_ = transport_->Open();
    if (last_error_) {
      RetryLater(now);
      return;
    }
    if (!backlog_.Empty()) {
      encoder_->Flush(SinkAt(now));  // behind what came before
    }
    encoder_->Restart();
  }
  SendTemplates(now);
  SendBacklog(now);
}

// At once after a connection that had worked, then with longer and longer
// pauses until a message has been delivered.
void Collector::RetryLater(Timestamp now) {
  counts_.away_since = counts_.away_since.value_or(now);
  next_attempt_ = now + pause_;
  pause_ = std::clamp(pause_ * 2, std::chrono::seconds{1}, kLongestPause);
}

void Collector::SendTemplates(Timestamp now) {
  templates_sent_ = true;  // whatever is gathered from here on is behind them
  encoder_->WriteTemplates(now, SinkAt(now));
  SendBatch(now);
  templates_sent_ = templates_sent_ && transport_->IsOpen();
  if (templates_sent_) {
    counts_.away_since.reset();
  }
  next_refresh_ = now + url_.template_refresh;
  if (statistics_.live) {
    SendStatistics(now);
  }
}

// When all that was gathered before has been sent, so that it counts.
void Collector::SendStatistics(Timestamp now) {
  if (!statistics_.metering || !templates_sent_) {
    return;
  }
  TakeLateError();
  ExportStatistics statistics{.metering = statistics_.metering(),
                              .messages = sent_messages_,
                              .octets = sent_octets_,
                              .flow_records = counts_.sent};
  for (const auto& [reason, count] : counts_.dropped) {
    statistics.dropped_records += count;
  }
  encoder_->WriteStatistics(statistics, now, SinkAt(now));
  SendBatch(now);
}

void Collector::Gather(const Message& message, Timestamp now) {
  if (message.flow_records > 0) {
    waiting_ = false;
  }
  if (!batch_.HasRoomFor(message)) {
    SendBatch(now);
  }
  if (!templates_sent_) {
    if (!Keep(message.octets, message.flow_records)) {
      Drop(message.flow_records, last_error_);
    }
    return;
  }
  batch_.Add(message);
  if (batch_.Full()) {
    SendBatch(now);
  }
}

void Collector::SendBatch(Timestamp now) {
  if (batch_.Empty()) {
    return;
  }
  TakeLateError();
  // Behind what speaks of no flows, an error may still be about those before.
  if (batch_.FlowRecords() > 0) {
    last_sent_ = 0;
  }
  while (!batch_.Empty()) {
    const std::uint64_t waiting = batch_.FlowRecords();
    const std::size_t messages = batch_.Entries().size();
    const std::size_t octets = batch_.Octets().size();
    const std::error_code error = transport_->Send(batch_);
    sent_messages_ += messages - batch_.Entries().size();
    sent_octets_ += octets - batch_.Octets().size();
    if (const std::uint64_t sent = waiting - batch_.FlowRecords(); sent > 0) {
      counts_.sent += sent;
      last_sent_ += sent;
      pause_ = std::chrono::seconds{0};
    }
    if (error) {
      GiveUp(error, now);
    }
  }
}

void Collector::GiveUp(const std::error_code& error, Timestamp now) {
  last_error_ = error;
  const std::uint64_t front = batch_.Entries().front().flow_records;
  if (front > 0 && transport_->IsOpen()) {
    Drop(front, error);
    batch_.Pop(1);
    return;
  }
  // Without the connection or the templates, the others are of no use now.
  templates_sent_ = false;
  RetryLater(now);
  if (transport_->ComesAgain()) {
    KeepUndelivered();
    return;
  }
  Drop(batch_.FlowRecords(), error);
  batch_.Pop(batch_.Entries().size());
}

bool Collector::Keep(std::span<const std::uint8_t> octets,
                     std::uint64_t flow_records) {
  if (!transport_->ComesAgain()) {
    return false;
  }
  if (flow_records > 0) {
    Drop(backlog_.Add(octets, flow_records), "queue full");
  }
  return true;
}

void Collector::KeepUndelivered() {
  std::vector<KeptMessage> messages = transport_->TakeUnread();
  for (const KeptMessage& message : messages) {
    counts_.sent -= message.flow_records;
    counts_.repeated += message.flow_records;
  }
  if (transport_->ComesAgain()) {
    for (; !batch_.Empty(); batch_.Pop(1)) {
      if (const auto records = batch_.Entries().front().flow_records;
          records > 0) {
        const auto octets = batch_.Front();
        messages.push_back({{octets.begin(), octets.end()}, records});
      }
    }
  }
  backlog_.AddBefore(std::move(messages));
}

void Collector::SendBacklog(Timestamp now) {
  while (templates_sent_ && !backlog_.Empty()) {
    KeptMessage message = backlog_.Take();
    const auto records = static_cast<std::uint32_t>(message.flow_records);
    encoder_->Renumber(message.octets, records);
    Gather({.octets = message.octets, .flow_records = records}, now);
    if (backlog_.Empty()) {
      SendBatch(now);
    }
  }
}

// Once for each time that the collector is away.
void Collector::WaitForRoom(Timestamp now) {
  if (templates_sent_) {
    patience_spent_ = false;
  } else if (patient_ && !patience_spent_ && transport_->ComesAgain() &&
             !backlog_.HasRoomFor(url_.max_message_octets)) {
    patience_spent_ = !Reconnect(now, [&] { return backlog_.Empty(); });
  }
}

template <typename Done>
bool Collector::Reconnect(Timestamp now, Done done) {
  using std::chrono::steady_clock;
  auto end = steady_clock::now() + kPatience;
  for (int connections = 0; !done();) {
    if (steady_clock::now() >= end || connections == kMostConnections) {
      return false;
    }
    next_attempt_ = {};
    Connect(now);
    if (templates_sent_) {
      end = steady_clock::now() + kPatience;
      ++connections;
    } else {
      std::this_thread::sleep_for(kBetweenAttempts);
    }
  }
  return true;
}

void Collector::TakeLateError() {
  if (const std::error_code error = transport_->LateError()) {
    counts_.sent -= last_sent_;
    Drop(last_sent_, error);
    last_sent_ = 0;
  }
}

void Collector::Drop(std::uint64_t records, const std::string& why) {
  if (records > 0) {
    counts_.dropped[why] += records;
  }
}

void Collector::Drop(std::uint64_t records, const std::error_code& error) {
  Drop(records, error ? error.message() : "not connected");
}

}  // namespace exporter
