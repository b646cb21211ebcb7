// SPDX-License-Identifier: Apache-2.0
#include "exporter/retired_outputs.h"

#include <algorithm>
#include <utility>

namespace exporter {
namespace {

void Add(RecordAccount& sum, const RecordAccount& other) {
  sum.made += other.made;
  sum.sent += other.sent;
  sum.spooled += other.spooled;
  for (const auto& [reason, records] : other.dropped) {
    sum.dropped[reason] += records;
  }
}

// Nobody waits for a connection to it any more.
void AddRetired(DeliveryCounts& sum, const DeliveryCounts& retired) {
  Add(sum, retired);
  Add(sum.earlier, retired.earlier);
  sum.repeated += retired.repeated;
}

void LeaveOutSpooled(RecordAccount& account) {
  account.made -= account.spooled;
  account.spooled = 0;
}

}  // namespace

void RetiredOutputs::Add(NumberedOutput retired) {
  finishing_.push_back(std::move(retired));
}

void RetiredOutputs::Tick(tracker::Timestamp now) {
  finishing_.erase(std::remove_if(finishing_.begin(), finishing_.end(),
                                  [&](NumberedOutput& retired) {
                                    if (!retired.output->FinishSoon(now)) {
                                      return false;
                                    }
                                    Keep(retired);
                                    retired.output.reset();
                                    closed_.Publish(numbers_);
                                    return true;
                                  }),
                   finishing_.end());
}

void RetiredOutputs::Finish(tracker::Timestamp now) {
  for (const NumberedOutput& retired : finishing_) {
    retired.output->Finish(now);
    Keep(retired);
  }
  finishing_.clear();
  closed_.Publish(numbers_);
}

void RetiredOutputs::Keep(const NumberedOutput& retired) {
  AddRetired(accounts_[retired.output->Name()], retired.output->Counts());
  numbers_.insert(retired.number);
}

void RetiredOutputs::AddTo(ExportReport& report) const {
  const auto named = [&](const std::string& name) -> DeliveryCounts* {
    const auto same =
        std::find_if(report.outputs.begin(), report.outputs.end(),
                     [&](const auto& output) { return output.first == name; });
    return same == report.outputs.end() ? nullptr : &same->second;
  };
  for (const auto& [name, retired] : accounts_) {
    DeliveryCounts* const successor = named(name);
    if (successor == nullptr) {
      report.outputs.emplace_back(name, retired);
      continue;
    }
    DeliveryCounts counts = retired;
    // What it left in the spool is what the next one has found there.
    if (successor->earlier.made >= counts.spooled + counts.earlier.spooled) {
      LeaveOutSpooled(counts);
      LeaveOutSpooled(counts.earlier);
    }
    AddRetired(*successor, counts);
  }
  for (const NumberedOutput& finishing : finishing_) {
    const std::string name = finishing.output->Name();
    DeliveryCounts* same = named(name);
    if (same == nullptr) {
      same = &report.outputs.emplace_back(name, DeliveryCounts{}).second;
    }
    AddRetired(*same, finishing.output->Counts());
  }
}

}  // namespace exporter
