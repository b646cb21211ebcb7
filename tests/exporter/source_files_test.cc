// SPDX-License-Identifier: Apache-2.0
// Captures that come through pipes, and a stop before their end.
#include <fcntl.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include <gtest/gtest.h>
#include <sys/stat.h>

#include "exporter/descriptor.h"
#include "exporter/source.h"

namespace exporter {
namespace {

using Octets = std::vector<std::uint8_t>;

// A classic capture of `frames` frames of 16 octets, in this machine's order.
Octets Capture(int frames) {
  std::vector<std::uint32_t> words{0xa1b2c3d4, 0x0004'0002, 0, 0, 65535, 1};
  for (int i = 0; i < frames; ++i) {
    // Time, lengths, zeros.
    words.insert(words.end(), {1'700'000'000, 0, 16, 16, 0, 0, 0, 0});
  }
  Octets octets;
  for (const std::uint32_t word : words) {
    const auto* at = reinterpret_cast<const std::uint8_t*>(&word);
    octets.insert(octets.end(), at, at + sizeof(word));
  }
  return octets;
}

class SourceFiles : public testing::Test {
 protected:
  SourceFiles() {
    std::string name = std::filesystem::temp_directory_path() / "spanfixXXXXXX";
    directory_ = mkdtemp(name.data());
  }
  ~SourceFiles() override { std::filesystem::remove_all(directory_); }

  std::string File(const std::string& name, const Octets& content) {
    std::string path = directory_ / name;
    std::ofstream(path, std::ios::binary)
        .write(reinterpret_cast<const char*>(content.data()),
               static_cast<std::streamsize>(content.size()));
    return path;
  }

  // A pipe that holds `content` and stays open for writing.
  std::string Pipe(const std::string& name, const Octets& content) {
    std::string path = directory_ / name;
    EXPECT_EQ(mkfifo(path.c_str(), 0600), 0);
    writers_.emplace_back(open(path.c_str(), O_RDWR | O_CLOEXEC));
    EXPECT_EQ(write(writers_.back().Get(), content.data(), content.size()),
              static_cast<ssize_t>(content.size()));
    return path;
  }

  // Of one source, read to its end.
  int FramesOf(const std::vector<std::string>& paths) {
    const auto source = OpenFiles(paths, "", stop_);
    stop_ = stop_after_opening_;
    std::size_t frames = 0;
    while (source->Read() == Next::kFrames) {
      frames += source->Frames().size();
    }
    EXPECT_EQ(source->Error(), "");
    return static_cast<int>(frames);
  }

  std::filesystem::path directory_;
  std::vector<Descriptor> writers_;
  std::atomic<bool> stop_ = false;
  bool stop_after_opening_ = false;
};

TEST_F(SourceFiles, FilesAreReadOneAfterTheOther) {
  EXPECT_EQ(FramesOf({File("a", Capture(2)), File("b", Capture(3))}), 5);
}

TEST_F(SourceFiles, AStopBeforeTheFirstReadDropsRegularFiles) {
  stop_after_opening_ = true;
  EXPECT_EQ(FramesOf({File("a", Capture(2))}), 0);
}

TEST_F(SourceFiles, AStopBeforeTheFirstReadKeepsWhatCameOutOfAPipe) {
  stop_after_opening_ = true;
  EXPECT_EQ(FramesOf({Pipe("a", Capture(2))}), 2);
}

TEST_F(SourceFiles, AStopKeepsWhatCameOutOfThePipesWhoseTurnWasNotYet) {
  stop_after_opening_ = true;
  EXPECT_EQ(FramesOf({File("a", Capture(2)), Pipe("b", Capture(3)),
                      File("c", Capture(4)), Pipe("d", Capture(5))}),
            8);
}

}  // namespace
}  // namespace exporter
