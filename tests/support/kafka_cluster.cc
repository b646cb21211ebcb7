// SPDX-License-Identifier: Apache-2.0
#include "tests/support/kafka_cluster.h"

#include <array>
#include <stdexcept>

namespace test_support {
namespace {

using ErrorText = std::array<char, 512>;
constexpr std::int16_t kProduceRequest = 0;

void Set(rd_kafka_conf_t* conf, const char* name, const char* value) {
  ErrorText error{};
  if (rd_kafka_conf_set(conf, name, value, error.data(), error.size()) !=
      RD_KAFKA_CONF_OK) {
    throw std::runtime_error(error.data());
  }
}

rd_kafka_t* Make(rd_kafka_type_t type, rd_kafka_conf_t* conf) {
  ErrorText error{};
  rd_kafka_t* handle = rd_kafka_new(type, conf, error.data(), error.size());
  if (handle == nullptr) {
    throw std::runtime_error(error.data());
  }
  return handle;
}

rd_kafka_t* MakeQuiet() {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set_log_cb(conf, nullptr);
  return Make(RD_KAFKA_PRODUCER, conf);
}

struct Consumer {
  explicit Consumer(const std::string& brokers) {
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    Set(conf, "bootstrap.servers", brokers.c_str());
    Set(conf, "group.id", "tests");
    Set(conf, "enable.partition.eof", "true");
    Set(conf, "auto.offset.reset", "error");
    rd_kafka_conf_set_log_cb(conf, nullptr);
    handle = Make(RD_KAFKA_CONSUMER, conf);
  }
  Consumer(const Consumer&) = delete;
  Consumer& operator=(const Consumer&) = delete;
  ~Consumer() {
    rd_kafka_consumer_close(handle);
    rd_kafka_destroy(handle);
  }

  // From its beginning. Returns the count of partitions.
  [[nodiscard]] int AssignTopic() const {
    constexpr int kTimeout = 10'000;
    rd_kafka_topic_t* topic =
        rd_kafka_topic_new(handle, KafkaCluster::kTopic, nullptr);
    const rd_kafka_metadata_t* metadata = nullptr;
    const rd_kafka_resp_err_t error =
        rd_kafka_metadata(handle, 0, topic, &metadata, kTimeout);
    rd_kafka_topic_destroy(topic);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      throw std::runtime_error(rd_kafka_err2str(error));
    }
    const int partitions = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_partition_list_t* list =
        rd_kafka_topic_partition_list_new(partitions);
    for (std::int32_t partition = 0; partition < partitions; ++partition) {
      rd_kafka_topic_partition_list_add(list, KafkaCluster::kTopic, partition)
          ->offset = 0;
    }
    rd_kafka_assign(handle, list);
    rd_kafka_topic_partition_list_destroy(list);
    return partitions;
  }

  rd_kafka_t* handle = nullptr;
};

std::string Octets(const void* begin, std::size_t length) {
  return begin == nullptr
             ? std::string{}
             : std::string(static_cast<const char*>(begin), length);
}

}  // namespace

KafkaCluster::KafkaCluster(int partitions)
    : handle_(MakeQuiet()),
      mock_(rd_kafka_mock_cluster_new(handle_.get(), kBrokers)) {
  rd_kafka_mock_topic_create(mock_.get(), kTopic, partitions, kBrokers);
}

void KafkaCluster::RefuseToProduce(rd_kafka_resp_err_t error,
                                   std::size_t times) {
  const std::vector<rd_kafka_resp_err_t> errors(times, error);
  rd_kafka_mock_push_request_errors_array(mock_.get(), kProduceRequest, times,
                                          errors.data());
}

void ConsumeAll(const std::string& brokers,
                const std::function<void(const KafkaMessage&)>& take) {
  constexpr int kTimeout = 30'000;
  const Consumer consumer(brokers);
  for (int left = consumer.AssignTopic(); left > 0;) {
    rd_kafka_message_t* message =
        rd_kafka_consumer_poll(consumer.handle, kTimeout);
    if (message == nullptr) {
      throw std::runtime_error("nothing came from the topic");
    }
    const rd_kafka_resp_err_t error = message->err;
    if (error == RD_KAFKA_RESP_ERR__PARTITION_EOF) {
      --left;
    } else if (error == RD_KAFKA_RESP_ERR_NO_ERROR) {
      take({message->partition, Octets(message->key, message->key_len),
            Octets(message->payload, message->len)});
    }
    rd_kafka_message_destroy(message);
    if (error == RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET) {
      throw std::runtime_error("the topic no longer has its beginning");
    }
  }
}

}  // namespace test_support
