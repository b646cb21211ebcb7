// SPDX-License-Identifier: Apache-2.0
#include "exporter/config_file.h"

#include <algorithm>
#include <fstream>
#include <map>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/command_line.h"
#include "exporter/setup_error.h"

namespace exporter {
namespace {

using testing::ElementsAre;
using testing::EndsWith;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAreArray;

// A config file of the test's own.
class ConfigFile : public testing::Test {
 protected:
  void Write(const std::string& text) {
    std::ofstream(path_, std::ios::binary) << text;
  }
  Options Start(std::vector<std::string> words = {}) {
    words.insert(words.begin(), {"spanfix", "--config", path_});
    return Parse(words).options;
  }
  // What --check-config says of it, with FILE for its path.
  std::vector<std::string> Errors(const std::string& text) {
    Write(text);
    std::vector<std::string> lines;
    try {
      Parse({"spanfix", "--check-config", path_});
    } catch (const SetupError& error) {
      std::istringstream stream(error.what());
      for (std::string line; std::getline(stream, line);) {
        const std::size_t at = line.find(path_);
        lines.push_back(at == std::string::npos
                            ? line
                            : line.replace(at, path_.size(), "FILE"));
      }
    }
    return lines;
  }
  static CommandLine Parse(const std::vector<std::string>& words) {
    std::vector<const char*> argv;
    std::transform(words.begin(), words.end(), std::back_inserter(argv),
                   [](const std::string& word) { return word.c_str(); });
    return ParseCommandLine(static_cast<int>(argv.size()), argv.data());
  }

  const std::string path_ =
      testing::TempDir() + "spanfix-" +
      testing::UnitTest::GetInstance()->current_test_info()->name() + ".conf";

