// SPDX-License-Identifier: Apache-2.0
#include "exporter/observer.h"

#include <algorithm>
#include <chrono>

#include "tracker/decode.h"
#include "tracker/packet.h"

namespace exporter {
namespace {

using std::chrono::seconds;
using tracker::Frame;
using tracker::Timestamp;

// A copy comes within milliseconds, so frames are looked at in a row.
constexpr seconds kLook{1};
constexpr seconds kBetweenLooks{10};
constexpr std::uint64_t kFramesOfALook = 20'000;  // some milliseconds of work
constexpr std::chrono::minutes kMemory{1};
constexpr seconds kSettling{10};
// A clock that is corrected is slewed, or stepped by less.
constexpr std::chrono::milliseconds kStep{500};
// How far the times of frames may be from the time of day when they are taken
// from the buffer.
constexpr seconds kDisagreement{10};

bool IsToGroup(const Frame& frame) {
  return frame.link == tracker::LinkType::kEthernet &&
         !frame.captured.empty() && (frame.captured[0] & 1) != 0;
}

}  // namespace

void Observer::Look(std::span<const Frame> frames) {
  if (frames.empty()) {
    return;
  }
  now_.frames += frames.size();
  latest_frame_ = frames.back().time;
  if (latest_frame_ - look_began_ >= kBetweenLooks ||
      latest_frame_ < look_began_) {
    look_began_ = latest_frame_;
    left_ = kFramesOfALook;
  }
  if (!options_.always && (left_ == 0 || latest_frame_ - look_began_ > kLook)) {
    return;
  }
  left_ -= std::min<std::uint64_t>(left_, frames.size());
  for (const Frame& frame : frames) {
    LookAt(frame);
  }
}

void Observer::LookAt(const Frame& frame) {
  ++now_.frames_looked_at;
  now_.group_frames += IsToGroup(frame) ? 1U : 0U;
  if (options_.longest_frame != 0 &&
      frame.wire_length > options_.longest_frame) {
    ++now_.long_frames;
  }
  tracker::Packet packet;
  if (Decode(frame, packet) == tracker::DecodeResult::kOk) {
    ++now_.packets;
    now_.duplicates += duplicates_.IsDuplicate(frame, packet) ? 1U : 0U;
  }
}

void Observer::Tick(Timestamp now, tracker::Duration ahead_of_steady,
                    const CaptureCounts& totals) {
  const bool disagree = latest_frame_ != Timestamp{} &&
                        std::chrono::abs(now - latest_frame_) > kDisagreement;
  latest_frame_ = {};  // of a quiet link it says nothing about the clock
  settled_ = settled_ || (minute_began_ && now - *minute_began_ >= kSettling);
  if (!minute_began_) {
    minute_began_ = now;
  } else if (std::chrono::abs(ahead_of_steady - ahead_) > kStep ||
             (disagree && !frames_disagree_)) {
    ++now_.clock_steps;
  }
  ahead_ = ahead_of_steady;
  frames_disagree_ = disagree;
  now_.dropped_by_kernel +=
      totals.dropped_by_kernel - totals_.dropped_by_kernel;
  now_.dropped_by_interface +=
      totals.dropped_by_interface - totals_.dropped_by_interface;
  totals_ = totals;
  if (!options_.always && now - *minute_began_ >= kMemory) {
    minute_began_ = now;
    before_ = now_;
    now_ = {};
  }
}

Observation Observer::Latest() const {
  Observation both = before_;
  both += now_;
  both.settled = options_.always || settled_;
  both.dropped_by_interface =
      before_.dropped_by_interface + now_.dropped_by_interface;
  return both;
}

}  // namespace exporter
