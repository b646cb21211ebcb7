// SPDX-License-Identifier: Apache-2.0
#include "exporter/open_collector.h"

#include <chrono>
#include <string>
#include <utility>

#include "exporter/announcing_transport.h"
#include "exporter/collector.h"
#include "exporter/ipfix_encoder.h"
#include "exporter/ipfix_framing.h"
#include "exporter/kafka_output.h"
#include "exporter/kafka_spool.h"
#include "exporter/netflow5_encoder.h"
#include "exporter/netflow9_encoder.h"
#include "exporter/protobuf_output.h"
#include "exporter/setup_error.h"
#include "exporter/transport.h"

namespace exporter {
namespace {

// Unless the URL says otherwise.
UdpPaceOptions PaceFor(const CollectorUrl& url, bool live) {
  // Messages a second, of about 10 records each, from a capture. A default
  // socket buffer holds 90 of full size.
  constexpr std::uint32_t kCapturePace = 10'000;
  // For a collector on this machine that does not read.
  constexpr std::chrono::milliseconds kPatience{1000};
  if (url.pace) {
    return {.messages_per_second = *url.pace};
  }
  return {.messages_per_second = live ? 0 : kCapturePace,
          .patience = kPatience};
}

// More records than some collectors take from one datagram.
constexpr std::uint32_t kMostUdpRecords = 64;

std::unique_ptr<Encoder> MakeEncoder(const CollectorUrl& url) {
  switch (url.version) {
    case ExportVersion::kNetflow5:
      return MakeNetflow5Encoder(
          {.engine = static_cast<std::uint16_t>(url.observation_domain),
           .max_message_octets = url.max_message_octets,
           .sampling_interval = static_cast<std::uint16_t>(url.sampling)});
    case ExportVersion::kNetflow9:
      return MakeNetflow9Encoder({.source_id = url.observation_domain,
                                  .max_message_octets = url.max_message_octets,
                                  .max_message_records = kMostUdpRecords,
                                  .sampling_interval = url.sampling});
    case ExportVersion::kIpfix:
      break;
  }
  return MakeIpfixEncoder({
      .profile = url.profile,
      .observation_domain = url.observation_domain,
      .pen = url.pen,
      .max_message_octets = url.max_message_octets,
      .max_message_records =
          url.scheme == Scheme::kUdp ? kMostUdpRecords : 0xffffffffU,
      .sampling_interval = url.sampling,
  });
}

}  // namespace

bool MaySpool(const CollectorUrl& url) {
  return url.scheme != Scheme::kUdp && url.scheme != Scheme::kFile;
}

std::unique_ptr<Output> OpenCollector(
    const CollectorUrl& url, bool live, const DeliveryHooks& hooks,
    const std::optional<SpoolOptions>& spool) {
  if (url.protobuf) {
    return OpenProtobufOutput(url);
  }
  if (url.scheme == Scheme::kKafka) {
    KafkaOutputOptions options;
    options.patient = !live;
    options.say = hooks.say;
    if (spool) {
      options.spool = std::make_unique<Spool>(*spool, MakeKafkaFraming());
    }
    return OpenKafkaOutput(url, std::move(options));
  }
  std::unique_ptr<Transport> transport;
  switch (url.scheme) {
    case Scheme::kUdp:
      transport = MakeUdpTransport(url, PaceFor(url, live));
      break;
    case Scheme::kTcp:
    case Scheme::kTls:
      transport = MakeTcpTransport(url);
      break;
    case Scheme::kFile:
      transport = MakeFileTransport(url);
      break;
    case Scheme::kKafka:
      break;
  }
  const std::string name = "collector '" + url.text + '\'';
  if ((live || spool) && transport->ComesAgain() && hooks.say) {
    transport = Announcing(std::move(transport), name, hooks.say);
  }
  if (const std::error_code error = transport->Open();
      error && !spool && (!live || !transport->ComesAgain())) {
    throw SetupError(name + ": cannot connect: " + error.message());
  }
  auto collector = std::make_unique<Collector>(
      url, MakeEncoder(url), std::move(transport), !live,
      StatisticsSource{.metering = hooks.metering, .live = live});
  if (spool) {
    collector->SetSpool(
        std::make_unique<Spool>(*spool, MakeIpfixFraming(MakeEncoder(url))));
  }
  return collector;
}

}  // namespace exporter
