// SPDX-License-Identifier: Apache-2.0
#include "tracker/pages.h"

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <sstream>
#include <string>

#include <gtest/gtest.h>

namespace tracker {
namespace {

constexpr std::size_t kLargePage = 2 << 20;

// "VmFlags: rd wr mr ..." of the mapping that has the address, by the kernel.
std::string FlagsOf(const void* address) {
  const auto wanted = reinterpret_cast<std::uintptr_t>(address);
  std::ifstream maps("/proc/self/smaps");
  bool found = false;
  for (std::string line; std::getline(maps, line);) {
    std::istringstream range(line);
    std::uintptr_t from = 0;
    std::uintptr_t to = 0;
    char dash = 0;
    if (range >> std::hex >> from >> dash >> to && dash == '-') {
      found = from <= wanted && wanted < to;
    } else if (found && line.starts_with("VmFlags:")) {
      return line + ' ';
    }
  }
  return {};
}

TEST(Pages, AreInSmallPagesUntilLargeOnesAreAskedFor) {
  if (!std::filesystem::exists("/sys/kernel/mm/transparent_hugepage")) {
    GTEST_SKIP() << "this kernel has no large pages";
  }
  const PageArray<std::uint8_t> array(4 * kLargePage);
  const std::uint8_t* behind = &array[3 * kLargePage];
  EXPECT_EQ(FlagsOf(behind).find(" hg "), std::string::npos);
  array.UseLargePages();
  EXPECT_NE(FlagsOf(behind).find(" hg "), std::string::npos);
  EXPECT_EQ(FlagsOf(&array[0]).find(" hg "), std::string::npos)
      << "few flows take a large page";
}

TEST(Pages, AreZeroWhereverTheyAreFirstUsed) {
  PageArray<std::uint64_t> array(kLargePage);
  array.UseLargePages();
  array.Populate(1000, 100'000);
  for (std::size_t at = 0; at < kLargePage; at += 4001) {
    EXPECT_EQ(array[at], 0U) << at;
    array[at] = at;
  }
  EXPECT_EQ(array[4001], 4001U);
}

}  // namespace
}  // namespace tracker
