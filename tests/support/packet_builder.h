// SPDX-License-Identifier: Apache-2.0
// Frames for tests, written as they are stacked:
//
//   Eth().Vlan(7).Ipv4("10.0.0.1", "10.0.0.2").Tcp(40000, 443).Flags(kSyn)
//
// Lengths, next-header fields and checksums are right unless the test asks for
// a wrong one. A method that names a field belongs to the layer added last; one
// that names no field of it is a mistake in the test and aborts.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "tracker/frame.h"
#include "tracker/packet.h"

namespace tests {

using Octets = std::vector<std::uint8_t>;

// A frame that owns its octets.
struct CapturedFrame {
  tracker::Timestamp time;
  Octets octets;
  std::uint32_t wire_length = 0;  // >= octets.size()
  tracker::LinkType link = tracker::LinkType::kEthernet;

  // Valid as long as this object.
  [[nodiscard]] tracker::Frame View() const {
    return {.time = time,
            .captured = octets,
            .wire_length = wire_length,
            .interface = 1,
            .link = link};
  }
};

// IPv6 extension headers that are a chain of units of eight octets.
enum class Extension : std::uint8_t {
  kHopByHop = 0,
  kRouting = 43,
  kDestination = 60,
  kMobility = 135,
  kHip = 139,
  kShim6 = 140,
};

class PacketBuilder {
 public:
  explicit PacketBuilder(tracker::LinkType link) : link_(link) {}

  // Link layers; the first one decides the link type of the frame.
  PacketBuilder& Ethernet();
  PacketBuilder& Macs(tracker::MacAddress source,
                      tracker::MacAddress destination);
  PacketBuilder& Vlan(std::uint16_t vid, std::uint16_t tag_type = 0x8100);
  PacketBuilder& Mpls(std::uint32_t label);
  // The four zero octets in front of an Ethernet frame in an MPLS pseudowire.
  PacketBuilder& ControlWord();
  PacketBuilder& Pppoe(std::uint16_t session);
  PacketBuilder& Ppp();
  // IEEE 802.3 length and LLC/SNAP instead of an EtherType.
  PacketBuilder& Snap();
  // An EtherType of the test's choice; the payload follows.
  PacketBuilder& EtherType(std::uint16_t type);

  PacketBuilder& Ipv4(std::string_view source, std::string_view destination);
  PacketBuilder& Ipv6(std::string_view source, std::string_view destination);
  PacketBuilder& ExtensionHeader(Extension type, std::size_t octets = 8);
  PacketBuilder& Authentication();
  // IPv4: sets the fields; IPv6: adds the header. `offset` in octets.
  PacketBuilder& Fragment(std::uint16_t offset, bool more);
  // Of the datagram: IPv4 header, or the fragment header that was added last.
  PacketBuilder& Identification(std::uint32_t id);

  PacketBuilder& Tcp(std::uint16_t source, std::uint16_t destination);
  PacketBuilder& Udp(std::uint16_t source, std::uint16_t destination);
  PacketBuilder& UdpLite(std::uint16_t source, std::uint16_t destination);
  PacketBuilder& Sctp(std::uint16_t source, std::uint16_t destination);
  PacketBuilder& Dccp(std::uint16_t source, std::uint16_t destination);
  PacketBuilder& Icmp(std::uint8_t type, std::uint8_t code);
  PacketBuilder& IcmpV6(std::uint8_t type, std::uint8_t code);
  // No transport header: the payload follows the IP header.
  PacketBuilder& Protocol(std::uint8_t number);

  // A header of the test's choice, to which nothing is added: what a tunnel
  // puts between two packets. `protocol` announces it in IP.
  PacketBuilder& Shim(Octets header, std::uint8_t protocol = 0);

  // IP.
  PacketBuilder& Ttl(std::uint8_t ttl);
  PacketBuilder& ClassOfService(std::uint8_t value);
  PacketBuilder& Options(std::size_t octets);  // IPv4 or TCP; multiple of 4
  PacketBuilder& TotalLength(std::uint16_t wrong);
  PacketBuilder& HeaderWords(std::uint8_t wrong);  // IHL or TCP data offset

  // TCP.
  PacketBuilder& Flags(int flags);
  PacketBuilder& Seq(std::uint32_t sequence);
  PacketBuilder& Ack(std::uint32_t acknowledgment);
  PacketBuilder& Window(std::uint16_t window);

  // ICMP echo and the like: identifier and sequence number.
  PacketBuilder& EchoId(std::uint16_t id, std::uint16_t sequence);

  PacketBuilder& Payload(std::size_t octets);
  PacketBuilder& Payload(std::string_view octets);

  // The frame as a whole.
  PacketBuilder& PadTo(std::size_t octets);       // padding of the link layer
  PacketBuilder& TruncateTo(std::size_t octets);  // captured, not on the wire
  PacketBuilder& BadChecksum();                   // of the transport layer

  [[nodiscard]] Octets Build() const;
  [[nodiscard]] CapturedFrame At(tracker::Timestamp time) const;

 private:
  friend PacketBuilder BsdNull(bool little_endian);
  friend PacketBuilder BsdLoop();
  friend PacketBuilder Sll();
  friend PacketBuilder Sll2();
  friend PacketBuilder CiscoHdlc();

  enum class Kind : std::uint8_t {
    kEthernet,
    kVlan,
    kMpls,
    kControlWord,
    kPppoe,
    kPpp,
    kSnap,
    kEtherType,
    kSll,
    kSll2,
    kCiscoHdlc,
    kBsd,
    kIpv4,
    kIpv6,
    kExtension,
    kAuthentication,
    kFragment,
    kTcp,
    kUdp,
    kUdpLite,
    kSctp,
    kDccp,
    kIcmp,
    kIcmpV6,
    kProtocol,
    kShim,
  };
  struct Layer {
    Kind kind = Kind::kEthernet;
    Octets header;
    // How the layer before announces this one.
    std::uint16_t ether_type = 0xffff;  // reserved: what is no EtherType's
    std::uint8_t protocol = 0;
    std::optional<std::uint16_t> wrong_length;
    std::optional<std::uint8_t> wrong_header_words;
    bool bad_checksum = false;
  };

  PacketBuilder& Add(Kind kind, std::size_t octets, std::uint8_t protocol = 0,
                     std::uint16_t ether_type = 0xffff);
  PacketBuilder& AddPorts(Kind kind, std::size_t octets, std::uint8_t protocol,
                          std::uint16_t source, std::uint16_t destination);
  Layer& Last(Kind kind);
  Layer& LastIp();
  void Announce(std::size_t at, Octets& header, std::size_t body) const;
  void SetLengths(std::size_t at, Octets& header, std::size_t body) const;
  void SetChecksum(std::size_t at, Octets& packet) const;
  [[nodiscard]] std::uint32_t PseudoHeader(std::size_t at,
                                           std::size_t length) const;

  tracker::LinkType link_;
  std::vector<Layer> layers_;
  Octets payload_;
  std::size_t pad_to_ = 0;
  std::optional<std::size_t> truncate_to_;
};

PacketBuilder Eth();
PacketBuilder RawIp();
PacketBuilder BsdNull(bool little_endian = true);
PacketBuilder BsdLoop();
PacketBuilder PppLink();  // with address and control (RFC 1662)
PacketBuilder Sll();
PacketBuilder Sll2();
PacketBuilder CiscoHdlc();

}  // namespace tests