 private:
  void TearDown() override { static_cast<void>(std::remove(path_.c_str())); }
};

TEST_F(ConfigFile, HasTheLongOptionsOfTheCommandLine) {
  Write(
      "# a mirror port\n"
      "\n"
      "interface = eth1   # the left one\n"
      "  filter=not port 9995\r\n"
      "collector = udp://192.0.2.1:9995?profile=nfdump&mtu=1400\n"
      "collector = file:/var/lib/a#b.ipfix\n"
      "max-flows = 500\n"
      "dedup = yes\n"
      "active-align = no");

  const Options options = Start();

  EXPECT_THAT(options.interfaces, ElementsAre("eth1"));
  EXPECT_EQ(options.filter, "not port 9995");
  EXPECT_EQ(options.collectors.at(0).text,
            "udp://192.0.2.1:9995?profile=nfdump&mtu=1400");
  EXPECT_EQ(options.collectors.at(1).path, "/var/lib/a#b.ipfix");
  EXPECT_EQ(options.tracker.max_flows, 500U);
  EXPECT_TRUE(options.five_tuple.drop_duplicates);
  EXPECT_FALSE(options.tracker.active_align);
}

TEST_F(ConfigFile, IsOverriddenByTheCommandLine) {
  Write(
      "interface = eth1\n"
      "collector = udp://192.0.2.1:9995\n"
      "max-flows = 500\n"
      "close-linger = 7\n");

  const Options options =
      Start({"-i", "eth2", "-c", "udp://192.0.2.2:1", "--max-flows", "600"});

  EXPECT_THAT(options.interfaces, ElementsAre("eth2"));
  EXPECT_EQ(options.collectors.size(), 1U);
  EXPECT_EQ(options.collectors.at(0).text, "udp://192.0.2.2:1");
  EXPECT_EQ(options.tracker.max_flows, 600U);
  EXPECT_EQ(options.tracker.close_linger, std::chrono::seconds{7});
}

TEST_F(ConfigFile, OfAnInterfaceServesToReadACapture) {
  Write("interface = eth1\nthreads = 4\nfilter = udp\n");

  const Options options = Start({"-r", "a.pcap"});

  EXPECT_TRUE(options.interfaces.empty());
  EXPECT_THAT(options.files, ElementsAre("a.pcap"));
  EXPECT_EQ(options.live.threads, 1U);
  EXPECT_EQ(options.filter, "udp");
}

TEST_F(ConfigFile, LeavesTheFilterToTheWordsOfTheCommandLine) {
  Write("interface = eth1\nfilter = udp\n");
  EXPECT_EQ(Start({"tcp", "port", "80"}).filter, "tcp port 80");
}

TEST_F(ConfigFile, IsReportedOkByName) {
  Write("collector = udp://192.0.2.1\nthreads = 4\n");
  EXPECT_EQ(Parse({"spanfix", "--check-config", path_}).answer,
            path_ + ": ok\n");
  EXPECT_EQ(Parse({"spanfix", "--config", path_, "--check-config"}).answer,
            path_ + ": ok\n");
}

TEST_F(ConfigFile, HasAllItsErrorsReportedAtOnceByLine) {
  EXPECT_THAT(
      Errors("interface = eth1\n"
             "colector = udp://192.0.2.1:9995\n"
             "collector = http://192.0.2.1:9995\n"
             "max-flows = 0\n"
             "\n"
             "idle-timeout-tcp = soon\n"
             "collector = udp://192.0.2.1:0\n"
             "max-flows = 70\n"
             "dedup\n"
             "active-align = maybe\n"
             "= 5\n"
             "config = other.conf\n"
             "profile = cesnet\n"
             "tunnels = between\n"
             "close-linger = 700000\n"),
      ElementsAre(
          "FILE:2: there is no option 'colector'; is it 'collector'?",
          HasSubstr("FILE:3: collector 'http://192.0.2.1:9995'"),
          "FILE:4: max-flows: must be 1 to 100000000, not 0",
          "FILE:6: idle-timeout-tcp: must be a whole number, not 'soon'",
          HasSubstr("FILE:7: collector 'udp://192.0.2.1:0'"),
          "FILE:8: max-flows: is in line 4, too; leave one of them",
          "FILE:9: dedup: has no value; write dedup = yes or no",
          "FILE:10: active-align: there are yes and no, not 'maybe'",
          "FILE:11: there is no name before the '='; write NAME = VALUE",
          "FILE:12: there is no option 'config'; spanfix --help lists them",
          HasSubstr("FILE:13: profile: no profile 'cesnet'; there are"),
          "FILE:14: tunnels: there are outer and inner, not 'between'",
          "FILE:15: close-linger: must be 0 to 604800 seconds, not 700000"));
}

TEST_F(ConfigFile, HasTheLineNamedThatDoesNotGoWithAnother) {
  EXPECT_THAT(Errors("active-timeout = 0\nactive-align = yes\n"),
              ElementsAre("FILE:2: active-align: needs an --active-timeout "
                          "above 0"));
  EXPECT_THAT(Errors("read = a.pcap\ninterface = eth1\n"),
              ElementsAre("FILE:2: -i and -r exclude each other"));
  EXPECT_THAT(Errors("threads = 4\nread = a.pcap\n"),
              ElementsAre("FILE:1: threads: is about an interface; "
                          "leave it out with -r"));
}

TEST_F(ConfigFile, HasTheSameErrorNamedInEveryLine) {
  EXPECT_THAT(Errors("collector = x\nmax-flows = 7\ncollector = x\n"),
              ElementsAre(HasSubstr("FILE:1: collector 'x'"),
                          HasSubstr("FILE:3: collector 'x'")));
}

TEST_F(ConfigFile, IsCheckedBeforeTheStartAlsoWhereItIsOverridden) {
  Write("max-flows = 0\n");
  EXPECT_THROW(Start({"-i", "eth1", "--max-flows", "5"}), SetupError);
}

TEST_F(ConfigFile, ThatCannotBeReadIsNamedWithTheReason) {
  const auto refusal = [&](const std::string& path) -> std::string {
    try {
      Parse({"spanfix", "--check-config", path});
    } catch (const SetupError& error) {
      return error.what();
    }
    return "";
  };
  EXPECT_EQ(refusal("/no/such.conf"),
            "--config: cannot read '/no/such.conf': No such file or directory");
  EXPECT_EQ(refusal("/tmp"), "--config: cannot read '/tmp': Is a directory");
}

TEST_F(ConfigFile, ThatIsCheckedIsOne) {
  EXPECT_THROW(Parse({"spanfix", "--check-config", "a", "b"}), SetupError);
  EXPECT_THROW(Parse({"spanfix", "--config", "a", "--check-config", "b"}),
               SetupError);
}

TEST_F(ConfigFile, SurvivesWhateverIsInIt) {
  EXPECT_THAT(Errors(std::string("\0\xff=\0\n#\n=\n====\n", 14)),
              ElementsAre("FILE:1: is no text; is this the config file?",
                          HasSubstr("FILE:3: there is no name"),
                          HasSubstr("FILE:4: there is no name")));
  EXPECT_THAT(Errors(""), IsEmpty());
}

// The file of the package: "#name = value" is an option, "# words" are not.
class PackagedConfig : public ConfigFile {
 protected:
  static std::vector<std::string> Lines() {
    std::ifstream file(SPANFIX_PACKAGING "/spanfix.conf");
    std::vector<std::string> lines;
    for (std::string line; std::getline(file, line);) {
      lines.push_back(line);
    }
    return lines;
  }
  static bool IsOption(const std::string& line) {
    return line.size() > 1 && line[0] == '#' && line[1] != ' ';
  }
  // By name, the default or example, and the sentence above.
  struct Entry {
    std::string value;
    std::string sentence;
  };
  static std::map<std::string, Entry> Entries() {
    std::map<std::string, Entry> entries;
    std::string before;
    for (const std::string& line : Lines()) {
      if (IsOption(line)) {
        const std::size_t equals = line.find(" = ");
        entries[line.substr(1, equals - 1)] = {line.substr(equals + 3), before};
      }
      before = line;
    }
    return entries;
  }
};

TEST_F(PackagedConfig, HasEveryOptionAndNoOther) {
  std::vector<std::string> expected;
  for (const OptionInfo& option : ConfigOptions()) {
    expected.push_back(option.name);
  }
  std::vector<std::string> actual;
  for (const auto& [name, entry] : Entries()) {
    actual.push_back(name);
  }
  EXPECT_THAT(actual, UnorderedElementsAreArray(expected));
}

TEST_F(PackagedConfig, ShowsTheDefaultsThatTheProgramHas) {
  const auto entries = Entries();
  for (const OptionInfo& option : ConfigOptions()) {
    SCOPED_TRACE(option.name);
    const Entry& entry = entries.at(option.name);
    const bool example =
        entry.sentence.find("there is no default") != std::string::npos;
    const std::string expected =
        option.value_name.empty() ? "no" : option.default_value;
    EXPECT_EQ(example, expected.empty());
    EXPECT_EQ(example ? "" : entry.value, expected);
  }
}

TEST_F(PackagedConfig, SaysWhatEachOptionIsInASentence) {
  for (const auto& [name, entry] : Entries()) {
    SCOPED_TRACE(name);
    EXPECT_EQ(entry.sentence.rfind("# ", 0), 0U);
    EXPECT_THAT(entry.sentence, EndsWith("."));
  }
}

// Beside a collector that each of them may have.
TEST_F(PackagedConfig, IsValidWithEachOfItsCommentsRemoved) {
  for (const std::string& line : Lines()) {
    if (IsOption(line)) {
      EXPECT_THAT(Errors(line.substr(1) + "\ncollector = tcp://192.0.2.1"),
                  IsEmpty())
          << line;
    }
  }
}

TEST_F(PackagedConfig, ChangesNothingAsItIs) {
  std::string text;
  for (const std::string& line : Lines()) {
    text += line + '\n';
  }
  Write(text);
  const Options options = Start({"-i", "eth1"});
  EXPECT_EQ(options.format, TextFormat::kTable);
  EXPECT_THAT(options.collectors, IsEmpty());
}

}  // namespace
}  // namespace exporter
