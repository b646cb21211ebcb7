// SPDX-License-Identifier: Apache-2.0
// TLS against a collector in this process, with certificates of the test's own.
#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <system_error>
#include <vector>

#include <gmock/gmock.h>

#include "exporter/descriptor.h"
#include "exporter/setup_error.h"
#include "exporter/transport.h"
#include "tests/support/certificates.h"
#include "tests/support/loopback.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/stream_peer.h"

namespace exporter {
namespace {

using test_support::CertificateAuthority;
using test_support::StreamPeer;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr std::array<std::uint8_t, 16> kMessage{1, 2, 3};

class TlsTransport : public testing::Test {
 protected:
  TlsTransport() { ca_.Make("collector", {}); }

  void Listen(const std::string& client_ca = {}, int version = 0,
              const std::string& certificate = "collector") {
    peer_ = std::make_unique<StreamPeer>(test_support::TlsPeerOptions{
        .certificate = ca_.Path(certificate + ".pem"),
        .key = ca_.Path(certificate + ".key"),
        .client_ca = client_ca,
        .version = version});
  }
  // With the CA, unless `parameters` say otherwise.
  void Make(const std::string& parameters = {}) {
    const std::string port = std::to_string(peer_ ? peer_->Port() : 1);
    transport_ = MakeTcpTransport(ParseCollectorUrl(
        "tls://127.0.0.1:" + port + "?ca=" + ca_.Path("ca.pem") + parameters,
        {}));
  }
  std::error_code Send() {
    MessageBatch batch(1);
    batch.Add({.octets = kMessage, .flow_records = 1});
    return transport_->Send(batch);
  }
  // What is said about a collector with that certificate.
  std::string RefusalOf(const CertificateAuthority::Subject& subject) {
    ca_.Make("other", subject);
    Listen({}, 0, "other");
    Make();
    return transport_->Open().message();
  }
  // What is said about parameters when the program starts.
  std::string RefusalAtStart(const std::string& parameters) {
    try {
      Make(parameters);
    } catch (const SetupError& error) {
      return error.what();
    }
    return "";
  }

