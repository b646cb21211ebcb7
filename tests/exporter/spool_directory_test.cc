// SPDX-License-Identifier: Apache-2.0
#include "exporter/spool_directory.h"

#include <optional>
#include <string>

#include <gmock/gmock.h>

#include "exporter/setup_error.h"
#include "tests/support/scratch_directory.h"

namespace exporter {
namespace {

std::string NameFor(const std::string& text, std::uint32_t domain = 1) {
  const test_support::ScratchDirectory scratch;
  const SpoolDirectory directory(scratch.File("spool"), std::nullopt);
  CollectorUrl url;
  url.text = text;
  url.observation_domain = domain;
  return directory.Of(url).substr(scratch.File("spool/").size());
}

TEST(SpoolDirectory, NamesACollectorBySchemeHostPortAndDomain) {
  EXPECT_EQ(NameFor("tcp://192.0.2.1:4739"), "tcp_192.0.2.1_4739.1");
  EXPECT_EQ(NameFor("tcp://[2001:db8::1]:4739", 7), "tcp_2001_db8_1_4739.7");
}

TEST(SpoolDirectory, NoSecretIsInAName) {
  EXPECT_EQ(NameFor("tls://h:1?key=/secret&ca=b"), "tls_h_1.1");
  EXPECT_EQ(NameFor("kafka://user:p@ss@h:9092/flows?x=y"),
            "kafka_h_9092_flows.1");
}

TEST(SpoolDirectory, LongNamesAreCutAndStayDifferent) {
  const std::string brokers(300, 'b');
  const std::string name = NameFor("kafka://" + brokers + "/one");
  EXPECT_LT(name.size(), 200U);
  EXPECT_NE(name, NameFor("kafka://" + brokers + "/two"));
}

TEST(SpoolDirectory, IsForOneAtATime) {
  const test_support::ScratchDirectory scratch;
  const std::string path = scratch.File("spool");
  {
    const SpoolDirectory first(path, std::nullopt);
    try {
      const SpoolDirectory second(path, std::nullopt);
      FAIL() << "there are two";
    } catch (const SetupError& error) {
      EXPECT_EQ(error.what(), "--spool: another spanfix has '" + path +
                                  "'; give each a directory of its own");
    }
  }
  EXPECT_NO_THROW(const SpoolDirectory again(path, std::nullopt));
}

}  // namespace
}  // namespace exporter
