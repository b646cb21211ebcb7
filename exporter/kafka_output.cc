// SPDX-License-Identifier: Apache-2.0
#include "exporter/kafka_output.h"

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <vector>

#include "exporter/delivery_queue.h"
#include "exporter/flow_message.h"
#include "exporter/kafka_producer.h"
#include "exporter/kafka_spool.h"

namespace exporter {
namespace {

using std::chrono::steady_clock;
using tracker::Timestamp;
using Answer = KafkaProducer::Answer;

constexpr std::chrono::milliseconds kTurn{100};
// A broken producer begins again no more often.
constexpr std::chrono::seconds kBetweenRestarts{1};
// Records between two looks for reports, which take a lock.
constexpr std::uint64_t kRecordsPerPoll = 64;

// Brokers that are away so long are not waited for if there is a spool.
constexpr std::chrono::seconds kAway{1};
constexpr std::chrono::milliseconds kPatienceWithSpool{2000};
constexpr std::chrono::milliseconds kBetweenAttempts{500};
// Messages of the spool that are sent before their reports are waited for.
constexpr std::size_t kWindow = 8192;

std::span<const std::uint8_t> KeyOf(const templates::FlowRecord& record,
                                    KafkaKey key) {
  switch (key) {
    case KafkaKey::kFlow: {
      const std::string_view id = record.community_id.View();
      return {reinterpret_cast<const std::uint8_t*>(id.data()), id.size()};
    }
    case KafkaKey::kSource:
      return record.source_address;
    case KafkaKey::kNone:
      break;
  }
  return {};
}

class KafkaOutput final : public Output {
 public:
  KafkaOutput(const CollectorUrl& url, KafkaOutputOptions options)
      : name_(url.text),
        key_(url.kafka.key),
        options_(std::move(options)),
        spooling_(options_.spool != nullptr),
        queue_(0),
        producer_(
            url.kafka,
            "collector '" + url.text.substr(0, url.text.find('?')) + '\'',
            {.report = [this](const KafkaReport& report) { Account(report); },
             .trouble =
                 [this](const KafkaTrouble& trouble) {
                   TakeTrouble(trouble);
                 }}) {
    queue_.SetSpool(std::move(options_.spool));
  }

  void Add(const templates::FlowRecord& record, Timestamp now) override {
    now_ = now;
    ++counts_.made;
    if (counts_.made % kRecordsPerPoll == 0) {
      Work();
    }
    const std::span<const std::uint8_t> message = writer_.Write(record);
    if (spooling_) {
      Spool(message);
    } else {
      Send(KeyOf(record, key_), message);
    }
  }

  void EndBurst(Timestamp /*now*/) override { Work(); }
  void Tick(Timestamp now) override {
    now_ = now;
    Work();
    RestartIfBroken();
    queue_.Flush();
  }

  void Finish(Timestamp now) override {
    now_ = now;
    if (HasSpool()) {
      options_.patience = std::min(options_.patience, kPatienceWithSpool);
      next_attempt_ = {};
    }
    WaitFor(
        [this] {
          Work();
          return producer_.Outstanding() == 0 && queue_.Empty();
        },
        [this] { producer_.Flush(kTurn); });
    producer_.GiveUp();
    TakeBack();
    queue_.Release(0);
    queue_.Close(trouble_);
  }

  [[nodiscard]] DeliveryCounts Counts() const override {
    DeliveryCounts counts = counts_;
    queue_.Count(counts);
    return counts;
  }
  [[nodiscard]] std::string Name() const override { return name_; }
  [[nodiscard]] std::string Notice() const override {
    return HasSpool() && !queue_.GetSpool()->Notice().empty()
               ? "collector '" + name_ +
                     "': spool: " + queue_.GetSpool()->Notice()
               : "";
  }

 private:
  void Send(std::span<const std::uint8_t> key,
            std::span<const std::uint8_t> message) {
    Answer answer = producer_.Produce(key, message);
    if (answer == Answer::kQueueFull) {
      const auto taken = [&] {
        answer = producer_.Produce(key, message);
        return answer != Answer::kQueueFull;
      };
      producer_.Poll({});
      if (!taken() && options_.patient) {
        static_cast<void>(WaitFor(taken, [this] { producer_.Poll(kTurn); }));
      }
    }
    if (answer == Answer::kTaken) {
      return;
    }
    if (HasSpool()) {
      StartSpooling();
      Spool(message);
    } else {
      ++counts_.dropped[answer == Answer::kQueueFull ? "queue full"
                                                     : producer_.Refusal()];
    }
    RestartIfBroken();
  }

  [[nodiscard]] bool HasSpool() const { return queue_.GetSpool() != nullptr; }

  void Spool(std::span<const std::uint8_t> message) {
    Delimit(message, delimited_);
    queue_.Add(delimited_, 1);
  }

  // What was reported; then to the spool and back.
  void Work() {
    producer_.Poll({});
    if (!HasSpool()) {
      return;
    }
    const auto now = steady_clock::now();
    if (!failed_.empty() || Hangs(now) ||
        (away_since_ && now - *away_since_ >= kAway)) {
      StartSpooling();
    }
    if (spooling_) {
      CatchUp(now);
    }
  }

  // Without this, librdkafka waits for a minute. Each partition by itself has
  // no such bound: it would keep what the others could have.
  bool Hangs(steady_clock::time_point now) {
    if (producer_.Outstanding() == 0 || delivered_ != delivered_before_) {
      delivered_before_ = delivered_;
      progress_ = now;
    }
    return now - progress_ >= options_.stall;
  }

