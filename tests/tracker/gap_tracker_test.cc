// SPDX-License-Identifier: Apache-2.0
#include "tracker/gap_tracker.h"

#include <array>
#include <cstdint>
#include <set>
#include <utility>
#include <vector>

#include <gmock/gmock.h>

#include "tests/tracker/random_stream.h"
#include "tests/tracker/trace.h"

namespace tests {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;
using testing::SizeIs;
using tracker::BlockPool;
using tracker::kAck;
using tracker::kFin;
using tracker::kRst;
using tracker::kSyn;
using tracker::StreamBlocks;

// Where streams begin: far from the wrap, before it, and right on it.
constexpr std::array<std::uint32_t, 5> kStarts = {1, 0x7fffffc0, 0xffffff00,
                                                  0xffffffff, 0};

using Numbers32 = std::vector<std::uint32_t>;

// Lengths of the holes in [from, to).
Numbers32 Holes(const StreamBlocks& blocks, std::uint32_t from,
                std::uint32_t to) {
  Numbers32 holes;
  blocks.ForEachHole(from, to,
                     [&](std::uint32_t octets) { holes.push_back(octets); });
  return holes;
}

// The same by a set of numbers that were seen, counted from the start of the
// stream. `delivered` is what StreamBlocks leaves to its user.
class NaiveBlocks {
 public:
  void Insert(std::uint32_t begin, std::uint32_t end) {
    Fill(begin, end);
    const auto blocks = Blocks();
    if (blocks.size() > StreamBlocks::kBlocks) {
      Fill(blocks[blocks.size() - 2].second, blocks.back().first);
    }
  }
  std::uint32_t Advance(std::uint32_t number) {
    while (seen_.contains(number)) {
      ++number;
    }
    seen_.erase(seen_.begin(), seen_.lower_bound(number));
    return number;
  }
  [[nodiscard]] Numbers32 Holes(std::uint32_t from, std::uint32_t to) const {
    Numbers32 holes;
    bool open = false;
    for (; from < to; ++from) {
      const bool missing = !seen_.contains(from);
      if (missing && !open) {
        holes.push_back(0);
      }
      open = missing;
      if (missing) {
        ++holes.back();
      }
    }
    return holes;
  }
  [[nodiscard]] std::size_t Octets() const { return seen_.size(); }

 private:
  void Fill(std::uint32_t begin, std::uint32_t end) {
    for (; begin < end; ++begin) {
      seen_.insert(begin);
    }
  }
  [[nodiscard]] std::vector<std::pair<std::uint32_t, std::uint32_t>> Blocks()
      const {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> blocks;
    for (const std::uint32_t number : seen_) {
      if (blocks.empty() || blocks.back().second != number) {
        blocks.emplace_back(number, number);
      }
      ++blocks.back().second;
    }
    return blocks;
  }

