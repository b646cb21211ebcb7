// SPDX-License-Identifier: Apache-2.0
#include "exporter/pcapng_filter.h"

#include <algorithm>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace exporter {
namespace {

using Octets = std::vector<std::uint8_t>;

// All of `stream` through the filter, `step` octets at a time on both sides.
Octets Filtered(const Octets& stream, std::size_t step) {
  std::size_t given = 0;
  PcapngFilter filter([&](std::span<std::uint8_t> out) {
    const std::size_t count =
        std::min({out.size(), step, stream.size() - given});
    std::copy_n(stream.begin() + static_cast<std::ptrdiff_t>(given), count,
                out.begin());
    given += count;
    return static_cast<std::ptrdiff_t>(count);
  });
  Octets passed;
  Octets part(step);
  for (std::ptrdiff_t got = filter.Read(part); got > 0;
       got = filter.Read(part)) {
    passed.insert(passed.end(), part.begin(), part.begin() + got);
  }
  return passed;
}

const Octets kLittleSection = {0x0a, 0x0d, 0x0d, 0x0a, 16, 0, 0, 0,
                               0x4d, 0x3c, 0x2b, 0x1a, 16, 0, 0, 0};
const Octets kBigSection = {0x0a, 0x0d, 0x0d, 0x0a, 0, 0, 0, 16,
                            0x1a, 0x2b, 0x3c, 0x4d, 0, 0, 0, 16};
const Octets kLittleInterface = {1, 0, 0, 0,  20, 0, 0,  0, 1, 0,
                                 0, 0, 0, 32, 0,  0, 20, 0, 0, 0};
const Octets kBigInterface = {0, 0, 0, 1, 0,  0, 0, 20, 0, 1,
                              0, 0, 0, 0, 32, 0, 0, 0,  0, 20};
// A packet block whose body looks like an interface block.
const Octets kPacket = {6, 0, 0, 0, 28, 0, 0,  0, 1, 0, 0,  0, 20, 0,
                        0, 0, 1, 0, 0,  0, 99, 9, 9, 9, 28, 0, 0,  0};

Octets Joined(std::initializer_list<Octets> parts) {
  Octets all;
  for (const Octets& part : parts) {
    all.insert(all.end(), part.begin(), part.end());
  }
  return all;
}

Octets WithoutLimit(Octets interface) {
  std::fill_n(interface.begin() + 12, 4, std::uint8_t{0});
  return interface;
}

class PcapngFilterInSteps : public testing::TestWithParam<std::size_t> {};

TEST_P(PcapngFilterInSteps, LiftsTheLimitOfEachInterfaceAndNothingElse) {
  const Octets stream =
      Joined({kLittleSection, kLittleInterface, kPacket, kLittleInterface});
  EXPECT_EQ(Filtered(stream, GetParam()),
            Joined({kLittleSection, WithoutLimit(kLittleInterface), kPacket,
                    WithoutLimit(kLittleInterface)}));
}

TEST_P(PcapngFilterInSteps, FollowsTheByteOrderOfEachSection) {
  const Octets stream =
      Joined({kLittleSection, kLittleInterface, kBigSection, kBigInterface});
  EXPECT_EQ(Filtered(stream, GetParam()),
            Joined({kLittleSection, WithoutLimit(kLittleInterface), kBigSection,
                    WithoutLimit(kBigInterface)}));
}

TEST_P(PcapngFilterInSteps, PassesOtherFormatsUnchanged) {
  const Octets pcap = Joined({{0xd4, 0xc3, 0xb2, 0xa1}, kLittleInterface});
  EXPECT_EQ(Filtered(pcap, GetParam()), pcap);
}

TEST_P(PcapngFilterInSteps, PassesAStreamThatIsCutOff) {
  Octets stream = Joined({kLittleSection, kLittleInterface});
  stream.resize(stream.size() - 10);
  EXPECT_EQ(Filtered(stream, GetParam()).size(), stream.size());
}

TEST_P(PcapngFilterInSteps, PassesABlockOfImpossibleLength) {
  Octets broken = kPacket;
  broken[4] = 3;
  const Octets stream = Joined({kLittleSection, broken, kLittleInterface});
  EXPECT_EQ(Filtered(stream, GetParam()), stream);
}

INSTANTIATE_TEST_SUITE_P(Steps, PcapngFilterInSteps,
                         testing::Values(1, 3, 16, 4096));

}  // namespace
}  // namespace exporter
