// SPDX-License-Identifier: Apache-2.0
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/command_line.h"
#include "exporter/setup_error.h"

namespace exporter {
namespace {

CommandLine Parse(std::vector<const char*> words) {
  words.insert(words.begin(), "spanfix");
  return ParseCommandLine(static_cast<int>(words.size()), words.data());
}

std::string Refusal(const std::vector<const char*>& words) {
  try {
    Parse(words);
  } catch (const SetupError& error) {
    return error.what();
  }
  return "";
}

TEST(CommandLine, ReadsSeveralFilesInOrder) {
  const Options options = Parse({"-r", "a.pcap", "--read", "b.pcap"}).options;
  EXPECT_EQ(options.files, (std::vector<std::string>{"a.pcap", "b.pcap"}));
}

TEST(CommandLine, TakesTheWordsAtTheEndForAFilter) {
  EXPECT_EQ(Parse({"-r", "a", "udp", "port", "53"}).options.filter,
            "udp port 53");
  EXPECT_EQ(Parse({"-r", "a", "udp port 53"}).options.filter, "udp port 53");
  EXPECT_EQ(Parse({"-r", "a", "--filter", "tcp"}).options.filter, "tcp");
}

TEST(CommandLine, PrintsATableWhenNothingElseTakesTheRecords) {
  EXPECT_EQ(Parse({"-r", "a"}).options.format, TextFormat::kTable);
  EXPECT_FALSE(Parse({"-r", "a", "-w", "b"}).options.format.has_value());
  EXPECT_EQ(Parse({"-r", "a", "-w", "b", "--format", "json"}).options.format,
            TextFormat::kJson);
}

TEST(CommandLine, HasTheDocumentedDefaults) {
  const tracker::TrackerConfig config = Parse({"-r", "a"}).options.tracker;
  EXPECT_EQ(config.idle_timeout_tcp, std::chrono::seconds{300});
  EXPECT_EQ(config.idle_timeout_udp, std::chrono::seconds{60});
  EXPECT_EQ(config.idle_timeout_other, std::chrono::seconds{30});
  EXPECT_EQ(config.active_timeout, std::chrono::seconds{300});
  EXPECT_EQ(config.close_linger, std::chrono::seconds{5});
  EXPECT_EQ(config.max_flows, 100'000U);
  EXPECT_TRUE(config.use_direction_evidence);
}

TEST(CommandLine, GlobalOptionsHoldForEveryCollector) {
  const Options options =
      Parse({"-r", "a", "-c", "udp://h", "-w", "f", "--pen", "4711",
             "--observation-domain", "9", "--profile", "nfdump"})
          .options;
  EXPECT_EQ(options.collectors.at(0).pen, 4711U);
  EXPECT_EQ(options.collectors.at(1).observation_domain, 9U);
  EXPECT_EQ(options.collectors.at(1).profile.name, "nfdump");
}

TEST(CommandLine, TakesAnyPathToWriteTo) {
  EXPECT_EQ(Parse({"-r", "a", "-w", "what?x=y"}).options.collectors.at(0).path,
            "what?x=y");
}

TEST(CommandLine, BalancesBetweenTwoNetworkCollectorsOrMore) {
  EXPECT_FALSE(Parse({"-r", "a", "-c", "udp://h"}).options.balance);
  EXPECT_TRUE(Parse({"-r", "a", "-c", "udp://h", "-c", "tcp://i", "--balance"})
                  .options.balance);
  EXPECT_EQ(Refusal({"-r", "a", "-c", "udp://h", "-w", "f", "--balance"}),
            "--balance: needs two or more collectors on the network");
}

TEST(CommandLine, TakesEveryPacketUnlessToldToSample) {
  EXPECT_EQ(Parse({"-r", "a"}).options.sampling, 1U);
  const Options options =
      Parse({"-r", "a", "-c", "udp://h", "--sampling", "16383"}).options;
  EXPECT_EQ(options.sampling, 16'383U);
  EXPECT_EQ(options.collectors.at(0).sampling, 16'383U);
}

TEST(CommandLine, RefusesASamplingThatNotEveryProtocolCanSay) {
  EXPECT_EQ(Refusal({"-r", "a", "--sampling", "0"}),
            "--sampling: must be 1 to 16383, not 0");
  EXPECT_EQ(Refusal({"-r", "a", "--sampling", "16384"}),
            "--sampling: must be 1 to 16383, not 16384");
  EXPECT_EQ(Refusal({"-r", "a", "--sampling", "2", "--dedup"}),
            "--dedup: must see every packet to find copies; leave --sampling "
            "out");
}

TEST(CommandLine, AnswersHelpAndVersion) {
  EXPECT_NE(Parse({"--help"}).answer->find("--idle-timeout-tcp"),
            std::string::npos);
  EXPECT_EQ(Parse({"--version"}).answer->rfind("spanfix ", 0), 0U);
}

TEST(CommandLine, AnswersWithTheFileThatTeachesACollector) {
  EXPECT_NE(Parse({"--print-elements", "iespec", "--pen", "4711"})
                .answer->find("tcpHistory(4711/1001)<string>[65535]\n"),
            std::string::npos);
  EXPECT_EQ(Refusal({"--print-elements", "nfdump"}),
            "--print-elements: there are logstash, filebeat, libfds, fixbuf, "
            "pmacct, goflow2, telegraf, vflow, iespec, not 'nfdump'");
  EXPECT_NE(Refusal({"--print-elements", "vflow", "--pen", "0"}).find("--pen"),
            std::string::npos);
}

TEST(CommandLine, ShowsAFileInsteadOfMeasuring) {
  const CommandLine line = Parse({"--show", "a.pb"});
  ASSERT_TRUE(line.show.has_value());
  EXPECT_EQ(line.show->file, "a.pb");
  EXPECT_EQ(line.show->format, TextFormat::kTable);
  EXPECT_EQ(line.show->pen, 32473U);
  const CommandLine other =
      Parse({"--show", "-", "--format", "json", "--pen", "54321"});
  EXPECT_EQ(other.show->format, TextFormat::kJson);
  EXPECT_EQ(other.show->pen, 54321U);
  EXPECT_FALSE(Parse({"-r", "a"}).show.has_value());
}

TEST(CommandLine, ShowsWithoutAnythingThatACaptureHas) {
  EXPECT_EQ(Refusal({"--show", "a", "-r", "b"}),
            "--show and --read exclude each other");
  EXPECT_EQ(Refusal({"--show", "a", "--idle-timeout-tcp", "300"}),
            "--show and --idle-timeout-tcp exclude each other");
  EXPECT_EQ(Refusal({"--show", "a", "b"}),
            "--show: takes one file and no filter");
}

TEST(CommandLine, NamesTheOptionThatIsWrong) {
  EXPECT_NE(Refusal({"--colour"}).find("--colour"), std::string::npos);
  EXPECT_NE(Refusal({"-r", "a", "--max-flows", "0"}).find("--max-flows"),
            std::string::npos);
  EXPECT_NE(Refusal({"-r", "a", "--max-flows", "many"}).find("max-flows"),
            std::string::npos);
  EXPECT_NE(Refusal({"-r", "a", "--max-flows", "-1"}).find("max-flows"),
            std::string::npos);
  EXPECT_NE(Refusal({"-r", "a", "--idle-timeout-udp", "0"})
                .find("--idle-timeout-udp"),
            std::string::npos);
  EXPECT_NE(Refusal({"-r", "a", "--format", "xml"}).find("'xml'"),
            std::string::npos);
  EXPECT_NE(Refusal({"-r", "a", "--observation-domain", "0"})
                .find("--observation-domain"),
            std::string::npos);
  EXPECT_NE(Refusal({"-r", "a", "--pen", "0"}).find("--pen"),
            std::string::npos);
}

TEST(CommandLine, NeedsOneInput) {
  EXPECT_NE(Refusal({}).find("-i INTERFACE or -r FILE"), std::string::npos);
  EXPECT_NE(Refusal({"-i", "eth0", "-r", "a"}).find("exclude"),
            std::string::npos);
}

TEST(CommandLine, HasOneThreadUnlessAnInterfaceGetsMore) {
  EXPECT_EQ(Parse({"-i", "eth0"}).options.live.threads, 1U);
  EXPECT_EQ(Parse({"-r", "a"}).options.live.threads, 1U);
  EXPECT_EQ(Parse({"-i", "eth0", "--threads", "64"}).options.live.threads, 64U);
}

TEST(CommandLine, RefusesThreadsThatItCannotHave) {
  EXPECT_EQ(Refusal({"-i", "eth0", "--threads", "0"}),
            "--threads: must be 1 to 64, not 0");
  EXPECT_EQ(Refusal({"-i", "eth0", "--threads", "65"}),
            "--threads: must be 1 to 64, not 65");
  EXPECT_EQ(Refusal({"-r", "a", "--threads", "1"}),
            "--threads: is about an interface; leave it out with -r");
  EXPECT_EQ(Refusal({"-i", "eth0", "--threads", "4", "--max-flows", "3"}),
            "--max-flows: each of 4 threads needs a flow; raise it");
}

TEST(CommandLine, TakesNoAbbreviations) {
  EXPECT_NE(Refusal({"-r", "a", "--max", "5"}).find("--max"),
            std::string::npos);
}

TEST(Options, TakeSeveralInterfaces) {
  EXPECT_THAT(Parse({"-i", "eth0", "-i", "eth1"}).options.interfaces,
              testing::ElementsAre("eth0", "eth1"));
  EXPECT_EQ(Refusal({"-i", "eth0", "-i", "eth1", "-i", "eth0"}),
            "--interface: 'eth0' is there twice; --threads captures it with "
            "several threads");
  EXPECT_EQ(Refusal({"-i", "eth0", "-i", "eth1", "--threads", "4",
                     "--max-flows", "7"}),
            "--max-flows: each of 8 threads needs a flow; raise it");
}

TEST(Options, SayHowInterfacesAreCaptured) {
  const LiveOptions usual = Parse({"-i", "eth0"}).options.live;
  EXPECT_EQ(usual.ring_mebibytes, 32);
  EXPECT_EQ(usual.snaplen, 256);
  EXPECT_TRUE(usual.promiscuous);
  EXPECT_FALSE(usual.immediate);

  const LiveOptions other =
      Parse({"-i", "eth0", "--ring-size", "1", "--snaplen", "128",
             "--promiscuous", "no", "--immediate"})
          .options.live;
  EXPECT_EQ(other.ring_mebibytes, 1);
  EXPECT_EQ(other.snaplen, 128);
  EXPECT_FALSE(other.promiscuous);
  EXPECT_TRUE(other.immediate);
}

TEST(Options, BoundHowInterfacesAreCaptured) {
  EXPECT_EQ(Refusal({"-i", "eth0", "--ring-size", "2048"}),
            "--ring-size: must be 1 to 2047 MiB, not 2048");
  EXPECT_EQ(Refusal({"-i", "eth0", "--snaplen", "65535"}),
            "--snaplen: must be 64 to 1024 octets, not 65535");
  EXPECT_EQ(Refusal({"-i", "eth0", "--promiscuous", "off"}),
            "--promiscuous: there are yes and no, not 'off'");
}

TEST(Options, ForAnInterfaceAreRefusedWithFiles) {
  EXPECT_EQ(Refusal({"-r", "a", "--immediate"}),
            "--immediate: is about an interface; leave it out with -r");
  EXPECT_EQ(Refusal({"-r", "a", "--promiscuous", "yes"}),
            "--promiscuous: is about an interface; leave it out with -r");
}

}  // namespace
}  // namespace exporter
