// SPDX-License-Identifier: Apache-2.0
#include "exporter/status_server.h"

#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <memory>
#include <string>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "exporter/listen_address.h"
#include "exporter/service_manager.h"
#include "exporter/setup_error.h"
#include "tests/support/loopback.h"

namespace exporter {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::StartsWith;

// A server on a free port of this host.
class StatusServerTest : public ::testing::Test {
 protected:
  StatusServerTest() {
    sources_.interfaces = [this] {
      ++asked_;
      return std::vector<InterfaceReport>{{"eth1", {}}};
    };
    sources_.traffic = [] { return std::vector<TrafficReport>(); };
    sources_.exported = [] {
      ExportReport exported;
      exported.outputs = {{"udp://h", {}}, {"udp://h", {}}};
      return exported;
    };
    sources_.rounds = [] {
      return std::vector<std::uint64_t>{Watchdog::kAtEnd};
    };
  }

  void Serve() {
    while (server_ == nullptr) {
      try {
        address_ = ParseListenAddress(std::to_string(FreePort()));
        server_ =
            std::make_unique<StatusServer>(address_, 100, sources_, clock_);
      } catch (const SetupError&) {
        // Somebody else was given the port in the meantime.
      }
    }
    server_->Start();
  }

  std::uint16_t FreePort() {
    const Descriptor probe(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    port_ = test_support::BindToLoopback(probe);
    return port_;
  }

  // Everything that comes as an answer to `request`, until the end.
  [[nodiscard]] std::string Answer(const std::string& request) const {
    const Descriptor client(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
    const timeval patience{.tv_sec = 60, .tv_usec = 0};
    setsockopt(client.Get(), SOL_SOCKET, SO_RCVTIMEO, &patience,
               sizeof(patience));
    if (!test_support::ConnectToLoopback(client, port_)) {
      return "cannot connect";
    }
    send(client.Get(), request.data(), request.size(), MSG_NOSIGNAL);
    std::string answer;
    std::array<char, 4096> octets{};
    for (ssize_t got = 1; got > 0;) {
      got = recv(client.Get(), octets.data(), octets.size(), 0);
      answer.append(octets.data(),
                    static_cast<std::size_t>(std::max<ssize_t>(got, 0)));
    }
    return answer;
  }
  [[nodiscard]] std::string Get(const std::string& path,
                                const std::string& method = "GET") const {
    return Answer(method + " " + path +
                  " HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
  }

  SystemClock clock_;
  StatusSources sources_;
  ListenAddress address_;
  std::uint16_t port_ = 0;
  std::atomic<int> asked_{0};
  std::unique_ptr<StatusServer> server_;
};

TEST_F(StatusServerTest, AnswersWhatThereIs) {
  Serve();

  EXPECT_THAT(Get("/"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get("/"), HasSubstr("<!doctype html>"));
  EXPECT_THAT(Get("/metrics"), HasSubstr("spanfix_packets_seen_total"));
  EXPECT_THAT(Get("/metrics?x=y"), HasSubstr("spanfix_packets_seen_total"));
  EXPECT_THAT(Get("/status.json"), HasSubstr("\"packets\""));
  EXPECT_THAT(Get("/healthz"), HasSubstr("\r\n\r\nok\n"));
  EXPECT_THAT(Get("/other"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Get("/metrics/"), StartsWith("HTTP/1.1 404 "));
  EXPECT_THAT(Get("//"), StartsWith("HTTP/1.1 404 "));
}

TEST_F(StatusServerTest, HeadHasNoBodyAndTheRestIsRefused) {
  Serve();

  EXPECT_THAT(Get("/healthz", "HEAD"), StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(Get("/healthz", "HEAD"), Not(HasSubstr("\r\n\r\nok")));
  for (const char* method : {"POST", "PUT", "DELETE", "OPTIONS", "BREW"}) {
    EXPECT_THAT(Get("/", method), StartsWith("HTTP/1.1 405 ")) << method;
    EXPECT_THAT(Get("/", method), HasSubstr("\r\nAllow: GET, HEAD\r\n"));
  }
}

TEST_F(StatusServerTest, EachPageHasASecretOfItsOwn) {
  Serve();

  const std::string page = Get("/");
  const std::size_t at = page.find("script-src 'nonce-") + 18;
  const std::string nonce = page.substr(at, page.find('\'', at) - at);

  EXPECT_EQ(nonce.size(), 32U);
  EXPECT_THAT(page, HasSubstr("<script nonce=\"" + nonce + "\">"));
  EXPECT_THAT(page, HasSubstr("<style nonce=\"" + nonce + "\">"));
  EXPECT_THAT(page, Not(HasSubstr("@NONCE@")));
  EXPECT_THAT(Get("/"), Not(HasSubstr(nonce)));
}

TEST_F(StatusServerTest, AnswersNoOtherName) {
  Serve();

  EXPECT_THAT(Answer("GET /status.json HTTP/1.1\r\nHost: rebound.example\r\n"
                     "Connection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 403 "));
}

TEST_F(StatusServerTest, IsUnhealthyWithALostInterface) {
  sources_.lost = [] {
    return std::vector<std::string>{"interface 'eth1' is lost",
                                    "interface 'eth2' is lost"};
  };
  Serve();

  const std::string answer = Get("/healthz");

  EXPECT_THAT(answer, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(answer, HasSubstr("\r\n\r\ninterface 'eth1' is lost\n"
                                "interface 'eth2' is lost\n"));
}

TEST_F(StatusServerTest, ShowsFindings) {
  sources_.findings = [] {
    return std::vector<Finding>{
        {"one_direction", "eth1", Severity::kWarning, "Only one direction."}};
  };
  Serve();

  EXPECT_THAT(Get("/metrics"), HasSubstr("spanfix_finding{name=\"one_dir"));
  EXPECT_THAT(Get("/status.json"), HasSubstr("Only one direction."));
}

TEST_F(StatusServerTest, TellsNamesakesApart) {
  Serve();

  EXPECT_THAT(Get("/metrics"), HasSubstr("up{collector=\"udp://h\"} 1\n"));
  EXPECT_THAT(Get("/metrics"), HasSubstr("up{collector=\"udp://h #2\"} 1\n"));
}

TEST_F(StatusServerTest, AsksTheSourcesSeldomHoweverOftenItIsAsked) {
  constexpr int kRequests = 400;
  Serve();

  const auto begin = std::chrono::steady_clock::now();
  for (int i = 0; i < kRequests; ++i) {
    ASSERT_THAT(Get("/metrics"), StartsWith("HTTP/1.1 200 "));
  }
  const std::chrono::duration<double> took =
      std::chrono::steady_clock::now() - begin;

  EXPECT_LE(asked_, took.count() * 5 + 2);
}

TEST_F(StatusServerTest, GarbageDoesNotKeepOthersFromAnswers) {
  Serve();

  EXPECT_THAT(Answer(std::string(100'000, 'x')), Not(HasSubstr(" 200 ")));
  EXPECT_THAT(Answer("\x16\x03\x01\r\n\r\n"), Not(HasSubstr(" 200 ")));
  EXPECT_THAT(Answer("GET / HTTP/1.1\r\nHost: localhost\r\nX: " +
                     std::string(100'000, 'x') + "\r\n\r\n"),
              Not(HasSubstr(" 200 ")));
  EXPECT_THAT(Get("/healthz"), StartsWith("HTTP/1.1 200 "));
}

TEST_F(StatusServerTest, AnAddressThatIsTakenIsNamedWithTheFix) {
  Serve();

  try {
    const StatusServer second(address_, 100, sources_, clock_);
    FAIL() << "two listen at " << address_.text;
  } catch (const SetupError& error) {
    EXPECT_EQ(error.what(), "--http " + address_.text +
                                ": Address already in use; choose an address "
                                "of this host and a free port");
  }
}

}  // namespace
}  // namespace exporter
