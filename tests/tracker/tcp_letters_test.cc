// SPDX-License-Identifier: Apache-2.0
// When each letter of the history is written, and when not.
#include <gtest/gtest.h>

#include "tests/tracker/trace.h"

namespace tests {
namespace {

using tracker::kAck;
using tracker::kFin;
using tracker::kPsh;
using tracker::kRst;
using tracker::kSyn;

// --- Single letters.

TEST(TcpLetter, RetransmittedSynIsWrittenOnce) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000}).Client(kSyn, {.seq = 1000});

  EXPECT_EQ(trace.Letters(), "S");
}

TEST(TcpLetter, RetransmittedFinIsWrittenOnce) {
  Trace trace;
  trace.Handshake()
      .Client(kFin | kAck, {.seq = 1001, .ack = 5001})
      .Client(kFin | kAck, {.seq = 1001, .ack = 5001});

  EXPECT_EQ(trace.Letters(), "ShAF");
}

TEST(TcpLetter, FinElsewhereIsWrittenAgain) {
  Trace trace;
  trace.Handshake()
      .Client(kFin | kAck, {.seq = 1001, .ack = 5001})
      .Client(kFin | kAck, {.seq = 1101, .ack = 5001});

  EXPECT_EQ(trace.Letters(), "ShAFF");
}

TEST(TcpLetter, FinIsKnownAgainAfterDataBehindIt) {
  Trace trace;
  trace.Handshake()
      .Client(kFin | kAck, {.seq = 1001, .ack = 5001})
      .Client(kAck, {.seq = 1002, .ack = 5001, .length = 10})
      .Client(kFin | kAck, {.seq = 1001, .ack = 5001});

  EXPECT_EQ(trace.Letters(), "ShAFD");
}

TEST(TcpLetter, OnlyTheLastFinIsKnownAgain) {
  Trace trace;
  trace.Handshake()
      .Client(kFin | kAck, {.seq = 1001, .ack = 5001})
      .Client(kFin | kAck, {.seq = 1002, .ack = 5001})
      .Client(kFin | kAck, {.seq = 1002, .ack = 5001})
      .Client(kFin | kAck, {.seq = 1001, .ack = 5001});

  EXPECT_EQ(trace.Letters(), "ShAFFF");
}

TEST(TcpLetter, FinAheadOfItsTurnIsKnownAgain) {
  Trace trace;
  trace.Handshake()
      .Client(kFin | kAck, {.seq = 1011, .ack = 5001})
      .Client(kAck, {.seq = 1001, .ack = 5001, .length = 10})
      .Client(kFin | kAck, {.seq = 1011, .ack = 5001});

  EXPECT_EQ(trace.Letters(), "ShAFDT");
}

TEST(TcpLetter, RstIsKnownAgainAfterAFinBehindIt) {
  Trace trace;
  trace.Handshake()
      .Client(kRst, {.seq = 1001})
      .Client(kFin | kAck, {.seq = 1001, .ack = 5001, .length = 10})
      .Client(kRst, {.seq = 1001})
      .Client(kRst, {.seq = 1012});

  EXPECT_EQ(trace.Letters(), "ShARFR");
}

TEST(TcpLetter, FinWithDataIsComparedByItsEnd) {
  Trace trace;
  trace.Handshake()
      .Client(kFin | kAck, {.seq = 1001, .ack = 5001, .length = 100})
      .Client(kFin | kAck, {.seq = 1101, .ack = 5001});

  EXPECT_EQ(trace.Letters(), "ShAF");
}

TEST(TcpLetter, RstIsWrittenAgainOnlyWithAnotherSequence) {
  Trace trace;
  trace.Handshake()
      .Server(kRst, {.seq = 5001})
      .Server(kRst, {.seq = 5001})
      .Server(kRst, {.seq = 5100});

  EXPECT_EQ(trace.Letters(), "ShArr");
}

TEST(TcpLetter, DataAndAcksAreWrittenOncePerSide) {
  Trace trace;
  trace.Handshake()
      .Client(kAck, {.seq = 1001, .ack = 5001, .length = 10})
      .Client(kAck, {.seq = 1011, .ack = 5001, .length = 10})
      .Server(kAck, {.seq = 5001, .ack = 1021})
      .Server(kAck, {.seq = 5001, .ack = 1021});

  EXPECT_EQ(trace.Letters(), "ShADa");
}

TEST(TcpLetter, DataWithoutAckIsData) {
  Trace trace;
  trace.Client(0, {.seq = 1, .length = 10});

  EXPECT_EQ(trace.Letters(), "D");
}

// Zeek counts the octets of a SYN before it compares: they bring nothing new.
TEST(TcpLetter, DataInASynGivesTInsteadOfD) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000, .length = 50});

  EXPECT_EQ(trace.Letters(), "ST");
}

TEST(TcpLetter, PacketWithoutFlagsAndDataHasNone) {
  Trace trace;
  trace.Client(0, {.seq = 1}).Client(kPsh, {.seq = 1});

  EXPECT_EQ(trace.Letters(), "");
}

TEST(TcpLetter, FinWithRstIsInconsistentOncePerSide) {
  Trace trace;
  trace.Handshake()
      .Client(kFin | kRst, {.seq = 1001})
      .Client(kFin | kRst | kSyn, {.seq = 1001});

  EXPECT_EQ(trace.Letters(), "ShAI");
}

TEST(TcpLetter, SynWithFinIsOddOncePerSide) {
  Trace trace;
  trace.Client(kSyn | kFin, {.seq = 1000})
      .Client(kSyn | kRst, {.seq = 1000})
      .Server(kSyn | kFin | kAck, {.seq = 5000, .ack = 1002});

  EXPECT_EQ(trace.Letters(), "Qq");
}

