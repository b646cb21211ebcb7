// SPDX-License-Identifier: Apache-2.0
#include "exporter/service_manager.h"

#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdlib>
#include <cstring>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/un.h>

namespace exporter {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;

// A service manager that keeps what it hears.
class Manager {
 public:
  explicit Manager(std::string name)
      : name_(std::move(name)),
        socket_(socket(AF_UNIX, SOCK_DGRAM | SOCK_NONBLOCK, 0)) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path, name_.data(), name_.size());
    if (name_[0] == '@') {
      address.sun_path[0] = '\0';
    }
    EXPECT_EQ(bind(socket_.Get(), reinterpret_cast<const sockaddr*>(&address),
                   static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) +
                                          name_.size())),
              0);
  }
  Manager(const Manager&) = delete;
  Manager& operator=(const Manager&) = delete;
  ~Manager() { unlink(name_.c_str()); }

  std::vector<std::string> Heard() {
    std::vector<std::string> messages;
    std::array<char, 256> text{};
    ssize_t length = 0;
    while ((length = recv(socket_.Get(), text.data(), text.size(), 0)) > 0) {
      messages.emplace_back(text.data(), static_cast<std::size_t>(length));
    }
    return messages;
  }

 private:
  std::string name_;
  Descriptor socket_;
};

std::string Unique(const std::string& name) {
  return name + std::to_string(getpid());
}

TEST(ServiceManager, IsToldByASocketInTheFileSystem) {
  const std::string name = Unique(testing::TempDir() + "notify-");
  Manager manager(name);

  const ServiceManager us(name);
  us.Ready();
  us.Alive();
  us.Stopping();

  EXPECT_THAT(manager.Heard(),
              ElementsAre("READY=1", "WATCHDOG=1", "STOPPING=1"));
}

TEST(ServiceManager, HearsWhenAReloadBeganAndThatItIsOver) {
  const std::string name = Unique(testing::TempDir() + "notify-");
  Manager manager(name);

  const ServiceManager us(name);
  us.Reloading();
  us.Ready();

  EXPECT_THAT(manager.Heard(),
              ElementsAre(testing::MatchesRegex(
                              "RELOADING=1\nMONOTONIC_USEC=[1-9][0-9]*"),
                          "READY=1"));
}

TEST(ServiceManager, IsToldByAnAbstractSocket) {
  const std::string name = Unique("@spanfix/notify-");
  Manager manager(name);

  ServiceManager(name).Ready();

  EXPECT_THAT(manager.Heard(), ElementsAre("READY=1"));
}

TEST(ServiceManager, ThatIsNotThereIsNotMissed) {
  for (const std::string& name :
       {std::string(), std::string("@"), std::string("relative"),
        std::string("vsock:2:1234"), std::string("/no/such/socket"),
        '/' + std::string(200, 'a')}) {
    const ServiceManager us(name);
    us.Ready();
    us.Alive();
  }
}

TEST(ServiceManager, ThatDoesNotReadHoldsNothingUp) {
  const std::string name = Unique("@spanfix/full-");
  Manager manager(name);
  const ServiceManager us(name);

  for (int i = 0; i < 10'000; ++i) {
    us.Alive();
  }

  EXPECT_FALSE(manager.Heard().empty());
}

// The environment of a test.
class Environment : public testing::Test {
 protected:
  static void Set(const char* name, const std::string& value) {
    ASSERT_EQ(setenv(name, value.c_str(), 1),  // NOLINT(concurrency-mt-unsafe)
              0);
  }
  void TearDown() override {
    for (const char* name :
         {"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"}) {
      unsetenv(name);  // NOLINT(concurrency-mt-unsafe)
    }
  }
};

TEST_F(Environment, NamesTheSocket) {
  EXPECT_EQ(NotifySocket(), "");
  Set("NOTIFY_SOCKET", "/run/systemd/notify");
  EXPECT_EQ(NotifySocket(), "/run/systemd/notify");
}

TEST_F(Environment, AsksForASignOfLifeTwiceInTheTimeout) {
  EXPECT_EQ(AliveInterval(), std::nullopt);
  Set("WATCHDOG_USEC", "30000000");
  EXPECT_EQ(AliveInterval(), 15s);
  Set("WATCHDOG_PID", std::to_string(getpid()));
  EXPECT_EQ(AliveInterval(), 15s);
}

TEST_F(Environment, OfAnotherProcessOrOfNoSenseAsksForNothing) {
  for (const char* timeout : {"0", "1", "-5", "30s", "", "1e6"}) {
    Set("WATCHDOG_USEC", timeout);
    EXPECT_EQ(AliveInterval(), std::nullopt) << timeout;
  }
  Set("WATCHDOG_USEC", "30000000");
  Set("WATCHDOG_PID", std::to_string(getpid() + 1));
  EXPECT_EQ(AliveInterval(), std::nullopt);
}

constexpr Watchdog::Time kStart{};

TEST(Watchdog, IsDueOnceAnIntervalWhileAllThreadsWork) {
  Watchdog watchdog(10s, kStart);

  EXPECT_FALSE(watchdog.Due(kStart + 9s, {5, 5}));
  EXPECT_TRUE(watchdog.Due(kStart + 10s, {6, 5}));
  EXPECT_FALSE(watchdog.Due(kStart + 19s, {7, 6}));
  EXPECT_TRUE(watchdog.Due(kStart + 20s, {7, 6}));
}

TEST(Watchdog, IsNotDueWhileOneThreadStandsStill) {
  Watchdog watchdog(10s, kStart);
  EXPECT_TRUE(watchdog.Due(kStart + 10s, {6, 5}));

  EXPECT_FALSE(watchdog.Due(kStart + 20s, {6, 7}));
  EXPECT_FALSE(watchdog.Due(kStart + 30s, {7, 7}));
  EXPECT_TRUE(watchdog.Due(kStart + 40s, {8, 8}));
}

TEST(Watchdog, IsNotDueBeforeAThreadHasBegun) {
  Watchdog watchdog(10s, kStart);
  EXPECT_FALSE(watchdog.Due(kStart + 10s, {1, 0}));
}

TEST(Watchdog, DoesNotWaitForAThreadAtItsEnd) {
  Watchdog watchdog(10s, kStart);
  EXPECT_TRUE(watchdog.Due(kStart + 10s, {Watchdog::kAtEnd, 5}));
  EXPECT_TRUE(watchdog.Due(kStart + 20s, {Watchdog::kAtEnd, 6}));
  EXPECT_FALSE(watchdog.Due(kStart + 30s, {Watchdog::kAtEnd, 6}));
}

TEST(Watchdog, SleepsUntilItIsDueAndForEverWithoutAnInterval) {
  const Watchdog watchdog(10s, kStart);
  EXPECT_EQ(watchdog.Timeout(kStart + 4s), 6000);
  EXPECT_EQ(watchdog.Timeout(kStart + 11s), 0);

  Watchdog none(std::nullopt, kStart);
  EXPECT_EQ(none.Timeout(kStart), -1);
  EXPECT_FALSE(none.Due(kStart + 100s, {1}));
}

}  // namespace
}  // namespace exporter
