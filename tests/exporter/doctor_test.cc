// SPDX-License-Identifier: Apache-2.0
#include "exporter/doctor.h"

#include <algorithm>
#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "exporter/observer.h"
#include "tests/support/conversation.h"
#include "tracker/tracker.h"

namespace exporter {
namespace {

using std::chrono::milliseconds;
using std::chrono::seconds;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using tests::CapturedFrame;
using tests::Conversation;
using tests::Endpoints;
using tests::Eth;

constexpr tracker::Timestamp kStart{seconds{1'700'000'000}};
constexpr std::uint32_t kLongestFrame = 1522;

std::vector<std::string> NamesOf(const std::vector<Finding>& findings) {
  std::vector<std::string> names;
  names.reserve(findings.size());
  for (const Finding& finding : findings) {
    names.emplace_back(finding.name);
  }
  return names;
}

// A mirror that delivers `frames`, looked at all the time.
class Mirror {
 public:
  void Deliver(const std::vector<CapturedFrame>& frames) {
    for (const CapturedFrame& frame : frames) {
      const tracker::Frame view = frame.View();
      observer_.Look({&view, 1});
      tracker_.Track(view, *this);
    }
  }
  void Ended(const tracker::FlowTracker<tracker::FiveTuple>::Flow& flow,
             tracker::EndReason /*reason*/) {
    observer_.Count(flow.stats);
  }
  Observer& Watched() { return observer_; }
  std::vector<std::string> Findings() {
    tracker_.Finish(*this);
    return NamesOf(Diagnose("eth1", observer_.Latest()));
  }

 private:
  Observer observer_{{.always = true, .longest_frame = kLongestFrame}};
  tracker::FlowTracker<tracker::FiveTuple> tracker_{tracker::TrackerConfig{}};
};

// Web conversations of `count` clients.
std::vector<Conversation> Conversations(int count, Endpoints endpoints = {}) {
  std::vector<Conversation> all;
  for (int i = 0; i < count; ++i) {
    endpoints.client_port = static_cast<std::uint16_t>(40000 + i);
    all.emplace_back(endpoints, kStart, milliseconds{10});
    all.back().Handshake().Request(3000).Response(9000).Close();
  }
  return all;
}

// What only one port of them would send.
std::vector<CapturedFrame> FromPort(const std::vector<CapturedFrame>& frames,
                                    bool server) {
  std::vector<CapturedFrame> some;
  for (const CapturedFrame& frame : frames) {
    tracker::Packet packet;
    EXPECT_EQ(Decode(frame.View(), packet), tracker::DecodeResult::kOk);
    if ((packet.source_port == 443) == server) {
      some.push_back(frame);
    }
  }
  return some;
}

TEST(Doctor, FindsNothingWrongWithAGoodMirror) {
  Mirror mirror;
  mirror.Deliver(Merge(Conversations(5)));
  EXPECT_THAT(mirror.Findings(), IsEmpty());
}

TEST(Doctor, FindsThatNothingArrives) {
  EXPECT_THAT(Mirror().Findings(), ElementsAre("no_frames"));
}

TEST(Doctor, FindsThatOneDirectionIsMirrored) {
  const auto both = Merge(Conversations(5));
  for (const bool server : {false, true}) {
    Mirror mirror;
    mirror.Deliver(FromPort(both, server));
    EXPECT_THAT(mirror.Findings(), ElementsAre("one_direction"));
  }
}

TEST(Doctor, TakesNeitherAScanNorAFloodForOneDirection) {
  Mirror mirror;
  std::vector<CapturedFrame> frames;
  for (std::uint16_t port = 1; port <= 200; ++port) {
    // Asked four times, without an answer; and answers that nobody asked for.
    for (int attempt = 0; attempt < 4; ++attempt) {
      const auto time = kStart + seconds{attempt};
      frames.push_back(Eth()
                           .Ipv4("192.0.2.1", "198.51.100.1")
                           .Tcp(40000, port)
                           .Flags(tracker::kSyn)
                           .At(time));
      frames.push_back(Eth()
                           .Ipv4("198.51.100.2", "192.0.2.9")
                           .Tcp(80, port)
                           .Flags(tracker::kSyn | tracker::kAck)
                           .At(time));
    }
  }
  mirror.Deliver(frames);
  EXPECT_THAT(mirror.Findings(), IsEmpty());
}

TEST(Doctor, WarnsOfSomeConversationsWithoutAnswers) {
  Mirror mirror;
  mirror.Deliver(Merge(Conversations(8)));
  mirror.Deliver(
      FromPort(Merge(Conversations(2, {.server = "198.51.100.9"})), false));
  mirror.Findings();
  const auto findings = Diagnose("eth1", mirror.Watched().Latest());
  ASSERT_THAT(NamesOf(findings), ElementsAre("one_direction"));
  EXPECT_EQ(findings[0].severity, Severity::kWarning);
  EXPECT_THAT(findings[0].sentence, HasSubstr("20 %"));
}

TEST(Doctor, FindsCopies) {
  Mirror mirror;
  auto frames = Merge(Conversations(5));
  std::vector<CapturedFrame> twice;
  for (const CapturedFrame& frame : frames) {
    twice.push_back(frame);
    twice.push_back(frame);
    twice.back().time += std::chrono::microseconds{20};
  }
  mirror.Deliver(twice);
  EXPECT_THAT(mirror.Findings(), ElementsAre("duplicates"));
}

TEST(Doctor, FindsTagsInOneDirection) {
  const auto tagged = Merge(Conversations(5, {.vlan = 7}));
  const auto bare = Merge(Conversations(5));
  auto mixed = FromPort(tagged, true);
  const auto others = FromPort(bare, false);
  mixed.insert(mixed.end(), others.begin(), others.end());
  std::stable_sort(mixed.begin(), mixed.end(),
                   [](const CapturedFrame& a, const CapturedFrame& b) {
                     return a.time < b.time;
                   });
  Mirror mirror;
  mirror.Deliver(mixed);
  EXPECT_THAT(mirror.Findings(), ElementsAre("tags_in_one_direction"));

  Mirror good;
  good.Deliver(tagged);
  EXPECT_THAT(good.Findings(), IsEmpty());
}

TEST(Doctor, FindsJoinedPackets) {
  auto frames = Merge(Conversations(5));
  frames[7].wire_length = kLongestFrame;
  Mirror good;
  good.Deliver(frames);
  EXPECT_THAT(good.Findings(), IsEmpty());
  frames[7].wire_length = kLongestFrame + 1;
  Mirror mirror;
  mirror.Deliver(frames);
  EXPECT_THAT(mirror.Findings(), ElementsAre("super_packets"));
}

TEST(Doctor, FindsAPortThatIsNoMirror) {
  Mirror mirror;
  std::vector<CapturedFrame> frames;
  frames.reserve(30);
  for (int i = 0; i < 30; ++i) {
    frames.push_back(
        Eth()
            .Macs({2, 0, 0, 0, 0, 1}, {0xff, 0xff, 0xff, 0xff, 0xff, 0xff})
            .Ipv4("192.0.2.1", "192.0.2.255")
            .Identification(static_cast<std::uint32_t>(i))
            .Udp(137, 137)
            .Payload(50)
            .At(kStart + seconds{i}));
  }
  mirror.Deliver(frames);
  EXPECT_THAT(mirror.Findings(), ElementsAre("only_broadcast"));
}

TEST(Doctor, FindsThatTheSwitchWrapsWhatItMirrors) {
  Mirror mirror;
  std::vector<CapturedFrame> frames;
  frames.reserve(30);
  for (int i = 0; i < 30; ++i) {
    frames.push_back(Eth().EtherType(0x88be).Payload(100).At(kStart));
  }
  mirror.Deliver(frames);
  EXPECT_THAT(mirror.Findings(), ElementsAre("not_ip"));
}

TEST(Doctor, FindsDrops) {
  Mirror mirror;
  mirror.Deliver(Merge(Conversations(5)));
  mirror.Watched().Tick(kStart, {}, {.dropped_by_kernel = 3});
  mirror.Watched().Tick(kStart, {}, {.dropped_by_kernel = 7});
  EXPECT_THAT(mirror.Findings(), ElementsAre("drops"));
  EXPECT_EQ(mirror.Watched().Latest().dropped_by_kernel, 7U);
}

TEST(Doctor, FindsJumpsOfTheClock) {
  const auto steps = [](const std::vector<milliseconds>& ahead) {
    Observer observer({.always = true});
    tracker::Timestamp now = kStart;
    for (const milliseconds by : ahead) {
      observer.Tick(now += milliseconds{200}, by, {});
    }
    return observer.Latest().clock_steps;
  };
  // It is slewed; it is set forth; it is set back.
  EXPECT_EQ(steps({milliseconds{5000}, milliseconds{5100}, milliseconds{5200}}),
            0U);
  EXPECT_EQ(steps({milliseconds{5000}, milliseconds{9000}, milliseconds{9000}}),
            1U);
  EXPECT_EQ(steps({milliseconds{5000}, milliseconds{5000}, milliseconds{100}}),
            1U);
}

TEST(Doctor, FindsFramesThatComeWithAnotherTime) {
  const auto frames = Merge(Conversations(1));
  Observer observer({.always = true});
  observer.Tick(kStart, {}, {});
  for (const seconds late : {seconds{1}, seconds{11}, seconds{12}}) {
    const tracker::Frame frame = frames.front().View();
    observer.Look({&frame, 1});
    observer.Tick(frame.time + late, {}, {});
  }
  EXPECT_EQ(observer.Latest().clock_steps, 1U);
  // A link that was quiet since.
  observer.Tick(kStart + seconds{60}, {}, {});
  EXPECT_EQ(observer.Latest().clock_steps, 1U);
}

TEST(Observer, LooksForASecondInTen) {
  const auto frames = Merge(Conversations(1));
  Observer observer({});
  for (int i = 0; i < 200; ++i) {  // for twenty seconds
    tracker::Frame frame = frames.front().View();
    frame.time = kStart + i * milliseconds{100};
    observer.Look({&frame, 1});
  }
  EXPECT_EQ(observer.Latest().frames, 200U);
  EXPECT_EQ(observer.Latest().frames_looked_at, 22U);
}

TEST(Observer, LooksAtNoMoreFramesThanItsTurnHas) {
  const auto frames = Merge(Conversations(1));
  const std::vector<tracker::Frame> burst(1000, frames.front().View());
  Observer observer({});
  for (int i = 0; i < 100; ++i) {
    observer.Look(burst);
  }
  EXPECT_EQ(observer.Latest().frames, 100'000U);
  EXPECT_EQ(observer.Latest().frames_looked_at, 20'000U);
}

TEST(Observer, TakesItsTimeToSayThatNothingArrives) {
  Observer observer({});
  observer.Tick(kStart, {}, {});
  observer.Tick(kStart + seconds{9}, {}, {});
  EXPECT_THAT(Diagnose("eth1", observer.Latest()), IsEmpty());
  observer.Tick(kStart + seconds{10}, {}, {});
  EXPECT_THAT(NamesOf(Diagnose("eth1", observer.Latest())),
              ElementsAre("no_frames"));
}

TEST(Observer, ForgetsWhatWasLongAgo) {
  const auto frames = Merge(Conversations(1));
  Observer observer({});
  const tracker::Frame frame = frames.front().View();
  observer.Tick(kStart, {}, {});
  observer.Look({&frame, 1});
  observer.Tick(kStart + seconds{60}, {}, {});
  EXPECT_EQ(observer.Latest().frames, 1U);
  observer.Tick(kStart + seconds{120}, {}, {});
  EXPECT_EQ(observer.Latest().frames, 0U);
}

}  // namespace
}  // namespace exporter
