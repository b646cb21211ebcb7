// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstring>

#include "tracker/tracker.h"

namespace tests {

// A sink as the exporter's: it hears of records only, so that the tracker goes
// shorter ways for it, and says where their values are to be put. `Kept` is the
// class itself, whose Keep(values, rare, reason) is called for each.
template <typename Kept>
class QuietSink {
 public:
  using Values = tracker::FlowValues<tracker::FlowKey>;

  // Nothing may rely on what is there.
  Values& Room() {
    std::memset(static_cast<void*>(&room_), 0xa5, sizeof(room_));
    return room_;
  }
  void Interval(const Values& flow, const tracker::RareStats& rare) {
    Ended(flow, rare, tracker::EndReason::kActiveTimeout);
  }
  void Ended(const Values& flow, const tracker::RareStats& rare,
             tracker::EndReason reason) {
    static_cast<Kept*>(this)->Keep(flow, rare, reason);
  }

 protected:
  [[nodiscard]] bool IsInRoom(const Values& flow) const {
    return &flow == &room_;
  }

 private:
  Values room_;
};

}  // namespace tests