  std::set<std::uint32_t> seen_;
};

// --- StreamBlocks.

// NOLINTNEXTLINE(readability-function-size)
TEST(StreamBlocks, CountWhatASetOfNumbersCounts) {
  for (const std::uint32_t start : kStarts) {
    for (std::uint64_t seed = 1; seed <= 60; ++seed) {
      SCOPED_TRACE(testing::Message() << "start " << start << " seed " << seed);
      Random random(seed);
      StreamBlocks blocks;
      NaiveBlocks naive;
      std::uint32_t delivered = 0;
      const std::uint32_t longest = random.Between(2, 40);
      for (int step = 0; step < 60; ++step) {
        const std::uint32_t begin = delivered + 1 + random.Below(300);
        const std::uint32_t end = begin + random.Between(1, longest);
        blocks.Insert(start + begin, start + end);
        naive.Insert(begin, end);
        const std::uint32_t to = delivered + random.Below(400);
        ASSERT_EQ(Holes(blocks, start + delivered, start + to),
                  naive.Holes(delivered, to));
        if (random.Percent(20)) {
          const std::uint32_t by = delivered + random.Below(80);
          const std::uint32_t reached = naive.Advance(by);
          ASSERT_EQ(blocks.Advance(start + by) - start, reached);
          delivered = reached;
        }
        ASSERT_EQ(blocks.Octets(), naive.Octets());
        ASSERT_EQ(blocks.Empty(), naive.Octets() == 0);
      }
    }
  }
}

TEST(StreamBlocks, ThatTouchAreOne) {
  StreamBlocks blocks;
  blocks.Insert(200, 300);
  blocks.Insert(400, 500);
  blocks.Insert(300, 400);

  EXPECT_THAT(Holes(blocks, 100, 600), ElementsAre(100, 100));
  EXPECT_EQ(blocks.Octets(), 300U);
}

TEST(StreamBlocks, LieAcrossTheWrap) {
  StreamBlocks blocks;
  blocks.Insert(0xfffffff8, 8);
  blocks.Insert(0x10, 0x20);

  EXPECT_THAT(Holes(blocks, 0xfffffff0, 0x30), ElementsAre(8, 8, 16));
  EXPECT_EQ(blocks.Advance(0xffffffff), 8U);
}

TEST(StreamBlocks, BeyondTheLastPlaceJoinTheLast) {
  StreamBlocks blocks;
  for (std::uint32_t i = 1; i <= StreamBlocks::kBlocks; ++i) {
    blocks.Insert(i * 100, i * 100 + 10);
  }
  EXPECT_THAT(Holes(blocks, 10, 810), SizeIs(8));

  blocks.Insert(900, 910);

  EXPECT_THAT(Holes(blocks, 10, 910),
              ElementsAre(90, 90, 90, 90, 90, 90, 90, 90));
  EXPECT_EQ(blocks.Octets(), 7U * 10 + 110);
}

TEST(StreamBlocks, BeforeTheLastPlaceJoinTheLastTwo) {
  StreamBlocks blocks;
  for (std::uint32_t i = 2; i <= StreamBlocks::kBlocks + 1; ++i) {
    blocks.Insert(i * 100, i * 100 + 10);
  }

  blocks.Insert(100, 110);

  EXPECT_THAT(Holes(blocks, 10, 910),
              ElementsAre(90, 90, 90, 90, 90, 90, 90, 90));
}

TEST(StreamBlocks, AreForgottenWhenTheStreamHasPassedThem) {
  StreamBlocks blocks;
  blocks.Insert(200, 300);
  blocks.Insert(400, 500);

  EXPECT_EQ(blocks.Advance(250), 300U);
  EXPECT_THAT(Holes(blocks, 300, 500), ElementsAre(100));
  EXPECT_EQ(blocks.Advance(600), 600U);
  EXPECT_TRUE(blocks.Empty());
}

TEST(StreamBlocks, HaveNoHoleInAnEmptyRange) {
  StreamBlocks blocks;
  blocks.Insert(200, 300);

  EXPECT_THAT(Holes(blocks, 150, 150), IsEmpty());
  EXPECT_THAT(Holes(blocks, 200, 300), IsEmpty());
}

// --- BlockPool.

TEST(BlockPool, LendsNoMoreThanItHas) {
  BlockPool pool(3);
  std::set<BlockPool::Index> lent;
  for (int i = 0; i < 3; ++i) {
    lent.insert(pool.Lend());
  }

  EXPECT_THAT(lent, SizeIs(3));
  EXPECT_FALSE(lent.contains(BlockPool::kNone));
  EXPECT_EQ(pool.Lend(), BlockPool::kNone);
}

TEST(BlockPool, LendsWhatWasReturnedEmpty) {
  BlockPool pool(1);
  BlockPool::Index index = pool.Lend();
  pool[index].Insert(1, 2);
  pool.Return(index);
  EXPECT_EQ(index, BlockPool::kNone);

  index = pool.Lend();

  ASSERT_NE(index, BlockPool::kNone);
  EXPECT_TRUE(pool[index].Empty());
}

TEST(BlockPool, TakesNoneBackWithoutHarm) {
  BlockPool pool(1);
  BlockPool::Index none = BlockPool::kNone;
  pool.Return(none);

  EXPECT_NE(pool.Lend(), BlockPool::kNone);
  EXPECT_EQ(pool.Lend(), BlockPool::kNone);
}

TEST(BlockPool, NeverLendsTheSameTwice) {
  Random random(1);
  BlockPool pool(20);
  std::vector<BlockPool::Index> lent;
  for (int step = 0; step < 2000; ++step) {
    if (random.Percent(55)) {
      const BlockPool::Index index = pool.Lend();
      ASSERT_EQ(index == BlockPool::kNone, lent.size() == 20);
      if (index != BlockPool::kNone) {
        lent.push_back(index);
        pool[index].Insert(10, 20);
      }
    } else if (!lent.empty()) {
      std::swap(lent[random.Below(static_cast<std::uint32_t>(lent.size()))],
                lent.back());
      pool.Return(lent.back());
      lent.pop_back();
    }
    ASSERT_EQ(std::set(lent.begin(), lent.end()).size(), lent.size());
  }
}

// --- Gaps of a connection. Data begins at 1001 and 5001.

// `at`: octets of the stream before the segment.
Trace& ClientData(Trace& trace, std::uint32_t at, std::uint32_t length) {
  return trace.Client(kAck, {.seq = 1001 + at, .ack = 5001, .length = length});
}
Trace& ServerAck(Trace& trace, std::uint32_t octets) {
  return trace.Server(kAck, {.seq = 5001, .ack = 1001 + octets});
}

TEST(Gap, IsWhatWasAcknowledgedAndNeverSeen) {
  Trace trace;
  trace.Handshake();
  ClientData(trace, 0, 100);
  ClientData(trace, 200, 100);  // 100 are lost
  ServerAck(trace, 300);

  EXPECT_EQ(trace.Letters(), "ShADaG");
  EXPECT_EQ(trace.missing, 100U);
}

// Segments as segmentation offload makes them, each acknowledged at once.
Trace& ClientDataUpTo(Trace& trace, std::uint64_t from, std::uint64_t to) {
  constexpr std::uint32_t kSegment = 1 << 16;
  for (std::uint64_t at = from; at < to; at += kSegment) {
    ClientData(trace, static_cast<std::uint32_t>(at), kSegment);
    ServerAck(trace, static_cast<std::uint32_t>(at + kSegment));
  }
  return trace;
}

TEST(Gap, IsFoundHoweverMuchWasSentBefore) {
  constexpr std::uint64_t kGibioctet = 1 << 30;
  for (const std::uint64_t before : {1, 2, 3, 5}) {
    Trace trace;
    trace.Handshake();
    ClientDataUpTo(trace, 0, before * kGibioctet);
    EXPECT_EQ(trace.missing, 0U);

    const std::uint64_t lost = before * kGibioctet;
    ClientDataUpTo(trace, lost + 100, lost + 100 + 5 * kGibioctet);

    EXPECT_EQ(trace.missing, 100U) << before;
    EXPECT_EQ(trace.retransmitted, 0);
  }
}

TEST(Gap, IsNoneWhereASegmentCameLateAfterGibioctets) {
  constexpr std::uint64_t kGibioctet = 1 << 30;
  for (const std::uint64_t before : {1, 2, 3, 4, 5, 6}) {
    Trace trace;
    trace.Handshake();
    ClientDataUpTo(trace, 0, before * kGibioctet);
    const auto at = static_cast<std::uint32_t>(before * kGibioctet);
    ClientData(trace, at + 100, 100);
    ClientData(trace, at, 100);
    ServerAck(trace, at + 200);
    ClientDataUpTo(trace, before * kGibioctet + 200, 9 * kGibioctet);

    EXPECT_EQ(trace.missing, 0U) << before;
  }
}

TEST(Gap, HasTheCaseOfTheSideThatSentIt) {
  Trace trace;
  trace.Handshake()
      .Server(kAck, {.seq = 5051, .ack = 1001, .length = 10})
      .Client(kAck, {.seq = 1001, .ack = 5061});

  EXPECT_EQ(trace.Letters(), "ShAdg");
  EXPECT_EQ(trace.missing, 50U);
}

TEST(Gap, AtTheEndIsKnownByTheAcknowledgmentAlone) {
  Trace trace;
  trace.Handshake();
  ClientData(trace, 0, 100);
  ServerAck(trace, 250);

  EXPECT_EQ(trace.Letters(), "ShADaG");
  EXPECT_EQ(trace.missing, 150U);
}

TEST(Gap, IsNoneBeforeItIsAcknowledged) {
  Trace trace;
  trace.Handshake();
  ClientData(trace, 100, 100);
  ClientData(trace, 300, 100);
  ServerAck(trace, 0);

  EXPECT_EQ(trace.Letters(), "ShADa");
  EXPECT_EQ(trace.missing, 0U);
}

TEST(Gap, ThatIsFilledInTimeIsNone) {
  Trace trace;
  trace.Handshake();
  ClientData(trace, 0, 100);
  ClientData(trace, 200, 100);
  ClientData(trace, 100, 100);
  ServerAck(trace, 300);

  EXPECT_EQ(trace.Letters(), "ShADTa");
  EXPECT_EQ(trace.missing, 0U);
}

TEST(Gap, ThatIsFilledInPartIsTheRest) {
  Trace trace;
  trace.Handshake();
  ClientData(trace, 200, 100);
  ClientData(trace, 50, 100);
  ServerAck(trace, 300);

  EXPECT_EQ(trace.missing, 100U);
}

TEST(Gap, AcknowledgedInTwoStepsIsCountedOnce) {
  Trace trace;
  trace.Handshake();
  ClientData(trace, 0, 100);
  ClientData(trace, 300, 100);
  ServerAck(trace, 150);
  EXPECT_EQ(trace.missing, 50U);

  ServerAck(trace, 400);

  EXPECT_EQ(trace.missing, 200U);
  ServerAck(trace, 400);
  EXPECT_EQ(trace.missing, 200U);
}

TEST(Gap, OfEachHoleCountsOnALogarithmicScale) {
  Trace trace;
  trace.Handshake();
  for (std::uint32_t i = 0; i < 9; ++i) {
    ClientData(trace, i * 20 + 10, 10);
    ServerAck(trace, i * 20 + 20);
  }
  EXPECT_EQ(trace.Letters(), "ShADaG");

  ClientData(trace, 190, 10);
  ServerAck(trace, 200);

  EXPECT_EQ(trace.Letters(), "ShADaGG");
  EXPECT_EQ(trace.missing, 100U);
}

TEST(Gap, OfSeveralHolesInOneAcknowledgmentCountsEach) {
  Trace trace;
  trace.Handshake();
  for (std::uint32_t i = 0; i < 8; ++i) {
    ClientData(trace, i * 20 + 10, 10);
  }
  ServerAck(trace, 170);  // eight holes and what follows the last segment
  EXPECT_EQ(trace.Letters(), "ShADaG");
  EXPECT_EQ(trace.missing, 90U);

  ServerAck(trace, 180);

  EXPECT_EQ(trace.Letters(), "ShADaGG");
}

TEST(Gap, BeyondTheKnownHolesIsNotCounted) {
  Trace trace;
  trace.Handshake();
  for (std::uint32_t i = 0; i < 9; ++i) {
    ClientData(trace, i * 20 + 10, 10);
  }

  ServerAck(trace, 180);

  EXPECT_EQ(trace.missing, 80U);
}

TEST(Gap, IsNoneInAMidstreamConnection) {
  Trace trace;
  ClientData(trace, 0, 100);
  ServerAck(trace, 100);
  ClientData(trace, 200, 100);
  ServerAck(trace, 300);

  EXPECT_EQ(trace.missing, 0U);
  EXPECT_EQ(trace.Letters(), "Da");
}

TEST(Gap, DoesNotCountTheNumberOfTheFin) {
  Trace trace;
  trace.Handshake();
  ClientData(trace, 0, 100);
  trace.Client(kFin | kAck, {.seq = 1101, .ack = 5001});
  ServerAck(trace, 101);

  EXPECT_EQ(trace.Letters(), "ShADFa");
  EXPECT_EQ(trace.missing, 0U);
}

TEST(Gap, EndsWhereTheFinIsWhateverComesBehindIt) {
  Trace trace;
  trace.Handshake();
  trace.Client(kFin | kAck, {.seq = 1001, .ack = 5001});
  trace.Client(kAck, {.seq = 1102, .ack = 5001, .length = 10});
  trace.Server(kAck, {.seq = 5001, .ack = 1112});

  EXPECT_EQ(trace.missing, 0U);
}

TEST(Gap, BeforeTheFinIsCountedWithoutItsNumber) {
  Trace trace;
  trace.Handshake();
  trace.Client(kFin | kAck, {.seq = 1101, .ack = 5001});
  ServerAck(trace, 101);

  EXPECT_EQ(trace.Letters(), "ShAFaG");
  EXPECT_EQ(trace.missing, 100U);
}

TEST(Gap, IsCountedWhenBothSidesHaveClosed) {
  Trace trace;
  trace.Handshake()
      .Client(kFin | kAck, {.seq = 1001, .ack = 5001})
      .Server(kFin | kAck, {.seq = 5101, .ack = 1002})
      .Client(kAck, {.seq = 1002, .ack = 5102});

  EXPECT_EQ(trace.missing, 100U);
  EXPECT_EQ(trace.Letters(), "ShAFfg");
}

TEST(Gap, IsNotRevealedByAReset) {
  Trace trace;
  trace.Handshake();
  ClientData(trace, 100, 100);
  trace.Server(kRst | kAck, {.seq = 5001, .ack = 1201});

  EXPECT_EQ(trace.Letters(), "ShADr");
  EXPECT_EQ(trace.missing, 0U);
}

TEST(Gap, IsNoneAfterAReset) {
  Trace trace;
  trace.Handshake();
  ClientData(trace, 100, 100);
  trace.Client(kRst | kAck, {.seq = 1201, .ack = 5001});
  ServerAck(trace, 200);

  EXPECT_EQ(trace.missing, 0U);
}

TEST(Gap, OctetsOfAResetAreNotOfTheStream) {
  Trace trace;
  trace.Handshake();
  trace.Client(kRst, {.seq = 1001, .length = 50});
  ServerAck(trace, 0);

  EXPECT_EQ(trace.missing, 0U);
}

TEST(Gap, IsNoneForDataInTheSyn) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000, .length = 50})
      .Server(kSyn | kAck, {.seq = 5000, .ack = 1051})
      .Client(kAck, {.seq = 1051, .ack = 5001});

  EXPECT_EQ(trace.missing, 0U);
  EXPECT_EQ(trace.Letters().find('G'), std::string::npos);
}

