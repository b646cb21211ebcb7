// SPDX-License-Identifier: Apache-2.0
#include "exporter/resolver.h"

#include <chrono>
#include <future>
#include <string>

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace exporter {
namespace {

CollectorUrl Named(const std::string& host) {
  CollectorUrl url;
  url.host = host;
  url.port = "4739";
  return url;
}

Addresses At(const std::string& address) {
  return LookUpAddresses(Named(address), SOCK_DGRAM);
}

std::string Text(const addrinfo* address) {
  std::string text(INET_ADDRSTRLEN, '\0');
  const auto* v4 = reinterpret_cast<const sockaddr_in*>(address->ai_addr);
  inet_ntop(AF_INET, &v4->sin_addr, text.data(), INET_ADDRSTRLEN);
  text.resize(text.find('\0'));
  return text;
}

TEST(Resolver, FollowsANameThatPointsElsewhere) {
  Resolver resolver(Named("collector.test"), SOCK_DGRAM, At("192.0.2.1"),
                    [](const CollectorUrl& /*url*/, int /*type*/) {
                      return At("192.0.2.2");
                    });
  EXPECT_EQ(Text(resolver.Latest()), "192.0.2.1");
  resolver.Again();
  EXPECT_EQ(Text(resolver.Latest()), "192.0.2.2");
}

TEST(Resolver, KeepsTheAddressOfANameThatDoesNotResolveAnyMore) {
  Resolver resolver(
      Named("collector.test"), SOCK_DGRAM, At("192.0.2.1"),
      [](const CollectorUrl& /*url*/, int /*type*/) { return Addresses(); });
  resolver.Again();
  EXPECT_EQ(Text(resolver.Latest()), "192.0.2.1");
}

TEST(Resolver, DoesNotWaitForAnAnswerThatIsLateButTakesItLater) {
  std::promise<void> answered;
  Resolver resolver(Named("collector.test"), SOCK_DGRAM, At("192.0.2.1"),
                    [answer = answered.get_future().share()](
                        const CollectorUrl& /*url*/, int /*type*/) {
                      answer.wait();
                      return At("192.0.2.2");
                    });
  resolver.Again();
  EXPECT_EQ(Text(resolver.Latest()), "192.0.2.1");
  answered.set_value();
  for (int i = 0; i < 100 && Text(resolver.Latest()) == "192.0.2.1"; ++i) {
    resolver.Again();
  }
  EXPECT_EQ(Text(resolver.Latest()), "192.0.2.2");
}

TEST(Resolver, AsksNobodyAboutAnAddress) {
  Resolver resolver(Named("192.0.2.1"), SOCK_DGRAM, At("192.0.2.1"),
                    [](const CollectorUrl& /*url*/, int /*type*/) -> Addresses {
                      ADD_FAILURE();
                      return nullptr;
                    });
  resolver.Again();
  EXPECT_EQ(Text(resolver.Latest()), "192.0.2.1");
}

TEST(Resolver, AnAddressIsFoundAmongOthers) {
  const Addresses one = At("192.0.2.1");
  const Addresses other = At("192.0.2.2");
  EXPECT_TRUE(Contains(one.get(), *one));
  EXPECT_FALSE(Contains(one.get(), *other));
}

}  // namespace
}  // namespace exporter
