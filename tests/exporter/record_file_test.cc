// SPDX-License-Identifier: Apache-2.0
#include "exporter/record_file.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <string_view>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/flow_message.h"
#include "exporter/open_collector.h"
#include "exporter/setup_error.h"
#include "templates/flow.pb.h"
#include "tests/support/sample_record.h"
#include "tests/support/scratch_directory.h"

// Of the leak sanitizer; nullptr in other builds.
// NOLINTBEGIN(bugprone-reserved-identifier,readability-identifier-naming)
extern "C" {
[[gnu::weak]] void __lsan_disable();
[[gnu::weak]] void __lsan_enable();
}
// NOLINTEND(bugprone-reserved-identifier,readability-identifier-naming)

namespace exporter {
namespace {

// What is allocated during its life may leak.
class MayLeak {
 public:
  MayLeak() {
    if (__lsan_disable != nullptr) {
      __lsan_disable();
    }
  }
  MayLeak(const MayLeak&) = delete;
  MayLeak& operator=(const MayLeak&) = delete;
  ~MayLeak() {
    if (__lsan_enable != nullptr) {
      __lsan_enable();
    }
  }
};

using templates::FlowRecord;
using testing::ElementsAre;
using testing::HasSubstr;

constexpr std::uint32_t kPen = 32473;

// Octets in a file, and what is read from them.
class RecordFiles : public testing::Test {
 protected:
  void Write(const std::string& octets) const {
    // A file that is made shorter goes to the disk first, which takes long.
    std::filesystem::remove(path_);
    std::ofstream(path_, std::ios::binary) << octets;
  }

  // The records 1 to `count` as `-c` writes them.
  [[nodiscard]] std::string Written(const std::string& scheme,
                                    std::uint64_t count,
                                    std::uint32_t pen = kPen) const {
    CollectorDefaults defaults;
    defaults.pen = pen;
    const auto output =
        OpenCollector(ParseCollectorUrl(scheme + path_, defaults), false);
    for (std::uint64_t id = 1; id <= count; ++id) {
      FlowRecord record = test_support::SampleRecord();
      record.flow_id = id;
      output->Add(record, {});
    }
    output->Finish({});
    std::ifstream file(path_, std::ios::binary);
    return {std::istreambuf_iterator<char>(file), {}};
  }

  // Fills records_ and error_.
  void Read(std::uint32_t pen = kPen) {
    records_.clear();
    const auto file = OpenRecordFile(path_, pen);
    FlowRecord record;
    while (file->Next(record)) {
      records_.push_back(record);
    }
    error_ = file->Error();
  }
  void Read(const std::string& octets) {
    Write(octets);
    Read();
  }

  [[nodiscard]] std::vector<std::uint64_t> Ids() const {
    std::vector<std::uint64_t> ids;
    for (const FlowRecord& record : records_) {
      ids.push_back(record.flow_id);
    }
    return ids;
  }

  // What is said of a file that is not taken at all.
  static std::string RefusalOf(const std::string& path) {
    try {
      static_cast<void>(OpenRecordFile(path, kPen));
    } catch (const SetupError& error) {
      return error.what();
    }
    return "";
  }

