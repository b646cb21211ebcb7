// SPDX-License-Identifier: Apache-2.0
// History letters, endpoint states and connection states have Zeek's meaning;
// the traces follow its documentation of them.
#include "tracker/tcp_connection.h"

#include <chrono>
#include <cstdint>
#include <vector>

#include <gtest/gtest.h>

#include "tests/tracker/random_stream.h"
#include "tests/tracker/trace.h"

namespace tests {
namespace {

using tracker::kAck;
using tracker::kFin;
using tracker::kPsh;
using tracker::kRst;
using tracker::kSyn;
using tracker::Side;
using tracker::TcpState;

// --- Letters of whole connections, and their connection states.

TEST(TcpHistory, CompleteConnectionClosedByTheClient) {
  Trace trace;
  trace.Handshake()
      .Client(kAck | kPsh, {.seq = 1001, .ack = 5001, .length = 100})
      .Server(kAck, {.seq = 5001, .ack = 1101})
      .Server(kAck | kPsh, {.seq = 5001, .ack = 1101, .length = 200})
      .Client(kFin | kAck, {.seq = 1101, .ack = 5201})
      .Server(kFin | kAck, {.seq = 5201, .ack = 1102})
      .Client(kAck, {.seq = 1102, .ack = 5202});

  EXPECT_EQ(trace.Letters(), "ShADadFf");
  EXPECT_EQ(trace.Zeek(), "SF");
}

TEST(TcpHistory, CompleteConnectionClosedByTheServer) {
  Trace trace;
  trace.Handshake()
      .Server(kFin | kAck, {.seq = 5001, .ack = 1001})
      .Client(kFin | kAck, {.seq = 1001, .ack = 5002})
      .Server(kAck, {.seq = 5002, .ack = 1002});

  EXPECT_EQ(trace.Letters(), "ShAfFa");
  EXPECT_EQ(trace.Zeek(), "SF");
}

TEST(TcpHistory, UnansweredSyn) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000});

  EXPECT_EQ(trace.Letters(), "S");
  EXPECT_EQ(trace.Zeek(), "S0");
}

TEST(TcpHistory, SynAnsweredByAPureAckIsNotYetAnswered) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000}).Server(kAck, {.seq = 7, .ack = 99});

  EXPECT_EQ(trace.Letters(), "Sa");
  EXPECT_EQ(trace.Zeek(), "S0");
}

TEST(TcpHistory, RefusedConnection) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000}).Server(kRst | kAck, {.ack = 1001});

  EXPECT_EQ(trace.Letters(), "Sr");
  EXPECT_EQ(trace.Zeek(), "REJ");
}

TEST(TcpHistory, EstablishedAndOpen) {
  Trace trace;
  trace.Handshake();

  EXPECT_EQ(trace.Letters(), "ShA");
  EXPECT_EQ(trace.Zeek(), "S1");
}

TEST(TcpHistory, ClientClosedServerDidNot) {
  Trace trace;
  trace.Handshake().Client(kFin | kAck, {.seq = 1001, .ack = 5001});

  EXPECT_EQ(trace.Letters(), "ShAF");
  EXPECT_EQ(trace.Zeek(), "S2");
}

TEST(TcpHistory, ServerClosedClientDidNot) {
  Trace trace;
  trace.Handshake().Server(kFin | kAck, {.seq = 5001, .ack = 1001});

  EXPECT_EQ(trace.Letters(), "ShAf");
  EXPECT_EQ(trace.Zeek(), "S3");
}

TEST(TcpHistory, ClientResetsAnEstablishedConnection) {
  Trace trace;
  trace.Handshake().Client(kRst, {.seq = 1001});

  EXPECT_EQ(trace.Letters(), "ShAR");
  EXPECT_EQ(trace.Zeek(), "RSTO");
}

TEST(TcpHistory, ServerResetsAnEstablishedConnection) {
  Trace trace;
  trace.Handshake().Server(kRst, {.seq = 5001});

  EXPECT_EQ(trace.Letters(), "ShAr");
  EXPECT_EQ(trace.Zeek(), "RSTR");
}

TEST(TcpHistory, ClientResetsItsOwnUnansweredSyn) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000}).Client(kRst, {.seq = 1001});

  EXPECT_EQ(trace.Letters(), "SR");
  EXPECT_EQ(trace.Zeek(), "RSTOS0");
}

TEST(TcpHistory, ClientResetAfterAFinIsNoHalfOpenScan) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000})
      .Client(kFin | kAck, {.seq = 1001})
      .Client(kRst, {.seq = 1002});

  EXPECT_EQ(trace.Letters(), "SFR");
  EXPECT_EQ(trace.Zeek(), "OTH");
}

