// SPDX-License-Identifier: Apache-2.0
// Outputs that get no more records, until they have delivered those they got,
// and their accounts until the end of the run.
#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "exporter/output.h"
#include "exporter/published.h"
#include "exporter/summary.h"

namespace exporter {

// An output that may be retired, by the number that it alone has in the run.
struct NumberedOutput {
  std::uint64_t number = 0;  // 0: it stays for the run
  std::unique_ptr<Output> output;
};

// Used by the export thread.
class RetiredOutputs {
 public:
  void Add(NumberedOutput retired);
  // Lets them finish, and closes what has. Waits for none.
  void Tick(tracker::Timestamp now);
  // Waits for all.
  void Finish(tracker::Timestamp now);
  // An output of the same name as one in `report` is one with it there.
  void AddTo(ExportReport& report) const;

  // Any thread. It is closed, and so is its spool.
  [[nodiscard]] bool Closed(std::uint64_t number) const {
    return closed_.Latest().contains(number);
  }

 private:
  void Keep(const NumberedOutput& retired);

  std::vector<NumberedOutput> finishing_;
  std::map<std::string, DeliveryCounts> accounts_;  // by name; of the closed
  std::set<std::uint64_t> numbers_;                 // likewise
  Published<std::set<std::uint64_t>> closed_;
};

}  // namespace exporter
