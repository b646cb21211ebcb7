// SPDX-License-Identifier: Apache-2.0
#include "exporter/kafka_output.h"

#include <algorithm>
#include <chrono>
#include <functional>
#include <map>
#include <numeric>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/community_id.h"
#include "exporter/flow_message.h"
#include "exporter/kafka_spool.h"
#include "exporter/setup_error.h"
#include "tests/support/kafka_cluster.h"
#include "tests/support/sample_record.h"
#include "tests/support/scratch_directory.h"

namespace exporter {
namespace {

using templates::FlowRecord;
using test_support::KafkaMessage;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::Pair;

constexpr int kPartitions = 4;
constexpr std::int16_t kInitProducerId = 22;

// Number `id`: a conversation of its own.
FlowRecord Record(std::uint64_t id) {
  FlowRecord record = test_support::SampleRecord();
  record.flow_id = id;
  record.source_port = static_cast<std::uint16_t>(1024 + id % 60000);
  record.source_address[15] = static_cast<std::uint8_t>(id / 60000);
  AssignCommunityIds({&record, 1});
  return record;
}

FlowRecord RecordIn(const KafkaMessage& message) {
  FlowRecord record;
  const auto* octets =
      reinterpret_cast<const std::uint8_t*>(message.value.data());
  EXPECT_TRUE(ParseFlowMessage({octets, message.value.size()}, record));
  return record;
}

std::uint64_t Accounted(const DeliveryCounts& counts) {
  return std::accumulate(
      counts.dropped.begin(), counts.dropped.end(), counts.sent,
      [](std::uint64_t sum, const auto& each) { return sum + each.second; });
}

class KafkaOutput : public testing::Test {
 protected:
  std::unique_ptr<Output> Open(const std::string& query = "",
                               bool patient = true) {
    return OpenAt(cluster_.Brokers(), query, patient);
  }
  std::unique_ptr<Output> OpenAt(const std::string& brokers,
                                 const std::string& query, bool patient) {
    return OpenKafkaOutput(
        ParseCollectorUrl("kafka://" + brokers + "/flows" + query, {}),
        {.patient = patient,
         .patience = patience_,
         .say = [this](const std::string& line) { said_.push_back(line); },
         .spool = {}});
  }

  static void Add(Output& output, std::uint64_t first, std::uint64_t last) {
    for (std::uint64_t id = first; id <= last; ++id) {
      output.Add(Record(id), {});
    }
  }

  static void TickUntil(Output& output, const std::function<bool()>& done) {
    const auto end =
        std::chrono::steady_clock::now() + std::chrono::seconds{60};
    while (!done() && std::chrono::steady_clock::now() < end) {
      output.Tick({});
      std::this_thread::sleep_for(std::chrono::milliseconds{10});
    }
    ASSERT_TRUE(done());
  }

  [[nodiscard]] std::vector<KafkaMessage> Consumed() const {
    std::vector<KafkaMessage> messages;
    test_support::ConsumeAll(cluster_.Brokers(), [&](const KafkaMessage& one) {
      messages.push_back(one);
    });
    return messages;
  }

  // The ids from 1 to `last` were consumed, each once.
  void ExpectEachOnce(std::uint64_t last) const {
    std::vector<std::uint64_t> ids;
    for (const KafkaMessage& message : Consumed()) {
      ids.push_back(RecordIn(message).flow_id);
    }
    std::sort(ids.begin(), ids.end());
    std::vector<std::uint64_t> expected(last);
    std::iota(expected.begin(), expected.end(), 1);
    EXPECT_EQ(ids, expected);
  }

