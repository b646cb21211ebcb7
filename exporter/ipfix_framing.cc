// SPDX-License-Identifier: Apache-2.0
#include "exporter/ipfix_framing.h"

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <span>
#include <utility>
#include <vector>

#include "exporter/network_order.h"
#include "tracker/time.h"

namespace exporter {
namespace {

using Octets = std::span<const std::uint8_t>;

// RFC 7011 section 3.
constexpr std::size_t kMessageHeader = 16;
constexpr std::uint16_t kVersion = 10;
constexpr std::size_t kSetHeader = 4;
constexpr std::uint16_t kTemplateSet = 2;
constexpr std::uint16_t kOptionsTemplateSet = 3;
constexpr std::uint16_t kFirstDataSet = 256;
constexpr std::uint16_t kEnterpriseBit = 0x8000;
constexpr std::uint16_t kVariable = 65535;
constexpr std::uint8_t kLongLength = 255;

// Takes numbers off the front; when there are not enough octets, Whole() is
// false from there on.
class Reader {
 public:
  explicit Reader(Octets octets) : rest_(octets) {}

  std::uint32_t Number(std::size_t octets) {
    std::uint32_t number = 0;
    for (const std::uint8_t octet : Take(octets)) {
      number = number << 8 | octet;
    }
    return number;
  }
  std::uint16_t Number16() { return static_cast<std::uint16_t>(Number(2)); }
  Octets Take(std::size_t octets) {
    if (octets > rest_.size()) {
      whole_ = false;
      rest_ = {};
      return {};
    }
    const Octets taken = rest_.first(octets);
    rest_ = rest_.subspan(octets);
    return taken;
  }
  [[nodiscard]] Octets Rest() const { return rest_; }
  [[nodiscard]] bool Whole() const { return whole_; }

 private:
  Octets rest_;
  bool whole_ = true;
};

// What templates a file has defined so far.
class Templates {
 public:
  struct Template {
    bool operator==(const Template& other) const = default;

    bool options = false;
    std::vector<std::uint8_t> fields;    // as defined, with their number
    std::vector<std::uint16_t> lengths;  // of a record's fields
    std::size_t least_octets = 0;        // of a record
  };
  using Key = std::pair<std::uint32_t, std::uint16_t>;  // domain, template

  // Learns from a whole message. Returns its data records that are not options;
  // none when it contradicts itself.
  std::optional<std::uint64_t> Read(Octets message) {
    const std::uint32_t domain = Reader(message.subspan(12)).Number(4);
    Reader sets(message.subspan(kMessageHeader));
    std::uint64_t records = 0;
    while (sets.Whole() && !sets.Rest().empty()) {
      const std::uint16_t id = sets.Number16();
      const std::uint16_t length = sets.Number16();
      if (length < kSetHeader) {
        return std::nullopt;
      }
      const Octets set = sets.Take(length - kSetHeader);
      if (!sets.Whole()) {
        return std::nullopt;
      }
      if (id == kTemplateSet || id == kOptionsTemplateSet) {
        if (!Define(domain, id == kOptionsTemplateSet, Reader(set))) {
          return std::nullopt;
        }
      } else if (id >= kFirstDataSet) {
        const std::optional<std::uint64_t> found = Count({domain, id}, set);
        if (!found) {
          return std::nullopt;
        }
        records += *found;
      }
    }
    return sets.Whole() ? std::optional(records) : std::nullopt;
  }

  [[nodiscard]] std::map<Key, Template> OfFlows() const {
    std::map<Key, Template> flows;
    for (const auto& [key, each] : templates_) {
      if (!each.options) {
        flows.emplace(key, each);
      }
    }
    return flows;
  }

 private:
  bool Define(std::uint32_t domain, bool options, Reader set) {
    const std::size_t header = options ? 6 : 4;
    while (set.Rest().size() >= header) {  // the rest is padding
      const std::uint16_t id = set.Number16();
      const Octets before = set.Rest();
      const std::uint16_t fields = set.Number16();
      set.Take(options ? 2 : 0);  // how many of them are the scope
      Template made;
      made.options = options;
      for (std::uint16_t i = 0; i < fields && set.Whole(); ++i) {
        const std::uint16_t element = set.Number16();
        const std::uint16_t length = set.Number16();
        set.Take((element & kEnterpriseBit) != 0 ? 4 : 0);
        made.lengths.push_back(length);
        made.least_octets += length == kVariable ? 1 : length;
      }
      if (!set.Whole() || id < kFirstDataSet || made.least_octets == 0) {
        return false;
      }
      const Octets defined = before.first(before.size() - set.Rest().size());
      made.fields.assign(defined.begin(), defined.end());
      templates_[{domain, id}] = std::move(made);
    }
    return true;
  }

  [[nodiscard]] std::optional<std::uint64_t> Count(const Key& key,
                                                   Octets set) const {
    const auto found = templates_.find(key);
    if (found == templates_.end()) {
      return std::nullopt;
    }
    const Template& made = found->second;
    if (made.options) {
      return 0;
    }
    Reader reader(set);
    std::uint64_t records = 0;
    while (reader.Rest().size() >= made.least_octets) {
      for (std::size_t length : made.lengths) {
        if (length == kVariable) {
          length = reader.Number(1);
          length = length == kLongLength ? reader.Number16() : length;
        }
        reader.Take(length);
      }
      ++records;
    }
    return reader.Whole() ? std::optional(records) : std::nullopt;
  }

  std::map<Key, Template> templates_;
};

class IpfixFraming final : public SpoolFraming {
 public:
  explicit IpfixFraming(std::unique_ptr<Encoder> encoder)
      : encoder_(std::move(encoder)) {
    Templates ours;
    encoder_->WriteTemplates({}, [&](const Message& message) {
      static_cast<void>(ours.Read(message.octets));
    });
    ours_ = ours.OfFlows();
  }

  [[nodiscard]] std::string_view Suffix() const override { return ".ipfix"; }

  std::vector<std::uint8_t> BeginFile(Octets first) override {
    const std::chrono::seconds time{Reader(first.subspan(4)).Number(4)};
    std::vector<std::uint8_t> front;
    encoder_->Restart();
    encoder_->WriteTemplates(tracker::Timestamp(time),
                             [&](const Message& message) {
                               front.insert(front.end(), message.octets.begin(),
                                            message.octets.end());
                             });
    return front;
  }

  void Place(std::span<std::uint8_t> message, std::uint64_t records) override {
    encoder_->Renumber(message, static_cast<std::uint32_t>(records));
  }

  void BeginReading() override { read_ = {}; }

  std::optional<Frame> Next(Octets octets) override {
    Reader header(octets);
    const std::uint16_t version = header.Number16();
    const std::uint16_t length = header.Number16();
    if (version != kVersion || length < kMessageHeader ||
        length > octets.size()) {
      return std::nullopt;
    }
    const std::optional<std::uint64_t> records =
        read_.Read(octets.first(length));
    return records ? std::optional(Frame{length, *records}) : std::nullopt;
  }

  [[nodiscard]] bool Fits() const override { return read_.OfFlows() == ours_; }

 private:
  std::unique_ptr<Encoder> encoder_;
  std::map<Templates::Key, Templates::Template> ours_;
  Templates read_;
};

}  // namespace

std::unique_ptr<SpoolFraming> MakeIpfixFraming(
    std::unique_ptr<Encoder> encoder) {
  return std::make_unique<IpfixFraming>(std::move(encoder));
}

}  // namespace exporter