TEST(TcpHistory, SynThenFinWithoutAnAnswer) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000}).Client(kFin, {.seq = 1001});

  EXPECT_EQ(trace.Letters(), "SF");
  EXPECT_EQ(trace.Zeek(), "SH");
}

TEST(TcpHistory, OnlyTheRespondersSynAckAndFin) {
  Trace trace;
  trace.Server(kSyn | kAck, {.seq = 5000, .ack = 1001})
      .Server(kFin | kAck, {.seq = 5001, .ack = 1001});

  EXPECT_EQ(trace.Letters(), "hf");
  EXPECT_EQ(trace.Zeek(), "SHR");
}

TEST(TcpHistory, OnlyTheRespondersSynAckAndRst) {
  Trace trace;
  trace.Server(kSyn | kAck, {.seq = 5000, .ack = 1001})
      .Server(kRst, {.seq = 5001});

  EXPECT_EQ(trace.Letters(), "hr");
  EXPECT_EQ(trace.Zeek(), "RSTRH");
}

TEST(TcpHistory, MidstreamData) {
  Trace trace;
  trace.Client(kAck, {.seq = 1, .ack = 1, .length = 10})
      .Server(kAck, {.seq = 1, .ack = 11, .length = 10});

  EXPECT_EQ(trace.Letters(), "Dd");
  EXPECT_EQ(trace.Zeek(), "OTH");
}

TEST(TcpHistory, MidstreamClose) {
  Trace trace;
  trace.Client(kFin | kAck, {.seq = 1, .ack = 1})
      .Server(kFin | kAck, {.seq = 1, .ack = 2});

  EXPECT_EQ(trace.Letters(), "Ff");
  EXPECT_EQ(trace.Zeek(), "SF");
}

TEST(TcpHistory, BothResetWithoutDataIsRejected) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000})
      .Client(kRst, {.seq = 1001})
      .Server(kRst | kAck, {.ack = 1001});

  EXPECT_EQ(trace.Letters(), "SRr");
  EXPECT_EQ(trace.Zeek(), "REJ");
}

TEST(TcpHistory, FinAfterTheOtherSidesFinAndRstIsStillAClose) {
  Trace trace;
  trace.Handshake()
      .Client(kFin | kAck, {.seq = 1001, .ack = 5001})
      .Client(kRst, {.seq = 1002})
      .Server(kFin | kAck, {.seq = 5001, .ack = 1002});

  EXPECT_EQ(trace.Letters(), "ShAFRf");
  EXPECT_EQ(trace.Zeek(), "SF");
}

TEST(TcpHistory, RstAfterBothFinsLeavesTheClose) {
  Trace trace;
  trace.Handshake()
      .Client(kFin | kAck, {.seq = 1001, .ack = 5001})
      .Server(kFin | kAck, {.seq = 5001, .ack = 1002})
      .Client(kRst, {.seq = 1002});

  EXPECT_EQ(trace.Letters(), "ShAFfR");
  EXPECT_EQ(trace.Zeek(), "SF");
}

// --- Roles that turn round.

TEST(TcpFlip, SynAfterItsSynAckTurnsTheRolesRound) {
  Trace trace;
  trace.WithFlips()
      .ServerFirst()
      .Server(kSyn | kAck, {.seq = 5000, .ack = 1001})
      .Client(kSyn, {.seq = 1000})
      .Client(kAck, {.seq = 1001, .ack = 5001})
      .Server(kAck, {.seq = 5001, .ack = 1001, .length = 10});

  EXPECT_EQ(trace.Letters(), "Hs^Ad");
  EXPECT_EQ(trace.ClientSide(), Side::kInitiator);
  EXPECT_EQ(trace.established, 1);
  EXPECT_EQ(trace.Zeek(), "S1");
}

TEST(TcpFlip, SynOfAnotherConnectionDoesNot) {
  Trace trace;
  trace.WithFlips()
      .ServerFirst()
      .Server(kSyn | kAck, {.seq = 5000, .ack = 1001})
      .Client(kSyn, {.seq = 77});

  EXPECT_EQ(trace.Letters(), "Hs");
  EXPECT_EQ(trace.ClientSide(), Side::kResponder);
}