  test_support::ScratchDirectory scratch_;
  std::string path_ = scratch_.File("records");
  std::vector<FlowRecord> records_;
  std::string error_;
};

// As one message, which has every field but those of reverse VLANs.
std::vector<std::uint8_t> Octets(const FlowRecord& record) {
  std::vector<std::uint8_t> octets;
  AppendFlowMessage(record, octets);
  return octets;
}

TEST_F(RecordFiles, GiveBackWhatAProtobufFileGot) {
  Read(Written("protobuf:", 3));

  EXPECT_THAT(Ids(), ElementsAre(1, 2, 3));
  EXPECT_EQ(error_, "");
  FlowRecord expected = test_support::SampleRecord();
  expected.flow_id = 2;
  EXPECT_EQ(Octets(records_[1]), Octets(expected));
}

TEST_F(RecordFiles, GiveBackWhatAnIpfixFileGot) {
  Read(Written("file:", 3));

  EXPECT_THAT(Ids(), ElementsAre(1, 2, 3));
  EXPECT_EQ(error_, "");
  FlowRecord expected = test_support::SampleRecord();
  expected.flow_id = 2;
  EXPECT_EQ(Octets(records_[1]), Octets(expected));
}

TEST_F(RecordFiles, FindOurElementsUnderTheGivenEnterpriseNumber) {
  Write(Written("file:", 1, 54321));

  Read(54321);
  EXPECT_EQ(records_.at(0).history.View(), "ShADadFf");
  Read(kPen);
  EXPECT_EQ(records_.at(0).history.View(), "");
  EXPECT_EQ(records_.at(0).packets, 10U);
}

TEST_F(RecordFiles, HaveRecordsOfOneDirectionAsTheyAre) {
  Write(Written("protobuf:", 0));
  const auto output =
      OpenCollector(ParseCollectorUrl("file:" + path_ + "?uniflow", {}), false);
  output->Add(test_support::SampleRecord(), {});
  output->Finish({});

  Read();

  ASSERT_EQ(records_.size(), 2U);
  EXPECT_EQ(records_[0].packets, 10U);
  EXPECT_EQ(records_[1].packets, 22U);
  EXPECT_EQ(records_[1].source_port, 443);
  EXPECT_EQ(records_[1].reverse_packets, 0U);
}

// The first flags are those of the flow, which may have been in another one.
TEST_F(RecordFiles, HaveTheFlagsOfTheirInterval) {
  for (const char* scheme : {"protobuf:", "file:"}) {
    CollectorDefaults defaults;
    defaults.pen = kPen;
    const auto output =
        OpenCollector(ParseCollectorUrl(scheme + path_, defaults), false);
    FlowRecord record = test_support::SampleRecord();
    record.tcp_flags = 0x10;
    output->Add(record, {});
    output->Finish({});

    Read();

    EXPECT_EQ(records_.at(0).tcp_flags, 0x10) << scheme;
    EXPECT_EQ(records_.at(0).initial_tcp_flags, 0x02) << scheme;
  }
}

TEST_F(RecordFiles, AreEmptyWhenNothingWasWritten) {
  Read("");

  EXPECT_TRUE(records_.empty());
  EXPECT_EQ(error_, "");
}

TEST_F(RecordFiles, OfProtobufAreReadUpToWhereverTheyAreTorn) {
  const std::string whole = Written("protobuf:", 3);
  const std::size_t one = whole.size() / 3;
  ASSERT_EQ(one * 3, whole.size());

  // With two octets of length and one of the first tag it is a file of ours.
  for (std::size_t octets = 3; octets <= whole.size(); ++octets) {
    Read(whole.substr(0, octets));

    ASSERT_EQ(records_.size(), octets / one) << octets;
    ASSERT_EQ(error_, octets % one == 0 ? "" : "it ends inside a record")
        << octets;
  }
}

TEST_F(RecordFiles, OfIpfixAreReadUpToWhereverTheyAreTorn) {
  const std::string whole = Written("file:", 3);
  std::vector<std::size_t> ends = {0};
  while (ends.back() < whole.size()) {
    const auto high = static_cast<std::uint8_t>(whole[ends.back() + 2]);
    const auto low = static_cast<std::uint8_t>(whole[ends.back() + 3]);
    ends.push_back(ends.back() + (high << 8U | low));
  }
  ASSERT_GT(ends.size(), 3U);

  for (std::size_t octets = 2; octets <= whole.size(); ++octets) {
    Read(whole.substr(0, octets));

    const bool at_end =
        std::find(ends.begin(), ends.end(), octets) != ends.end();
    ASSERT_EQ(error_, at_end ? "" : "it ends inside a message") << octets;
    ASSERT_EQ(records_.size(), octets == whole.size() ? 3U : 0U) << octets;
  }
}

// Whatever stands there, reading it ends, and no record appears from nothing.
TEST_F(RecordFiles, SurviveDamagedOctets) {
  // libfixbuf forgets a template of which it could not make sense.
  const MayLeak may_leak;
  for (const char* scheme : {"protobuf:", "file:"}) {
    const std::string whole = Written(scheme, 3);
    const std::size_t first = std::string_view(scheme) == "file:" ? 2 : 3;
    for (std::size_t at = first; at < whole.size(); at += 3) {
      std::string damaged = whole;
      damaged[at] = static_cast<char>(~damaged[at]);

      Read(damaged);

      ASSERT_LE(records_.size(), 3U) << scheme << at;
    }
  }
}

TEST_F(RecordFiles, SayWhereAProtobufFileIsDamaged) {
  std::string octets = Written("protobuf:", 3);
  const std::size_t one = octets.size() / 3;
  // A length that no record has: 32 bits are set.
  octets.replace(one, 5, "\xff\xff\xff\xff\x0f");

  Read(octets);

  EXPECT_THAT(Ids(), ElementsAre(1));
  EXPECT_EQ(error_, "it is damaged: no record at octet " + std::to_string(one));
}

TEST_F(RecordFiles, SayWhereAnIpfixFileIsDamaged) {
  const std::string octets = Written("file:", 3);

  Read(octets + std::string(16, 'x'));

  EXPECT_THAT(Ids(), ElementsAre(1, 2, 3));
  EXPECT_EQ(error_, "it is damaged: no message at octet " +
                        std::to_string(octets.size()));
}

TEST_F(RecordFiles, AreNothingElse) {
  for (const std::string& octets :
       {std::string("words and lines\n"), std::string("\n"),
        std::string("\xd4\xc3\xb2\xa1\2\0\4\0", 8), std::string("\xd0\x01"),
        std::string("\0\x09\0\1", 4)}) {
    Write(octets);
    EXPECT_THAT(RefusalOf(path_), HasSubstr("'" + path_ + "' is neither"));
  }
}

TEST_F(RecordFiles, AreNamedWhenTheyCannotBeRead) {
  EXPECT_THAT(RefusalOf("/nonexistent/records"),
              HasSubstr("'/nonexistent/records': No such"));
  EXPECT_THAT(RefusalOf("/"), HasSubstr("'/': Is a directory"));
}

}  // namespace
}  // namespace exporter
