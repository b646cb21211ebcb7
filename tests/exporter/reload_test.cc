// SPDX-License-Identifier: Apache-2.0
#include "exporter/reload.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/command_line.h"

namespace exporter {
namespace {

using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::size_t kMostFlows = 100'000;  // the default of --max-flows

Options Parse(std::vector<const char*> words) {
  words.insert(words.begin(), {"spanfix", "-i", "eth1"});
  return ParseCommandLine(static_cast<int>(words.size()), words.data()).options;
}

ReloadPlan Plan(const std::vector<const char*>& running,
                const std::vector<const char*>& wanted) {
  return PlanReload(Parse(running), Parse(wanted), kMostFlows);
}

TEST(Reload, ChangesNothingWhenTheOptionsAreTheSame) {
  const ReloadPlan plan =
      Plan({"-c", "udp://h", "udp"}, {"-c", "udp://h", "udp"});

  EXPECT_THAT(plan.stays, IsEmpty());
  EXPECT_THAT(plan.changes, IsEmpty());
  EXPECT_FALSE(plan.collectors);
}

TEST(Reload, TakesTimeoutsLimitsFilterAndLogLevel) {
  const ReloadPlan plan =
      Plan({}, {"--idle-timeout-udp", "5", "--max-flows", "10", "--filter",
                "udp", "--log-level", "error"});

  EXPECT_EQ(plan.options.tracker.idle_timeout_udp, seconds{5});
  EXPECT_EQ(plan.options.tracker.max_flows, 10U);
  EXPECT_EQ(plan.options.filter, "udp");
  EXPECT_EQ(plan.options.log.level, LogLevel::kError);
  EXPECT_THAT(plan.stays, IsEmpty());
  EXPECT_THAT(plan.changes,
              ElementsAre("idle-timeout-udp 60 -> 5", "max-flows 100000 -> 10",
                          "filter '' -> 'udp'", "log-level info -> error"));
}

TEST(Reload, NamesEachOptionThatStaysAndKeepsIt) {
  const ReloadPlan plan =
      Plan({"--threads", "2"}, {"--dedup", "--http", "127.0.0.1:9995"});

  EXPECT_EQ(plan.options.live.threads, 2U);
  EXPECT_FALSE(plan.options.five_tuple.drop_duplicates);
  EXPECT_FALSE(plan.options.http.has_value());
  EXPECT_THAT(plan.stays, ElementsAre("--threads stays 2 until a restart",
                                      "--dedup stays off until a restart",
                                      "--http stays off until a restart"));
}

TEST(Reload, TakesCollectorsByANetworkAndKeepsFiles) {
  const ReloadPlan plan = Plan({"-c", "udp://old", "-w", "a.ipfix"},
                               {"-c", "udp://new", "-w", "b.ipfix"});

  ASSERT_THAT(plan.options.collectors, SizeIs(2));
  EXPECT_EQ(plan.options.collectors[0].text, "udp://new");
  EXPECT_EQ(plan.options.collectors[1].text, "a.ipfix");
  EXPECT_TRUE(plan.collectors);
  EXPECT_THAT(plan.stays,
              ElementsAre("--write stays 'a.ipfix' until a restart"));
  EXPECT_THAT(plan.changes, ElementsAre("new collector 'udp://new'",
                                        "no more collector 'udp://old'"));
}

TEST(Reload, KnowsACollectorWithOtherParametersForAnother) {
  EXPECT_TRUE(
      Plan({"-c", "udp://h"}, {"-c", "udp://h", "--pen", "4711"}).collectors);
}

TEST(Reload, KeepsACollectorWhoseParametersFollowFromAnOptionThatStays) {
  const ReloadPlan plan =
      Plan({"-c", "udp://h"},
           {"-c", "udp://h", "--sampling", "10", "--tunnels", "inner"});

  EXPECT_FALSE(plan.collectors);
  EXPECT_THAT(plan.stays, SizeIs(2));
}

TEST(Reload, DividesTheFlowsAnew) {
  EXPECT_TRUE(Plan({"-c", "udp://a", "-c", "udp://b"},
                   {"-c", "udp://a", "-c", "udp://b", "--balance"})
                  .collectors);
}

TEST(Reload, KeepsTheCollectorsWhenThereWouldBeNoOutput) {
  const ReloadPlan plan = Plan({"-c", "udp://h"}, {});

  EXPECT_THAT(plan.options.collectors, SizeIs(1));
  EXPECT_FALSE(plan.collectors);
  EXPECT_THAT(plan.stays, testing::Contains(HasSubstr("no output")));
}

TEST(Reload, TakesNoMoreFlowsThanThereIsMemoryFor) {
  const ReloadPlan plan =
      Plan({"--max-flows", "50000"}, {"--max-flows", "100001"});

  EXPECT_EQ(plan.options.tracker.max_flows, 50'000U);
  EXPECT_THAT(plan.stays,
              ElementsAre("--max-flows stays 50000 until a restart: the start "
                          "took memory for 100000"));
}

TEST(Reload, KnowsEveryOptionOfAConfigFile) {
  std::vector<std::string> names;
  for (const OptionInfo& option : ConfigOptions()) {
    names.push_back(option.name);
  }
  EXPECT_THAT(OptionsKnownToReload(),
              testing::UnorderedElementsAreArray(names));
}

}  // namespace
}  // namespace exporter
