// SPDX-License-Identifier: Apache-2.0
#include "exporter/log.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <chrono>
#include <cstdlib>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include "exporter/descriptor.h"

namespace exporter {
namespace {

class SetClock final : public Clock {
 public:
  [[nodiscard]] tracker::Timestamp Now() const override { return now; }

  tracker::Timestamp now{
      std::chrono::milliseconds{1'772'442'000'250}};  // 2026-03-02 09:00
};

class LogTest : public testing::Test {
 protected:
  LogTest() {
    std::array<int, 2> ends{};
    EXPECT_EQ(pipe2(ends.data(), O_CLOEXEC | O_NONBLOCK), 0);
    reader_ = Descriptor(ends[0]);
    writer_ = Descriptor(ends[1]);
  }

  // Written since it was called last.
  std::string Written() {
    std::array<char, 4096> text{};
    const ssize_t length = read(reader_.Get(), text.data(), text.size());
    return {text.data(), length > 0 ? static_cast<std::size_t>(length) : 0};
  }
  void PretendToBeTheJournal() const {
    struct stat file {};
    ASSERT_EQ(fstat(writer_.Get(), &file), 0);
    const std::string stream =
        std::to_string(file.st_dev) + ':' + std::to_string(file.st_ino);
    // NOLINTNEXTLINE(concurrency-mt-unsafe): the test has one thread.
    setenv("JOURNAL_STREAM", stream.c_str(), 1);
  }
  // NOLINTNEXTLINE(concurrency-mt-unsafe)
  void TearDown() override { unsetenv("JOURNAL_STREAM"); }

  SetClock clock_;
  Descriptor reader_;
  Descriptor writer_;
};

TEST_F(LogTest, SaysWhoSpeaksInALine) {
  Log log({}, writer_.Get(), clock_);

  log.Warn("interface-lost", "interface 'eth1' is gone");

  EXPECT_EQ(Written(), "spanfix: interface 'eth1' is gone\n");
}

TEST_F(LogTest, TellsTheJournalTheLevelOfEachLine) {
  PretendToBeTheJournal();
  Log log({}, writer_.Get(), clock_);

  log.Error("capture-failed", "the file is torn");
  log.Warn("interface-lost", "it is gone");
  log.Info("interface-back", "it is back");
  log.Summary("packets seen 1\nflows 1\n", "{}");

  EXPECT_EQ(Written(),
            "<3>the file is torn\n<4>it is gone\n<6>it is back\n"
            "<6>packets seen 1\n<6>flows 1\n");
}

TEST_F(LogTest, WritesPlainLinesWhenTheJournalIsNotItsOutput) {
  PretendToBeTheJournal();
  std::array<int, 2> other{};
  ASSERT_EQ(pipe2(other.data(), O_CLOEXEC | O_NONBLOCK), 0);
  reader_ = Descriptor(other[0]);
  const Descriptor redirected(other[1]);
  Log log({}, redirected.Get(), clock_);

  log.Info("interface-back", "it is back");

  EXPECT_EQ(Written(), "spanfix: it is back\n");
}

TEST_F(LogTest, WritesAnObjectForAnEvent) {
  Log log({.format = LogFormat::kJson}, writer_.Get(), clock_);

  log.Warn("interface-lost", "'eth\"1'\n is gone", {{"interface", "eth\"1"}});

  EXPECT_EQ(Written(),
            R"({"time":"2026-03-02T09:00:00.250Z","level":"warning",)"
            R"("event":"interface-lost","message":"'eth\"1'\n is gone",)"
            R"("interface":"eth\"1"})"
            "\n");
}

TEST_F(LogTest, WritesTheSummaryAsOneObject) {
  Log log({.format = LogFormat::kJson}, writer_.Get(), clock_);

  log.Summary("packets seen 7\n", R"({"packets":{"seen":7}})");

  EXPECT_EQ(Written(),
            R"({"time":"2026-03-02T09:00:00.250Z","level":"info",)"
            R"("event":"summary","message":"the account of the run so far",)"
            R"("packets":{"seen":7}})"
            "\n");
}

TEST_F(LogTest, LeavesOutWhatIsLessBadThanItsLevel) {
  Log log({.level = LogLevel::kWarning}, writer_.Get(), clock_);

  log.Info("interface-back", "back");
  log.Warn("interface-lost", "lost");
  log.Error("capture-failed", "failed");
  log.Summary("packets seen 1\n", "{}");

  EXPECT_EQ(Written(), "spanfix: lost\nspanfix: failed\npackets seen 1\n");
}

TEST_F(LogTest, KeepsALineOneLineWhateverANameHasInIt) {
  Log log({}, writer_.Get(), clock_);

  log.Info("capture-notice", "file 'a\nb\x1b[2J'");

  EXPECT_EQ(Written(), "spanfix: file 'a?b?[2J'\n");
}

TEST_F(LogTest, HoldsTheSameEventBackAndTellsTheLastOfThem) {
  Log log({}, writer_.Get(), clock_);

  log.Warn("spool-full", "no room for 1", {{"collector", "a"}});
  log.Warn("spool-full", "no room for 2", {{"collector", "a"}});
  log.Warn("spool-full", "no room for 3", {{"collector", "a"}});
  EXPECT_EQ(Written(), "spanfix: no room for 1\n");
  log.WriteHeld();
  EXPECT_EQ(Written(), "");
  clock_.now += Log::kQuiet;
  log.WriteHeld();

  EXPECT_EQ(Written(), "spanfix: no room for 3 (2 times)\n");
}

TEST_F(LogTest, DoesNotHoldBackWhatHappenedToAnother) {
  Log log({}, writer_.Get(), clock_);

  log.Warn("interface-lost", "eth1 is gone", {{"interface", "eth1"}});
  log.Warn("interface-lost", "eth2 is gone", {{"interface", "eth2"}});
  log.Info("interface-back", "eth1 is back", {{"interface", "eth1"}});

  EXPECT_EQ(Written(),
            "spanfix: eth1 is gone\nspanfix: eth2 is gone\n"
            "spanfix: eth1 is back\n");
}

TEST_F(LogTest, CountsThoseHeldBackWithTheNextOne) {
  Log log({.format = LogFormat::kJson}, writer_.Get(), clock_);
  log.Warn("spool-full", "no room");
  log.Warn("spool-full", "no room");
  Written();

  clock_.now += Log::kQuiet;
  log.Warn("spool-full", "no room");

  EXPECT_THAT(Written(), testing::HasSubstr(R"("times":2})"));
}

TEST_F(LogTest, WritesWhatIsHeldBackBeforeItEnds) {
  {
    Log log({}, writer_.Get(), clock_);
    log.Warn("interface-lost", "lost");
    log.Warn("interface-lost", "lost");
    EXPECT_EQ(Written(), "spanfix: lost\n");
  }

  EXPECT_EQ(Written(), "spanfix: lost\n");
}

}  // namespace
}  // namespace exporter
