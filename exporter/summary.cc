// SPDX-License-Identifier: Apache-2.0
#include "exporter/summary.h"

#include <algorithm>
#include <array>
#include <functional>

namespace exporter {
namespace {

// "N", or "N (name N, name N)" with the parts that are not 0.
class Sum {
 public:
  void Add(std::string_view name, std::uint64_t count) {
    if (count == 0) {
      return;
    }
    total_ += count;
    parts_ += (parts_.empty() ? "" : ", ") + std::string(name) + ' ' +
              std::to_string(count);
  }
  [[nodiscard]] bool Empty() const { return total_ == 0; }
  [[nodiscard]] std::string Text() const {
    return std::to_string(total_) + (parts_.empty() ? "" : " (" + parts_ + ')');
  }

 private:
  std::uint64_t total_ = 0;
  std::string parts_;
};

template <typename Counts>
void AddEach(Counts& sum, const Counts& other) {
  std::transform(sum.begin(), sum.end(), other.begin(), sum.begin(),
                 std::plus<>());
}

void Add(tracker::TrackerStats& sum, const tracker::TrackerStats& other) {
  sum.packets_tracked += other.packets_tracked;
  sum.flows_created += other.flows_created;
  AddEach(sum.ended, other.ended);
  AddEach(sum.unmatched, other.unmatched);
  sum.intervals_reported += other.intervals_reported;
}

void Add(std::vector<LinkReport>& sum, const LinkReport& other) {
  const auto same =
      std::find_if(sum.begin(), sum.end(), [&](const LinkReport& interface) {
        return interface.status.name == other.status.name;
      });
  if (same == sum.end()) {
    sum.push_back(other);
    return;
  }
  CaptureCounts& counts = same->counts;
  counts.dropped_by_kernel += other.counts.dropped_by_kernel;
  // Each of its threads reads the interface's one counter.
  counts.dropped_by_interface =
      std::max(counts.dropped_by_interface, other.counts.dropped_by_interface);
}

CaptureCounts Total(const std::vector<LinkReport>& interfaces) {
  CaptureCounts total;
  for (const LinkReport& interface : interfaces) {
    total.dropped_by_kernel += interface.counts.dropped_by_kernel;
    total.dropped_by_interface += interface.counts.dropped_by_interface;
  }
  return total;
}

std::string DropLine(const std::string& where, const CaptureCounts& counts) {
  if (counts.dropped_by_kernel == 0 && counts.dropped_by_interface == 0) {
    return "";
  }
  return "never seen" + where + ": dropped by the kernel " +
         std::to_string(counts.dropped_by_kernel) + ", by the interface " +
         std::to_string(counts.dropped_by_interface) + '\n';
}

std::string DropLines(const CaptureReport& capture) {
  std::string text = DropLine("", capture.capture);
  if (capture.interfaces.size() > 1) {
    for (const LinkReport& interface : capture.interfaces) {
      text += DropLine(" on " + interface.status.name, interface.counts);
    }
  }
  return text;
}

std::string PacketLine(const CaptureReport& capture) {
  Sum left_out;
  left_out.Add("not_sampled", capture.packets_not_sampled);
  for (std::size_t i = 1; i < tracker::kDecodeResults; ++i) {
    const auto reason = static_cast<tracker::DecodeResult>(i);
    left_out.Add(tracker::Name(reason), capture.tracker.Unmatched(reason));
  }
  left_out.Add("export_overrun", capture.packets_overrun);
  std::string line = "packets seen " + std::to_string(capture.packets_seen) +
                     " = in records " +
                     std::to_string(capture.packets_in_records) +
                     " + left out " + left_out.Text();
  if (capture.packets_live > 0) {
    line += " + in live flows " + std::to_string(capture.packets_live);
  }
  return line + "\noctets of IP in records " +
         std::to_string(capture.octets_in_records) + '\n';
}

std::string FlowLine(const CaptureReport& capture) {
  Sum ended;
  for (std::size_t i = 1; i < tracker::kEndReasons; ++i) {
    const auto reason = static_cast<tracker::EndReason>(i);
    ended.Add(tracker::Name(reason), capture.tracker.Ended(reason));
  }
  std::string line = "flows " + std::to_string(capture.tracker.flows_created) +
                     " = ended " + ended.Text();
  if (capture.flows_live > 0) {
    line += " + live " + std::to_string(capture.flows_live);
  }
  if (capture.tracker.intervals_reported > 0) {
    line += "; reported while active " +
            std::to_string(capture.tracker.intervals_reported);
  }
  return line + '\n';
}

// Not an error, and not left out: they are counted, only without ports.
std::string FragmentLine(const CaptureReport& capture) {
  Sum orphans;
  for (std::size_t i = 0; i < tracker::kOrphans; ++i) {
    orphans.Add(tracker::Name(static_cast<tracker::Orphan>(i)),
                capture.fragments.orphans[i]);
  }
  return orphans.Empty() ? ""
                         : "fragments on ports 0: " + orphans.Text() + '\n';
}

// "N = sent N + dropped N (reason N)", and what is not 0 of the rest.
std::string AccountText(const RecordAccount& account) {
  Sum dropped;
  for (const auto& [reason, count] : account.dropped) {
    dropped.Add(reason, count);
  }
  std::string text = std::to_string(account.made) + " = sent " +
                     std::to_string(account.sent) + " + dropped " +
                     dropped.Text();
  if (account.spooled > 0) {
    text += " + spooled " + std::to_string(account.spooled);
  }
  if (account.Queued() > 0) {
    text += " + queued " + std::to_string(account.Queued());
  }
  return text;
}

}  // namespace

CaptureReport& CaptureReport::operator+=(const CaptureReport& other) {
  packets_seen += other.packets_seen;
  packets_not_sampled += other.packets_not_sampled;
  for (const LinkReport& interface : other.interfaces) {
    Add(interfaces, interface);
  }
  capture = Total(interfaces);
  observed += other.observed;
  Add(tracker, other.tracker);
  AddEach(fragments.orphans, other.fragments.orphans);
  fragments.held += other.fragments.held;
  flows_live += other.flows_live;
  packets_in_records += other.packets_in_records;
  octets_in_records += other.octets_in_records;
  packets_live += other.packets_live;
  records_overrun += other.records_overrun;
  packets_overrun += other.packets_overrun;
  return *this;
}

std::string SummaryText(const CaptureReport& capture,
                        const ExportReport& exported) {
  std::string text =
      PacketLine(capture) + FlowLine(capture) + FragmentLine(capture);
  text += DropLines(capture);
  if (capture.records_overrun > 0) {
    text += "records lost before export " +
            std::to_string(capture.records_overrun) +
            ": the outputs were too slow\n";
  }
  for (const auto& [name, counts] : exported.outputs) {
    text += "records made " + AccountText(counts) + " to " + name;
    if (counts.repeated > 0) {
      text += "; sent again after a lost connection " +
              std::to_string(counts.repeated);
    }
    if (counts.earlier.made > 0) {
      text += "; from the spool of earlier runs " + AccountText(counts.earlier);
    }
    text += '\n';
  }
  return text;
}

}  // namespace exporter
