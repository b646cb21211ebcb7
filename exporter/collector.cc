// SPDX-License-Identifier: Apache-2.0
#include "exporter/collector.h"

#include <algorithm>
#include <limits>
#include <thread>
#include <utility>

namespace exporter {
namespace {

using tracker::Timestamp;

constexpr std::chrono::seconds kLongestPause{32};
// For a collector that is away: about a minute of 5000 records a second.
constexpr std::size_t kBacklogOctets = std::size_t{64} << 20;
// What goes from the queue at once while records come: with each record, and
// five times a second; and at the end of a run that has a spool for the rest.
constexpr std::size_t kShareOfRecord = 64 << 10;
constexpr std::size_t kShareOfTick = 16 << 20;
constexpr std::size_t kLastShare = 64 << 20;
constexpr std::size_t kAll = std::numeric_limits<std::size_t>::max();
// How long a capture, or the end of a run, waits for it, and how many of its
// connections may break before it is given up.
constexpr std::chrono::seconds kPatience{10};
// The same of a capture where a spool has the rest.
constexpr std::chrono::seconds kLittlePatience{1};
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
      queue_(kBacklogOctets),
      patient_(patient) {
  // A capture is read faster than names change.
  if (url_.scheme != Scheme::kUdp || patient_) {
    next_look_up_ = Timestamp::max();
  }
}

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
  if (const Spool* spool = queue_.GetSpool();
      spool != nullptr && !spool->Notice().empty()) {
    return begin + "spool: " + spool->Notice();
  }
  return "";
}

DeliveryCounts Collector::Counts() const {
  DeliveryCounts counts = counts_;
  queue_.Count(counts);
  return counts;
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
  CatchUp(now, kShareOfRecord);
}

void Collector::EndBurst(Timestamp now) {
  SendBatch(now);
  CatchUp(now, Share());
}

void Collector::Tick(Timestamp now) {
  RefreshTemplates(now);
  NameInterfaces(now);
  if (waiting_ && now - oldest_waiting_ >= kLongestWait) {
    encoder_->Flush(SinkAt(now));
  }
  SendBatch(now);
  CatchUp(now, Share());
  queue_.Release(transport_->Undelivered());
  queue_.Flush();
}

void Collector::Finish(Timestamp now) {
  finishing_ = true;
  // A run without flows still says what a flow would look like.
  if (!templates_sent_) {
    Connect(now);
  }
  encoder_->Flush(SinkAt(now));
  SendBatch(now);
  CatchUp(now, Share());
  SendStatistics(now);
  TakeLateError();
  const std::error_code error = transport_->Close();
  if (!transport_->ComesAgain()) {
    if (error && last_sent_ > 0) {
      counts_.sent -= last_sent_;
      Drop(last_sent_, error);
    }
    return;
  }
  KeepUndelivered();
  FinishQueue(now, error);
}

// Without a spool, what is left has this chance only.
void Collector::FinishQueue(Timestamp now, std::error_code error) {
  const bool spools = queue_.GetSpool() != nullptr;
  const auto delivered = [&] {
    if (templates_sent_ && (queue_.Empty() || (spools && !patient_))) {
      if (transport_->IsOpen()) {
        SendStatistics(now);  // the connection before may have lost them
      }
      error = transport_->Close();
      last_error_ = error;
      KeepUndelivered();
      return queue_.Empty() || (spools && !error);
    }
    return queue_.Empty();
  };
  const bool rest_stays = spools && !patient_ && templates_sent_ && !error;
  if (!rest_stays) {
    const std::chrono::seconds little =
        patient_ ? kLittlePatience : std::chrono::seconds{0};
    static_cast<void>(Reconnect(now, spools ? little : kPatience, delivered));
  }
  const std::error_code why = last_error_ ? last_error_ : error;
  queue_.Release(0);
  queue_.Close(why ? why.message() : "not connected");
}

std::size_t Collector::Share() const {
  if (patient_) {
    return kAll;
  }
  if (!finishing_) {
    return kShareOfTick;
  }
  return queue_.GetSpool() != nullptr ? kLastShare : kAll;
}

void Collector::KeepSession(Timestamp now) {
  // Asked once for each message, when it is begun: it costs a system call.
  if (!templates_sent_ || (!waiting_ && !transport_->IsOpen())) {
    Connect(now);
    WaitForRoom(now);
    return;
  }
  FollowName(now);
  if (url_.template_refresh == std::chrono::seconds{0} || now < next_refresh_) {
    return;
  }
  if (url_.scheme == Scheme::kUdp) {
    SendTemplates(now);
  } else if (url_.scheme != Scheme::kFile && statistics_.live) {
    next_refresh_ = now + url_.template_refresh;
    SendStatistics(now);
  }
}

std::chrono::seconds Collector::LookUpInterval() const {
  constexpr std::chrono::seconds kLongest{60};
  return url_.template_refresh == std::chrono::seconds{0}
             ? kLongest
             : std::min(url_.template_refresh, kLongest);
}

void Collector::FollowName(Timestamp now) {
  if (now < next_look_up_) {
    return;
  }
  const bool first = next_look_up_ == Timestamp{};
  next_look_up_ = now + LookUpInterval();
  if (first) {
    return;
  }
  SendBatch(now);
  TakeLateError();
  if (transport_->ResolveAgain()) {
    SendTemplates(now);
  }
}

void Collector::Connect(Timestamp now) {
  if (now < next_attempt_) {
    return;
  }
  if (!transport_->IsOpen()) {
    SendBatch(now);  // nothing of the connection before comes into the new one
    KeepUndelivered();
    handed_ = {};
    templates_sent_ = false;
    last_error_ = transport_->Open();
    if (last_error_) {
      RetryLater(now);
      return;
    }
    if (!queue_.Empty()) {
      encoder_->Flush(SinkAt(now));  // behind what came before
    }
    encoder_->Restart();
  }
  SendTemplates(now);
  CatchUp(now, Share());
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
  named_.clear();
  NameInterfaces(now);
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

void Collector::NameInterfaces(Timestamp now) {
  if (!url_.profile.interface_names || !statistics_.metering ||
      !templates_sent_) {
    return;
  }
  std::vector<CapturedInterface> interfaces = statistics_.metering().interfaces;
  if (interfaces != named_) {
    encoder_->WriteInterfaces(interfaces, now, SinkAt(now));
    named_ = std::move(interfaces);
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
  statistics.dropped_records = Counts().Dropped() + lost_before_;
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
  if (!templates_sent_ || (message.flow_records > 0 && !queue_.Empty())) {
    Keep(message);
    return;
  }
  batch_.Add(message);
  handed_.own += message.flow_records > 0 ? 1 : 0;
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
      RecordAccount& counts = sending_earlier_ ? counts_.earlier : counts_;
      counts.sent += sent;
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
  if (error == std::errc::timed_out) {
    // It accepts and does not read. To find that out again takes as long, and
    // meanwhile nothing else is done.
    pause_ = kLongestPause;
  }
  RetryLater(now);
  if (transport_->ComesAgain()) {
    KeepUndelivered();
    return;
  }
  Drop(batch_.FlowRecords(), error);
  batch_.Pop(batch_.Entries().size());
}

void Collector::Keep(const Message& message) {
  if (message.flow_records == 0) {
    return;  // the next connection has its own
  }
  if (!transport_->ComesAgain()) {
    Drop(message.flow_records, last_error_);
    return;
  }
  if (templates_sent_) {
    encoder_->TakeBack(message.flow_records);
  }
  queue_.Add(message.octets, message.flow_records);
}

void Collector::KeepUndelivered() {
  std::vector<KeptMessage> messages = transport_->TakeUnread();
  const std::size_t unread = messages.size();
  if (transport_->ComesAgain()) {
    for (; !batch_.Empty(); batch_.Pop(1)) {
      if (const auto records = batch_.Entries().front().flow_records;
          records > 0) {
        const auto octets = batch_.Front();
        messages.push_back({{octets.begin(), octets.end()}, records});
      }
    }
  }
  const std::size_t earlier =
      messages.size() - std::min(messages.size(), handed_.own);
  for (std::size_t i = 0; i < unread; ++i) {
    RecordAccount& counts = i < earlier ? counts_.earlier : counts_;
    counts.sent -= messages[i].flow_records;
    counts_.repeated += messages[i].flow_records;
  }
  queue_.AddBefore(std::move(messages), earlier);
}

void Collector::SendFromQueue(Timestamp now, std::size_t octets) {
  SendBatch(now);  // it came before
  while (templates_sent_ && octets > 0) {
    std::optional<SpooledMessage> next = queue_.Take();
    if (!next) {
      break;
    }
    KeptMessage& message = next->message;
    octets -= std::min(octets, message.octets.size());
    const auto records = static_cast<std::uint32_t>(message.flow_records);
    encoder_->Renumber(message.octets, records);
    batch_.Add({.octets = message.octets, .flow_records = records});
    ++handed_.Of(next->earlier);
    sending_earlier_ = next->earlier;
    SendBatch(now);
    sending_earlier_ = false;
  }
  queue_.Release(transport_->Undelivered());
}

// Once for each time that the collector is away.
void Collector::WaitForRoom(Timestamp now) {
  if (templates_sent_) {
    patience_spent_ = false;
  } else if (patient_ && !patience_spent_ && transport_->ComesAgain() &&
             !queue_.HasRoomFor(url_.max_message_octets)) {
    patience_spent_ =
        !Reconnect(now, kPatience, [&] { return queue_.Empty(); });
  }
}

template <typename Done>
bool Collector::Reconnect(Timestamp now, std::chrono::seconds patience,
                          Done done) {
  using std::chrono::steady_clock;
  auto end = steady_clock::now() + patience;
  bool stalled = false;  // what it took is no progress then
  for (int connections = 0; !done();) {
    stalled = stalled || last_error_ == std::errc::timed_out;
    if (connections == kMostConnections) {
      return false;
    }
    next_attempt_ = {};
    Connect(now);
    // It took something, even if it was lost before it had all.
    if (!stalled && (templates_sent_ || handed_.own + handed_.earlier > 0)) {
      end = steady_clock::now() + patience;
      ++connections;
    } else if (steady_clock::now() >= end) {
      return false;
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
    RecordAccount& counts = sending_earlier_ ? counts_.earlier : counts_;
    counts.dropped[why] += records;
  }
}

void Collector::Drop(std::uint64_t records, const std::error_code& error) {
  Drop(records, error ? error.message() : "not connected");
}

}  // namespace exporter