  // What is outstanding comes back, before what comes now.
  void StartSpooling() {
    spooling_ = true;
    producer_.GiveUp();
    TakeBack();
    away_since_.reset();
    window_ = 1;
    next_attempt_ = steady_clock::now() + kBetweenAttempts;
  }

  void TakeBack() {
    // They were reported by partition, those of earlier runs came first.
    const auto own = std::stable_partition(
        failed_.begin(), failed_.end(),
        [](const SpooledMessage& each) { return each.earlier; });
    const auto earlier = static_cast<std::size_t>(own - failed_.begin());
    std::vector<KeptMessage> messages;
    messages.reserve(failed_.size());
    for (SpooledMessage& each : failed_) {
      messages.push_back(std::move(each.message));
    }
    failed_.clear();
    queue_.AddBefore(std::move(messages), earlier);
  }

  // A share of the spool at a time, the next when all of it arrived: so what
  // is on the disk goes only when it is not needed any more. One message tries
  // whether the brokers are back.
  void CatchUp(steady_clock::time_point now) {
    if (producer_.Outstanding() > 0) {
      return;
    }
    queue_.Release(0);
    if (queue_.Empty()) {
      spooling_ = false;
      return;
    }
    if (now < next_attempt_) {
      return;
    }
    for (std::size_t sent = 0; sent < window_; ++sent) {
      std::optional<SpooledMessage> next = queue_.Take();
      if (!next) {
        break;
      }
      if (!SendAgain(*next)) {
        failed_.push_back(*std::move(next));
        return;
      }
    }
    window_ = kWindow;
  }

  bool SendAgain(const SpooledMessage& spooled) {
    const auto message = WithoutLength(spooled.message.octets);
    templates::FlowRecord record;
    if (!ParseFlowMessage(message, record)) {
      ++(spooled.earlier ? counts_.earlier : counts_)
            .dropped["damaged in the spool"];
      return true;
    }
    return producer_.Produce(KeyOf(record, key_), message, spooled.earlier) ==
           Answer::kTaken;
  }

  // As long as messages arrive, and when none do, for as long as the options
  // say: once for each time that the brokers are away. False: in vain.
  template <typename Done, typename Wait>
  bool WaitFor(Done done, Wait wait) {
    auto end = steady_clock::now() + options_.patience;
    std::uint64_t delivered = delivered_;
    while (!done()) {
      if (patience_spent_ || producer_.Broken()) {
        return false;
      }
      wait();
      const auto now = steady_clock::now();
      if (delivered_ > delivered) {
        delivered = delivered_;
        end = now + options_.patience;
      }
      patience_spent_ = now >= end;
    }
    return true;
  }

  void Account(const KafkaReport& report) {
    RecordAccount& account = report.marked ? counts_.earlier : counts_;
    if (report.failure.empty()) {
      ++account.sent;
      ++delivered_;
      trouble_.clear();
      said_ = false;
      counts_.away_since.reset();
      away_since_.reset();
      patience_spent_ = false;
      return;
    }
    if (HasSpool() && !report.hopeless) {
      counts_.repeated += report.doubtful ? 1 : 0;
      Delimit(report.message, delimited_);
      failed_.push_back({{delimited_, 1}, report.marked});
      return;
    }
    std::string why(report.failure);
    if (report.given_up) {
      why = trouble_.empty() ? "not delivered in time" : trouble_;
    }
    ++account.dropped[why];
  }

  void TakeTrouble(const KafkaTrouble& trouble) {
    trouble_ = trouble.reason;
    if (trouble.away) {
      counts_.away_since = counts_.away_since.value_or(now_);
      away_since_ = away_since_.value_or(steady_clock::now());
    }
    if (!said_) {
      said_ = true;
      options_.say("collector '" + name_ + "': " + trouble.text);
    }
  }

  void RestartIfBroken() {
    if (!producer_.Broken()) {
      return;
    }
    const auto now = steady_clock::now();
    if (now >= next_restart_) {
      next_restart_ = now + kBetweenRestarts;
      // If that fails, it is tried again.
      static_cast<void>(producer_.Restart());
    }
  }

  std::string name_;
  KafkaKey key_;
  KafkaOutputOptions options_;
  DeliveryCounts counts_;
  Timestamp now_;
  std::string trouble_;  // since the last record that arrived
  bool said_ = false;
  bool patience_spent_ = false;
  std::uint64_t delivered_ = 0;  // of all runs
  // Only with a spool: all that comes waits in it.
  bool spooling_;
  DeliveryQueue queue_;
  std::vector<SpooledMessage> failed_;  // reported, and not in the queue yet
  std::vector<std::uint8_t> delimited_;
  std::optional<steady_clock::time_point> away_since_;
  std::size_t window_ = 1;  // messages
  std::uint64_t delivered_before_ = 0;
  steady_clock::time_point progress_;  // or nothing was to be made
  steady_clock::time_point next_attempt_;
  steady_clock::time_point next_restart_;
  FlowMessageWriter writer_;
  // Last: its reports need the others.
  KafkaProducer producer_;
};

}  // namespace

std::unique_ptr<Output> OpenKafkaOutput(const CollectorUrl& url,
                                        KafkaOutputOptions options) {
  return std::make_unique<KafkaOutput>(url, std::move(options));
}

}  // namespace exporter
