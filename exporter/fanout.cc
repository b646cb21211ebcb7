// SPDX-License-Identifier: Apache-2.0
#include "exporter/fanout.h"

#include <cstddef>
#include <random>
#include <utility>
#include <vector>

#include <linux/filter.h>
#include <linux/if_arp.h>
#include <linux/if_ether.h>
#include <linux/if_packet.h>
#include <sys/socket.h>

#include "exporter/last_error.h"

namespace exporter {
namespace {

// Places to jump to, all forward, and their jumps.
using Label = std::vector<std::size_t>;

// Writes classic BPF. A is the accumulator; X is where the next header begins,
// except within Mix(); the machine has 16 words of memory beside.
class Assembler {
 public:
  void Op(unsigned code, std::uint32_t k = 0) {
    code_.push_back({static_cast<std::uint16_t>(code), 0, 0, k});
  }
  // A = octets at X + offset; beyond the end of the packet, the program ends
  // with 0.
  void Load8(std::uint32_t offset) { Load(BPF_B, BPF_IND, offset); }
  void Load16(std::uint32_t offset) { Load(BPF_H, BPF_IND, offset); }
  void Load32(std::uint32_t offset) { Load(BPF_W, BPF_IND, offset); }
  void Load(unsigned size, unsigned mode, std::uint32_t k) {
    Op(BPF_LD | size | mode, k);
  }
  // A = A operation k, or X.
  void Calculate(unsigned operation, std::uint32_t k) {
    Op(BPF_ALU | operation | BPF_K, k);
  }
  void CalculateWithX(unsigned operation) { Op(BPF_ALU | operation | BPF_X); }
  // X += octets; A is kept.
  void Skip(std::uint32_t octets) {
    Op(BPF_ST, kScratch);
    Op(BPF_MISC | BPF_TXA);
    Calculate(BPF_ADD, octets);
    Op(BPF_MISC | BPF_TAX);
    Op(BPF_LD | BPF_MEM, kScratch);
  }
  void Jump(Label& to) {
    to.push_back(code_.size());
    Op(BPF_JMP | BPF_JA);
  }
  void JumpIfEqual(std::uint32_t k, Label& to) { JumpIf(BPF_JEQ, k, to); }
  void JumpIfAnyOf(std::uint32_t bits, Label& to) {
    JumpIf(BPF_JSET, bits, to);
  }
  void Bind(const Label& label) {
    for (const std::size_t jump : label) {
      code_[jump].k = static_cast<std::uint32_t>(code_.size() - jump - 1);
    }
  }
  std::vector<sock_filter>& Code() { return code_; }

 private:
  static constexpr std::uint32_t kScratch = 15;

  // A conditional jump reaches 255 instructions, an unconditional one any.
  void JumpIf(unsigned condition, std::uint32_t k, Label& to) {
    code_.push_back(
        {static_cast<std::uint16_t>(BPF_JMP | condition | BPF_K), 0, 1, k});
    Jump(to);
  }

