// SPDX-License-Identifier: Apache-2.0
#include "exporter/spool.h"

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include <gmock/gmock.h>

#include "exporter/setup_error.h"
#include "tests/support/scratch_directory.h"

namespace exporter {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Pair;

// Messages of a length, a count of records, and a letter again and again. A
// file begins with one that has no records, and says which layout it has.
class PlainFraming final : public SpoolFraming {
 public:
  explicit PlainFraming(std::uint8_t layout) : layout_(layout) {}

  static std::vector<std::uint8_t> Make(std::uint8_t records,
                                        std::uint8_t letter,
                                        std::uint16_t octets = 100) {
    std::vector<std::uint8_t> message(octets, letter);
    message[0] = static_cast<std::uint8_t>(octets >> 8);
    message[1] = static_cast<std::uint8_t>(octets & 0xff);
    message[2] = records;
    return message;
  }

  [[nodiscard]] std::string_view Suffix() const override { return ".plain"; }
  std::vector<std::uint8_t> BeginFile(
      std::span<const std::uint8_t> /*first*/) override {
    return Make(0, layout_, 10);
  }
  void Place(std::span<std::uint8_t> message,
             std::uint64_t /*records*/) override {
    message.back() = '.';
  }
  void BeginReading() override { read_.reset(); }
  std::optional<Frame> Next(std::span<const std::uint8_t> octets) override {
    if (octets.size() < 4) {
      return std::nullopt;
    }
    const std::size_t length = std::size_t{octets[0]} << 8 | octets[1];
    if (length < 4 || length > octets.size()) {
      return std::nullopt;
    }
    if (octets[2] == 0) {
      read_ = octets[3];
    }
    return Frame{length, octets[2]};
  }
  [[nodiscard]] bool Fits() const override { return read_ == layout_; }

 private:
  std::uint8_t layout_;
  std::optional<std::uint8_t> read_;
};

class SpoolTest : public testing::Test {
 protected:
  std::unique_ptr<Spool> Open(std::uint64_t most_octets = 1 << 20,
                              std::uint8_t layout = 1) {
    SpoolOptions options;
    options.directory = Directory();
    options.most_octets = most_octets;
    options.file_octets = 1000;  // nine messages
    options.memory_octets = 1000;
    options.say = [this](const std::string& line) { said_.push_back(line); };
    return std::make_unique<Spool>(options,
                                   std::make_unique<PlainFraming>(layout));
  }
  [[nodiscard]] std::string Directory() const {
    return scratch_.File("collector");
  }
  // "abc": a message each, of one record, on the disk.
  static void Add(Spool& spool, const std::string& letters) {
    for (const char letter : letters) {
      spool.Add(PlainFraming::Make(1, static_cast<std::uint8_t>(letter)), 1);
      spool.Flush();
    }
  }
  static std::string TakeAll(Spool& spool) {
    std::string letters;
    while (const std::optional<SpooledMessage> taken = spool.Take()) {
      letters += static_cast<char>(taken->message.octets[3]);
    }
    return letters;
  }
  [[nodiscard]] std::vector<std::string> Files() const {
    std::vector<std::string> names;
    for (const auto& entry : std::filesystem::directory_iterator(Directory())) {
      names.push_back(entry.path().string());
    }
    std::sort(names.begin(), names.end());
    return names;
  }
  [[nodiscard]] std::uint64_t OctetsOnDisk() const {
    std::uint64_t octets = 0;
    for (const std::string& file : Files()) {
      octets += std::filesystem::file_size(file);
    }
    return octets;
  }

