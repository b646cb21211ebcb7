// SPDX-License-Identifier: Apache-2.0
#include "exporter/kafka_producer.h"

#include <algorithm>
#include <array>
#include <utility>

#include <librdkafka/rdkafka.h>

#include "exporter/setup_error.h"

namespace exporter {
namespace {

struct FreeConf {
  void operator()(rd_kafka_conf_t* conf) const { rd_kafka_conf_destroy(conf); }
};
struct FreeTopic {
  void operator()(rd_kafka_topic_t* topic) const {
    rd_kafka_topic_destroy(topic);
  }
};
struct FreeHandle {
  void operator()(rd_kafka_t* handle) const { rd_kafka_destroy(handle); }
};
using Conf = std::unique_ptr<rd_kafka_conf_t, FreeConf>;
using Topic = std::unique_ptr<rd_kafka_topic_t, FreeTopic>;
using Handle = std::unique_ptr<rd_kafka_t, FreeHandle>;

using ErrorText = std::array<char, 512>;

// What a URL may change.
constexpr std::array<std::pair<const char*, const char*>, 7> kDefaults{{
    {"client.id", "spanfix"},
    {"enable.idempotence", "true"},
    // So that both bounds are of memory: 64 MiB of messages, which is minutes
    // of 1000 records a second, whatever their length.
    {"queue.buffering.max.messages", "1000000"},
    {"queue.buffering.max.kbytes", "65536"},
    // Waits as long as there is room: how long that is to be, its user decides.
    {"message.timeout.ms", "0"},
    // For others, to be sent together.
    {"linger.ms", "100"},
    // As Java's producers: topics that are joined have the same partitions.
    {"partitioner", "murmur2_random"},
}};

void Set(rd_kafka_conf_t& conf, const std::string& where,
         const std::string& name, const std::string& value) {
  ErrorText error{};
  if (rd_kafka_conf_set(&conf, name.c_str(), value.c_str(), error.data(),
                        error.size()) != RD_KAFKA_CONF_OK) {
    throw SetupError(where + ": " + name + ": " + error.data());
  }
}

std::string_view Text(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_NO_ERROR ? std::string_view{}
                                             : rd_kafka_err2str(error);
}

bool IsGivenUp(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR__PURGE_QUEUE ||
         error == RD_KAFKA_RESP_ERR__PURGE_INFLIGHT;
}

bool IsHopeless(rd_kafka_resp_err_t error) {
  return error == RD_KAFKA_RESP_ERR_MSG_SIZE_TOO_LARGE ||
         error == RD_KAFKA_RESP_ERR_INVALID_MSG_SIZE ||
         error == RD_KAFKA_RESP_ERR_INVALID_RECORD;
}

}  // namespace

struct KafkaProducer::State {
  State(const KafkaParameters& parameters, std::string collector,
        KafkaEvents handlers)
      : where(std::move(collector)),
        topic_name(parameters.topic),
        events(std::move(handlers)),
        conf(rd_kafka_conf_new()) {
    Set(*conf, where, "bootstrap.servers", parameters.brokers);
    for (const auto& [name, value] : kDefaults) {
      Set(*conf, where, name, value);
    }
    bool debug = false;
    for (const auto& [name, value] : parameters.properties) {
      Set(*conf, where, name, value);
      debug = debug || name == "debug";
    }
    if (!debug) {
      // It would write to the standard error; trouble comes as events.
      rd_kafka_conf_set_log_cb(conf.get(), nullptr);
    }
    rd_kafka_conf_set_opaque(conf.get(), this);
    rd_kafka_conf_set_dr_msg_cb(conf.get(), &Report);
    rd_kafka_conf_set_error_cb(conf.get(), &Trouble);
  }

  // Empty, or why not.
  std::string Open() {
    ErrorText error{};
    Conf copy(rd_kafka_conf_dup(conf.get()));
    Handle opened(rd_kafka_new(RD_KAFKA_PRODUCER, copy.get(), error.data(),
                               error.size()));
    if (!opened) {
      return error.data();
    }
    static_cast<void>(copy.release());  // it is the handle's now
    Topic found(rd_kafka_topic_new(opened.get(), topic_name.c_str(), nullptr));
    if (!found) {
      return rd_kafka_err2str(rd_kafka_last_error());
    }
    topic.reset();
    handle = std::move(opened);
    topic = std::move(found);
    broker_error = RD_KAFKA_RESP_ERR_NO_ERROR;
    return "";
  }

