// SPDX-License-Identifier: Apache-2.0
#include "exporter/collector_url.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <functional>
#include <string_view>

#include <net/if.h>

#include "exporter/loopback.h"
#include "exporter/setup_error.h"
#include "templates/element.h"

namespace exporter {
namespace {

// Under the usual MTU with IPv6 and a tunnel; over TCP and in a file a message
// is a matter of buffering only. Within this host nothing is narrower than
// 65535 octets, and a datagram costs more than what is in it.
constexpr std::uint16_t kUdpOctets = 1420;
constexpr std::uint16_t kStreamOctets = 8192;
// Of 30 records, all that one may have; it fits into an Ethernet frame.
constexpr std::uint16_t kNetflow5Octets = 1464;
constexpr std::uint16_t kFewestOctets = 512;  // every template fits

[[noreturn]] void Refuse(const CollectorUrl& url, const std::string& why) {
  throw SetupError("collector '" + url.text + "': " + why);
}

std::uint32_t Number(const CollectorUrl& url, std::string_view name,
                     std::string_view value, std::uint32_t least,
                     std::uint32_t most) {
  std::uint32_t number = 0;
  const auto [end, error] =
      std::from_chars(value.data(), value.data() + value.size(), number);
  if (error != std::errc{} || end != value.data() + value.size() ||
      number < least || number > most) {
    Refuse(url, std::string(name) + " must be a number from " +
                    std::to_string(least) + " to " + std::to_string(most) +
                    ", not '" + std::string(value) + "'");
  }
  return number;
}

bool Switch(const CollectorUrl& url, std::string_view name,
            std::string_view value) {
  if (value.empty() || value == "yes" || value == "1") {
    return true;
  }
  if (value == "no" || value == "0") {
    return false;
  }
  Refuse(url,
         std::string(name) + " is yes or no, not '" + std::string(value) + "'");
}

std::uint16_t Octets(const CollectorUrl& url, std::string_view value) {
  constexpr std::uint16_t kMostOctets = templates::Profile{}.most_octets;
  const std::uint32_t octets =
      Number(url, "mtu", value, kFewestOctets, kMostOctets);
  if (octets > url.profile.most_octets) {
    Refuse(url, "mtu: the profile " + std::string(url.profile.name) +
                    " is for a collector that reads messages of at most " +
                    std::to_string(url.profile.most_octets) + " octets, not " +
                    std::to_string(octets));
  }
  return static_cast<std::uint16_t>(octets);
}

// What belongs to the socket. Returns false when `name` is something else.
bool SetSocketParameter(CollectorUrl& url, std::string_view name,
                        std::string_view value) {
  if (name != "source" && name != "ttl" && name != "interface") {
    return false;
  }
  if (url.scheme == Scheme::kFile) {
    Refuse(url, std::string(name) + " is for udp://, tcp:// and tls:// only");
  }
  if (name == "ttl") {
    url.ttl = static_cast<std::uint8_t>(Number(url, name, value, 1, 255));
  } else if (name == "source") {
    if (value.empty()) {
      Refuse(url, "source needs an address of this host");
    }
    url.source = value;
  } else {
    if (value.empty() || value.size() >= IFNAMSIZ) {
      Refuse(url, "interface needs a name of 1 to " +
                      std::to_string(IFNAMSIZ - 1) + " characters, not '" +
                      std::string(value) + "'");
    }
    url.interface = value;
  }
  return true;
}

// Returns false when `name` is something else.
bool SetTlsParameter(CollectorUrl& url, std::string_view name,
                     std::string_view value) {
  std::string* const parameter = name == "ca"     ? &url.tls.ca
                                 : name == "cert" ? &url.tls.certificate
                                 : name == "key"  ? &url.tls.key
                                 : name == "name" ? &url.tls.name
                                                  : nullptr;
  if (parameter == nullptr) {
    return false;
  }
  if (url.scheme != Scheme::kTls) {
    Refuse(url, std::string(name) + " is for tls:// only");
  }
  if (value.empty()) {
    Refuse(url, std::string(name) + (name == "name" ? " needs the name in the "
                                                      "collector's certificate"
                                                    : " needs a file"));
  }
  *parameter = value;
  return true;
}

void CheckTls(const CollectorUrl& url) {
  if (!url.tls.certificate.empty() && url.tls.key.empty()) {
    Refuse(url,
           "cert: its private key is missing; add key=FILE, which may be the "
           "same file");
  }
  if (url.tls.certificate.empty() && !url.tls.key.empty()) {
    Refuse(url, "key: the certificate is missing; add cert=FILE");
  }
}

ExportVersion Version(const CollectorUrl& url, std::string_view value) {
  for (const ExportVersion version :
       {ExportVersion::kNetflow5, ExportVersion::kNetflow9,
        ExportVersion::kIpfix}) {
    if (value == std::to_string(static_cast<int>(version))) {
      return version;
    }
  }
  Refuse(url, "version is 10 for IPFIX, 9 or 5 for NetFlow, not '" +
                  std::string(value) + "'");
}

void SetParameter(CollectorUrl& url, std::string_view name,
                  std::string_view value) {
  constexpr std::uint32_t kMost32 = 0xffffffff;
  if (name == "biflow") {
    url.profile.biflow = Switch(url, name, value);
  } else if (name == "uniflow") {
    url.profile.biflow = !Switch(url, name, value);
  } else if (name == "interface-names") {
    url.profile.interface_names = Switch(url, name, value);
  } else if (name == "domain") {
    url.observation_domain = Number(url, name, value, 1, kMost32);
  } else if (name == "pen") {
    url.pen = Number(url, name, value, 1, 65535);
    CheckPen(url.pen, "collector '" + url.text + "': pen");
  } else if (name == "mtu") {
    url.max_message_octets = Octets(url, value);
  } else if (name == "refresh") {
    url.template_refresh =
        std::chrono::seconds{Number(url, name, value, 0, 86400)};
  } else if (name == "pace") {
    url.pace = Number(url, name, value, 0, 1'000'000);
  } else if (name == "definitions") {
    if (value != "installed" && value != "none") {
      Refuse(url,
             "definitions is installed, when the collector was taught our "
             "elements, or none; not '" +
                 std::string(value) + "'");
    }
    url.profile.own_elements = value == "installed";
  } else if (!SetSocketParameter(url, name, value) &&
             !SetTlsParameter(url, name, value) && name != "profile" &&
             name != "version") {
    if (url.scheme == Scheme::kTls) {
      // Its value may be a passphrase.
      url.text.resize(url.text.find('?'));
    }
    Refuse(url, "unknown parameter '" + std::string(name) +
                    "'; there are version, profile, biflow, uniflow, "
                    "definitions, interface-names, domain, pen, mtu, refresh, "
                    "pace, source, ttl, interface, ca, cert, key, name");
  }
}

// Calls set(name, value) for each name=value.
void ForEachParameter(
    std::string_view query,
    const std::function<void(std::string_view, std::string_view)>& set) {
  std::size_t end = 0;
  for (std::size_t start = 0; start < query.size(); start = end + 1) {
    end = std::min(query.find('&', start), query.size());
    const std::string_view pair = query.substr(start, end - start);
    const std::size_t equals = pair.find('=');
    const bool has_value = equals != std::string_view::npos;
    set(pair.substr(0, equals),
        has_value ? pair.substr(equals + 1) : std::string_view{});
  }
}

// Profile and version first: the other parameters change the one, and may not
// go with the other.
void SetParameters(CollectorUrl& url, std::string_view query) {
  ForEachParameter(query, [&](std::string_view name, std::string_view value) {
    if (name == "profile") {
      url.profile =
          ProfileNamed(std::string(value), "collector '" + url.text + "'");
    } else if (name == "version") {
      url.version = Version(url, value);
    }
  });
  if (url.version != ExportVersion::kIpfix) {
    url.profile.biflow = false;
    url.profile.own_elements = false;
    url.profile.cert_elements = false;
    url.profile.element_types = false;
  }
  ForEachParameter(query, [&](std::string_view name, std::string_view value) {
    SetParameter(url, name, value);
  });
}

// HOST, HOST:PORT, [V6] or [V6]:PORT.
void SetAuthority(CollectorUrl& url, std::string_view authority) {
  std::string_view port;
  bool has_port = false;
  if (authority.starts_with('[')) {
    const std::size_t close = authority.find(']');
    if (close == std::string_view::npos) {
      Refuse(url, "the ']' of the IPv6 address is missing");
    }
    url.host = authority.substr(1, close - 1);
    const std::string_view rest = authority.substr(close + 1);
    has_port = rest.starts_with(':');
    if (!rest.empty() && !has_port) {
      Refuse(url, "expected ':PORT' behind ']'");
    }
    port = has_port ? rest.substr(1) : rest;
  } else {
    const std::size_t colon = authority.find(':');
    has_port = colon != std::string_view::npos;
    url.host = authority.substr(0, colon);
    port = has_port ? authority.substr(colon + 1) : std::string_view{};
    if (port.find(':') != std::string_view::npos) {
      Refuse(url, "write an IPv6 address in brackets: [" +
                      std::string(authority) + "]");
    }
  }
  if (url.host.empty()) {
    Refuse(url, "the host is missing");
  }
  if (has_port) {
    url.port = std::to_string(Number(url, "port", port, 1, 65535));
  }
}

std::uint16_t DefaultOctets(const CollectorUrl& url) {
  if (url.version == ExportVersion::kNetflow5) {
    return kNetflow5Octets;
  }
  return url.scheme == Scheme::kUdp && !IsLoopback(url.host) ? kUdpOctets
                                                             : kStreamOctets;
}

void CheckNetflow(const CollectorUrl& url) {
  if (url.version == ExportVersion::kIpfix) {
    return;
  }
  const std::string version =
      "version " + std::to_string(static_cast<int>(url.version));
  if (url.scheme != Scheme::kUdp) {
    Refuse(url, version + " is sent over UDP only; write udp://HOST:PORT");
  }
  // Off unless a parameter turned it on again.
  if (url.profile.biflow) {
    Refuse(url, version +
                    " has records of one direction only; leave biflow "
                    "out");
  }
  if (url.profile.own_elements) {
    Refuse(url, version +
                    " has no place for our own elements; leave "
                    "definitions out");
  }
  if (url.version == ExportVersion::kNetflow5 &&
      url.observation_domain > 0xffff) {
    Refuse(url, version +
                    " has 16 bits for the observation domain; give "
                    "domain from 1 to 65535");
  }
}

// Its schema is fixed: both directions and every element, whatever --profile
// says of the collectors beside it.
void SetProtobuf(CollectorUrl& url, std::string_view path,
                 std::string_view query) {
  url.scheme = Scheme::kFile;
  url.protobuf = true;
  url.path = path;
  url.profile = *templates::FindProfile("generic");
  url.max_message_octets = kStreamOctets;
  if (path.empty()) {
    Refuse(url, "the path is missing");
  }
  if (!query.empty()) {
    Refuse(url,
           "protobuf: has no parameters, not '" + std::string(query) + "'");
  }
}

// Of the same schema.
void SetKafka(CollectorUrl& url) {
  url.scheme = Scheme::kKafka;
  url.kafka = ParseKafkaUrl(url.text);
  url.text = KafkaUrlWithoutSecrets(url.text);
  url.profile = *templates::FindProfile("generic");
  url.host = url.kafka.brokers;
  url.port.clear();
  url.path = url.kafka.topic;
}

}  // namespace

templates::Profile ProfileNamed(const std::string& name,
                                const std::string& where) {
  if (const templates::Profile* profile = templates::FindProfile(name)) {
    return *profile;
  }
  std::string known;
  for (const templates::Profile& each : templates::Profiles()) {
    known += (known.empty() ? "" : ", ") + std::string(each.name);
  }
  throw SetupError(where + ": no profile '" + name + "'; there are " + known);
}

void CheckPen(std::int64_t pen, const std::string& option) {
  constexpr std::array<std::int64_t, 5> kTaken = {0, 9, 637, templates::kCert,
                                                  templates::kReverse};
  if (pen < 0 || pen > 65535 ||
      std::find(kTaken.begin(), kTaken.end(), pen) != kTaken.end()) {
    throw SetupError(option + ": " + std::to_string(pen) +
                     " cannot be our enterprise number: collectors take it for "
                     "another; use your own below 65536, or 32473");
  }
}

CollectorUrl ParseCollectorUrl(const std::string& text,
                               const CollectorDefaults& defaults) {
  CollectorUrl url;
  url.text = text;
  url.observation_domain = defaults.observation_domain;
  url.pen = defaults.pen;
  url.sampling = defaults.sampling;
  url.template_refresh = defaults.template_refresh;
  url.profile = ProfileNamed(defaults.profile, "--profile");

  std::string_view rest = text;
  const std::size_t question = std::min(rest.find('?'), rest.size());
  const std::string_view query =
      rest.substr(std::min(question + 1, rest.size()));
  rest = rest.substr(0, question);
  if (rest.starts_with("file:")) {
    url.scheme = Scheme::kFile;
    url.path = rest.substr(5);
    if (url.path.empty()) {
      Refuse(url, "the path is missing");
    }
  } else if (rest.starts_with("udp://") || rest.starts_with("tcp://")) {
    url.scheme = rest.starts_with("udp") ? Scheme::kUdp : Scheme::kTcp;
    SetAuthority(url, rest.substr(6));
  } else if (rest.starts_with("tls://")) {
    url.scheme = Scheme::kTls;
    url.port = "4740";
    if (rest.find('@') != std::string_view::npos) {
      url.text = "tls://";  // without a password
      Refuse(url, "there is no user; leave out what is before the '@'");
    }
    SetAuthority(url, rest.substr(6));
  } else if (rest.starts_with("protobuf:")) {
    SetProtobuf(url, rest.substr(9), query);
    url.profile.overlays = defaults.overlays;
    return url;
  } else if (rest.starts_with("kafka://")) {
    SetKafka(url);
    url.profile.overlays = defaults.overlays;
    return url;
  } else {
    Refuse(url,
           "expected udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT, "
           "file:PATH, protobuf:PATH or kafka://HOST/TOPIC");
  }
  SetParameters(url, query);
  CheckNetflow(url);
  CheckTls(url);
  if (url.max_message_octets == 0) {
    url.max_message_octets =
        std::min(DefaultOctets(url), url.profile.most_octets);
  }
  if ((url.scheme == Scheme::kTcp || url.scheme == Scheme::kTls) &&
      url.profile.udp_only) {
    Refuse(url, "the profile " + std::string(url.profile.name) +
                    " is for a collector that takes UDP only; write udp://");
  }
  url.profile.overlays = defaults.overlays;
  return url;
}

}  // namespace exporter