  static constexpr const char* kAlphabet = "abcdefghijklmnopqrstuvwxyz";
  test_support::ScratchDirectory scratch_;
  std::vector<std::string> said_;
};

TEST_F(SpoolTest, GivesBackInOrderAndLeavesNoFile) {
  const auto spool = Open();
  Add(*spool, kAlphabet);
  EXPECT_GT(Files().size(), 2U);
  EXPECT_EQ(spool->Counts().on_disk.own, 26U);

  EXPECT_EQ(TakeAll(*spool), kAlphabet);
  spool->Release(0);

  EXPECT_TRUE(spool->Empty());
  EXPECT_EQ(spool->Counts().on_disk.own, 0U);
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(SpoolTest, TheNextRunHasWhatThisOneLeft) {
  Add(*Open(), "abc");
  const auto spool = Open();
  Add(*spool, "de");

  EXPECT_EQ(spool->Counts().found, 3U);
  EXPECT_EQ(spool->Counts().on_disk.earlier, 3U);
  EXPECT_EQ(spool->Counts().on_disk.own, 2U);
  EXPECT_TRUE(spool->Take()->earlier);
  EXPECT_EQ(TakeAll(*spool), "bcde");
  EXPECT_EQ(spool->Notice(), "");
}

TEST_F(SpoolTest, AMessageThatIsNotOnTheDiskYetCanBeTaken) {
  const auto spool = Open();
  spool->Add(PlainFraming::Make(1, 'a'), 1);
  EXPECT_FALSE(spool->Empty());
  EXPECT_EQ(TakeAll(*spool), "a");
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(SpoolTest, EachFileBeginsWithWhatItTakesToReadIt) {
  const auto spool = Open();
  Add(*spool, kAlphabet);
  for (const std::string& name : Files()) {
    std::ifstream file(name, std::ios::binary);
    std::string front(14, '\0');
    file.read(front.data(), 14);
    EXPECT_EQ(front.substr(0, 4), std::string("\0\12\0\1", 4)) << name;
    EXPECT_EQ(front.substr(10, 3), std::string("\0d\1", 3)) << name;
  }
}

TEST_F(SpoolTest, TheOldestGoWhenItIsFullAndAreCounted) {
  const auto spool = Open(4000);
  for (int round = 0; round < 10; ++round) {
    Add(*spool, kAlphabet);
    EXPECT_LE(OctetsOnDisk(), 4000U);
  }
  const std::uint64_t left = spool->Counts().on_disk.own;
  const std::string letters = TakeAll(*spool);

  EXPECT_EQ(letters.size(), left);
  EXPECT_GE(left, 25U);
  EXPECT_EQ(letters.back(), 'z');
  EXPECT_THAT(spool->Counts().dropped.own,
              ElementsAre(Pair("spool full", 260 - left)));
}

TEST_F(SpoolTest, WhatAnEarlierRunLeftIsDroppedOnItsOwnAccount) {
  Add(*Open(), kAlphabet);
  const auto spool = Open(4000);
  Add(*spool, kAlphabet);
  const SpoolCounts& counts = spool->Counts();
  EXPECT_GT(counts.dropped.earlier.at("spool full"), 0U);
  EXPECT_EQ(counts.found,
            counts.on_disk.earlier + counts.dropped.earlier.at("spool full"));
  EXPECT_EQ(counts.on_disk.own, 26U);
}

TEST_F(SpoolTest, ATornTailIsLeftOutAndTheRestReplays) {
  std::filesystem::create_directory(Directory());
  {
    std::ofstream file(Directory() + "/500000000000.plain", std::ios::binary);
    for (const auto& message :
         {PlainFraming::Make(0, 1, 10), PlainFraming::Make(1, 'a'),
          PlainFraming::Make(2, 'b')}) {
      file.write(reinterpret_cast<const char*>(message.data()),
                 static_cast<std::streamsize>(message.size()));
    }
    file.write("\0d\1ccc", 6);
  }
  {
    const auto spool = Open();
    EXPECT_THAT(spool->Notice(), HasSubstr("500000000000.plain' ended inside a "
                                           "message, which is left out"));
    EXPECT_EQ(spool->Counts().found, 3U);
  }
  const auto spool = Open();
  EXPECT_EQ(spool->Notice(), "");  // it is said once
  EXPECT_EQ(TakeAll(*spool), "ab");
}

TEST_F(SpoolTest, AFileThatWasDamagedIsCounted) {
  Add(*Open(), "abcd");
  std::filesystem::resize_file(Files().at(0), 10 + 2 * 100 + 50);
  const auto spool = Open();
  EXPECT_EQ(TakeAll(*spool), "ab");
  EXPECT_TRUE(spool->Empty());
  EXPECT_THAT(spool->Counts().dropped.earlier,
              ElementsAre(Pair("spool damaged", 2)));
}

TEST_F(SpoolTest, FilesOfAnotherLayoutStay) {
  Add(*Open(), "abc");
  const auto spool = Open(1 << 20, 2);
  EXPECT_THAT(spool->Notice(), HasSubstr("has 1 file of records that are laid "
                                         "out otherwise"));
  Add(*spool, "d");
  EXPECT_EQ(TakeAll(*spool), "d");
  spool->Release(0);
  EXPECT_EQ(Files().size(), 1U);
}

TEST_F(SpoolTest, WhatComesBackIsBeforeAllOthers) {
  Add(*Open(), "ab");
  const auto spool = Open();
  Add(*spool, "cdefg");
  std::vector<KeptMessage> taken;
  taken.reserve(3);
  for (int i = 0; i < 3; ++i) {
    taken.push_back(spool->Take()->message);
  }
  spool->AddBefore(std::move(taken), 2);

  EXPECT_EQ(spool->Counts().on_disk.earlier, 2U);
  EXPECT_EQ(spool->Counts().on_disk.own, 5U);
  EXPECT_EQ(TakeAll(*spool), "abcdefg");
}

TEST_F(SpoolTest, WhatCameBackIsThereForTheNextRun) {
  {
    const auto spool = Open();
    Add(*spool, kAlphabet);
    std::vector<KeptMessage> taken;
    taken.reserve(12);
    for (int i = 0; i < 12; ++i) {
      taken.push_back(spool->Take()->message);
    }
    spool->AddBefore(std::move(taken), 0);
  }
  // The second file was taken in part.
  const auto next = Open();
  EXPECT_EQ(next->Counts().found, 26U);
  EXPECT_EQ(TakeAll(*next), kAlphabet);
}

TEST_F(SpoolTest, WhatArrivedIsNotThereForTheNextRun) {
  {
    const auto spool = Open();
    Add(*spool, kAlphabet);
    for (int i = 0; i < 12; ++i) {
      static_cast<void>(spool->Take());
    }
    spool->Release(0);
  }
  EXPECT_EQ(TakeAll(*Open()), kAlphabet + 12);
}

TEST_F(SpoolTest, WhatMayNotHaveArrivedIsThereForTheNextRun) {
  {
    const auto spool = Open();
    Add(*spool, kAlphabet);
    for (int i = 0; i < 12; ++i) {
      static_cast<void>(spool->Take());
    }
    spool->Release(1);
  }
  EXPECT_EQ(TakeAll(*Open()), kAlphabet + 9);
}

TEST_F(SpoolTest, AFileStaysUntilItsMessagesHaveArrived) {
  const auto spool = Open();
  Add(*spool, kAlphabet);
  EXPECT_EQ(TakeAll(*spool), kAlphabet);
  spool->Release(20);
  EXPECT_EQ(Files().size(), 3U);  // all but six: none of the first file's nine
  spool->Release(17);
  EXPECT_EQ(Files().size(), 2U);
  spool->Release(0);
  EXPECT_THAT(Files(), IsEmpty());
}

TEST_F(SpoolTest, ADirectoryThatFailsIsSaidOnceAndMemoryIsBounded) {
  const auto spool = Open();
  std::filesystem::remove_all(Directory());
  Add(*spool, kAlphabet);

  const std::string reason = "spool: No such file or directory";
  EXPECT_THAT(said_, ElementsAre(HasSubstr("cannot write in '" + Directory() +
                                           "': No such file or directory")));
  EXPECT_THAT(spool->Counts().dropped.own, ElementsAre(Pair(reason, 16)));
  EXPECT_EQ(spool->Counts().on_disk.own, 0U);
  EXPECT_EQ(TakeAll(*spool), "qrstuvwxyz");
}

TEST_F(SpoolTest, GoesOnWritingWhenTheDirectoryIsBack) {
  const auto spool = Open();
  std::filesystem::remove_all(Directory());
  Add(*spool, "abc");
  std::filesystem::create_directory(Directory());
  Add(*spool, "d");
  EXPECT_EQ(spool->Counts().on_disk.own, 4U);
  EXPECT_EQ(TakeAll(*Open()), "abcd");
}

TEST_F(SpoolTest, AtTheEndOfTheRunWhatTheDiskDoesNotTakeIsDropped) {
  const auto spool = Open();
  std::filesystem::remove_all(Directory());
  Add(*spool, "abc");
  spool->Close();
  EXPECT_TRUE(spool->Empty());
  EXPECT_THAT(spool->Counts().dropped.own,
              ElementsAre(Pair("spool: No such file or directory", 3)));
}

TEST_F(SpoolTest, OtherFilesInItAreLeftAlone) {
  std::filesystem::create_directory(Directory());
  const std::vector<std::string> others = {
      Directory() + "/500000000000.txt", Directory() + "/5.plain",
      Directory() + "/500000000000.x.plain"};
  for (const std::string& other : others) {
    std::ofstream(other) << "text";
  }
  const auto spool = Open();
  EXPECT_TRUE(spool->Empty());
  EXPECT_THAT(Files(), testing::UnorderedElementsAreArray(others));
}

TEST_F(SpoolTest, APathThatIsNoDirectoryIsRefused) {
  std::ofstream(Directory()) << "text";
  EXPECT_THROW(Open(), SetupError);
}

}  // namespace
}  // namespace exporter