TEST(Gap, OfDataThatTheSynShouldHaveHadIsNone) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000, .length = 50})
      .Server(kSyn | kAck, {.seq = 5000, .ack = 1001})
      .Client(kAck, {.seq = 1001, .ack = 5001, .length = 50})
      .Server(kAck, {.seq = 5001, .ack = 1051});

  EXPECT_EQ(trace.missing, 0U);
}

TEST(Gap, IsCountedAcrossTheWrapOfTheNumbers) {
  constexpr std::uint32_t kIsn = 0xffffffc0;
  Trace trace;
  trace.Client(kSyn, {.seq = kIsn})
      .Server(kSyn | kAck, {.seq = 5000, .ack = kIsn + 1})
      .Client(kAck, {.seq = kIsn + 1, .ack = 5001})
      .Client(kAck, {.seq = kIsn + 101, .ack = 5001, .length = 10})
      .Server(kAck, {.seq = 5001, .ack = kIsn + 111});

  EXPECT_EQ(trace.missing, 100U);
}

TEST(Gap, OfEachDirectionIsCountedByItself) {
  Trace trace;
  trace.Handshake();
  trace.Client(kAck, {.seq = 1011, .ack = 5001, .length = 10});
  trace.Server(kAck, {.seq = 5021, .ack = 1021, .length = 10});
  trace.Client(kAck, {.seq = 1021, .ack = 5031});

  EXPECT_EQ(trace.Letters(), "ShADdGg");
  EXPECT_EQ(trace.missing, 30U);
}

}  // namespace
}  // namespace tests