// As when the port has told who is the server.
TEST(TcpFlip, SynAfterItsSynAckEstablishesWhereTheRolesAreRight) {
  Trace trace;
  trace.WithFlips()
      .Server(kSyn | kAck, {.seq = 5000, .ack = 1001})
      .Client(kSyn, {.seq = 1000})
      .Client(kAck, {.seq = 1001, .ack = 5001})
      .Server(kAck, {.seq = 5101, .ack = 1001, .length = 10})
      .Client(kAck, {.seq = 1001, .ack = 5111});

  EXPECT_EQ(trace.ClientSide(), Side::kInitiator);
  EXPECT_EQ(trace.established, 1);
  EXPECT_EQ(trace.missing, 100U);
  EXPECT_EQ(trace.Zeek(), "S1");
}

TEST(TcpFlip, AnotherSynAfterASynAckEstablishesNothing) {
  Trace trace;
  trace.WithFlips()
      .Server(kSyn | kAck, {.seq = 5000, .ack = 1001})
      .Client(kSyn, {.seq = 77});

  EXPECT_EQ(trace.established, 0);
  EXPECT_EQ(trace.connection.State(), tracker::TcpState::kSynReceived);
}

TEST(TcpFlip, AckAfterALoneSynAckTurnsTheRolesRound) {
  Trace trace;
  trace.WithFlips()
      .ServerFirst()
      .Server(kSyn | kAck, {.seq = 5000, .ack = 1001})
      .Client(kAck, {.seq = 1001, .ack = 5001});

  EXPECT_EQ(trace.Letters(), "^hA");
  EXPECT_EQ(trace.ClientSide(), Side::kInitiator);
}

TEST(TcpFlip, DataAfterALoneSynAckTurnsTheRolesRound) {
  Trace trace;
  trace.WithFlips()
      .ServerFirst()
      .Server(kSyn | kAck, {.seq = 5000, .ack = 1001})
      .Server(kAck, {.seq = 5001, .ack = 1001, .length = 10});

  EXPECT_EQ(trace.Letters(), "^hd");
}

TEST(TcpFlip, RstAfterALoneSynAckDoesNot) {
  Trace trace;
  trace.WithFlips()
      .ServerFirst()
      .Server(kSyn | kAck, {.seq = 5000, .ack = 1001})
      .Client(kRst, {.seq = 1001});

  EXPECT_EQ(trace.Letters(), "Hr");
}

TEST(TcpFlip, NeedsPermission) {
  Trace trace;
  trace.ServerFirst()
      .Server(kSyn | kAck, {.seq = 5000, .ack = 1001})
      .Client(kSyn, {.seq = 1000});

  EXPECT_EQ(trace.Letters(), "Hs");
}

// --- The state of the whole.

TEST(TcpState, FollowsTheHandshake) {
  Trace trace;
  EXPECT_EQ(trace.connection.State(), TcpState::kNone);
  trace.Client(kSyn, {.seq = 1000});
  EXPECT_EQ(trace.connection.State(), TcpState::kSynSent);
  trace.Server(kSyn | kAck, {.seq = 5000, .ack = 1001});
  EXPECT_EQ(trace.connection.State(), TcpState::kSynReceived);
  trace.Client(kAck, {.seq = 1001, .ack = 5001});
  EXPECT_EQ(trace.connection.State(), TcpState::kEstablished);
}

TEST(TcpState, FollowsTheClose) {
  Trace trace;
  trace.Handshake().Client(kFin | kAck, {.seq = 1001, .ack = 5001});
  EXPECT_EQ(trace.connection.State(), TcpState::kClosing);
  trace.Server(kFin | kAck, {.seq = 5001, .ack = 1002});
  EXPECT_EQ(trace.connection.State(), TcpState::kClosed);
}

TEST(TcpState, IsMidstreamWithoutAHandshake) {
  Trace trace;
  trace.Client(kAck, {.seq = 1, .ack = 1});

  EXPECT_EQ(trace.connection.State(), TcpState::kMidstream);
}

TEST(TcpState, IsResetByEitherSide) {
  Trace trace;
  trace.Handshake().Server(kRst, {.seq = 5001});

  EXPECT_EQ(trace.connection.State(), TcpState::kReset);
  EXPECT_TRUE(trace.connection.Over());
  EXPECT_TRUE(trace.connection.OverAndAcknowledged());
}

TEST(TcpState, IsOverButNotAcknowledgedBeforeTheLastAck) {
  Trace trace;
  trace.Handshake()
      .Client(kFin | kAck, {.seq = 1001, .ack = 5001})
      .Server(kFin | kAck, {.seq = 5001, .ack = 1002});

  EXPECT_TRUE(trace.connection.Over());
  EXPECT_FALSE(trace.connection.OverAndAcknowledged());
}

TEST(TcpState, IsAcknowledgedWithTheLastAck) {
  Trace trace;
  trace.Handshake()
      .Client(kFin | kAck, {.seq = 1001, .ack = 5001})
      .Server(kFin | kAck, {.seq = 5001, .ack = 1002})
      .Client(kAck, {.seq = 1002, .ack = 5002});

  EXPECT_TRUE(trace.connection.OverAndAcknowledged());
}

