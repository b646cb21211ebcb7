// SPDX-License-Identifier: Apache-2.0
#include "tracker/flow_body.h"

#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>

#include <gtest/gtest.h>
#include <sys/mman.h>

namespace tracker {
namespace {

constexpr std::size_t kMostTcp = 1 << 20;
constexpr SlotIndex kFarSlot = 1 << 19;
constexpr std::size_t kPage = 4096;
// Whose body is a page behind that of kFarSlot.
constexpr SlotIndex kNeighbour = kFarSlot + kPage / 128;

class FlowBodiesTest : public testing::Test {
 protected:
  void SetUp() override {
    if (static_cast<std::size_t>(sysconf(_SC_PAGESIZE)) != kPage) {
      GTEST_SKIP() << "only where a page is less than a chunk";
    }
  }
};

// Whether its memory was ever used.
bool IsThere(const FlowBody& body) {
  const auto* octets = reinterpret_cast<const std::byte*>(&body);
  const std::size_t in_page = reinterpret_cast<std::uintptr_t>(octets) % kPage;
  std::array<unsigned char, 1> there{};
  EXPECT_EQ(
      mincore(const_cast<std::byte*>(octets - in_page), kPage, there.data()),
      0);
  return (there[0] & 1) != 0;
}

// Of so many flows that begin, one in `share` gets a body.
void Begin(FlowBodies& bodies, SlotIndex flows, SlotIndex share) {
  for (SlotIndex slot = 0; slot < flows; ++slot) {
    bodies.CountFlow();
    if (slot % share == 0) {
      bodies.Construct(slot);
    }
  }
}

TEST_F(FlowBodiesTest, OfAFloodUseTheirPagesOnly) {
  FlowBodies bodies(kMostTcp);
  Begin(bodies, 10'000, 100);
  bodies.Construct(kFarSlot);
  EXPECT_TRUE(IsThere(bodies[kFarSlot]));
  EXPECT_FALSE(IsThere(bodies[kNeighbour]));
}

TEST_F(FlowBodiesTest, OfConversationsGetTheMemoryOfTheirNeighboursToo) {
  FlowBodies bodies(kMostTcp);
  Begin(bodies, 10'000, 2);
  bodies.Construct(kFarSlot);
  EXPECT_TRUE(IsThere(bodies[kNeighbour]));
  EXPECT_FALSE(IsThere(bodies[kFarSlot + 4096])) << "but of few";
}

TEST_F(FlowBodiesTest, OfAFloodUseTheirPagesOnlyAfterConversations) {
  FlowBodies bodies(kMostTcp);
  Begin(bodies, 10'000, 2);
  Begin(bodies, 10'000, 100);
  bodies.Construct(kFarSlot);
  EXPECT_FALSE(IsThere(bodies[kNeighbour]));
}

TEST_F(FlowBodiesTest, OfTheLastSlotsAreThere) {
  FlowBodies bodies(1000);
  Begin(bodies, 1000, 1);
  for (SlotIndex slot = 0; slot < 2000; ++slot) {
    bodies.CountFlow();
    bodies.Construct(slot).sides[1].packets = slot;
  }
  for (int round = 0; round < 3; ++round) {
    for (SlotIndex slot = 0; slot < 2000; ++slot) {
      bodies.CountFlow();
      EXPECT_EQ(bodies[slot].sides[1].packets, slot);
    }
    bodies.Construct(1999).sides[1].packets = 1999;
  }
}

}  // namespace
}  // namespace tracker
