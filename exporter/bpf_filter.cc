// SPDX-License-Identifier: Apache-2.0
#include "exporter/bpf_filter.h"

#include <array>
#include <cctype>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <linux/if_ether.h>

#include "exporter/setup_error.h"

namespace exporter {
namespace {

using Program = std::vector<bpf_insn>;

// QinQ.
constexpr std::size_t kMostTags = 2;

std::optional<Program> Compiled(pcap_t* handle, const std::string& expression) {
  bpf_program compiled{};
  if (pcap_compile(handle, &compiled, expression.c_str(), 1,
                   PCAP_NETMASK_UNKNOWN) != 0) {
    return std::nullopt;
  }
  Program program(compiled.bf_insns, compiled.bf_insns + compiled.bf_len);
  pcap_freecode(&compiled);
  return program;
}

bool SpeaksOfVlan(const std::string& expression) {
  constexpr std::string_view kWord = "vlan";
  const auto in_word = [&](std::size_t at) {
    return at < expression.size() &&
           std::isalnum(static_cast<unsigned char>(expression[at])) != 0;
  };
  for (std::size_t at = expression.find(kWord); at != std::string::npos;
       at = expression.find(kWord, at + 1)) {
    if ((at == 0 || !in_word(at - 1)) && !in_word(at + kWord.size())) {
      return true;
    }
  }
  return false;
}

// One program for each number of tags in the frame as the filter sees it, and
// before them one that counts and jumps to theirs. The outer tag of a frame
// that came by an interface is not in it any more, and need not be looked for.
//
// Only so is an expression with a "not" right: written as "E or (vlan and E)",
// the first E would be asked about tagged frames, too.
Program Joined(const std::vector<Program>& by_tags) {
  constexpr std::uint32_t kFirstType = 12;
  constexpr std::uint32_t kTagOctets = 4;
  constexpr std::array<std::uint32_t, 3> kTagTypes = {ETH_P_8021Q, ETH_P_8021AD,
                                                      ETH_P_QINQ1};
  Program code;
  const auto op = [&](unsigned operation, std::uint32_t k) {
    code.push_back({static_cast<std::uint16_t>(operation), 0, 0, k});
  };
  std::vector<std::size_t> jumps;  // by tags
  const auto jump = [&] {
    jumps.push_back(code.size());
    op(BPF_JMP | BPF_JA, 0);
  };
  while (jumps.size() < kMostTags) {
    op(BPF_LD | BPF_H | BPF_ABS,
       kFirstType + static_cast<std::uint32_t>(jumps.size()) * kTagOctets);
    for (std::size_t i = 0; i < kTagTypes.size(); ++i) {
      // Past the others and the jump.
      op(BPF_JMP | BPF_JEQ | BPF_K, kTagTypes[i]);
      code.back().jt = static_cast<std::uint8_t>(kTagTypes.size() - i);
    }
    jump();
  }
  jump();
  for (std::size_t tags = 0; tags <= kMostTags; ++tags) {
    const std::size_t at = jumps[tags];
    code[at].k = static_cast<std::uint32_t>(code.size() - at - 1);
    code.insert(code.end(), by_tags[tags].begin(), by_tags[tags].end());
  }
  return code;
}

// Empty if libpcap cannot say it of tagged frames.
std::vector<Program> OfTaggedFrames(const std::string& expression,
                                    int snaplen) {
  // A live handle would look for the outer tag where the kernel keeps it.
  const Pcap ethernet(pcap_open_dead(DLT_EN10MB, snaplen));
  std::vector<Program> programs;
  std::string tagged = '(' + expression + ')';
  while (programs.size() < kMostTags) {
    tagged.insert(0, "vlan and ");
    std::optional<Program> program = Compiled(ethernet.get(), tagged);
    if (!program) {
      return {};
    }
    programs.push_back(*std::move(program));
  }
  return programs;
}

}  // namespace

BpfFilter::BpfFilter(pcap_t* handle, const std::string& expression)
    : expression_(expression) {
  std::optional<Program> bare = Compiled(handle, expression);
  if (!bare) {
    throw SetupError("filter '" + expression + "': " + pcap_geterr(handle));
  }
  program_ = *std::move(bare);
  if (expression.empty() || pcap_datalink(handle) != DLT_EN10MB ||
      SpeaksOfVlan(expression)) {
    return;
  }
  std::vector<Program> by_tags =
      OfTaggedFrames(expression, pcap_snapshot(handle));
  if (!by_tags.empty()) {
    by_tags.insert(by_tags.begin(), std::move(program_));
    program_ = Joined(by_tags);
  }
}

bool BpfFilter::Matches(const tracker::Frame& frame) const {
  return bpf_filter(program_.data(), frame.captured.data(), frame.wire_length,
                    static_cast<u_int>(frame.captured.size())) != 0;
}

void BpfFilter::ApplyTo(pcap_t* handle) const {
  Program copy = program_;  // libpcap does not promise to leave it alone
  bpf_program program{static_cast<u_int>(copy.size()), copy.data()};
  if (pcap_setfilter(handle, &program) != 0) {
    throw SetupError("filter '" + expression_ + "': " + pcap_geterr(handle));
  }
}

void CheckFilter(const std::string& expression) {
  const Pcap ethernet(pcap_open_dead(DLT_EN10MB, 262144));
  BpfFilter(ethernet.get(), expression);
}

}  // namespace exporter
