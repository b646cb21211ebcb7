// SPDX-License-Identifier: Apache-2.0
#include "exporter/kafka_output.h"

#include <chrono>
#include <cstdint>
#include <span>
#include <string_view>
#include <utility>

#include "exporter/flow_message.h"
#include "exporter/kafka_producer.h"

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
        producer_(
            url.kafka,
            "collector '" + url.text.substr(0, url.text.find('?')) + '\'',
            {.report = [this](const KafkaReport& report) { Account(report); },
             .trouble =
                 [this](const KafkaTrouble& trouble) {
                   TakeTrouble(trouble);
                 }}) {}

  void Add(const templates::FlowRecord& record, Timestamp now) override {
    now_ = now;
    ++counts_.made;
    if (counts_.made % kRecordsPerPoll == 0) {
      producer_.Poll({});
    }
    Send(KeyOf(record, key_), writer_.Write(record));
  }

  void EndBurst(Timestamp /*now*/) override { producer_.Poll({}); }
  void Tick(Timestamp now) override {
    now_ = now;
    producer_.Poll({});
    RestartIfBroken();
  }

  void Finish(Timestamp /*now*/) override {
    WaitFor([this] { return producer_.Outstanding() == 0; },
            [this] { producer_.Flush(kTurn); });
    producer_.GiveUp();
  }

  [[nodiscard]] DeliveryCounts Counts() const override { return counts_; }
  [[nodiscard]] std::string Name() const override { return name_; }

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
    if (answer == Answer::kQueueFull) {
      ++counts_.dropped["queue full"];
    } else if (answer == Answer::kRefused) {
      ++counts_.dropped[producer_.Refusal()];
      RestartIfBroken();
    }
  }

  // As long as messages arrive, and when none do, for as long as the options
  // say: once for each time that the brokers are away. False: in vain.
  template <typename Done, typename Wait>
  bool WaitFor(Done done, Wait wait) {
    auto end = steady_clock::now() + options_.patience;
    std::uint64_t sent = counts_.sent;
    while (!done()) {
      if (patience_spent_ || producer_.Broken()) {
        return false;
      }
      wait();
      const auto now = steady_clock::now();
      if (counts_.sent > sent) {
        sent = counts_.sent;
        end = now + options_.patience;
      }
      patience_spent_ = now >= end;
    }
    return true;
  }

  void Account(const KafkaReport& report) {
    if (report.failure.empty()) {
      ++counts_.sent;
      trouble_.clear();
      said_ = false;
      counts_.away_since.reset();
      patience_spent_ = false;
      return;
    }
    std::string why(report.failure);
    if (report.given_up) {
      why = trouble_.empty() ? "not delivered in time" : trouble_;
    }
    ++counts_.dropped[why];
  }

  void TakeTrouble(const KafkaTrouble& trouble) {
    trouble_ = trouble.reason;
    if (trouble.away) {
      counts_.away_since = counts_.away_since.value_or(now_);
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
