// SPDX-License-Identifier: Apache-2.0
// The octets that are written by compiled stores are those of libfixbuf.
#include "exporter/message_writer.h"

#include <cstring>
#include <random>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "exporter/fixbuf_domain.h"
#include "templates/profile.h"
#include "tests/support/sample_record.h"

namespace exporter {
namespace {

using templates::Element;
using templates::ElementType;
using templates::FlowRecord;
using templates::FlowTemplate;

constexpr std::uint32_t kDomain = 7;
constexpr std::uint16_t kMostOctets = 8192;
constexpr Timestamp kNow{std::chrono::seconds{1'700'000'000}};

using Octets = std::vector<std::uint8_t>;

// A message of the same records by libfixbuf.
class Judge {
 public:
  explicit Judge(FlowTemplate flow_template)
      : template_(std::move(flow_template)),
        model_(fixbuf::MakeModel(templates::kDocumentationPen)),
        domain_(model_.get(), kDomain, kMostOctets) {
    std::vector<fixbuf::FieldSpec> fields;
    for (const Element* element : template_.fields) {
      fields.push_back(
          {std::string(element->name), element->type == ElementType::kString
                                           ? std::uint16_t{FB_IE_VARLEN}
                                           : element->length});
    }
    domain_.AddTemplate(template_.id, fields, 0);
    domain_.Open();
    domain_.WriteTemplates(kNow, [](const Message&) {});
  }

  void Append(const FlowRecord& record) {
    Octets packed;
    const auto* base = reinterpret_cast<const std::uint8_t*>(&record);
    const auto put = [&](const void* from, std::size_t count) {
      const auto* octets = static_cast<const std::uint8_t*>(from);
      packed.insert(packed.end(), octets, octets + count);
    };
    for (const Element* element : template_.fields) {
      const std::uint8_t* value = base + element->offset;
      if (element->type == ElementType::kString) {
        const fbVarfield_t text =
            fixbuf::Text({reinterpret_cast<const char*>(value) + 1, *value});
        put(&text, sizeof(text));
      } else if (element->type == ElementType::kIpv4Address) {
        std::uint32_t host = 0;  // libfixbuf takes it for an integer
        std::memcpy(&host, value, sizeof(host));
        host = __builtin_bswap32(host);
        put(&host, sizeof(host));
      } else {
        put(value, element->length);
      }
    }
    domain_.Append(template_.id, packed, kNow, [](const Message&) {
      FAIL() << "the records fit into one message";
    });
  }

  Octets Finish() {
    Octets octets;
    domain_.Flush([&](const Message& message) {
      octets.assign(message.octets.begin(), message.octets.end());
    });
    return octets;
  }

 private:
  FlowTemplate template_;
  fixbuf::Model model_;
  fixbuf::Domain domain_;
};

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}

  // Every octet is random, but strings stay within their places.
  FlowRecord Record() {
    FlowRecord record;
    auto* octets = reinterpret_cast<std::uint8_t*>(&record);
    for (std::size_t i = 0; i < sizeof(record); ++i) {
      octets[i] = static_cast<std::uint8_t>(engine_());
    }
    Shorten(record.connection_state);
    Shorten(record.history);
    Shorten(record.community_id);
    return record;
  }

 private:
  template <std::size_t N>
  void Shorten(templates::ShortString<N>& text) {
    text.length = static_cast<std::uint8_t>(engine_() % (N + 1));
  }

  std::mt19937 engine_;
};

class EveryProfile : public testing::TestWithParam<std::string> {};

void ExpectTheSame(const FlowTemplate& flow_template) {
  const RecordLayout layout(flow_template);
  Judge judge(flow_template);
  DataMessage message(kDomain, kMostOctets);
  Random random(flow_template.id);
  std::uint32_t sequence = 0;
  for (int round = 0; round < 20; ++round) {
    for (int i = 0; i < 25; ++i) {
      const FlowRecord record = random.Record();
      ASSERT_TRUE(message.HasRoom(layout, record));
      message.Append(layout, record, kNow);
      judge.Append(record);
    }
    const std::uint32_t records = message.Records();
    const auto octets = message.Finish(sequence);
    ASSERT_EQ(Octets(octets.begin(), octets.end()), judge.Finish());
    sequence += records;
  }
}

TEST_P(EveryProfile, IsWrittenAsLibfixbufWritesIt) {
  templates::Profile profile = *templates::FindProfile(GetParam());
  profile.overlays = true;
  for (const FlowTemplate& flow_template : MakeTemplates(profile)) {
    if (!flow_template.fields.empty()) {
      SCOPED_TRACE(flow_template.id);
      ExpectTheSame(flow_template);
    }
  }
}

std::vector<std::string> ProfileNames() {
  std::vector<std::string> names;
  for (const templates::Profile& profile : templates::Profiles()) {
    names.emplace_back(profile.name);
  }
  return names;
}

INSTANTIATE_TEST_SUITE_P(Profiles, EveryProfile,
                         testing::ValuesIn(ProfileNames()),
                         [](const auto& tested) { return tested.param; });

class MessageOfData : public testing::Test {
 protected:
  MessageOfData() {
    const auto templates = MakeTemplates(*templates::FindProfile("generic"));
    layout_ = RecordLayout(templates[IndexOf(templates::ShapeOf(record_))]);
  }

  FlowRecord record_ = test_support::SampleRecord();
  RecordLayout layout_;
};

TEST_F(MessageOfData, HasRoomUpToItsLastOctet) {
  const std::size_t exact = 16 + 4 + layout_.Length(record_);
  EXPECT_TRUE(DataMessage(1, exact).HasRoom(layout_, record_));
  EXPECT_FALSE(DataMessage(1, exact - 1).HasRoom(layout_, record_));
}

TEST_F(MessageOfData, AsksForNoSecondSetHeaderForTheSameTemplate) {
  DataMessage message(1, 16 + 4 + 2 * layout_.Length(record_));
  message.Append(layout_, record_, kNow);
  EXPECT_TRUE(message.HasRoom(layout_, record_));
}

TEST_F(MessageOfData, BeginsAnewAfterFinish) {
  DataMessage message(1, 1000);
  message.Append(layout_, record_, kNow);
  const auto first = message.Finish(0);
  const Octets before(first.begin(), first.end());
  message.Append(layout_, record_, kNow);
  const auto second = message.Finish(0);
  EXPECT_EQ(Octets(second.begin(), second.end()), before);
}

}  // namespace
}  // namespace exporter
