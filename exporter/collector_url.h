// SPDX-License-Identifier: Apache-2.0
// A collector as the user names it:
//   udp://HOST[:PORT][?NAME=VALUE&...]  tcp://...  tls://...
//   file:PATH[?...]
//   protobuf:PATH
//   kafka://HOST[:PORT][,...]/TOPIC[?...]
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "exporter/kafka_url.h"
#include "templates/profile.h"

namespace exporter {

enum class Scheme : std::uint8_t { kUdp, kTcp, kTls, kFile, kKafka };
// Their values are those on the wire.
enum class ExportVersion : std::uint8_t {
  kNetflow5 = 5,
  kNetflow9 = 9,
  kIpfix = 10,
};

// Values that every collector has unless its URL says otherwise.
struct CollectorDefaults {
  std::string profile = "generic";
  std::uint32_t observation_domain = 1;
  std::uint32_t pen = 0;
  std::chrono::seconds template_refresh{60};
  bool overlays = false;       // records come from inside of tunnels
  std::uint32_t sampling = 1;  // one packet of so many was taken
};

// Paths of files in PEM; empty where nothing is given.
struct TlsParameters {
  std::string ca;           // without: the CAs that this host trusts
  std::string certificate;  // ours, with the CAs between behind it
  std::string key;          // of `certificate`
  std::string name;         // that the collector's is for; without: the host

  bool operator==(const TlsParameters&) const = default;
};

struct CollectorUrl {
  std::string text;  // as given, for messages; kafka: without secrets
  Scheme scheme = Scheme::kUdp;
  ExportVersion version = ExportVersion::kIpfix;
  std::string host;           // udp, tcp, tls; without the brackets of IPv6
  std::string port = "4739";  // IANA's for IPFIX; tls: 4740, its for IPFIX/TLS
  TlsParameters tls;
  std::string path;       // file
  bool protobuf = false;  // file; of templates/flow.proto, not IPFIX
  KafkaParameters kafka;  // scheme kKafka
  templates::Profile profile;
  std::uint32_t observation_domain = 1;
  std::uint32_t pen = 0;
  std::uint32_t sampling = 1;  // one packet of so many was taken
  std::uint16_t max_message_octets = 0;
  std::chrono::seconds template_refresh{60};  // udp; 0: at the start only
  std::optional<std::uint32_t> pace;  // udp, messages a second; 0: no limit
  // udp, tcp, tls; what the kernel decides unless they are given
  std::string source;               // numeric address of ours
  std::optional<std::uint8_t> ttl;  // or hop limit
  std::string interface;            // that the packets leave by

  bool operator==(const CollectorUrl&) const = default;
};

// Throws SetupError that names the part of the URL that is wrong.
CollectorUrl ParseCollectorUrl(const std::string& text,
                               const CollectorDefaults& defaults);

// The profile with this name. Throws SetupError that lists the others; `where`
// begins its message.
templates::Profile ProfileNamed(const std::string& name,
                                const std::string& where);

// Private enterprise numbers that can be told from IANA's and reverse elements
// by every collector: 1 to 65535 and not one of those with a meaning.
// Throws SetupError; `option` names it in the message.
void CheckPen(std::int64_t pen, const std::string& option);

}  // namespace exporter