TEST(TcpState, SimultaneousCloseIsAcknowledgedByBothAcks) {
  Trace trace;
  trace.Handshake()
      .Client(kFin | kAck, {.seq = 1001, .ack = 5001})
      .Server(kFin | kAck, {.seq = 5001, .ack = 1001})
      .Client(kAck, {.seq = 1002, .ack = 5002});
  EXPECT_FALSE(trace.connection.OverAndAcknowledged());

  trace.Server(kAck, {.seq = 5002, .ack = 1002});

  EXPECT_TRUE(trace.connection.OverAndAcknowledged());
}

TEST(TcpState, IsEstablishedOnceByDataInsteadOfAnAck) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000})
      .Server(kSyn | kAck, {.seq = 5000, .ack = 1001})
      .Client(kAck | kPsh, {.seq = 1001, .ack = 5001, .length = 10})
      .Client(kAck, {.seq = 1011, .ack = 5001});

  EXPECT_EQ(trace.established, 1);
}

TEST(TcpState, IsNotEstablishedByAnAckOfSomethingElse) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000})
      .Server(kSyn | kAck, {.seq = 5000, .ack = 1001})
      .Client(kAck, {.seq = 1001, .ack = 4000});

  EXPECT_EQ(trace.established, 0);
}

// --- Port reuse.

bool IsReplaced(const Trace& trace, Side side, int flags, Numbers numbers) {
  return trace.connection.IsReplacedBy(side, Segment(flags, numbers));
}

TEST(TcpReuse, SynWithANewSequenceReplacesTheConnection) {
  Trace trace;
  trace.Handshake();

  EXPECT_TRUE(IsReplaced(trace, Side::kInitiator, kSyn, {.seq = 2000}));
}

TEST(TcpReuse, SynOfTheOtherSideReplacesTheConnection) {
  Trace trace;
  trace.Handshake();

  EXPECT_TRUE(IsReplaced(trace, Side::kResponder, kSyn, {.seq = 2000}));
}

TEST(TcpReuse, RetransmittedSynDoesNot) {
  Trace trace;
  trace.Handshake();

  EXPECT_FALSE(IsReplaced(trace, Side::kInitiator, kSyn, {.seq = 1000}));
}

TEST(TcpReuse, AnySynAfterACloseDoes) {
  Trace trace;
  trace.Client(kSyn, {.seq = 1000}).Server(kRst | kAck, {.ack = 1001});

  EXPECT_TRUE(IsReplaced(trace, Side::kInitiator, kSyn, {.seq = 1000}));
}

TEST(TcpReuse, SynAckDoesNot) {
  Trace trace;
  trace.Handshake();

  EXPECT_FALSE(IsReplaced(trace, Side::kResponder, kSyn | kAck,
                          {.seq = 9000, .ack = 1001}));
}

TEST(TcpReuse, SynThatBelongsBeforeTheSynAckDoesNot) {
  Trace trace;
  trace.ServerFirst().Server(kSyn | kAck, {.seq = 5000, .ack = 1001});

  EXPECT_FALSE(IsReplaced(trace, Side::kResponder, kSyn, {.seq = 1000}));
}

TEST(TcpReuse, PacketWithoutSynDoesNot) {
  Trace trace;
  trace.Handshake();

  EXPECT_FALSE(IsReplaced(trace, Side::kInitiator, kAck, {.seq = 2000}));
}

TEST(TcpConnection, TakesAWholeTransferInOrderTheShortWay) {
  Trace trace;
  trace.Handshake();
  for (std::uint32_t at = 0; at < 1000; at += 100) {
    trace.Client(kAck, {.seq = 1001 + at, .ack = 5001 + at, .length = 100})
        .Server(kAck, {.seq = 5001 + at, .ack = 1101 + at, .length = 100});
  }

  EXPECT_EQ(trace.added_in_order, 20);
  EXPECT_EQ(trace.added_in_handshake, 2);
  EXPECT_EQ(trace.Letters(), "ShADd");
}

TEST(TcpConnection, TakesAWholeCloseTheShortWay) {
  Trace trace;
  trace.Handshake()
      .Client(kFin | kAck, {.seq = 1001, .ack = 5001, .length = 100})
      .Server(kAck, {.seq = 5001, .ack = 1102})
      .Server(kAck, {.seq = 5001, .ack = 1102, .length = 100})
      .Server(kFin | kAck, {.seq = 5101, .ack = 1102})
      .Client(kAck, {.seq = 1102, .ack = 5102});

  EXPECT_EQ(trace.added_in_close, 5);
  EXPECT_EQ(trace.Letters(), "ShAFadf");
  EXPECT_EQ(trace.Zeek(), "SF");
}

