// SPDX-License-Identifier: Apache-2.0
#include "tracker/history.h"

#include <gtest/gtest.h>

namespace tests {
namespace {

using tracker::History;
using tracker::Side;

TEST(History, WritesTheInitiatorInUpperCase) {
  History history;

  history.Add(Side::kInitiator, 's');
  history.Add(Side::kResponder, 'h');

  EXPECT_EQ(history.Letters(), "Sh");
}

TEST(History, IsEmptyAtFirst) { EXPECT_EQ(History().Letters(), ""); }

TEST(History, AddOnceIsOncePerSide) {
  History history;

  history.AddOnce(Side::kInitiator, 'd');
  history.AddOnce(Side::kInitiator, 'd');
  history.AddOnce(Side::kResponder, 'd');

  EXPECT_EQ(history.Letters(), "Dd");
}

TEST(History, DropsLettersBeyondItsCapacity) {
  History history;

  for (std::size_t i = 0; i < History::kCapacity + 5; ++i) {
    history.Add(Side::kInitiator, 'f');
  }

  EXPECT_EQ(history.Letters(), std::string(History::kCapacity, 'F'));
}

TEST(History, LogScaleWritesPowersOfTen) {
  History history;

  for (std::uint32_t count = 1; count <= 1000; ++count) {
    history.AddLogScaled(Side::kInitiator, 't', count);
  }

  EXPECT_EQ(history.Letters(), "TTTT");
}

TEST(History, FlipDoesNotRewriteWhatIsThere) {
  History history;
  history.Add(Side::kInitiator, 'h');
  history.Add(Side::kResponder, 's');

  history.AddFlip();

  EXPECT_EQ(history.Letters(), "Hs^");
}

TEST(History, LoneSynAckIsRewritten) {
  History history;
  history.Add(Side::kInitiator, 'h');

  history.RewriteLoneSynAck();

  EXPECT_EQ(history.Letters(), "^h");
}

TEST(History, RemembersWhatWasMarked) {
  History history;
  history.AddOnce(Side::kResponder, 'd');

  EXPECT_TRUE(history.Has(Side::kResponder, 'd'));
  EXPECT_FALSE(history.Has(Side::kInitiator, 'd'));
  EXPECT_FALSE(history.Has(Side::kResponder, 'a'));
}

}  // namespace
}  // namespace tests
