// SPDX-License-Identifier: Apache-2.0
#include "exporter/collector.h"

#include <algorithm>
#include <utility>

#include "exporter/ipfix_encoder.h"
#include "exporter/setup_error.h"

namespace exporter {
namespace {

using tracker::Timestamp;

constexpr std::chrono::seconds kLongestPause{32};
// How long a record may wait for others to fill its message.
constexpr std::chrono::milliseconds kLongestWait{1000};

}  // namespace

Collector::Collector(CollectorUrl url, std::unique_ptr<Encoder> encoder,
                     std::unique_ptr<Transport> transport)
    : url_(std::move(url)),
      encoder_(std::move(encoder)),
      transport_(std::move(transport)) {}

MessageSink Collector::SinkAt(Timestamp now) {
  return [this, now](const Message& message) { Deliver(message, now); };
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
}

void Collector::Finish(Timestamp now) {
  // A run without flows still says what a flow would look like.
  if (!templates_sent_) {
    Connect(now);
  }
  encoder_->Flush(SinkAt(now));
  TakeLateError();
  const std::error_code error = transport_->Close();
  if (error && last_sent_ > 0) {
    counts_.sent -= last_sent_;
    Drop(last_sent_, error);
  }
}

void Collector::RefreshTemplates(Timestamp now) {
  // Asked once for each message, when it is begun: it costs a system call.
  if (!templates_sent_ || (!waiting_ && !transport_->IsOpen())) {
    Connect(now);
    return;
  }
  if (url_.scheme == Scheme::kUdp &&
      url_.template_refresh > std::chrono::seconds{0} && now >= next_refresh_) {
    static_cast<void>(SendTemplates(now));
  }
}

void Collector::Connect(Timestamp now) {
  if (now < next_attempt_) {
    return;
  }
  if (!transport_->IsOpen()) {
    templates_sent_ = false;
    last_error_ = transport_->Open();
    if (last_error_) {
      RetryLater(now);
      return;
    }
    encoder_->Restart();
  }
  last_error_ = SendTemplates(now);
  if (last_error_) {
    RetryLater(now);
  }
}

// At once after a connection that had worked, then with longer and longer
// pauses until a message has been delivered.
void Collector::RetryLater(Timestamp now) {
  next_attempt_ = now + pause_;
  pause_ = std::clamp(pause_ * 2, std::chrono::seconds{1}, kLongestPause);
}

std::error_code Collector::SendTemplates(Timestamp now) {
  std::error_code error;
  encoder_->WriteTemplates(now, [&](const Message& message) {
    if (message.flow_records > 0) {
      templates_sent_ = !error;
      Deliver(message, now);  // begun before, and behind the templates now
    } else if (!error) {
      TakeLateError();
      last_sent_ = 0;  // a later error speaks of the templates
      error = transport_->Send(message.octets);
    }
  });
  templates_sent_ = !error && transport_->IsOpen();
  next_refresh_ = now + url_.template_refresh;
  return error;
}

void Collector::Deliver(const Message& message, Timestamp now) {
  waiting_ = false;
  TakeLateError();
  last_sent_ = 0;
  if (!templates_sent_) {
    Drop(message.flow_records, last_error_);
    return;
  }
  if (const std::error_code error = transport_->Send(message.octets)) {
    last_error_ = error;
    if (!transport_->IsOpen()) {
      templates_sent_ = false;
      RetryLater(now);
    }
    Drop(message.flow_records, error);
    return;
  }
  pause_ = std::chrono::seconds{0};
  last_sent_ = message.flow_records;
  counts_.sent += message.flow_records;
}

void Collector::TakeLateError() {
  if (const std::error_code error = transport_->LateError()) {
    counts_.sent -= last_sent_;
    Drop(last_sent_, error);
    last_sent_ = 0;
  }
}

void Collector::Drop(std::uint64_t records, const std::error_code& error) {
  if (records > 0) {
    counts_.dropped[error ? error.message() : "not connected"] += records;
  }
}

std::unique_ptr<Output> OpenCollector(const CollectorUrl& url, bool live) {
  std::unique_ptr<Transport> transport;
  switch (url.scheme) {
    case Scheme::kUdp:
      transport = MakeUdpTransport(url, !live);
      break;
    case Scheme::kTcp:
      transport = MakeTcpTransport(url);
      break;
    case Scheme::kFile:
      transport = MakeFileTransport(url);
      break;
  }
  if (const std::error_code error = transport->Open();
      error && (!live || url.scheme != Scheme::kTcp)) {
    throw SetupError("collector '" + url.text +
                     "': cannot connect: " + error.message());
  }
  auto encoder = MakeIpfixEncoder({
      .profile = url.profile,
      .observation_domain = url.observation_domain,
      .pen = url.pen,
      .max_message_octets = url.max_message_octets,
      // More than some collectors take from one datagram.
      .max_message_records = url.scheme == Scheme::kUdp ? 64U : 0xffffffffU,
  });
  return std::make_unique<Collector>(url, std::move(encoder),
                                     std::move(transport));
}

}  // namespace exporter