  static void Report(rd_kafka_t* /*handle*/, const rd_kafka_message_t* message,
                     void* opaque) {
    State& state = *static_cast<State*>(opaque);
    state.events.report(
        {.message = {static_cast<const std::uint8_t*>(message->payload),
                     message->len},
         .failure = Text(state.ReasonOf(message->err)),
         .given_up = IsGivenUp(message->err),
         .doubtful = rd_kafka_message_status(message) !=
                     RD_KAFKA_MSG_STATUS_NOT_PERSISTED,
         .hopeless = IsHopeless(message->err),
         .marked = message->_private != nullptr});
  }

  // When one broker refuses the topic, librdkafka fails what waits for the
  // others, too, and says only that it has left them.
  rd_kafka_resp_err_t ReasonOf(rd_kafka_resp_err_t error) {
    if (error > RD_KAFKA_RESP_ERR_NO_ERROR) {
      broker_error = error;
    }
    return error == RD_KAFKA_RESP_ERR__DESTROY &&
                   broker_error != RD_KAFKA_RESP_ERR_NO_ERROR
               ? broker_error
               : error;
  }

  static void Trouble(rd_kafka_t* handle, int code, const char* text,
                      void* opaque) {
    auto error = static_cast<rd_kafka_resp_err_t>(code);
    std::string full = text;
    if (error == RD_KAFKA_RESP_ERR__FATAL) {
      ErrorText why{};
      error = rd_kafka_fatal_error(handle, why.data(), why.size());
      full = why.data();
    }
    // Of one broker: a connection or a name. All at once have an error of
    // their own.
    const bool away = error != RD_KAFKA_RESP_ERR__TRANSPORT &&
                      error != RD_KAFKA_RESP_ERR__RESOLVE;
    static_cast<State*>(opaque)->events.trouble(
        {.reason = Text(error), .text = std::move(full), .away = away});
  }

  std::string where;
  std::string topic_name;
  KafkaEvents events;
  Conf conf;
  Handle handle;
  Topic topic;
  std::string refusal;
  rd_kafka_resp_err_t broker_error = RD_KAFKA_RESP_ERR_NO_ERROR;  // the last
};

KafkaProducer::KafkaProducer(const KafkaParameters& parameters,
                             const std::string& where, KafkaEvents events)
    : state_(std::make_unique<State>(parameters, where, std::move(events))) {
  if (const std::string why = state_->Open(); !why.empty()) {
    throw SetupError(where + ": " + why);
  }
}

KafkaProducer::~KafkaProducer() { GiveUp(); }

KafkaProducer::Answer KafkaProducer::Produce(
    std::span<const std::uint8_t> key, std::span<const std::uint8_t> message,
    bool marked) {
  // It only reads what it copies, but does not say so.
  auto* payload = const_cast<std::uint8_t*>(message.data());
  if (rd_kafka_produce(state_->topic.get(), RD_KAFKA_PARTITION_UA,
                       RD_KAFKA_MSG_F_COPY, payload, message.size(),
                       key.empty() ? nullptr : key.data(), key.size(),
                       marked ? this : nullptr) == 0) {
    return Answer::kTaken;
  }
  const rd_kafka_resp_err_t error = rd_kafka_last_error();
  if (error == RD_KAFKA_RESP_ERR__QUEUE_FULL) {
    return Answer::kQueueFull;
  }
  state_->refusal = Text(error);
  return Answer::kRefused;
}

const std::string& KafkaProducer::Refusal() const { return state_->refusal; }

void KafkaProducer::Poll(std::chrono::milliseconds wait) {
  rd_kafka_poll(state_->handle.get(), static_cast<int>(wait.count()));
}

void KafkaProducer::Flush(std::chrono::milliseconds wait) {
  rd_kafka_flush(state_->handle.get(), static_cast<int>(wait.count()));
}

void KafkaProducer::GiveUp() {
  constexpr std::chrono::milliseconds kWait{100};
  while (Outstanding() > 0) {
    rd_kafka_purge(state_->handle.get(),
                   RD_KAFKA_PURGE_F_QUEUE | RD_KAFKA_PURGE_F_INFLIGHT);
    Poll(kWait);
  }
}

std::size_t KafkaProducer::Outstanding() const {
  return static_cast<std::size_t>(
      std::max(0, rd_kafka_outq_len(state_->handle.get())));
}

bool KafkaProducer::Broken() const {
  return rd_kafka_fatal_error(state_->handle.get(), nullptr, 0) !=
         RD_KAFKA_RESP_ERR_NO_ERROR;
}

bool KafkaProducer::Restart() {
  GiveUp();
  return state_->Open().empty();
}

}  // namespace exporter