  std::vector<sock_filter> code_;
};

// A = EtherType, before and after.
void SkipVlanTag(Assembler& code) {
  Label tagged;
  Label done;
  code.JumpIfEqual(ETH_P_8021Q, tagged);
  code.JumpIfEqual(ETH_P_8021AD, tagged);
  code.JumpIfEqual(ETH_P_QINQ1, tagged);
  code.Jump(done);
  code.Bind(tagged);
  code.Load16(2);
  code.Skip(4);
  code.Bind(done);
}

// RFC 3032, and a pseudowire's control word and Ethernet (RFC 4448).
void SkipMpls(Assembler& code, Label& ip, Label& other) {
  constexpr int kMostLabels = 6;
  constexpr std::uint32_t kBottom = 0x100;
  Label mpls;
  Label bottom;
  Label done;
  code.JumpIfEqual(ETH_P_MPLS_UC, mpls);
  code.JumpIfEqual(ETH_P_MPLS_MC, mpls);
  code.Jump(done);
  code.Bind(mpls);
  for (int i = 0; i < kMostLabels; ++i) {
    code.Load32(0);
    code.Skip(4);
    code.JumpIfAnyOf(kBottom, bottom);
  }
  code.Jump(other);
  code.Bind(bottom);
  code.Load8(0);
  code.JumpIfAnyOf(0xf0, ip);
  code.Load16(4 + 12);
  code.Skip(4 + 14);
  code.Bind(done);
}

// RFC 2516.
void SkipPppoe(Assembler& code, Label& ip, Label& other) {
  Label session;
  Label done;
  code.JumpIfEqual(ETH_P_PPP_SES, session);
  code.Jump(done);
  code.Bind(session);
  code.Load16(6);
  code.Skip(8);
  code.JumpIfEqual(0x0021, ip);
  code.JumpIfEqual(0x0057, ip);
  code.Jump(other);
  code.Bind(done);
}

// Words of memory.
constexpr std::uint32_t kStart = 0;
constexpr std::uint32_t kHash = 1;
constexpr std::uint32_t kSource = 2;

// memory[kHash] = hash of that and the word at X + offset. X is kept.
void Mix(Assembler& code, std::uint32_t offset, const FanoutSeeds& seeds) {
  code.Load32(offset);
  code.Op(BPF_LDX | BPF_MEM, kHash);
  code.CalculateWithX(BPF_XOR);
  code.Calculate(BPF_MUL, seeds.first);
  code.Op(BPF_MISC | BPF_TAX);
  code.Calculate(BPF_RSH, 15);
  code.CalculateWithX(BPF_XOR);
  code.Calculate(BPF_MUL, seeds.second);
  code.Op(BPF_ST, kHash);
  code.Op(BPF_LDX | BPF_MEM, kStart);
}

// Ends the program. The hashes of the addresses are added up, so it does not
// matter which one is the source.
void AnswerHash(Assembler& code, std::uint32_t source, std::uint32_t octets,
                const FanoutSeeds& seeds) {
  for (const std::uint32_t address : {source, source + octets}) {
    code.Op(BPF_LD | BPF_IMM, 0);
    code.Op(BPF_ST, kHash);
    for (std::uint32_t word = 0; word < octets; word += 4) {
      Mix(code, address + word, seeds);
    }
    if (address == source) {
      code.Op(BPF_LD | BPF_MEM, kHash);
      code.Op(BPF_ST, kSource);
    }
  }
  code.Op(BPF_LD | BPF_MEM, kHash);
  code.Op(BPF_LDX | BPF_MEM, kSource);
  code.CalculateWithX(BPF_ADD);
  code.Calculate(BPF_RSH, 16);
  code.Op(BPF_RET | BPF_A);
}

// X = behind the link layer, A = EtherType. Of a packet that came in, the
// kernel has taken off the Ethernet header and one VLAN tag by now; of one that
// this host sends, it has not, and may have put the network header behind tags.
void Begin(Assembler& code) {
  constexpr auto kAncillary = static_cast<std::uint32_t>(SKF_AD_OFF);
  constexpr auto kLinkLayer = static_cast<std::uint32_t>(SKF_LL_OFF);
  constexpr auto kNetwork = static_cast<std::uint32_t>(SKF_NET_OFF);
  Label outgoing;
  Label ethernet;
  Label no_link_layer;
  Label begun;
  code.Load(BPF_W, BPF_ABS, kAncillary + SKF_AD_PKTTYPE);
  code.JumpIfEqual(PACKET_OUTGOING, outgoing);
  code.Op(BPF_LDX | BPF_IMM, 0);
  code.Jump(no_link_layer);

  code.Bind(outgoing);
  code.Load(BPF_W, BPF_ABS, kAncillary + SKF_AD_HATYPE);
  code.JumpIfEqual(ARPHRD_ETHER, ethernet);
  code.Op(BPF_LDX | BPF_IMM, kNetwork);

  code.Bind(no_link_layer);
  code.Load(BPF_W, BPF_ABS, kAncillary + SKF_AD_PROTOCOL);
  code.Jump(begun);

  code.Bind(ethernet);
  code.Op(BPF_LDX | BPF_IMM, kLinkLayer + ETH_HLEN);
  code.Load(BPF_H, BPF_ABS, kLinkLayer + ETH_HLEN - 2);
  code.Bind(begun);
}

std::vector<sock_filter> AddressPairProgram(const FanoutSeeds& seeds) {
  Assembler code;
  Label ip;
  Label ipv4;
  Label ipv6;
  Label other;
  Begin(code);
  SkipVlanTag(code);
  SkipVlanTag(code);
  SkipMpls(code, ip, other);
  SkipVlanTag(code);
  SkipPppoe(code, ip, other);
  code.JumpIfEqual(ETH_P_IP, ip);
  code.JumpIfEqual(ETH_P_IPV6, ip);
  code.Bind(other);
  code.Op(BPF_RET | BPF_K, 0);

  code.Bind(ip);
  code.Op(BPF_STX, kStart);
  code.Load8(0);
  code.Calculate(BPF_RSH, 4);
  code.JumpIfEqual(4, ipv4);
  code.JumpIfEqual(6, ipv6);
  code.Op(BPF_RET | BPF_K, 0);
  code.Bind(ipv4);
  AnswerHash(code, 12, 4, seeds);
  code.Bind(ipv6);
  AnswerHash(code, 8, 16, seeds);
  return std::move(code.Code());
}

}  // namespace

FanoutSeeds RandomFanoutSeeds() {
  std::random_device random;
  return {.first = random() | 1, .second = random() | 1};
}

std::error_code FanoutGroup::Join(int socket) {
  constexpr std::uint32_t kAnyId = PACKET_FANOUT_FLAG_UNIQUEID << 16;
  constexpr std::uint32_t kByProgram = PACKET_FANOUT_CBPF << 16;
  const std::uint32_t wanted = made_ ? id_ : kByProgram | kAnyId;
  if (setsockopt(socket, SOL_PACKET, PACKET_FANOUT, &wanted, sizeof(wanted)) !=
      0) {
    return LastError();
  }
  if (made_) {
    return {};
  }
  socklen_t size = sizeof(id_);
  if (getsockopt(socket, SOL_PACKET, PACKET_FANOUT, &id_, &size) != 0) {
    return LastError();
  }
  std::vector<sock_filter> code = AddressPairProgram(seeds_);
  const sock_fprog program{static_cast<std::uint16_t>(code.size()),
                           code.data()};
  if (setsockopt(socket, SOL_PACKET, PACKET_FANOUT_DATA, &program,
                 sizeof(program)) != 0) {
    return LastError();
  }
  made_ = true;
  return {};
}

}  // namespace exporter
