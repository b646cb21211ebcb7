// SPDX-License-Identifier: Apache-2.0
#include "exporter/kafka_url.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <functional>
#include <optional>

#include "exporter/setup_error.h"

namespace exporter {
namespace {

constexpr std::string_view kScheme = "kafka://";

struct Parts {
  std::string_view brokers;
  std::string_view topic;
  std::string_view query;
};

Parts Divide(std::string_view text) {
  text.remove_prefix(kScheme.size());
  const std::size_t question = std::min(text.find('?'), text.size());
  const std::string_view query =
      text.substr(std::min(question + 1, text.size()));
  text = text.substr(0, question);
  const std::size_t slash = std::min(text.find('/'), text.size());
  return {text.substr(0, slash), text.substr(std::min(slash + 1, text.size())),
          query};
}

// Without the parameters: a name that is spelled wrong may have a secret.
[[noreturn]] void Refuse(std::string_view text, const std::string& why) {
  const std::string shown = KafkaUrlWithoutSecrets(
      text.substr(0, std::min(text.find('?'), text.size())));
  throw SetupError("collector '" + shown + "': " + why);
}

void ForEachParameter(
    std::string_view query,
    const std::function<void(std::string_view, std::string_view)>& use) {
  std::size_t end = 0;
  for (std::size_t start = 0; start < query.size(); start = end + 1) {
    end = std::min(query.find('&', start), query.size());
    const std::string_view pair = query.substr(start, end - start);
    const std::size_t equals = std::min(pair.find('='), pair.size());
    use(pair.substr(0, equals), pair.substr(std::min(equals + 1, pair.size())));
  }
}

// Nothing if a '%' has not two digits behind it.
std::optional<std::string> Decoded(std::string_view text) {
  std::string octets;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      octets += text[i];
      continue;
    }
    const std::string_view digits = text.substr(i + 1, 2);
    unsigned value = 0;
    const auto [end, error] = std::from_chars(
        digits.data(), digits.data() + digits.size(), value, 16);
    if (digits.size() != 2 || error != std::errc{} ||
        end != digits.data() + digits.size()) {
      return std::nullopt;
    }
    octets += static_cast<char>(value);
    i += 2;
  }
  return octets;
}

bool MayBeSecret(std::string_view encoded) {
  std::string name = Decoded(encoded).value_or(std::string(encoded));
  std::transform(name.begin(), name.end(), name.begin(), [](char c) {
    return static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  });
  const auto has = [&](std::string_view part) {
    return name.find(part) != std::string::npos;
  };
  // Locations are files; "key" alone is what decides the partition.
  return !name.ends_with(".location") && name != "key" &&
         (has("pass") || has("secret") || has("key") || has("token") ||
          has(".pem") || has("oauthbearer.config"));
}

void CheckBrokers(std::string_view text, std::string_view brokers) {
  std::size_t end = 0;
  for (std::size_t start = 0; start <= brokers.size(); start = end + 1) {
    end = std::min(brokers.find(',', start), brokers.size());
    std::string_view broker = brokers.substr(start, end - start);
    std::string_view host = broker;
    std::string_view port;
    const std::size_t colon = broker.rfind(':');
    const std::size_t bracket = broker.rfind(']');
    if (colon != std::string_view::npos &&
        (bracket == std::string_view::npos || colon > bracket)) {
      host = broker.substr(0, colon);
      port = broker.substr(colon + 1);
      std::uint16_t number = 0;
      const auto [rest, error] =
          std::from_chars(port.data(), port.data() + port.size(), number);
      if (error != std::errc{} || rest != port.data() + port.size() ||
          number == 0) {
        Refuse(text, "port must be a number from 1 to 65535, not '" +
                         std::string(port) + "'");
      }
    }
    if (host.empty()) {
      Refuse(text, "a broker's host is missing; write kafka://HOST/TOPIC");
    }
    if (bracket == std::string_view::npos &&
        host.find(':') != std::string_view::npos) {
      Refuse(text,
             "write an IPv6 address in brackets: [" + std::string(host) + "]");
    }
  }
}

// What brokers accept.
void CheckTopic(std::string_view text, std::string_view topic) {
  constexpr std::size_t kLongest = 249;
  const bool legal = std::all_of(topic.begin(), topic.end(), [](char c) {
    return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '.' ||
           c == '_' || c == '-';
  });
  if (topic.empty()) {
    Refuse(text, "the topic is missing; write kafka://HOST/TOPIC");
  }
  if (!legal || topic.size() > kLongest || topic == "." || topic == "..") {
    Refuse(text,
           "a topic has 1 to 249 letters, digits, '.', '_' and '-', which '" +
               std::string(topic) + "' has not");
  }
}

KafkaKey Key(std::string_view text, std::string_view value) {
  if (value == "flow") {
    return KafkaKey::kFlow;
  }
  if (value == "src") {
    return KafkaKey::kSource;
  }
  if (value == "none") {
    return KafkaKey::kNone;
  }
  Refuse(text, "key is flow, src or none, not '" + std::string(value) + "'");
}

}  // namespace

KafkaParameters ParseKafkaUrl(std::string_view text) {
  const Parts parts = Divide(text);
  if (parts.brokers.find('@') != std::string_view::npos) {
    Refuse(text,
           "a user and a password are given as sasl.username=USER and "
           "sasl.password=PASSWORD");
  }
  CheckBrokers(text, parts.brokers);
  CheckTopic(text, parts.topic);
  KafkaParameters parameters{.brokers = std::string(parts.brokers),
                             .topic = std::string(parts.topic),
                             .key = KafkaKey::kFlow,
                             .properties = {}};
  ForEachParameter(parts.query, [&](std::string_view name,
                                    std::string_view value) {
    const auto decoded_name = Decoded(name);
    auto decoded_value = Decoded(value);
    if (!decoded_name || !decoded_value) {
      Refuse(text, "parameter '" + std::string(name) +
                       "': '%' needs two hexadecimal digits behind it; "
                       "write %25 for '%' itself");
    }
    if (*decoded_name == "key") {
      parameters.key = Key(text, *decoded_value);
    } else {
      // What its users call it, also where the library does not.
      parameters.properties.emplace_back(
          *decoded_name == "compression" ? "compression.codec" : *decoded_name,
          std::move(*decoded_value));
    }
  });
  return parameters;
}

std::string KafkaUrlWithoutSecrets(std::string_view text) {
  const std::size_t question = std::min(text.find('?'), text.size());
  std::string_view front = text.substr(0, question);
  std::string shown;
  if (const std::size_t at = front.rfind('@'); at != std::string_view::npos) {
    shown = std::string(kScheme) + "***";
    front = front.substr(at);
  }
  shown += front;
  char separator = '?';
  ForEachParameter(text.substr(std::min(question + 1, text.size())),
                   [&](std::string_view name, std::string_view value) {
                     shown += separator;
                     shown += name;
                     shown += '=';
                     shown += MayBeSecret(name) ? "***" : value;
                     separator = '&';
                   });
  return shown;
}

}  // namespace exporter