  test_support::KafkaCluster cluster_{kPartitions};
  std::vector<std::string> said_;
  std::chrono::milliseconds patience_{30'000};
};

TEST_F(KafkaOutput, DeliversEachRecordAsOneMessage) {
  const auto output = Open();
  Add(*output, 1, 5000);
  output->Finish({});

  EXPECT_EQ(output->Counts().made, 5000U);
  EXPECT_EQ(output->Counts().sent, 5000U);
  EXPECT_THAT(output->Counts().dropped, IsEmpty());
  EXPECT_THAT(said_, IsEmpty());
  ExpectEachOnce(5000);
}

TEST_F(KafkaOutput, CompressesWhenAsked) {
  const auto output = Open("?compression=lz4");
  Add(*output, 1, 500);
  output->Finish({});

  ExpectEachOnce(500);
}

TEST_F(KafkaOutput, KeysARecordByItsCommunityId) {
  const auto output = Open();
  output->Add(Record(1), {});
  output->Finish({});

  ASSERT_EQ(Consumed().size(), 1U);
  EXPECT_EQ(Consumed()[0].key, Record(1).community_id.View());
}

TEST_F(KafkaOutput, PutsBothDirectionsOfAConversationIntoOnePartition) {
  const auto output = Open();
  for (std::uint64_t id = 1; id <= 200; ++id) {
    FlowRecord back = templates::ReverseOf(Record(id));
    back.flow_id = id;
    AssignCommunityIds({&back, 1});
    output->Add(Record(id), {});
    output->Add(back, {});
  }
  output->Finish({});

  std::map<std::uint64_t, std::set<std::int32_t>> partitions;
  std::set<std::int32_t> used;
  for (const KafkaMessage& message : Consumed()) {
    partitions[RecordIn(message).flow_id].insert(message.partition);
    used.insert(message.partition);
  }
  EXPECT_EQ(partitions.size(), 200U);
  for (const auto& [id, where] : partitions) {
    EXPECT_EQ(where.size(), 1U) << "flow " << id;
  }
  EXPECT_EQ(used.size(), static_cast<std::size_t>(kPartitions));
}

TEST_F(KafkaOutput, KeysByTheSourceAddressOrNotAtAllWhenAsked) {
  const auto by_source = Open("?key=src");
  by_source->Add(Record(1), {});
  by_source->Finish({});
  const auto by_chance = Open("?key=none");
  by_chance->Add(Record(1), {});
  by_chance->Finish({});

  const auto& address = Record(1).source_address;
  std::vector<std::string> keys;
  for (const KafkaMessage& message : Consumed()) {
    keys.push_back(message.key);
  }
  EXPECT_THAT(keys, testing::UnorderedElementsAre(
                        std::string(address.begin(), address.end()), ""));
}

// Each request to produce takes one of the errors, and none arrives before they
// are used up.
TEST_F(KafkaOutput, KeepsTheOrderWithinAPartition) {
  cluster_.RefuseToProduce(RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, 3);
  const auto output =
      Open("?max.in.flight=5&batch.num.messages=10&retry.backoff.ms=20");
  Add(*output, 1, 2000);
  output->Finish({});

  std::map<std::int32_t, std::uint64_t> last;
  for (const KafkaMessage& message : Consumed()) {
    const std::uint64_t id = RecordIn(message).flow_id;
    EXPECT_LT(last[message.partition], id);
    last[message.partition] = id;
  }
  ExpectEachOnce(2000);
}

TEST_F(KafkaOutput, LosesNothingAndRepeatsNothingOverBrokersErrors) {
  cluster_.RefuseToProduce(RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT, 3);
  cluster_.RefuseToProduce(RD_KAFKA_RESP_ERR__TRANSPORT, 2);
  cluster_.RefuseToProduce(RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS, 2);
  cluster_.RefuseToProduce(RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, 2);
  const auto output = Open("?linger.ms=5&retry.backoff.ms=20");
  Add(*output, 1, 2000);
  output->Finish({});

  EXPECT_EQ(output->Counts().sent, 2000U);
  ExpectEachOnce(2000);
}

TEST_F(KafkaOutput, FollowsPartitionsToOtherLeaders) {
  const auto output = Open("?linger.ms=5");
  std::uint64_t next = 1;
  for (std::int32_t broker = 1; broker <= 3; ++broker) {
    for (std::int32_t partition = 0; partition < kPartitions; ++partition) {
      cluster_.LeadBy(partition, broker);
    }
    Add(*output, next, next + 499);
    next += 500;
    TickUntil(*output, [&] { return output->Counts().sent > next - 500; });
  }
  output->Finish({});

  EXPECT_EQ(output->Counts().sent, 1500U);
  ExpectEachOnce(1500);
}

TEST_F(KafkaOutput, WaitsForRoomInItsQueueWhenItIsPatient) {
  const auto output = Open("?queue.buffering.max.messages=100&linger.ms=5");
  Add(*output, 1, 5000);
  output->Finish({});

  EXPECT_EQ(output->Counts().sent, 5000U);
  ExpectEachOnce(5000);
}

TEST_F(KafkaOutput, DropsWhatItsQueueHasNoRoomForWhileBrokersAreAway) {
  cluster_.GoAway();
  const auto output = Open("?queue.buffering.max.messages=100", false);
  Add(*output, 1, 150);
  EXPECT_EQ(output->Counts().made, 150U);
  EXPECT_EQ(output->Counts().sent, 0U);
  EXPECT_THAT(output->Counts().dropped, ElementsAre(Pair("queue full", 50)));
  cluster_.ComeBack();
  TickUntil(*output, [&] { return output->Counts().sent == 100; });
  output->Finish({});

  EXPECT_EQ(Accounted(output->Counts()), 150U);
  ExpectEachOnce(100);
}

TEST_F(KafkaOutput, StartsWithoutBrokersAndDeliversWhenTheyCome) {
  cluster_.GoAway();
  const auto output = Open("", false);
  Add(*output, 1, 100);
  TickUntil(*output, [&] { return !said_.empty(); });
  EXPECT_THAT(said_, ElementsAre(HasSubstr("Connection refused")));
  TickUntil(*output, [&] { return output->Counts().away_since.has_value(); });
  cluster_.ComeBack();
  output->Finish({});

  EXPECT_EQ(output->Counts().sent, 100U);
  EXPECT_FALSE(output->Counts().away_since.has_value());
  ExpectEachOnce(100);
}

TEST_F(KafkaOutput, GivesUpInBoundedTimeAndSaysWhy) {
  patience_ = std::chrono::milliseconds{500};
  const auto output = OpenAt("127.0.0.1:1", "", true);
  Add(*output, 1, 100);
  output->Finish({});

  EXPECT_EQ(output->Counts().made, 100U);
  EXPECT_EQ(output->Counts().sent, 0U);
  EXPECT_THAT(output->Counts().dropped,
              ElementsAre(Pair("Local: Broker transport failure", 100)));
}

TEST_F(KafkaOutput, CountsByReasonWhatBrokersRefuse) {
  cluster_.RefuseToProduce(RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED, 100);
  const auto output = Open();
  Add(*output, 1, 100);
  output->Finish({});

  EXPECT_EQ(output->Counts().sent, 0U);
  EXPECT_THAT(output->Counts().dropped,
              ElementsAre(Pair("Broker: Topic authorization failed", 100)));
}

TEST_F(KafkaOutput, BeginsAgainAfterAnErrorThatEndsTheProducer) {
  rd_kafka_mock_push_request_errors(
      cluster_.Mock(), kInitProducerId, 1,
      RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED);
  const auto output = Open("", false);
  Add(*output, 1, 1);
  TickUntil(*output, [&] { return !output->Counts().dropped.empty(); });
  output->Tick({});
  Add(*output, 2, 101);
  output->Finish({});

  EXPECT_EQ(output->Counts().made, 101U);
  EXPECT_EQ(Accounted(output->Counts()), 101U);
  EXPECT_GE(output->Counts().sent, 100U);
}

// ---- with a spool ----

class KafkaSpool : public KafkaOutput {
 protected:
  std::unique_ptr<Output> OpenWithSpool(
      std::chrono::milliseconds stall = std::chrono::seconds{60}) {
    KafkaOutputOptions options;
    options.stall = stall;
    options.say = [](const std::string&) {};
    options.spool = std::make_unique<Spool>(
        SpoolOptions{.directory = scratch_.File("spool"), .say = {}},
        MakeKafkaFraming());
    return OpenKafkaOutput(
        ParseCollectorUrl("kafka://" + cluster_.Brokers() + "/flows", {}),
        std::move(options));
  }

