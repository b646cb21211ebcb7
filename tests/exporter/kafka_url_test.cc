// SPDX-License-Identifier: Apache-2.0
#include "exporter/kafka_url.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/collector_url.h"
#include "exporter/setup_error.h"

namespace exporter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;

// What is said about a URL that is refused; empty when it is taken.
std::string Refusal(const std::string& text) {
  try {
    static_cast<void>(ParseKafkaUrl(text));
  } catch (const SetupError& error) {
    return error.what();
  }
  return "";
}

TEST(KafkaUrl, HasBrokersTopicAndProperties) {
  const KafkaParameters parameters = ParseKafkaUrl(
      "kafka://one,two:9093,[2001:db8::1]:9094/flows.v1?acks=all&key=src"
      "&compression=zstd");

  EXPECT_EQ(parameters.brokers, "one,two:9093,[2001:db8::1]:9094");
  EXPECT_EQ(parameters.topic, "flows.v1");
  EXPECT_EQ(parameters.key, KafkaKey::kSource);
  EXPECT_THAT(
      parameters.properties,
      ElementsAre(Pair("acks", "all"), Pair("compression.codec", "zstd")));
}

TEST(KafkaUrl, KeysByConversationUnlessItSaysOtherwise) {
  EXPECT_EQ(ParseKafkaUrl("kafka://one/flows").key, KafkaKey::kFlow);
  EXPECT_EQ(ParseKafkaUrl("kafka://one/flows?key=none").key, KafkaKey::kNone);
}

TEST(KafkaUrl, DecodesWhatAUrlCannotSayPlainly) {
  EXPECT_THAT(
      ParseKafkaUrl("kafka://one/flows?sasl.password=%26%3d%25a").properties,
      ElementsAre(Pair("sasl.password", "&=%a")));
  EXPECT_THAT(Refusal("kafka://one/flows?client.id=%2"),
              HasSubstr("'client.id': '%' needs two hexadecimal digits"));
  EXPECT_THAT(Refusal("kafka://one/flows?client.id=%+1"),
              HasSubstr("needs two hexadecimal digits"));
}

TEST(KafkaUrl, SaysWhichPartIsWrong) {
  EXPECT_THAT(Refusal("kafka://one"), HasSubstr("the topic is missing"));
  EXPECT_THAT(Refusal("kafka://one/"), HasSubstr("the topic is missing"));
  EXPECT_THAT(Refusal("kafka:///flows"), HasSubstr("host is missing"));
  EXPECT_THAT(Refusal("kafka://one,,two/flows"), HasSubstr("host is missing"));
  EXPECT_THAT(Refusal("kafka://one:0/flows"), HasSubstr("not '0'"));
  EXPECT_THAT(Refusal("kafka://one:/flows"), HasSubstr("port must be"));
  EXPECT_THAT(Refusal("kafka://2001:db8::1/flows"), HasSubstr("in brackets"));
  EXPECT_THAT(Refusal("kafka://one/a/b"), HasSubstr("'a/b'"));
  EXPECT_THAT(Refusal("kafka://one/flows?key=dst"), HasSubstr("not 'dst'"));
}

TEST(KafkaUrl, ShowsNoSecrets) {
  EXPECT_EQ(KafkaUrlWithoutSecrets(
                "kafka://one/flows?sasl.username=u&sasl.password=p"
                "&ssl.key.pem=k&ssl.key.location=/etc/key&key=src"),
            "kafka://one/flows?sasl.username=u&sasl.password=***"
            "&ssl.key.pem=***&ssl.key.location=/etc/key&key=src");
  EXPECT_EQ(KafkaUrlWithoutSecrets("kafka://one/flows?sasl.p%61ssword=p"),
            "kafka://one/flows?sasl.p%61ssword=***");
  EXPECT_EQ(KafkaUrlWithoutSecrets("kafka://u:p@one/flows"),
            "kafka://***@one/flows");
}

TEST(KafkaUrl, RefusesAPasswordBeforeTheHostWithoutSayingIt) {
  const std::string refusal = Refusal("kafka://u:hidden@one/flows?a=hidden");

  EXPECT_THAT(refusal, HasSubstr("sasl.password=PASSWORD"));
  EXPECT_THAT(refusal, Not(HasSubstr("hidden")));
}

TEST(KafkaUrl, IsACollectorsWithBothDirectionsWhateverTheProfile) {
  CollectorDefaults defaults;
  defaults.profile = "nfdump";
  const CollectorUrl url =
      ParseCollectorUrl("kafka://one/flows?sasl.password=hidden", defaults);

  EXPECT_EQ(url.scheme, Scheme::kKafka);
  EXPECT_EQ(url.text, "kafka://one/flows?sasl.password=***");
  EXPECT_TRUE(url.profile.biflow);
}

}  // namespace
}  // namespace exporter
