// SPDX-License-Identifier: Apache-2.0
#include "exporter/kafka_spool.h"

#include <algorithm>
#include <optional>
#include <string_view>

namespace exporter {
namespace {

using Octets = std::span<const std::uint8_t>;

struct Length {
  std::size_t value = 0;
  std::size_t octets = 0;  // of the varint
};

// None: it is not whole, or longer than any message of ours.
std::optional<Length> ReadLength(Octets octets) {
  constexpr std::size_t kMostOctets = 4;
  Length length;
  for (const std::uint8_t octet :
       octets.first(std::min(octets.size(), kMostOctets))) {
    length.value |= static_cast<std::size_t>(octet & 0x7f)
                    << (7 * length.octets);
    ++length.octets;
    if (octet < 0x80) {
      return length;
    }
  }
  return std::nullopt;
}

class KafkaFraming final : public SpoolFraming {
 public:
  [[nodiscard]] std::string_view Suffix() const override { return ".pb"; }
  std::vector<std::uint8_t> BeginFile(Octets /*first*/) override { return {}; }
  void Place(std::span<std::uint8_t> /*message*/,
             std::uint64_t /*records*/) override {}
  void BeginReading() override {}
  std::optional<Frame> Next(Octets octets) override {
    const std::optional<Length> length = ReadLength(octets);
    if (!length || length->value == 0 ||
        length->value > octets.size() - length->octets) {
      return std::nullopt;
    }
    return Frame{length->octets + length->value, 1};
  }
  // Numbers and types of the schema are frozen.
  [[nodiscard]] bool Fits() const override { return true; }
};

}  // namespace

std::unique_ptr<SpoolFraming> MakeKafkaFraming() {
  return std::make_unique<KafkaFraming>();
}

void Delimit(Octets message, std::vector<std::uint8_t>& to) {
  to.clear();
  std::size_t length = message.size();
  for (; length >= 0x80; length >>= 7) {
    to.push_back(static_cast<std::uint8_t>(length | 0x80));
  }
  to.push_back(static_cast<std::uint8_t>(length));
  to.insert(to.end(), message.begin(), message.end());
}

Octets WithoutLength(Octets delimited) {
  return delimited.subspan(ReadLength(delimited)->octets);
}

}  // namespace exporter