// The trace looks at each whether the short ways lead elsewhere.
TEST(TcpConnection, IsNotLedAstrayByWhatWasNeverSentAfterTheFin) {
  constexpr std::uint32_t kHalfRound = std::uint32_t{1} << 31;
  Trace trace;
  trace.Handshake()
      .Server(kFin | kAck, {.seq = 5001, .ack = 1001})
      .Client(kAck, {.seq = 1001, .ack = 5012})
      .Client(kFin | kAck, {.seq = 1001, .ack = 5007 + kHalfRound});

  EXPECT_EQ(trace.added_in_close, 1);
  EXPECT_EQ(trace.Letters(), "ShAfF");
}

// Segments that are nearly those of a usual connection: the trace looks at
// each whether the short ways lead elsewhere.
class AlmostUsual {
 public:
  explicit AlmostUsual(std::uint64_t seed) : random_(seed) {}

  // One that hardly belongs to the connection.
  void AddStranger(Trace& trace) {
    const int flags = random_.Of(flags_);
    if (random_.Percent(50)) {
      trace.Client(flags, Choose(client_numbers_, server_numbers_));
    } else {
      trace.Server(flags, Choose(server_numbers_, client_numbers_));
    }
  }
  // Calls add(trace, random) for many.
  template <typename Add>
  void ForEachTrace(Add&& add) {
    for (int round = 0; round < 20'000; ++round) {
      Trace trace;
      if (random_.Percent(30)) {
        trace.WithFlips();
      }
      add(trace, random_);
    }
  }

 private:
  [[nodiscard]] Numbers Choose(const std::vector<std::uint32_t>& own,
                               const std::vector<std::uint32_t>& peer) {
    return {
        .seq = random_.Of(own),
        .ack = random_.Of(peer),
        .length = random_.Percent(80) ? 0 : 100U,
        .window = static_cast<std::uint16_t>(random_.Percent(95) ? 1000 : 0)};
  }

  const std::vector<int> flags_ = {kSyn, kSyn | kAck, kAck,        kAck,
                                   kFin, kFin | kAck, kAck | kPsh, kRst | kAck,
                                   kRst, 0,           kSyn | kFin};
  const std::vector<std::uint32_t> client_numbers_ = {999,  1000, 1001, 1001,
                                                      1002, 1101, 1102, 0};
  const std::vector<std::uint32_t> server_numbers_ = {4999, 5000, 5001, 5001,
                                                      5002, 5101, 5102, 0};
  Random random_;
};

TEST(TcpConnection, IsTheSameByTheShortWaysHoweverItBegins) {
  AlmostUsual segments(1);
  int in_handshake = 0;
  segments.ForEachTrace([&](Trace& trace, Random& random) {
    trace.Client(kSyn, {.seq = 1000});
    for (int step = 0; step < 7; ++step) {
      trace.Later(std::chrono::milliseconds{random.Below(5)});
      if (random.Percent(35)) {
        segments.AddStranger(trace);
      } else if (random.Percent(50)) {
        trace.Server(kSyn | kAck, {.seq = 5000, .ack = 1001});
      } else {
        trace.Client(kAck, {.seq = 1001, .ack = 5001});
      }
    }
    in_handshake += trace.added_in_handshake;
  });

  EXPECT_GT(in_handshake, 5'000);
}

TEST(TcpConnection, IsTheSameByTheShortWaysHoweverItEnds) {
  AlmostUsual segments(2);
  int in_close = 0;
  segments.ForEachTrace([&](Trace& trace, Random& random) {
    trace.Handshake();
    std::uint32_t client = 1001;
    std::uint32_t server = 5001;
    for (int step = 0; step < 10; ++step) {
      const std::uint32_t length = random.Percent(70) ? 0 : 100;
      const bool fin = random.Percent(20);
      const int flags = fin ? kFin | kAck : +kAck;
      if (random.Percent(15)) {
        segments.AddStranger(trace);
      } else if (random.Percent(50)) {
        trace.Client(flags, {.seq = client, .ack = server, .length = length});
        client += length + (fin ? 1 : 0);
      } else {
        trace.Server(flags, {.seq = server, .ack = client, .length = length});
        server += length + (fin ? 1 : 0);
      }
    }
    in_close += trace.added_in_close;
  });

  EXPECT_GT(in_close, 20'000);
}

}  // namespace
}  // namespace tests
