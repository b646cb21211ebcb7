// SPDX-License-Identifier: Apache-2.0
#include "exporter/doctor.h"

#include <cmath>
#include <optional>
#include <utility>

namespace exporter {
namespace {

constexpr std::string_view kNoFrames = "no_frames";
constexpr std::string_view kOnlyBroadcast = "only_broadcast";
constexpr std::string_view kNotIp = "not_ip";
constexpr std::string_view kOneDirection = "one_direction";
constexpr std::string_view kDuplicates = "duplicates";
constexpr std::string_view kTagsInOneDirection = "tags_in_one_direction";
constexpr std::string_view kSuperPackets = "super_packets";
constexpr std::string_view kDrops = "drops";
constexpr std::string_view kClockJump = "clock_jump";

// Fewer say nothing about a mirror.
constexpr std::uint64_t kFewestFrames = 20;
constexpr std::uint64_t kFewestConversations = 3;

double Share(std::uint64_t part, std::uint64_t whole) {
  return whole == 0 ? 0
                    : static_cast<double>(part) / static_cast<double>(whole);
}

// "12 %", and never "0 %" of what there is.
std::string Percent(std::uint64_t part, std::uint64_t whole) {
  const auto percent = std::lround(Share(part, whole) * 100);
  return (percent == 0 ? std::string("less than 1") : std::to_string(percent)) +
         " %";
}

std::uint64_t Dropped(const Observation& seen) {
  return seen.dropped_by_kernel + seen.dropped_by_interface;
}

using MaybeFinding = std::optional<Finding>;

Finding Found(std::string_view name, Severity severity, std::string sentence) {
  return {.name = std::string(name),
          .interface = {},
          .severity = severity,
          .sentence = std::move(sentence)};
}

MaybeFinding NoFrames(std::string_view interface, const Observation& seen) {
  if (!seen.settled || seen.frames > 0 || Dropped(seen) > 0) {
    return {};
  }
  return Found(kNoFrames, Severity::kError,
               "not one frame arrives: the mirror is not set up or its "
               "cable is in another port; 'ip -s link show " +
                   std::string(interface) + "' counts what the card receives");
}

// A switch floods these to every port, mirror or not.
MaybeFinding OnlyBroadcast(const Observation& seen) {
  if (seen.frames_looked_at < kFewestFrames ||
      seen.group_frames < seen.frames_looked_at) {
    return {};
  }
  return Found(kOnlyBroadcast, Severity::kError,
               "nothing but broadcast and multicast: this is an ordinary "
               "port of the switch; make it the destination of a mirror "
               "session");
}

MaybeFinding NotIp(const Observation& seen) {
  constexpr double kMost = 0.5;
  const std::uint64_t single = seen.frames_looked_at - seen.group_frames;
  if (single < kFewestFrames ||
      Share(seen.packets, seen.frames_looked_at) > 1 - kMost) {
    return {};
  }
  return Found(
      kNotIp, Severity::kError,
      Percent(seen.frames_looked_at - seen.packets, seen.frames_looked_at) +
          " of the frames hold no IP packet that can be read: the "
          "switch may wrap what it mirrors in a header of its own");
}

MaybeFinding OneDirection(const Observation& seen) {
  constexpr double kSome = 0.1;
  constexpr double kMost = 0.5;
  const double share = Share(seen.one_sided, seen.conversations);
  if (seen.conversations < kFewestConversations || share < kSome) {
    return {};
  }
  const std::string what = Percent(seen.one_sided, seen.conversations) +
                           " of the TCP conversations show one side only: ";
  return share < kMost
             ? Found(kOneDirection, Severity::kWarning,
                     what +
                         "their answers go another way, which the mirror "
                         "does not see (asymmetric routing, a second uplink)")
             : Found(kOneDirection, Severity::kError,
                     what +
                         "mirror both directions ('both', not 'rx' or 'tx'); "
                         "a tap with a cable for each direction needs both "
                         "bonded into one interface");
}

MaybeFinding Duplicates(const Observation& seen) {
  constexpr double kSome = 0.01;
  constexpr double kMost = 0.2;
  const double share = Share(seen.duplicates, seen.packets);
  if (seen.packets < kFewestFrames || share < kSome) {
    return {};
  }
  return Found(kDuplicates,
               share < kMost ? Severity::kWarning : Severity::kError,
               Percent(seen.duplicates, seen.packets) +
                   " of the packets are copies of one just seen: the mirror "
                   "takes them where they come in and where they go out; "
                   "mirror one of both, or start with --dedup");
}

MaybeFinding TagsInOneDirection(const Observation& seen) {
  constexpr double kSome = 0.1;
  const std::uint64_t both = seen.conversations - seen.one_sided;
  if (both < kFewestConversations || Share(seen.tagged_once, both) < kSome) {
    return {};
  }
  return Found(kTagsInOneDirection, Severity::kWarning,
               Percent(seen.tagged_once, both) +
                   " of the TCP conversations have a VLAN tag in one "
                   "direction only: the mirror strips it from what leaves "
                   "the switch; ask it to keep tags ('encapsulation "
                   "replicate'), and leave out --key vlan");
}

MaybeFinding SuperPackets(std::string_view interface, const Observation& seen) {
  if (seen.long_frames == 0) {
    return {};
  }
  return Found(kSuperPackets, Severity::kWarning,
               Percent(seen.long_frames, seen.frames_looked_at) +
                   " of the frames are longer than the link can carry: the "
                   "card joined them, so there were more packets than are "
                   "counted (octets are right); 'ethtool -K " +
                   std::string(interface) + " gro off lro off'");
}

MaybeFinding Drops(const Observation& seen) {
  constexpr double kMost = 0.01;
  const std::uint64_t dropped = Dropped(seen);
  if (dropped == 0) {
    return {};
  }
  const std::uint64_t offered = seen.frames + dropped;
  return Found(
      kDrops,
      Share(dropped, offered) < kMost ? Severity::kWarning : Severity::kError,
      std::to_string(dropped) + " of " + std::to_string(offered) + " frames (" +
          Percent(dropped, offered) +
          ") were dropped before they could be read: give the capture "
          "a larger --ring-size or more --threads, or filter");
}

MaybeFinding ClockJump(const Observation& seen) {
  if (seen.clock_steps == 0) {
    return {};
  }
  return Found(kClockJump, Severity::kWarning,
               "the clock jumped " + std::to_string(seen.clock_steps) +
                   (seen.clock_steps == 1 ? " time" : " times") +
                   ": the times and durations of flows around it are wrong; "
                   "let an NTP client slew it");
}

}  // namespace

std::vector<Finding> Diagnose(std::string_view interface,
                              const Observation& seen) {
  std::vector<Finding> findings;
  const auto add = [&](MaybeFinding finding) {
    if (finding) {
      finding->interface = interface;
      findings.push_back(std::move(*finding));
    }
  };
  add(NoFrames(interface, seen));
  add(OnlyBroadcast(seen));
  add(NotIp(seen));
  add(OneDirection(seen));
  add(Duplicates(seen));
  add(TagsInOneDirection(seen));
  add(SuperPackets(interface, seen));
  add(Drops(seen));
  add(ClockJump(seen));
  return findings;
}

std::string DiagnosisText(std::string_view interface, const Observation& seen,
                          const std::vector<Finding>& findings) {
  const std::string begin = std::string(interface) + ": ";
  std::string text = begin + std::to_string(seen.frames) + " frames, " +
                     std::to_string(seen.packets) + " packets of IP, " +
                     std::to_string(seen.conversations) +
                     " conversations of TCP\n";
  for (const Finding& finding : findings) {
    text += begin + std::string(Name(finding.severity)) + ": " + finding.name +
            ": " + finding.sentence + '\n';
  }
  if (findings.empty()) {
    text += begin + "nothing wrong";
    text += seen.conversations < kFewestConversations
                ? " with what was seen, which is little: watch for longer\n"
                : "\n";
  }
  return text;
}

}  // namespace exporter