  test_support::ScratchDirectory scratch_;
};

TEST_F(KafkaSpool, KeepsForTheNextRunWhatBrokersThatAreAwayDidNotGet) {
  cluster_.GoAway();
  const auto first = OpenWithSpool();
  Add(*first, 1, 1000);
  first->Finish({});
  EXPECT_EQ(first->Counts().spooled, 1000U);
  EXPECT_EQ(first->Counts().Queued(), 0U);

  cluster_.ComeBack();
  const auto second = OpenWithSpool();
  Add(*second, 1001, 1500);
  TickUntil(*second, [&] { return second->Counts().sent == 500; });
  second->Finish({});

  EXPECT_EQ(second->Counts().earlier.made, 1000U);
  EXPECT_EQ(second->Counts().earlier.sent, 1000U);
  EXPECT_EQ(second->Counts().spooled, 0U);
  ExpectEachOnce(1500);
}

TEST_F(KafkaSpool, DeliversInOrderWhatCameWhileBrokersWereAway) {
  const auto output = OpenWithSpool();
  Add(*output, 1, 500);
  TickUntil(*output, [&] { return output->Counts().sent == 500; });
  cluster_.GoAway();
  Add(*output, 501, 1000);
  TickUntil(*output, [&] { return output->Counts().spooled > 0; });
  Add(*output, 1001, 1500);
  cluster_.ComeBack();
  TickUntil(*output, [&] { return output->Counts().sent == 1500; });
  output->Finish({});

  std::map<std::int32_t, std::uint64_t> last;
  for (const KafkaMessage& message : Consumed()) {
    const std::uint64_t id = RecordIn(message).flow_id;
    EXPECT_LT(last[message.partition], id);
    last[message.partition] = id;
  }
  EXPECT_EQ(output->Counts().spooled, 0U);
  ExpectEachOnce(1500);
}

TEST_F(KafkaSpool, KeepsOnTheDiskWhatBrokersThatHangDoNotConfirm) {
  constexpr int kAll = -1;
  const auto first = OpenWithSpool(std::chrono::milliseconds{300});
  Add(*first, 1, 500);
  TickUntil(*first, [&] { return first->Counts().sent == 500; });
  rd_kafka_mock_broker_set_rtt(cluster_.Mock(), kAll, 600'000);
  Add(*first, 501, 1000);
  TickUntil(*first, [&] { return first->Counts().spooled == 500; });
  first->Finish({});

  rd_kafka_mock_broker_set_rtt(cluster_.Mock(), kAll, 0);
  const auto second = OpenWithSpool();
  TickUntil(*second, [&] { return second->Counts().earlier.sent == 500; });
  second->Finish({});
  std::set<std::uint64_t> ids;
  for (const KafkaMessage& message : Consumed()) {
    ids.insert(RecordIn(message).flow_id);
  }
  EXPECT_EQ(ids.size(), 1000U);
}

// ---- what does not start ----

class KafkaSetup : public testing::Test {
 protected:
  static std::string Refusal(const std::string& query) {
    try {
      static_cast<void>(OpenKafkaOutput(
          ParseCollectorUrl("kafka://127.0.0.1:1/flows" + query, {}),
          {.say = [](const std::string&) {}, .spool = {}}));
    } catch (const SetupError& error) {
      return error.what();
    }
    return "";
  }
};

TEST_F(KafkaSetup, NamesAPropertyThatDoesNotExist) {
  const std::string refusal = Refusal("?sasl.pasword=hidden");

  EXPECT_THAT(refusal, HasSubstr("No such configuration property: "
                                 "\"sasl.pasword\""));
  EXPECT_THAT(refusal, Not(HasSubstr("hidden")));
}

TEST_F(KafkaSetup, NamesAPropertyWithABadValue) {
  EXPECT_THAT(Refusal("?linger.ms=soon"), HasSubstr("linger.ms: Invalid"));
  EXPECT_THAT(Refusal("?compression=best"), HasSubstr("compression"));
}

TEST_F(KafkaSetup, RefusesAcksThatAnIdempotentProducerCannotHave) {
  EXPECT_THAT(Refusal("?acks=1"), HasSubstr("`acks` must be set to `all`"));
  EXPECT_EQ(Refusal("?acks=1&enable.idempotence=false"), "");
}

TEST_F(KafkaSetup, ReadsTheFilesOfTls) {
  EXPECT_THAT(
      Refusal("?security.protocol=ssl&ssl.ca.location=/nonexistent/ca.pem"),
      HasSubstr("ssl.ca.location"));
}

}  // namespace
}  // namespace exporter
