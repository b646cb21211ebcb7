// SPDX-License-Identifier: Apache-2.0
// A day of template refreshes, and as many reconnects as there are minutes in
// it, in accelerated time over real sockets: nothing is left behind.
#include <malloc.h>

#include <array>
#include <filesystem>
#include <functional>
#include <iterator>
#include <memory>
#include <string>

#include <gtest/gtest.h>
#include <sys/socket.h>

#include "exporter/collector.h"
#include "exporter/descriptor.h"
#include "exporter/open_collector.h"
#include "tests/support/certificates.h"
#include "tests/support/loopback.h"
#include "tests/support/sample_record.h"
#include "tests/support/scratch_directory.h"
#include "tests/support/stream_peer.h"

namespace exporter {
namespace {

using std::chrono::minutes;
using std::chrono::seconds;
using test_support::SampleRecord;
using test_support::StreamPeer;
using tracker::Timestamp;

constexpr int kMinutes = 24 * 60;
constexpr int kWarmUp = 60;  // after which all buffers have their size
// Not one octet for each minute.
constexpr std::size_t kNothing = kMinutes;

struct Holdings {
  std::ptrdiff_t descriptors = 0;
  std::size_t octets = 0;  // on the heap
};

Holdings Held() {
  const std::filesystem::directory_iterator open("/proc/self/fd");
  return {std::distance(begin(open), end(open)),
          mallinfo2().uordblks + mallinfo2().hblkhd};
}

class CollectorDay : public testing::Test {
 protected:
  void Make(const std::string& url) {
    collector_ =
        OpenCollector(ParseCollectorUrl(url, {}), true,
                      {.metering = [] { return MeteringCounts{}; }, .say = {}});
  }
  // A record each minute, sent at once, and then `minute`.
  void Pass(int count, const std::function<void()>& minute) {
    for (int i = 0; i < count; ++i) {
      collector_->Add(SampleRecord(), now_);
      collector_->Tick(now_ + seconds{1});
      minute();
      now_ += minutes{1};
    }
  }
  // Returns what is held after a day more than after its beginning.
  Holdings Day(const std::function<void()>& minute) {
    Pass(kWarmUp, minute);
    const Holdings before = Held();
    Pass(kMinutes - kWarmUp, minute);
    const Holdings after = Held();
    return {after.descriptors - before.descriptors,
            after.octets - std::min(after.octets, before.octets)};
  }

  std::unique_ptr<Output> collector_;
  Timestamp now_{seconds{1'750'000'000}};
};

TEST_F(CollectorDay, OfTemplatesOverUdpLeavesNothing) {
  const Descriptor listener(socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  Make("udp://127.0.0.1:" +
       std::to_string(test_support::BindToLoopback(listener)) + "?refresh=60");
  int datagrams = 0;
  std::array<char, 2048> octets{};

  const Holdings left = Day([&] {
    while (recv(listener.Get(), octets.data(), octets.size(), MSG_DONTWAIT) >
           0) {
      ++datagrams;
    }
  });

  EXPECT_GE(datagrams, 2 * kMinutes);  // templates, and the record
  EXPECT_EQ(left.descriptors, 0);
  EXPECT_LT(left.octets, kNothing);
}

TEST_F(CollectorDay, OfReconnectsOverTcpLeavesNothing) {
  StreamPeer peer;
  Make("tcp://127.0.0.1:" + std::to_string(peer.Port()));

  const Holdings left = Day([&] { peer.HangUp(); });

  EXPECT_EQ(peer.Connections(), kMinutes);
  EXPECT_EQ(collector_->Counts().sent, kMinutes);
  EXPECT_EQ(left.descriptors, 0);
  EXPECT_LT(left.octets, kNothing);
}

// Objects of a hundred sizes, made in one thread and freed in another, fill
// the allocator's caches of both for hours. OpenSSL's smallest object of a
// connection has several times as many octets.
constexpr std::size_t kLessThanASession = std::size_t{100} * kMinutes;

TEST_F(CollectorDay, OfReconnectsOverTlsLeavesNothing) {
  const test_support::ScratchDirectory directory;
  test_support::CertificateAuthority ca(directory.File(""), "ca");
  ca.Make("collector", {});
  test_support::TlsPeerOptions tls;
  tls.certificate = ca.Path("collector.pem");
  tls.key = ca.Path("collector.key");
  StreamPeer peer(tls);
  Make("tls://127.0.0.1:" + std::to_string(peer.Port()) +
       "?ca=" + ca.Path("ca.pem"));

  const Holdings left = Day([&] { peer.HangUp(); });

  EXPECT_EQ(peer.Connections(), kMinutes);
  EXPECT_EQ(collector_->Counts().sent, kMinutes);
  EXPECT_EQ(left.descriptors, 0);
  EXPECT_LT(left.octets, kLessThanASession);
}

}  // namespace
}  // namespace exporter
