// SPDX-License-Identifier: Apache-2.0
#include "tests/support/packet_builder.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <utility>

#include <arpa/inet.h>

namespace tests {
namespace {

constexpr std::uint16_t kEtherTypeIpv4 = 0x0800;
constexpr std::uint16_t kEtherTypeIpv6 = 0x86dd;
constexpr std::uint16_t kEtherTypeMpls = 0x8847;
constexpr std::uint16_t kEtherTypePppoe = 0x8864;

[[noreturn]] void Misused(const char* what) {
  std::fprintf(stderr, "PacketBuilder: %s\n", what);
  std::abort();
}

void Put16(Octets& octets, std::size_t at, std::uint32_t value) {
  octets.at(at) = static_cast<std::uint8_t>(value >> 8);
  octets.at(at + 1) = static_cast<std::uint8_t>(value);
}

void Put32(Octets& octets, std::size_t at, std::uint32_t value) {
  Put16(octets, at, value >> 16);
  Put16(octets, at + 2, value & 0xffff);
}

std::uint32_t Sum(const Octets& octets, std::size_t from, std::size_t to,
                  std::uint32_t sum) {
  for (std::size_t i = from; i < to; ++i) {
    sum += (i - from) % 2 == 0 ? static_cast<std::uint32_t>(octets[i]) << 8
                               : octets[i];
  }
  return sum;
}

// RFC 1071.
std::uint16_t InternetChecksum(std::uint32_t sum) {
  while (sum > 0xffff) {
    sum = (sum & 0xffff) + (sum >> 16);
  }
  return static_cast<std::uint16_t>(~sum);
}

// CRC32c, which SCTP uses (RFC 9260 section 6.8), least significant octet
// first.
std::uint32_t Crc32c(const Octets& octets) {
  constexpr std::uint32_t kPolynomial = 0x82f63b78;
  std::uint32_t crc = 0xffffffff;
  for (const std::uint8_t octet : octets) {
    crc ^= octet;
    for (int bit = 0; bit < 8; ++bit) {
      crc = (crc >> 1) ^ ((crc & 1) != 0 ? kPolynomial : 0);
    }
  }
  return __builtin_bswap32(~crc);
}

void PutAddress(int family, std::string_view text, std::uint8_t* out) {
  if (inet_pton(family, std::string(text).c_str(), out) != 1) {
    Misused("not an address");
  }
}

}  // namespace

PacketBuilder& PacketBuilder::Add(Kind kind, std::size_t octets,
                                  std::uint8_t protocol,
                                  std::uint16_t ether_type) {
  Layer layer;
  layer.kind = kind;
  layer.header.resize(octets);
  layer.ether_type = ether_type;
  layer.protocol = protocol;
  layers_.push_back(std::move(layer));
  return *this;
}

PacketBuilder& PacketBuilder::AddPorts(Kind kind, std::size_t octets,
                                       std::uint8_t protocol,
                                       std::uint16_t source,
                                       std::uint16_t destination) {
  Add(kind, octets, protocol);
  Put16(layers_.back().header, 0, source);
  Put16(layers_.back().header, 2, destination);
  return *this;
}

auto PacketBuilder::Last(Kind kind) -> Layer& {
  if (layers_.empty() || layers_.back().kind != kind) {
    Misused("the last layer has no such field");
  }
  return layers_.back();
}

auto PacketBuilder::LastIp() -> Layer& {
  if (layers_.empty() || (layers_.back().kind != Kind::kIpv4 &&
                          layers_.back().kind != Kind::kIpv6)) {
    Misused("the last layer is not IP");
  }
  return layers_.back();
}

PacketBuilder& PacketBuilder::Ethernet() {
  Add(Kind::kEthernet, 14);
  // Locally administered; the documentation block has no use here.
  return Macs({2, 0, 0, 0, 0, 1}, {2, 0, 0, 0, 0, 2});
}

PacketBuilder& PacketBuilder::Macs(tracker::MacAddress source,
                                   tracker::MacAddress destination) {
  Octets& header = Last(Kind::kEthernet).header;
  std::copy(destination.begin(), destination.end(), header.begin());
  std::copy(source.begin(), source.end(), header.begin() + 6);
  return *this;
}

PacketBuilder& PacketBuilder::Vlan(std::uint16_t vid, std::uint16_t tag_type) {
  Add(Kind::kVlan, 4, 0, tag_type);
  Put16(layers_.back().header, 0, vid);
  return *this;
}

PacketBuilder& PacketBuilder::Mpls(std::uint32_t label) {
  Add(Kind::kMpls, 4, 0, kEtherTypeMpls);
  Put32(layers_.back().header, 0, label << 12 | 64);
  return *this;
}

PacketBuilder& PacketBuilder::ControlWord() {
  return Add(Kind::kControlWord, 4);
}

PacketBuilder& PacketBuilder::Pppoe(std::uint16_t session) {
  Add(Kind::kPppoe, 8, 0, kEtherTypePppoe);  // with the PPP protocol field
  Octets& header = layers_.back().header;
  header[0] = 0x11;
  Put16(header, 2, session);
  return *this;
}

PacketBuilder& PacketBuilder::Ppp() {
  Add(Kind::kPpp, 4);
  Put16(layers_.back().header, 0, 0xff03);
  return *this;
}

PacketBuilder& PacketBuilder::Snap() {
  Add(Kind::kSnap, 8);
  Octets& header = layers_.back().header;
  Put32(header, 0, 0xaaaa0300);
  return *this;
}

PacketBuilder& PacketBuilder::EtherType(std::uint16_t type) {
  return Add(Kind::kEtherType, 0, 0, type);
}

PacketBuilder& PacketBuilder::Ipv4(std::string_view source,
                                   std::string_view destination) {
  Add(Kind::kIpv4, 20, 4, kEtherTypeIpv4);
  Octets& header = layers_.back().header;
  header[0] = 0x45;
  header[8] = 64;
  PutAddress(AF_INET, source, &header[12]);
  PutAddress(AF_INET, destination, &header[16]);
  return *this;
}

PacketBuilder& PacketBuilder::Ipv6(std::string_view source,
                                   std::string_view destination) {
  Add(Kind::kIpv6, 40, 41, kEtherTypeIpv6);
  Octets& header = layers_.back().header;
  header[0] = 0x60;
  header[7] = 64;
  PutAddress(AF_INET6, source, &header[8]);
  PutAddress(AF_INET6, destination, &header[24]);
  return *this;
}

PacketBuilder& PacketBuilder::ExtensionHeader(Extension type,
                                              std::size_t octets) {
  if (octets % 8 != 0 || octets == 0) {
    Misused("an extension header is a multiple of 8 octets");
  }
  Add(Kind::kExtension, octets, static_cast<std::uint8_t>(type));
  Octets& header = layers_.back().header;
  header[1] = static_cast<std::uint8_t>(octets / 8 - 1);
  if (type == Extension::kHopByHop || type == Extension::kDestination) {
    header[2] = 1;  // PadN
    header[3] =
        static_cast<std::uint8_t>(std::min<std::size_t>(octets - 4, 255));
  }
  return *this;
}

PacketBuilder& PacketBuilder::Authentication() {
  Add(Kind::kAuthentication, 24, 51);
  layers_.back().header[1] = 24 / 4 - 2;  // RFC 4302 section 2.2
  return *this;
}

PacketBuilder& PacketBuilder::Identification(std::uint32_t id) {
  if (layers_.back().kind == Kind::kFragment) {
    Put16(layers_.back().header, 4, id >> 16);
    Put16(layers_.back().header, 6, id & 0xffff);
  } else {
    Put16(Last(Kind::kIpv4).header, 4, id & 0xffff);
  }
  return *this;
}

PacketBuilder& PacketBuilder::Fragment(std::uint16_t offset, bool more) {
  if (!layers_.empty() && layers_.back().kind == Kind::kIpv4) {
    Put16(layers_.back().header, 6,
          static_cast<std::uint32_t>(offset / 8 | (more ? 0x2000 : 0)));
    return *this;
  }
  Add(Kind::kFragment, 8, 44);
  Put16(layers_.back().header, 2,
        static_cast<std::uint32_t>(offset | (more ? 1 : 0)));
  return *this;
}

PacketBuilder& PacketBuilder::Tcp(std::uint16_t source,
                                  std::uint16_t destination) {
  AddPorts(Kind::kTcp, 20, tracker::kTcp, source, destination);
  return Window(65535);
}

PacketBuilder& PacketBuilder::Udp(std::uint16_t source,
                                  std::uint16_t destination) {
  return AddPorts(Kind::kUdp, 8, tracker::kUdp, source, destination);
}

PacketBuilder& PacketBuilder::UdpLite(std::uint16_t source,
                                      std::uint16_t destination) {
  return AddPorts(Kind::kUdpLite, 8, tracker::kUdpLite, source, destination);
}

PacketBuilder& PacketBuilder::Sctp(std::uint16_t source,
                                   std::uint16_t destination) {
  return AddPorts(Kind::kSctp, 12, tracker::kSctp, source, destination);
}

PacketBuilder& PacketBuilder::Dccp(std::uint16_t source,
                                   std::uint16_t destination) {
  AddPorts(Kind::kDccp, 12, tracker::kDccp, source, destination);
  layers_.back().header[4] = 3;  // data offset in words
  return *this;
}

PacketBuilder& PacketBuilder::Icmp(std::uint8_t type, std::uint8_t code) {
  Add(Kind::kIcmp, 8, tracker::kIcmp);
  layers_.back().header[0] = type;
  layers_.back().header[1] = code;
  return *this;
}

PacketBuilder& PacketBuilder::IcmpV6(std::uint8_t type, std::uint8_t code) {
  Add(Kind::kIcmpV6, 8, tracker::kIcmpV6);
  layers_.back().header[0] = type;
  layers_.back().header[1] = code;
  return *this;
}

PacketBuilder& PacketBuilder::Protocol(std::uint8_t number) {
  return Add(Kind::kProtocol, 0, number);
}

PacketBuilder& PacketBuilder::Shim(Octets header, std::uint8_t protocol) {
  Add(Kind::kShim, 0, protocol);
  layers_.back().header = std::move(header);
  return *this;
}

PacketBuilder& PacketBuilder::Ttl(std::uint8_t ttl) {
  Layer& layer = LastIp();
  layer.header[layer.kind == Kind::kIpv4 ? 8 : 7] = ttl;
  return *this;
}

PacketBuilder& PacketBuilder::ClassOfService(std::uint8_t value) {
  Layer& layer = LastIp();
  if (layer.kind == Kind::kIpv4) {
    layer.header[1] = value;
  } else {
    Put16(layer.header, 0, 0x6000U | static_cast<std::uint32_t>(value) << 4);
  }
  return *this;
}

PacketBuilder& PacketBuilder::Options(std::size_t octets) {
  if (layers_.empty() || octets % 4 != 0 || octets > 40 ||
      (layers_.back().kind != Kind::kIpv4 &&
       layers_.back().kind != Kind::kTcp)) {
    Misused("options: IPv4 or TCP, a multiple of 4, at most 40");
  }
  constexpr std::uint8_t kNoOperation = 1;
  Octets& header = layers_.back().header;
  header.insert(header.end(), octets, kNoOperation);
  return *this;
}

PacketBuilder& PacketBuilder::TotalLength(std::uint16_t wrong) {
  LastIp().wrong_length = wrong;
  return *this;
}

PacketBuilder& PacketBuilder::HeaderWords(std::uint8_t wrong) {
  layers_.back().wrong_header_words = wrong;
  return *this;
}

PacketBuilder& PacketBuilder::Flags(int flags) {
  Last(Kind::kTcp).header[13] = static_cast<std::uint8_t>(flags);
  return *this;
}

PacketBuilder& PacketBuilder::Seq(std::uint32_t sequence) {
  Put32(Last(Kind::kTcp).header, 4, sequence);
  return *this;
}

PacketBuilder& PacketBuilder::Ack(std::uint32_t acknowledgment) {
  Put32(Last(Kind::kTcp).header, 8, acknowledgment);
  return *this;
}

PacketBuilder& PacketBuilder::Window(std::uint16_t window) {
  Put16(Last(Kind::kTcp).header, 14, window);
  return *this;
}

PacketBuilder& PacketBuilder::EchoId(std::uint16_t id, std::uint16_t sequence) {
  Octets& header = layers_.back().header;
  Put16(header, 4, id);
  Put16(header, 6, sequence);
  return *this;
}

PacketBuilder& PacketBuilder::Payload(std::size_t octets) {
  payload_.assign(octets, 'x');
  return *this;
}

PacketBuilder& PacketBuilder::Payload(std::string_view octets) {
  payload_.assign(octets.begin(), octets.end());
  return *this;
}

PacketBuilder& PacketBuilder::PadTo(std::size_t octets) {
  pad_to_ = octets;
  return *this;
}

PacketBuilder& PacketBuilder::TruncateTo(std::size_t octets) {
  truncate_to_ = octets;
  return *this;
}

PacketBuilder& PacketBuilder::BadChecksum() {
  layers_.back().bad_checksum = true;
  return *this;
}

// Writes into a header what follows it.
void PacketBuilder::Announce(std::size_t at, Octets& header,
                             std::size_t body) const {
  constexpr std::uint8_t kNoNextHeader = 59;  // RFC 8200 section 4.7
  Layer next;
  next.protocol = kNoNextHeader;
  if (at + 1 < layers_.size()) {
    next = layers_[at + 1];
  }
  const std::uint32_t type = next.kind == Kind::kSnap
                                 ? static_cast<std::uint32_t>(body)
                                 : next.ether_type;
  const std::uint32_t ppp = type == kEtherTypeIpv6   ? 0x0057
                            : type == kEtherTypeMpls ? 0x0281
                                                     : 0x0021;
  switch (layers_[at].kind) {
    case Kind::kEthernet:
      return Put16(header, 12, type);
    case Kind::kVlan:
    case Kind::kCiscoHdlc:
    case Kind::kPpp:
      return Put16(header, 2, layers_[at].kind == Kind::kPpp ? ppp : type);
    case Kind::kSnap:
    case Kind::kPppoe:
      return Put16(header, 6, layers_[at].kind == Kind::kPppoe ? ppp : type);
    case Kind::kSll:
      return Put16(header, 14, type);
    case Kind::kSll2:
      return Put16(header, 0, type);
    case Kind::kMpls:
      header[2] = static_cast<std::uint8_t>(header[2] |
                                            (type == kEtherTypeMpls ? 0 : 1));
      return;
    case Kind::kBsd: {
      const std::uint8_t family = type == kEtherTypeIpv6 ? 30 : 2;
      header[header[0] == 0xff ? 0 : 3] = family;
      return;
    }
    case Kind::kIpv4:
      header[9] = next.protocol;
      return;
    case Kind::kIpv6:
      header[6] = next.protocol;
      return;
    case Kind::kExtension:
    case Kind::kAuthentication:
    case Kind::kFragment:
      header[0] = next.protocol;
      return;
    default:
      return;
  }
}

void PacketBuilder::SetLengths(std::size_t at, Octets& header,
                               std::size_t body) const {
  const Layer& layer = layers_[at];
  const auto words = static_cast<std::uint8_t>(
      layer.wrong_header_words.value_or(header.size() / 4));
  switch (layer.kind) {
    case Kind::kIpv4:
      header[0] = static_cast<std::uint8_t>(0x40 | words);
      return Put16(header, 2,
                   layer.wrong_length.value_or(
                       static_cast<std::uint16_t>(header.size() + body)));
    case Kind::kIpv6:
      return Put16(
          header, 4,
          layer.wrong_length.value_or(static_cast<std::uint16_t>(body)));
    case Kind::kTcp:
      header[12] = static_cast<std::uint8_t>(words << 4);
      return;
    case Kind::kUdp:
      return Put16(header, 4, static_cast<std::uint16_t>(header.size() + body));
    case Kind::kPppoe:
      return Put16(header, 4, static_cast<std::uint16_t>(body + 2));
    default:
      return;
  }
}

// Sum over addresses, length and protocol of the IP layer before `at`
// (RFC 9293 section 3.1, RFC 8200 section 8.1).
std::uint32_t PacketBuilder::PseudoHeader(std::size_t at,
                                          std::size_t length) const {
  const std::uint32_t sum =
      static_cast<std::uint32_t>(length) + layers_[at].protocol;
  for (std::size_t i = at; i-- > 0;) {
    const Octets& header = layers_[i].header;
    if (layers_[i].kind == Kind::kIpv4) {
      return Sum(header, 12, 20, sum);
    }
    if (layers_[i].kind == Kind::kIpv6) {
      return Sum(header, 8, 40, sum);
    }
  }
  return sum;
}

// `packet` begins with the layer and goes to the end of the frame.
void PacketBuilder::SetChecksum(std::size_t at, Octets& packet) const {
  const Layer& layer = layers_[at];
  const std::size_t size = packet.size();
  std::size_t where = 0;
  std::uint32_t sum = 0;
  std::size_t until = size;
  switch (layer.kind) {
    case Kind::kIpv4:
      where = 10;
      until = layer.header.size();
      break;
    case Kind::kTcp:
      where = 16;
      sum = PseudoHeader(at, size);
      break;
    case Kind::kUdp:
    case Kind::kUdpLite:
    case Kind::kDccp:
      where = 6;
      sum = PseudoHeader(at, size);
      break;
    case Kind::kIcmp:
      where = 2;
      break;
    case Kind::kIcmpV6:
      where = 2;
      sum = PseudoHeader(at, size);
      break;
    case Kind::kSctp:
      Put32(packet, 8, Crc32c(packet) ^ (layer.bad_checksum ? 1U : 0U));
      return;
    default:
      return;
  }
  std::uint16_t checksum = InternetChecksum(Sum(packet, 0, until, sum));
  if (layer.kind == Kind::kUdp && checksum == 0) {
    checksum = 0xffff;  // RFC 768: 0 means that there is none
  }
  Put16(packet, where, checksum ^ (layer.bad_checksum ? 1U : 0U));
}

Octets PacketBuilder::Build() const {
  Octets packet = payload_;
  for (std::size_t at = layers_.size(); at-- > 0;) {
    Octets header = layers_[at].header;
    Announce(at, header, packet.size());
    SetLengths(at, header, packet.size());
    packet.insert(packet.begin(), header.begin(), header.end());
    SetChecksum(at, packet);
  }
  packet.resize(std::max(packet.size(), pad_to_));
  return packet;
}

CapturedFrame PacketBuilder::At(tracker::Timestamp time) const {
  Octets octets = Build();
  const auto wire_length = static_cast<std::uint32_t>(octets.size());
  octets.resize(std::min(octets.size(), truncate_to_.value_or(octets.size())));
  octets.shrink_to_fit();  // so that a sanitizer sees a read past the end
  return {.time = time,
          .octets = std::move(octets),
          .wire_length = wire_length,
          .link = link_};
}

PacketBuilder Eth() {
  return PacketBuilder(tracker::LinkType::kEthernet).Ethernet();
}

PacketBuilder RawIp() { return PacketBuilder(tracker::LinkType::kRawIp); }

PacketBuilder BsdNull(bool little_endian) {
  PacketBuilder builder(tracker::LinkType::kBsdNull);
  builder.Add(PacketBuilder::Kind::kBsd, 4);
  // A mark for Announce(): it overwrites this octet with the family.
  builder.layers_.back().header[0] = little_endian ? 0xff : 0;
  return builder;
}

PacketBuilder BsdLoop() {
  PacketBuilder builder(tracker::LinkType::kBsdLoop);
  return builder.Add(PacketBuilder::Kind::kBsd, 4);
}

PacketBuilder PppLink() { return PacketBuilder(tracker::LinkType::kPpp).Ppp(); }

PacketBuilder Sll() {
  PacketBuilder builder(tracker::LinkType::kLinuxSll);
  builder.Add(PacketBuilder::Kind::kSll, 16);
  builder.layers_.back().header[3] = 1;  // ARPHRD_ETHER
  return builder;
}

PacketBuilder Sll2() {
  PacketBuilder builder(tracker::LinkType::kLinuxSll2);
  builder.Add(PacketBuilder::Kind::kSll2, 20);
  builder.layers_.back().header[9] = 1;  // ARPHRD_ETHER
  return builder;
}

PacketBuilder CiscoHdlc() {
  PacketBuilder builder(tracker::LinkType::kCiscoHdlc);
  builder.Add(PacketBuilder::Kind::kCiscoHdlc, 4);
  builder.layers_.back().header[0] = 0x0f;
  return builder;
}

}  // namespace tests
