// SPDX-License-Identifier: Apache-2.0
// Messages to one topic of Kafka. With kafka_producer.cc the only place that
// knows librdkafka.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "exporter/kafka_url.h"

namespace exporter {

// What became of a message that was taken. Borrowed for the length of a call.
struct KafkaReport {
  std::span<const std::uint8_t> message;
  // Why it did not arrive, in the library's words; empty when it did.
  std::string_view failure;
  // It was given up by GiveUp(), not by the library.
  bool given_up = false;
  // A broker may have it all the same.
  bool doubtful = false;
  // No broker will ever take it.
  bool hopeless = false;
  bool marked = false;  // as Produce() was told
};

// With a connection, a login or the producer.
struct KafkaTrouble {
  std::string_view reason;  // in the library's words, the same each time
  std::string text;         // in full
  // Of all brokers, and not of one among several.
  bool away = false;
};

struct KafkaEvents {
  std::function<void(const KafkaReport&)> report;
  std::function<void(const KafkaTrouble&)> trouble;
};

// The library has threads of its own, for connections, batches and retries. Its
// events come during calls of Poll(), Flush(), GiveUp() and the destructor, in
// the caller's thread.
//
// Unless the properties say otherwise it is idempotent: a message that is sent
// again after an error is in the topic once, and the order within a partition
// is kept.
class KafkaProducer {
 public:
  enum class Answer : std::uint8_t {
    kTaken,
    kQueueFull,
    kRefused,  // Refusal() says why
  };

  // Does not connect yet. Throws SetupError that names the property that is
  // unknown or has a bad value; `where` begins the message.
  KafkaProducer(const KafkaParameters& parameters, const std::string& where,
                KafkaEvents events);
  KafkaProducer(const KafkaProducer&) = delete;
  KafkaProducer& operator=(const KafkaProducer&) = delete;
  ~KafkaProducer();

  // Copies both. An empty key is none. `marked` comes back with the report.
  Answer Produce(std::span<const std::uint8_t> key,
                 std::span<const std::uint8_t> message, bool marked = false);
  [[nodiscard]] const std::string& Refusal() const;

  // Delivers events; waits so long for the first one.
  void Poll(std::chrono::milliseconds wait);
  // Sends what waits for others to go with it; returns when all was reported,
  // or after this time.
  void Flush(std::chrono::milliseconds wait);
  // Reports all that was not delivered as failed.
  void GiveUp();
  // Messages that were taken and not yet reported.
  [[nodiscard]] std::size_t Outstanding() const;

  // The library can do no more: an idempotent producer whose sequence is
  // broken. What was outstanding is reported.
  [[nodiscard]] bool Broken() const;
  // Begins again. False: that failed, and it is as it was.
  [[nodiscard]] bool Restart();

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace exporter
