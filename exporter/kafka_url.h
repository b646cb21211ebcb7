// SPDX-License-Identifier: Apache-2.0
// A Kafka topic as the user names it:
//   kafka://HOST[:PORT][,HOST[:PORT]...]/TOPIC[?NAME=VALUE&...]
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace exporter {

// What decides the partition of a record.
enum class KafkaKey : std::uint8_t {
  // The text of its Community ID: both directions and all intervals of a
  // conversation have the same.
  kFlow,
  kSource,  // the 16 octets of source_address in templates/flow.proto
  kNone,    // chance
};

struct KafkaParameters {
  std::string brokers;  // HOST:PORT,...: where the client asks for the others
  std::string topic;
  KafkaKey key = KafkaKey::kFlow;
  // The client library's, by its names, in the order of the URL. Whether there
  // are such properties, only the library knows.
  std::vector<std::pair<std::string, std::string>> properties;

  bool operator==(const KafkaParameters&) const = default;
};

// `text` is the whole URL. %XX in names and values stands for an octet (RFC
// 3986 section 2.1). Throws SetupError that names what is wrong, and never says
// the value of a property.
KafkaParameters ParseKafkaUrl(std::string_view text);

// The URL as it may be shown: *** for the value of each property that may be a
// password or a key, and for whatever stands before an '@'.
std::string KafkaUrlWithoutSecrets(std::string_view text);

}  // namespace exporter