TEST(TcpLetter, ZeroWindowIsWrittenAfterTheLetterOfThePacket) {
  Trace trace;
  trace.Handshake().Server(kAck, {.seq = 5001, .ack = 1001, .window = 0});

  EXPECT_EQ(trace.Letters(), "ShAaw");
}

TEST(TcpLetter, ZeroWindowOfAResetIsNone) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000})
      .Server(kRst | kAck, {.ack = 1001, .window = 0});

  EXPECT_EQ(trace.Letters(), "Sr");
}

TEST(TcpLetter, ZeroWindowAfterThePeerClosedIsNone) {
  Trace trace;
  trace.Handshake()
      .Client(kFin | kAck, {.seq = 1001, .ack = 5001})
      .Server(kAck, {.seq = 5001, .ack = 1002, .window = 0});

  EXPECT_EQ(trace.Letters(), "ShAFa");
}

TEST(TcpLetter, ZeroWindowsAreWrittenOnALogarithmicScale) {
  Trace trace;
  trace.Handshake();
  for (int i = 0; i < 99; ++i) {
    trace.Server(kAck, {.seq = 5001, .ack = 1001, .window = 0});
  }
  EXPECT_EQ(trace.Letters(), "ShAaww");

  trace.Server(kAck, {.seq = 5001, .ack = 1001, .window = 0});

  EXPECT_EQ(trace.Letters(), "ShAawww");
}

TEST(TcpLetter, RetransmissionIsWrittenAfterTheData) {
  Trace trace;
  trace.Handshake()
      .Client(kAck, {.seq = 1001, .ack = 5001, .length = 100})
      .Client(kAck, {.seq = 1001, .ack = 5001, .length = 100});

  EXPECT_EQ(trace.Letters(), "ShADT");
}

TEST(TcpLetter, RetransmissionComesAfterAZeroWindow) {
  Trace trace;
  trace.Handshake()
      .Client(kAck, {.seq = 1001, .ack = 5001, .length = 100})
      .Client(kAck, {.seq = 1001, .ack = 5001, .length = 100, .window = 0});

  EXPECT_EQ(trace.Letters(), "ShADWT");
}

TEST(TcpLetter, SegmentThatAdvancesInPartIsNoRetransmission) {
  Trace trace;
  trace.Handshake()
      .Client(kAck, {.seq = 1001, .ack = 5001, .length = 100})
      .Client(kAck, {.seq = 1051, .ack = 5001, .length = 100});

  EXPECT_EQ(trace.Letters(), "ShAD");
}

TEST(TcpLetter, KeepAliveWithOneOctetIsARetransmission) {
  Trace trace;
  trace.Handshake()
      .Client(kAck, {.seq = 1001, .ack = 5001, .length = 100})
      .Client(kAck, {.seq = 1100, .ack = 5001, .length = 1});

  EXPECT_EQ(trace.Letters(), "ShADT");
}

TEST(TcpLetter, RetransmissionsAreCountedPerSide) {
  Trace trace;
  trace.Handshake()
      .Client(kAck, {.seq = 1001, .ack = 5001, .length = 10})
      .Client(kAck, {.seq = 1001, .ack = 5001, .length = 10})
      .Server(kAck, {.seq = 5001, .ack = 1011, .length = 10})
      .Server(kAck, {.seq = 5001, .ack = 1011, .length = 10});

  EXPECT_EQ(trace.Letters(), "ShADTdt");
}

TEST(TcpLetter, RepeatedSynInAnOpenConnectionBringsNothingNew) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000, .length = 100})
      .Server(kSyn | kAck, {.seq = 5000, .ack = 1101})
      .Client(kAck, {.seq = 1101, .ack = 5001, .length = 50});

  trace.Client(kSyn, {.seq = 1000, .length = 100})
      .Server(kAck, {.seq = 5001, .ack = 1151});

  EXPECT_EQ(trace.retransmitted, 1);
  EXPECT_EQ(trace.missing, 0U);
}

TEST(TcpLetter, DataWithTheSynHasTheLetterButIsNew) {
  Trace trace;

  trace.Client(kSyn, {.seq = 1000, .length = 100});

  EXPECT_EQ(trace.Letters(), "ST");
  EXPECT_EQ(trace.retransmitted, 0);

  trace.Client(kSyn, {.seq = 1000, .length = 100});

  EXPECT_EQ(trace.retransmitted, 1);
}

TEST(TcpLetter, SequenceNumbersMayWrapRound) {
  Trace trace;
  trace.Client(kSyn, {.seq = 0xfffffff0})
      .Server(kSyn | kAck, {.seq = 5000, .ack = 0xfffffff1})
      .Client(kAck, {.seq = 0xfffffff1, .ack = 5001})
      .Client(kAck, {.seq = 0xfffffff1, .ack = 5001, .length = 100})
      .Client(kAck, {.seq = 0x55, .ack = 5001, .length = 100});

  EXPECT_EQ(trace.Letters(), "ShAD");
}

TEST(TcpLetter, RstFarAwayDoesNotMoveTheSequence) {
  Trace trace;
  trace.Handshake()
      .Client(kAck, {.seq = 1001, .ack = 5001, .length = 10})
      .Client(kRst, {.seq = 0x70000000})
      .Client(kAck, {.seq = 1011, .ack = 5001, .length = 10});

  EXPECT_EQ(trace.Letters(), "ShADR");
}

}  // namespace
}  // namespace tests
