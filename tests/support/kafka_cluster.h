// SPDX-License-Identifier: Apache-2.0
// librdkafka's mock of a Kafka cluster, and a consumer beside it.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <librdkafka/rdkafka.h>
#include <librdkafka/rdkafka_mock.h>

namespace test_support {

struct KafkaMessage {
  std::int32_t partition = 0;
  std::string key;
  std::string value;
};

// Brokers on free ports of loopback, in threads of this process. A partition
// keeps the last 5 MiB.
class KafkaCluster {
 public:
  static constexpr int kBrokers = 3;
  static constexpr const char* kTopic = "flows";

  explicit KafkaCluster(int partitions);

  [[nodiscard]] std::string Brokers() const {
    return rd_kafka_mock_cluster_bootstraps(mock_.get());
  }
  // For what only some tests ask of it.
  [[nodiscard]] rd_kafka_mock_cluster_t* Mock() const { return mock_.get(); }

  void GoAway() { rd_kafka_mock_broker_set_down(mock_.get(), -1); }
  void ComeBack() { rd_kafka_mock_broker_set_up(mock_.get(), -1); }
  // The next `times` requests to produce are answered with `error`.
  void RefuseToProduce(rd_kafka_resp_err_t error, std::size_t times);
  void LeadBy(std::int32_t partition, std::int32_t broker) {
    rd_kafka_mock_partition_set_leader(mock_.get(), kTopic, partition, broker);
  }

 private:
  struct FreeHandle {
    void operator()(rd_kafka_t* handle) const { rd_kafka_destroy(handle); }
  };
  struct FreeMock {
    void operator()(rd_kafka_mock_cluster_t* mock) const {
      rd_kafka_mock_cluster_destroy(mock);
    }
  };

  std::unique_ptr<rd_kafka_t, FreeHandle> handle_;
  std::unique_ptr<rd_kafka_mock_cluster_t, FreeMock> mock_;
};

// All messages of the topic, in the order of each partition, to their ends as
// they are then. Throws std::runtime_error.
void ConsumeAll(const std::string& brokers,
                const std::function<void(const KafkaMessage&)>& take);

}  // namespace test_support
