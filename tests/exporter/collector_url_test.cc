// SPDX-License-Identifier: Apache-2.0
#include "exporter/collector_url.h"

#include <gtest/gtest.h>

#include "exporter/setup_error.h"

namespace exporter {
namespace {

CollectorUrl Parse(const std::string& text) {
  CollectorDefaults defaults;
  defaults.pen = 32473;
  return ParseCollectorUrl(text, defaults);
}

// What is said about a URL that is refused; empty when it is taken.
std::string Refusal(const std::string& text) {
  try {
    Parse(text);
  } catch (const SetupError& error) {
    return error.what();
  }
  return "";
}

TEST(CollectorUrl, HasSchemeHostAndPort) {
  const CollectorUrl url = Parse("udp://collector.example:9995");
  EXPECT_EQ(url.scheme, Scheme::kUdp);
  EXPECT_EQ(url.host, "collector.example");
  EXPECT_EQ(url.port, "9995");
}

TEST(CollectorUrl, PortIsIanasWhenNotGiven) {
  EXPECT_EQ(Parse("tcp://collector").port, "4739");
}

TEST(CollectorUrl, TakesAnIpv6AddressInBrackets) {
  const CollectorUrl url = Parse("udp://[2001:db8::1]:2055");
  EXPECT_EQ(url.host, "2001:db8::1");
  EXPECT_EQ(url.port, "2055");
}

TEST(CollectorUrl, AsksForBracketsAroundAnIpv6Address) {
  EXPECT_NE(Refusal("udp://2001:db8::1:2055").find("brackets"),
            std::string::npos);
}

TEST(CollectorUrl, TakesTheRestOfAFileUrlAsItsPath) {
  EXPECT_EQ(Parse("file:/var/lib/x.ipfix").path, "/var/lib/x.ipfix");
}

TEST(CollectorUrl, AProtobufFileHasBothDirectionsWhateverTheProfile) {
  CollectorDefaults defaults;
  defaults.profile = "nfdump";
  const CollectorUrl url = ParseCollectorUrl("protobuf:a", defaults);
  EXPECT_EQ(url.scheme, Scheme::kFile);
  EXPECT_TRUE(url.protobuf);
  EXPECT_EQ(url.path, "a");
  EXPECT_TRUE(url.profile.biflow);
  EXPECT_TRUE(url.profile.own_elements);
}

TEST(CollectorUrl, AProtobufFileHasAPathAndNoParameters) {
  EXPECT_NE(Refusal("protobuf:").find("path"), std::string::npos);
  EXPECT_NE(Refusal("protobuf:a?uniflow").find("'uniflow'"), std::string::npos);
}

TEST(CollectorUrl, ProfileDecidesAboutDirections) {
  EXPECT_FALSE(Parse("udp://h?profile=nfdump").profile.biflow);
  EXPECT_TRUE(Parse("udp://h").profile.biflow);
}

TEST(CollectorUrl, ParametersOverrideTheProfileInAnyOrder) {
  EXPECT_TRUE(Parse("udp://h?biflow&profile=nfdump").profile.biflow);
  EXPECT_FALSE(Parse("udp://h?uniflow").profile.biflow);
  EXPECT_TRUE(Parse("udp://h?uniflow=no").profile.biflow);
}

TEST(CollectorUrl, MessagesOverUdpFitIntoAnEthernetFrame) {
  EXPECT_EQ(Parse("udp://h").max_message_octets, 1420);
  EXPECT_EQ(Parse("udp://128.0.0.1").max_message_octets, 1420);
  EXPECT_EQ(Parse("udp://[::2]").max_message_octets, 1420);
  EXPECT_EQ(Parse("udp://localhost.example").max_message_octets, 1420);
  EXPECT_EQ(Parse("udp://h?mtu=1200").max_message_octets, 1200);
}

TEST(CollectorUrl, MessagesWithinThisHostAreLargerUnlessTheyMayNotBe) {
  for (const std::string host :
       {"127.0.0.1", "127.1.2.3:2055", "[::1]", "[::1]:2055", "localhost"}) {
    EXPECT_EQ(Parse("udp://" + host).max_message_octets, 8192) << host;
    EXPECT_EQ(Parse("udp://" + host + "?version=9").max_message_octets, 8192);
    EXPECT_EQ(Parse("udp://" + host + "?mtu=1420").max_message_octets, 1420);
    EXPECT_EQ(Parse("udp://" + host + "?profile=vflow").max_message_octets,
              1472);
  }
}

TEST(CollectorUrl, PaceIsOpenUnlessItIsGiven) {
  EXPECT_FALSE(Parse("udp://h").pace.has_value());
  EXPECT_EQ(Parse("udp://h?pace=500").pace, 500U);
  EXPECT_EQ(Parse("udp://h?pace=0").pace, 0U);
}

TEST(CollectorUrl, DefinitionsSayWhetherTheCollectorKnowsOurElements) {
  EXPECT_FALSE(Parse("udp://h?profile=logstash").profile.own_elements);
  EXPECT_TRUE(Parse("udp://h?definitions=installed&profile=logstash")
                  .profile.own_elements);
  EXPECT_TRUE(Parse("udp://h").profile.own_elements);
  EXPECT_FALSE(Parse("udp://h?definitions=none").profile.own_elements);
}

TEST(CollectorUrl, MessagesAreNoLargerThanTheProfileAllows) {
  EXPECT_EQ(Parse("udp://h?profile=pmacct").max_message_octets, 1420);
  EXPECT_EQ(Parse("udp://h?profile=pmacct&mtu=10000").max_message_octets,
            10000);
  EXPECT_EQ(Parse("file:x?profile=vflow").max_message_octets, 1472);
  EXPECT_EQ(Refusal("udp://h?mtu=10001&profile=pmacct"),
            "collector 'udp://h?mtu=10001&profile=pmacct': mtu: the profile "
            "pmacct is for a collector that reads messages of at most 10000 "
            "octets, not 10001");
}

TEST(CollectorUrl, RefusesTcpForACollectorThatTakesOnlyUdp) {
  EXPECT_EQ(Refusal("tcp://h?profile=nfdump"),
            "collector 'tcp://h?profile=nfdump': the profile nfdump is for a "
            "collector that takes UDP only; write udp://");
  EXPECT_EQ(Refusal("tcp://h?profile=silk"), "");
  EXPECT_EQ(Refusal("file:x?profile=nfdump"), "");
}

TEST(CollectorUrl, VersionIsThatOfIpfixUnlessItIsGiven) {
  EXPECT_EQ(Parse("udp://h").version, ExportVersion::kIpfix);
  EXPECT_EQ(Parse("tcp://h?version=10").version, ExportVersion::kIpfix);
  EXPECT_EQ(Parse("udp://h?version=9").version, ExportVersion::kNetflow9);
  EXPECT_EQ(Parse("udp://h?version=5").version, ExportVersion::kNetflow5);
}

TEST(CollectorUrl, NetflowHasOneDirectionAndNoElementOfOurs) {
  const CollectorUrl url = Parse("udp://h?version=9&profile=filebeat");
  EXPECT_FALSE(url.profile.biflow);
  EXPECT_FALSE(url.profile.own_elements);
  EXPECT_FALSE(url.profile.cert_elements);
  EXPECT_EQ(url.max_message_octets, 1420);
  EXPECT_EQ(Parse("udp://h?version=5").max_message_octets, 24 + 30 * 48);
}

TEST(CollectorUrl, RefusesWhatNetflowCannot) {
  EXPECT_EQ(Refusal("tcp://h?version=9"),
            "collector 'tcp://h?version=9': version 9 is sent over UDP only; "
            "write udp://HOST:PORT");
  EXPECT_EQ(Refusal("file:x?version=5"),
            "collector 'file:x?version=5': version 5 is sent over UDP only; "
            "write udp://HOST:PORT");
  EXPECT_NE(Refusal("udp://h?biflow&version=9").find("leave biflow out"),
            std::string::npos);
  EXPECT_NE(Refusal("udp://h?version=5&uniflow=no").find("leave biflow out"),
            std::string::npos);
  EXPECT_NE(Refusal("udp://h?version=9&definitions=installed")
                .find("leave definitions out"),
            std::string::npos);
  EXPECT_NE(Refusal("udp://h?version=5&domain=65536").find("1 to 65535"),
            std::string::npos);
  EXPECT_EQ(Refusal("udp://h?version=9&domain=65536"), "");
  EXPECT_NE(Refusal("udp://h?version=7").find("not '7'"), std::string::npos);
}

TEST(CollectorUrl, HasSourceTtlAndInterface) {
  const CollectorUrl url =
      Parse("tcp://h?source=2001:db8::5&ttl=3&interface=eth0.7");
  EXPECT_EQ(url.source, "2001:db8::5");
  EXPECT_EQ(url.ttl, 3);
  EXPECT_EQ(url.interface, "eth0.7");
  EXPECT_FALSE(Parse("udp://h").ttl.has_value());
}

TEST(CollectorUrl, HasFilesAndANameForTls) {
  const CollectorUrl url = Parse("tls://h?ca=/a&cert=/b&key=/c&name=d");
  EXPECT_EQ(url.scheme, Scheme::kTls);
  EXPECT_EQ(url.tls.ca, "/a");
  EXPECT_EQ(url.tls.certificate, "/b");
  EXPECT_EQ(url.tls.key, "/c");
  EXPECT_EQ(url.tls.name, "d");
}

// RFC 7011 section 10.3.4: ipfixs.
TEST(CollectorUrl, PortOfTlsIsIanasWhenNotGiven) {
  EXPECT_EQ(Parse("tls://collector").port, "4740");
  EXPECT_EQ(Parse("tls://collector:4739").port, "4739");
}

TEST(CollectorUrl, NamesWhatIsWrongAboutTls) {
  EXPECT_EQ(Refusal("tls://h?cert=/b"),
            "collector 'tls://h?cert=/b': cert: its private key is missing; "
            "add key=FILE, which may be the same file");
  EXPECT_EQ(Refusal("tls://h?key=/c"),
            "collector 'tls://h?key=/c': key: the certificate is missing; add "
            "cert=FILE");
  EXPECT_EQ(Refusal("tls://h?ca="), "collector 'tls://h?ca=': ca needs a file");
  EXPECT_EQ(Refusal("tcp://h?ca=/a"),
            "collector 'tcp://h?ca=/a': ca is for tls:// only");
  EXPECT_NE(Refusal("tls://h?version=9").find("UDP only"), std::string::npos);
  EXPECT_NE(Refusal("tls://h?profile=nfdump").find("UDP only"),
            std::string::npos);
}

TEST(CollectorUrl, PrintsNoSecretThatHasNoPlace) {
  EXPECT_EQ(Refusal("tls://h?ca=/a&passphrase=horse").find("horse"),
            std::string::npos);
  EXPECT_EQ(Refusal("tls://user:horse@h").find("horse"), std::string::npos);
}

TEST(CollectorUrl, NamesWhatIsWrongAboutTheSocket) {
  const std::string long_name = "a-name-of-16-let";
  EXPECT_NE(Refusal("udp://h?ttl=0").find("ttl must be a number from 1 to 255"),
            std::string::npos);
  EXPECT_NE(Refusal("udp://h?ttl=256").find("'256'"), std::string::npos);
  EXPECT_NE(Refusal("udp://h?source=").find("source needs an address"),
            std::string::npos);
  EXPECT_NE(Refusal("udp://h?interface=" + long_name).find("1 to 15"),
            std::string::npos);
  EXPECT_NE(Refusal("udp://h?interface").find("1 to 15"), std::string::npos);
  EXPECT_NE(
      Refusal("file:x?ttl=4").find("ttl is for udp://, tcp:// and tls:// only"),
      std::string::npos);
}

TEST(CollectorUrl, NamesWhatIsWrong) {
  EXPECT_NE(Refusal("http://h").find("expected udp://"), std::string::npos);
  EXPECT_NE(Refusal("udp://").find("host is missing"), std::string::npos);
  EXPECT_NE(Refusal("udp://h:0").find("port"), std::string::npos);
  EXPECT_NE(Refusal("udp://h:99999").find("99999"), std::string::npos);
  EXPECT_NE(Refusal("udp://h?colour=red").find("'colour'"), std::string::npos);
  EXPECT_NE(Refusal("udp://h?profile=x").find("generic, nfdump"),
            std::string::npos);
  EXPECT_NE(Refusal("udp://h?mtu=12").find("512"), std::string::npos);
  EXPECT_NE(Refusal("udp://h?pace=fast").find("pace"), std::string::npos);
  EXPECT_NE(Refusal("udp://h?uniflow=maybe").find("yes or no"),
            std::string::npos);
  EXPECT_NE(Refusal("udp://h?definitions=maybe").find("'maybe'"),
            std::string::npos);
  EXPECT_NE(Refusal("file:").find("path"), std::string::npos);
  EXPECT_NE(Refusal("udp://[::1").find("']'"), std::string::npos);
}

TEST(CollectorUrl, RefusesEnterpriseNumbersThatCollectorsConfuse) {
  EXPECT_NE(Refusal("udp://h?pen=29305").find("29305"), std::string::npos);
  EXPECT_NE(Refusal("udp://h?pen=65536").find("65535"), std::string::npos);
  EXPECT_EQ(Refusal("udp://h?pen=4711"), "");
}

}  // namespace
}  // namespace exporter
