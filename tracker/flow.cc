// SPDX-License-Identifier: Apache-2.0
#include "tracker/flow.h"

namespace tracker {

std::string_view ConnectionState(const FlowStats& stats,
                                 std::string_view letters) {
  if (stats.IsTcp()) {
    return stats.tcp.ConnectionState(letters);
  }
  const bool asked = stats.history.Has(Side::kInitiator, 'd');
  const bool answered = stats.history.Has(Side::kResponder, 'd');
  if (asked) {
    return answered ? "SF" : "S0";
  }
  return answered ? "SHR" : "OTH";
}

}  // namespace tracker
