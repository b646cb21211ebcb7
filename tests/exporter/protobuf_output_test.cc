// SPDX-License-Identifier: Apache-2.0
#include "exporter/protobuf_output.h"

#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <google/protobuf/io/zero_copy_stream_impl.h>
#include <google/protobuf/util/delimited_message_util.h>
#include <gtest/gtest.h>

#include "exporter/setup_error.h"
#include "templates/flow.pb.h"
#include "tests/support/sample_record.h"
#include "tests/support/scratch_directory.h"

namespace exporter {
namespace {

class ProtobufOutput : public testing::Test {
 protected:
  [[nodiscard]] static std::unique_ptr<Output> Open(const std::string& path) {
    return OpenProtobufOutput(ParseCollectorUrl("protobuf:" + path, {}));
  }

  // Records with the ids 1 to `count`, delivered.
  static DeliveryCounts Deliver(const std::string& path, std::uint64_t count) {
    const auto output = Open(path);
    for (std::uint64_t id = 1; id <= count; ++id) {
      templates::FlowRecord record = test_support::SampleRecord();
      record.flow_id = id;
      output->Add(record, {});
    }
    output->Finish({});
    return output->Counts();
  }

  // By Protobuf's own reader of delimited streams.
  [[nodiscard]] std::vector<std::uint64_t> FlowIds() const {
    std::ifstream file(path_, std::ios::binary);
    google::protobuf::io::IstreamInputStream stream(&file);
    std::vector<std::uint64_t> ids;
    bool at_end = false;
    spanfix::FlowRecord message;
    while (google::protobuf::util::ParseDelimitedFromZeroCopyStream(
        &message, &stream, &at_end)) {
      ids.push_back(message.flow_id());
      message.Clear();
    }
    EXPECT_TRUE(at_end) << "not whole";
    return ids;
  }

  test_support::ScratchDirectory scratch_;
  std::string path_ = scratch_.File("flows.pb");
};

TEST_F(ProtobufOutput, IsADelimitedStreamOfTheRecordsInTheirOrder) {
  const DeliveryCounts counts = Deliver(path_, 500);

  const std::vector<std::uint64_t> ids = FlowIds();
  ASSERT_EQ(ids.size(), 500U);
  for (std::uint64_t id = 1; id <= 500; ++id) {
    ASSERT_EQ(ids[id - 1], id);
  }
  EXPECT_EQ(counts.made, 500U);
  EXPECT_EQ(counts.sent, 500U);
}

TEST_F(ProtobufOutput, ReplacesAnOlderFileAlsoWhenThereAreNoRecords) {
  std::ofstream(path_) << std::string(100'000, 'x');

  Deliver(path_, 0);

  EXPECT_TRUE(std::filesystem::exists(path_));
  EXPECT_EQ(std::filesystem::file_size(path_), 0U);
}

TEST_F(ProtobufOutput, LeavesNoFileWhenTheRunDoesNotStart) {
  static_cast<void>(Open(path_));

  EXPECT_FALSE(std::filesystem::exists(path_));
}

TEST_F(ProtobufOutput, CountsWhatADiskHadNoRoomFor) {
  const DeliveryCounts counts = Deliver("/dev/full", 300);

  EXPECT_EQ(counts.made, 300U);
  EXPECT_EQ(counts.sent, 0U);
  EXPECT_EQ(counts.dropped.at("No space left on device"), 300U);
}

TEST_F(ProtobufOutput, IsNamedAsTheUserNamedIt) {
  EXPECT_EQ(Open(path_)->Name(), "protobuf:" + path_);
}

TEST_F(ProtobufOutput, SaysWhichFileCannotBeMade) {
  try {
    static_cast<void>(Open("/nonexistent/flows.pb"));
    FAIL() << "made it";
  } catch (const SetupError& error) {
    EXPECT_THAT(error.what(), testing::HasSubstr("/nonexistent/flows.pb"));
  }
}

}  // namespace
}  // namespace exporter