  test_support::ScratchDirectory directory_;
  CertificateAuthority ca_{directory_.File(""), "ca"};
  std::unique_ptr<StreamPeer> peer_;
  std::unique_ptr<Transport> transport_;
};

class TlsVersions : public TlsTransport,
                    public testing::WithParamInterface<int> {};

TEST_P(TlsVersions, DeliversWhatIsSent) {
  Listen({}, GetParam());
  Make();

  ASSERT_FALSE(transport_->Open());
  ASSERT_FALSE(Send());
  EXPECT_FALSE(transport_->Close());
  peer_.reset();
}

TEST_P(TlsVersions, ShowsItsCertificate) {
  ca_.Make("probe", {.name = "probe"});
  Listen(ca_.Path("ca.pem"), GetParam());
  Make("&cert=" + ca_.Path("probe.pem") + "&key=" + ca_.Path("probe.key"));

  ASSERT_FALSE(transport_->Open());
  ASSERT_FALSE(Send());
  peer_->HangUp();
  EXPECT_EQ(peer_->Received(),
            std::vector<std::uint8_t>(kMessage.begin(), kMessage.end()));
}

TEST_P(TlsVersions, KnowsWhenTheCollectorRefusesIt) {
  Listen(ca_.Path("ca.pem"), GetParam());
  Make();

  EXPECT_THAT(transport_->Open().message(),
              HasSubstr("refused by the collector"));
  EXPECT_FALSE(transport_->IsOpen());
}

INSTANTIATE_TEST_SUITE_P(Both, TlsVersions,
                         testing::Values(TLS1_2_VERSION, TLS1_3_VERSION),
                         [](const auto& version) {
                           return version.param == TLS1_2_VERSION ? "Tls12"
                                                                  : "Tls13";
                         });

TEST_F(TlsTransport, DoesNotTalkTls11) {
  Listen({}, TLS1_1_VERSION);
  Make();

  EXPECT_THAT(transport_->Open().message(), HasSubstr("TLS"));
}

TEST_F(TlsTransport, RefusesACertificateOfAnotherCa) {
  const CertificateAuthority other(directory_.File(""), "other-ca");
  Listen();
  Make("&ca=" + other.Path("other-ca.pem"));

  EXPECT_EQ(transport_->Open().message(),
            "TLS: the collector's certificate is refused: unable to get local "
            "issuer certificate");
}

TEST_F(TlsTransport, RefusesACertificateOfNoCaOfThisHost) {
  Listen();
  transport_ = MakeTcpTransport(ParseCollectorUrl(
      "tls://127.0.0.1:" + std::to_string(peer_->Port()), {}));

  EXPECT_EQ(transport_->Open().message(),
            "TLS: the collector's certificate is refused: unable to get local "
            "issuer certificate");
}

TEST_F(TlsTransport, RefusesACertificateForAnotherAddress) {
  EXPECT_EQ(RefusalOf({.alternatives = "DNS:localhost,IP:127.0.0.2"}),
            "TLS: the collector's certificate is refused: IP address mismatch");
}

TEST_F(TlsTransport, RefusesACertificateForAnotherName) {
  Listen();
  Make("&name=example.org");

  EXPECT_EQ(transport_->Open().message(),
            "TLS: the collector's certificate is refused: hostname mismatch");
}

TEST_F(TlsTransport, RefusesACertificateThatHasExpired) {
  EXPECT_EQ(RefusalOf({.begins = -7200, .ends = -3600}),
            "TLS: the collector's certificate is refused: certificate has "
            "expired");
}

TEST_F(TlsTransport, RefusesACertificateThatIsNotValidYet) {
  EXPECT_EQ(RefusalOf({.begins = 3600, .ends = 7200}),
            "TLS: the collector's certificate is refused: certificate is not "
            "yet valid");
}

TEST_F(TlsTransport, TakesTheNameOfTheUrlForTheHost) {
  ca_.Make("other", {.alternatives = "DNS:ipfix.example.org"});
  Listen({}, 0, "other");
  Make("&name=ipfix.example.org");

  EXPECT_FALSE(transport_->Open());
}

// RFC 7011 section 11.3.
TEST_F(TlsTransport, TakesACommonNameWhereThereIsNoAlternative) {
  ca_.Make("other", {.name = "ipfix.example.org", .alternatives = ""});
  Listen({}, 0, "other");
  Make("&name=ipfix.example.org");

  EXPECT_FALSE(transport_->Open());
}

TEST_F(TlsTransport, TrustsTheCollectorsOwnCertificateAsCa) {
  Listen();
  Make("&ca=" + ca_.Path("collector.pem"));

  EXPECT_FALSE(transport_->Open());
}

TEST_F(TlsTransport, NamesACollectorThatDoesNotTalkTls) {
  Listen();
  StreamPeer bare;
  transport_ = MakeTcpTransport(
      ParseCollectorUrl("tls://127.0.0.1:" + std::to_string(bare.Port()), {}));

  EXPECT_EQ(transport_->Open(), std::errc::timed_out);
}

TEST_F(TlsTransport, OpensAgainAfterALoss) {
  Listen();
  Make();
  ASSERT_FALSE(transport_->Open());
  peer_->HangUp();

  EXPECT_FALSE(transport_->IsOpen());
  ASSERT_FALSE(transport_->Open());
  EXPECT_TRUE(transport_->IsOpen());
  EXPECT_FALSE(Send());
}

TEST_F(TlsTransport, ForgetsWhatACollectorReadThatEndedInOrder) {
  Listen();
  Make();
  ASSERT_FALSE(transport_->Open());
  ASSERT_FALSE(Send());
  peer_->HangUp();

  EXPECT_FALSE(transport_->IsOpen());
  EXPECT_THAT(transport_->TakeUnread(), IsEmpty());
}

// Anybody on the way can end a TCP connection.
TEST_F(TlsTransport, KeepsWhatWasSentWhenTheEndIsNotTheCollectors) {
  Listen();
  Make();
  ASSERT_FALSE(transport_->Open());
  ASSERT_FALSE(Send());
  peer_->HangUp(StreamPeer::End::kBare);

  EXPECT_FALSE(transport_->IsOpen());
  EXPECT_THAT(transport_->TakeUnread(), SizeIs(1));
}

TEST_F(TlsTransport, KeepsWhatWasSentToACollectorThatMayGoOnReading) {
  Listen();
  Make();
  ASSERT_FALSE(transport_->Open());
  ASSERT_FALSE(Send());
  peer_->HangUp(StreamPeer::End::kStaysOpen);

  EXPECT_FALSE(transport_->IsOpen());
  EXPECT_THAT(transport_->TakeUnread(), SizeIs(1));
}

// The octets on the wire are more than those of the messages.
TEST_F(TlsTransport, KeepsNoMoreThanACollectorMayNotHaveRead) {
  constexpr std::size_t kOctets = 60000;
  constexpr std::size_t kMessages = 200;
  constexpr std::size_t kMostUnread = 4 << 20;
  const std::vector<std::uint8_t> octets(kOctets);
  Listen();
  Make();
  ASSERT_FALSE(transport_->Open());
  for (std::size_t i = 0; i < kMessages; ++i) {
    MessageBatch batch(1);
    batch.Add({.octets = octets, .flow_records = 1});
    ASSERT_FALSE(transport_->Send(batch));
  }
  peer_->WaitUntilReceived(kMessages * kOctets);
  peer_->HangUp(StreamPeer::End::kBare);

  EXPECT_FALSE(transport_->IsOpen());
  EXPECT_THAT(transport_->TakeUnread(), SizeIs(kMostUnread / kOctets + 1));
}

TEST_F(TlsTransport, NamesAFileThatItCannotRead) {
  EXPECT_THAT(RefusalAtStart("&ca=/none"),
              HasSubstr("ca: cannot read '/none': No such file or directory; "
                        "give a file that spanfix may read"));
  EXPECT_THAT(RefusalAtStart("&cert=/none&key=/none"),
              HasSubstr("cert: cannot read '/none'"));
  EXPECT_THAT(
      RefusalAtStart("&cert=" + ca_.Path("collector.pem") + "&key=/none"),
      HasSubstr("key: cannot read '/none'"));
}

TEST_F(TlsTransport, NamesAFileThatHasNoCertificate) {
  const std::string key = ca_.Path("collector.key");

  EXPECT_THAT(RefusalAtStart("&ca=" + key),
              HasSubstr("ca: there is no certificate in '" + key + "'"));
  EXPECT_THAT(RefusalAtStart("&cert=" + key + "&key=" + key),
              HasSubstr("cert: cannot use the certificate in '" + key + "'"));
}

TEST_F(TlsTransport, NamesAKeyThatIsNone) {
  const std::string certificate = ca_.Path("collector.pem");

  EXPECT_THAT(RefusalAtStart("&cert=" + certificate + "&key=" + certificate),
              HasSubstr("key: there is no private key in '" + certificate));
}

TEST_F(TlsTransport, NamesAKeyOfAnotherCertificate) {
  EXPECT_THAT(RefusalAtStart("&cert=" + ca_.Path("collector.pem") +
                             "&key=" + ca_.Path("ca.key")),
              HasSubstr("ca.key' is not the key of the certificate in '" +
                        ca_.Path("collector.pem") + "'"));
}

TEST_F(TlsTransport, DoesNotAskForAPassphrase) {
  ca_.Make("locked", {}, "correct horse");

  EXPECT_THAT(RefusalAtStart("&cert=" + ca_.Path("locked.pem") +
                             "&key=" + ca_.Path("locked.key")),
              HasSubstr("locked.key' has a passphrase"));
}

TEST_F(TlsTransport, NamesACertificateOfOursThatHasExpired) {
  ca_.Make("old", {.begins = -200'000, .ends = -100'000});

  EXPECT_THAT(
      RefusalAtStart("&cert=" + ca_.Path("old.pem") +
                     "&key=" + ca_.Path("old.key")),
      testing::ContainsRegex("old.pem' expired on 20[0-9-]+; renew it"));
}

TEST_F(TlsTransport, NamesACertificateOfOursThatIsNotValidYet) {
  ca_.Make("new", {.begins = 100'000, .ends = 200'000});

  EXPECT_THAT(RefusalAtStart("&cert=" + ca_.Path("new.pem") +
                             "&key=" + ca_.Path("new.key")),
              HasSubstr("new.pem' is not valid before 20"));
}

}  // namespace
}  // namespace exporter
