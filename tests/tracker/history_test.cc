// SPDX-License-Identifier: Apache-2.0
#include "tracker/history.h"

#include <cstdint>
#include <random>
#include <set>
#include <string>
#include <string_view>

#include <gtest/gtest.h>

#include "tracker/rare_stats.h"

namespace tests {
namespace {

using tracker::History;
using tracker::Side;

// A flow's letters, wherever they are kept.
class Letters {
 public:
  void Add(Side side, char letter) { history.Add(side, letter, rare_); }
  void AddOnce(Side side, char letter) { history.AddOnce(side, letter, rare_); }
  void AddLogScaled(Side side, char letter, std::uint32_t count) {
    history.AddLogScaled(side, letter, count, rare_);
  }
  void AddFlip() { history.AddFlip(rare_); }
  [[nodiscard]] std::string Text() const {
    return std::string(history.Letters(rare_.Read().history).View());
  }
  [[nodiscard]] bool HasRarePart() const { return rare_.Lent(); }

  History history;

 private:
  tracker::RarePool rares_{1};
  tracker::RarePool::Index index_ = tracker::RarePool::kNone;
  tracker::RareLoan rare_{rares_, index_};
};

TEST(History, WritesTheInitiatorInUpperCase) {
  Letters history;

  history.Add(Side::kInitiator, 's');
  history.Add(Side::kResponder, 'h');

  EXPECT_EQ(history.Text(), "Sh");
}

TEST(History, IsEmptyAtFirst) { EXPECT_EQ(Letters().Text(), ""); }

TEST(History, AddOnceIsOncePerSide) {
  Letters history;

  history.AddOnce(Side::kInitiator, 'd');
  history.AddOnce(Side::kInitiator, 'd');
  history.AddOnce(Side::kResponder, 'd');

  EXPECT_EQ(history.Text(), "Dd");
}

TEST(History, NeedsARarePartForItsThirteenthLetter) {
  Letters history;
  std::string expected;
  for (const char letter : std::string("shadfriqtwgs")) {
    history.Add(Side::kResponder, letter);
    expected += letter;
  }
  EXPECT_EQ(history.Text(), expected);
  EXPECT_FALSE(history.HasRarePart());

  history.Add(Side::kInitiator, 'h');

  EXPECT_EQ(history.Text(), expected + "H");
  EXPECT_TRUE(history.HasRarePart());
}

TEST(History, AddOnceIfRoomDoesNothingWithoutRoom) {
  Letters history;
  for (std::size_t i = 0; i < History::kOwn - 1; ++i) {
    history.Add(Side::kInitiator, 'f');
  }

  EXPECT_TRUE(history.history.AddOnceIfRoom(Side::kInitiator, 'd'));
  EXPECT_TRUE(history.history.AddOnceIfRoom(Side::kInitiator, 'd'));
  EXPECT_FALSE(history.history.AddOnceIfRoom(Side::kResponder, 'd'));

  EXPECT_EQ(history.Text(), "FFFFFFFFFFFD");
  EXPECT_FALSE(history.history.Has(Side::kResponder, 'd'));
}

TEST(History, DropsLettersBeyondItsCapacity) {
  Letters history;

  for (std::size_t i = 0; i < History::kCapacity + 5; ++i) {
    history.Add(Side::kInitiator, 'f');
  }

  EXPECT_EQ(history.Text(), std::string(History::kCapacity, 'F'));
}

TEST(History, LogScaleWritesPowersOfTen) {
  Letters history;

  for (std::uint32_t count = 1; count <= 1000; ++count) {
    history.AddLogScaled(Side::kInitiator, 't', count);
  }

  EXPECT_EQ(history.Text(), "TTTT");
}

TEST(History, FlipDoesNotRewriteWhatIsThere) {
  Letters history;
  history.Add(Side::kInitiator, 'h');
  history.Add(Side::kResponder, 's');

  history.AddFlip();

  EXPECT_EQ(history.Text(), "Hs^");
}

TEST(History, LoneSynAckIsRewritten) {
  Letters history;
  history.Add(Side::kInitiator, 'h');

  history.history.RewriteLoneSynAck();

  EXPECT_EQ(history.Text(), "^h");
}

TEST(History, MarksWhatItHasNoRoomFor) {
  Letters history;
  for (std::size_t i = 0; i < History::kCapacity - 1; ++i) {
    history.Add(Side::kInitiator, 'f');
  }

  history.AddOnce(Side::kResponder, 'w');
  history.AddOnce(Side::kResponder, 'g');
  history.AddFlip();

  EXPECT_EQ(history.Text(), std::string(History::kCapacity - 1, 'F') + "w");
  EXPECT_TRUE(history.history.Has(Side::kResponder, 'g'));
  EXPECT_TRUE(history.history.AddOnceIfRoom(Side::kResponder, 'g'));
}

TEST(History, OfMoreThanALoneSynAckIsNone) {
  Letters history;
  EXPECT_FALSE(history.history.IsLoneSynAck());
  history.Add(Side::kInitiator, 'h');
  EXPECT_TRUE(history.history.IsLoneSynAck());

  history.Add(Side::kResponder, 's');

  EXPECT_FALSE(history.history.IsLoneSynAck());
}

TEST(History, OfTheRespondersSynAckIsNotALoneOne) {
  Letters history;
  history.Add(Side::kResponder, 'h');

  EXPECT_FALSE(history.history.IsLoneSynAck());
}

// Random letters against a string, and the marks against a set.
class HistoryModel : public testing::TestWithParam<std::uint32_t> {};
INSTANTIATE_TEST_SUITE_P(Random, HistoryModel, testing::Range(1U, 31U));

TEST_P(HistoryModel, IsWhatAStringWouldHold) {
  constexpr std::string_view kLetters = "shadfriqtwg";
  constexpr std::string_view kUpper = "SHADFRIQTWG";
  std::mt19937 random(GetParam());
  Letters history;
  std::string expected;
  std::set<char> marked;
  for (int step = 0; step < 60; ++step) {
    const std::size_t which = random() % kLetters.size();
    const char letter = kLetters[which];
    const Side side = random() % 2 == 0 ? Side::kInitiator : Side::kResponder;
    const char written = side == Side::kInitiator ? kUpper[which] : letter;
    const bool full = expected.size() >= History::kOwn;
    switch (random() % 4) {
      case 0:
        history.AddOnce(side, letter);
        expected.append(marked.insert(written).second ? 1 : 0, written);
        break;
      case 1:
        ASSERT_EQ(history.history.AddOnceIfRoom(side, letter),
                  !full || marked.contains(written));
        expected.append(!full && marked.insert(written).second ? 1 : 0,
                        written);
        break;
      case 2:
        history.AddFlip();
        expected += '^';
        break;
      default:
        history.Add(side, letter);
        expected += written;
        break;
    }
    ASSERT_EQ(history.Text(), expected.substr(0, History::kCapacity));
    ASSERT_EQ(history.HasRarePart(), expected.size() > History::kOwn);
  }
}

TEST(History, RemembersWhatWasMarked) {
  Letters history;
  history.AddOnce(Side::kResponder, 'd');

  EXPECT_TRUE(history.history.Has(Side::kResponder, 'd'));
  EXPECT_FALSE(history.history.Has(Side::kInitiator, 'd'));
  EXPECT_FALSE(history.history.Has(Side::kResponder, 'a'));
}

}  // namespace
}  // namespace tests
