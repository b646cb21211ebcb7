// SPDX-License-Identifier: Apache-2.0
#include "templates/element.h"

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdlib>

#include "templates/flow_record.h"

namespace templates {
namespace {

using R = FlowRecord;
using T = ElementType;
using S = Semantics;
using U = Units;

// IPv4 addresses stand at the end of the mapped form.
constexpr std::size_t kSourceV4 = offsetof(R, source_address) + 12;
constexpr std::size_t kDestinationV4 = offsetof(R, destination_address) + 12;

// tcpControlBits and its relatives have one octet: the AE bit (RFC 7125) is not
// worth the collectors that take only one.
constexpr std::array kElements = {
    Element{"reverseOctetDeltaCount", kReverse, 1, T::kUnsigned64,
            S::kDeltaCounter, U::kOctets, 8, offsetof(R, reverse_octets)},
    Element{"reversePacketDeltaCount", kReverse, 2, T::kUnsigned64,
            S::kDeltaCounter, U::kPackets, 8, offsetof(R, reverse_packets)},
    Element{"reverseFlowStartMilliseconds", kReverse, 152,
            T::kDateTimeMilliseconds, S::kDefault, U::kMilliseconds, 8,
            offsetof(R, reverse_start_ms)},
    Element{"reverseFlowEndMilliseconds", kReverse, 153,
            T::kDateTimeMilliseconds, S::kDefault, U::kMilliseconds, 8,
            offsetof(R, reverse_end_ms)},
    Element{"reverseIpClassOfService", kReverse, 5, T::kUnsigned8,
            S::kIdentifier, U::kNone, 1, offsetof(R, reverse_class_of_service)},
    Element{"reverseTcpControlBits", kReverse, 6, T::kUnsigned16, S::kFlags,
            U::kNone, 1, offsetof(R, reverse_tcp_flags)},
    Element{"reverseMinimumTTL", kReverse, 52, T::kUnsigned8, S::kDefault,
            U::kHops, 1, offsetof(R, reverse_ttl_minimum)},
    Element{"reverseMaximumTTL", kReverse, 53, T::kUnsigned8, S::kDefault,
            U::kHops, 1, offsetof(R, reverse_ttl_maximum)},
    Element{"flowStartMilliseconds", kIana, 152, T::kDateTimeMilliseconds,
            S::kDefault, U::kMilliseconds, 8, offsetof(R, start_ms)},
    Element{"flowEndMilliseconds", kIana, 153, T::kDateTimeMilliseconds,
            S::kDefault, U::kMilliseconds, 8, offsetof(R, end_ms)},
    Element{"flowDurationMilliseconds", kIana, 161, T::kUnsigned32, S::kDefault,
            U::kMilliseconds, 4, offsetof(R, duration_ms)},
    Element{"sourceIPv4Address", kIana, 8, T::kIpv4Address, S::kDefault,
            U::kNone, 4, kSourceV4},
    Element{"destinationIPv4Address", kIana, 12, T::kIpv4Address, S::kDefault,
            U::kNone, 4, kDestinationV4},
    Element{"sourceIPv6Address", kIana, 27, T::kIpv6Address, S::kDefault,
            U::kNone, 16, offsetof(R, source_address)},
    Element{"destinationIPv6Address", kIana, 28, T::kIpv6Address, S::kDefault,
            U::kNone, 16, offsetof(R, destination_address)},
    Element{"icmpTypeCodeIPv4", kIana, 32, T::kUnsigned16, S::kIdentifier,
            U::kNone, 2, offsetof(R, icmp_type_code)},
    Element{"icmpTypeCodeIPv6", kIana, 139, T::kUnsigned16, S::kIdentifier,
            U::kNone, 2, offsetof(R, icmp_type_code)},
    Element{"sourceTransportPort", kIana, 7, T::kUnsigned16, S::kIdentifier,
            U::kNone, 2, offsetof(R, source_port)},
    Element{"destinationTransportPort", kIana, 11, T::kUnsigned16,
            S::kIdentifier, U::kNone, 2, offsetof(R, destination_port)},
    Element{"protocolIdentifier", kIana, 4, T::kUnsigned8, S::kIdentifier,
            U::kNone, 1, offsetof(R, protocol)},
    Element{"ipVersion", kIana, 60, T::kUnsigned8, S::kIdentifier, U::kNone, 1,
            offsetof(R, ip_version)},
    Element{"ipClassOfService", kIana, 5, T::kUnsigned8, S::kIdentifier,
            U::kNone, 1, offsetof(R, class_of_service)},
    Element{"minimumTTL", kIana, 52, T::kUnsigned8, S::kDefault, U::kHops, 1,
            offsetof(R, ttl_minimum)},
    Element{"maximumTTL", kIana, 53, T::kUnsigned8, S::kDefault, U::kHops, 1,
            offsetof(R, ttl_maximum)},
    Element{"tcpControlBits", kIana, 6, T::kUnsigned16, S::kFlags, U::kNone, 1,
            offsetof(R, tcp_flags)},
    Element{"flowEndReason", kIana, 136, T::kUnsigned8, S::kIdentifier,
            U::kNone, 1, offsetof(R, end_reason)},
    Element{"biflowDirection", kIana, 239, T::kUnsigned8, S::kIdentifier,
            U::kNone, 1, offsetof(R, biflow_direction)},
    Element{"ingressInterface", kIana, 10, T::kUnsigned32, S::kIdentifier,
            U::kNone, 4, offsetof(R, ingress_interface)},
    Element{"egressInterface", kIana, 14, T::kUnsigned32, S::kIdentifier,
            U::kNone, 4, offsetof(R, egress_interface)},
    Element{"vlanId", kIana, 58, T::kUnsigned16, S::kIdentifier, U::kNone, 2,
            offsetof(R, vlan_id)},
    Element{"dot1qCustomerVlanId", kIana, 245, T::kUnsigned16, S::kIdentifier,
            U::kNone, 2, offsetof(R, inner_vlan_id)},
    Element{"sourceMacAddress", kIana, 56, T::kMacAddress, S::kDefault,
            U::kNone, 6, offsetof(R, source_mac)},
    Element{"destinationMacAddress", kIana, 80, T::kMacAddress, S::kDefault,
            U::kNone, 6, offsetof(R, destination_mac)},
    Element{"octetDeltaCount", kIana, 1, T::kUnsigned64, S::kDeltaCounter,
            U::kOctets, 8, offsetof(R, octets)},
    Element{"packetDeltaCount", kIana, 2, T::kUnsigned64, S::kDeltaCounter,
            U::kPackets, 8, offsetof(R, packets)},
    Element{"flowId", kIana, 148, T::kUnsigned64, S::kIdentifier, U::kNone, 8,
            offsetof(R, flow_id)},
    Element{"layer2SegmentId", kIana, 351, T::kUnsigned64, S::kIdentifier,
            U::kNone, 8, offsetof(R, segment_id)},
    Element{"reverseFlowDeltaMilliseconds", kCert, 21, T::kUnsigned32,
            S::kQuantity, U::kMilliseconds, 4, offsetof(R, reverse_delta_ms),
            "time from the first packet to the first answer"},
    Element{"initialTCPFlags", kCert, 14, T::kUnsigned16, S::kFlags, U::kNone,
            1, offsetof(R, initial_tcp_flags), "TCP flags of the first packet"},
    Element{"unionTCPFlags", kCert, 15, T::kUnsigned16, S::kFlags, U::kNone, 1,
            offsetof(R, later_tcp_flags),
            "union of the TCP flags of the other packets"},
    Element{"reverseInitialTCPFlags", kCert, 16398, T::kUnsigned16, S::kFlags,
            U::kNone, 1, offsetof(R, reverse_initial_tcp_flags),
            "TCP flags of the first answer"},
    Element{"reverseUnionTCPFlags", kCert, 16399, T::kUnsigned16, S::kFlags,
            U::kNone, 1, offsetof(R, reverse_later_tcp_flags),
            "union of the TCP flags of the other answers"},
    Element{"flowEndCause", kOwn, 1002, T::kUnsigned8, S::kIdentifier, U::kNone,
            1, offsetof(R, end_cause),
            "1 fin, 2 rst, 3 idle timeout, 4 evicted, 5 active timeout, 6 "
            "shutdown, 7 replaced by a new connection"},
    Element{"handshakeServerTime", kOwn, 1004, T::kUnsigned32, S::kQuantity,
            U::kMicroseconds, 4, offsetof(R, handshake_server_us),
            "SYN to SYN-ACK, the path to the responder; 0: not seen"},
    Element{"handshakeClientTime", kOwn, 1005, T::kUnsigned32, S::kQuantity,
            U::kMicroseconds, 4, offsetof(R, handshake_client_us),
            "SYN-ACK to ACK, the path to the initiator; 0: not seen"},
    Element{"tcpRetransmittedPackets", kOwn, 1006, T::kUnsigned32,
            S::kDeltaCounter, U::kPackets, 4,
            offsetof(R, retransmitted_packets),
            "segments that carried data and nothing new"},
    Element{"reverseTcpRetransmittedPackets", kOwn, 1006 | kVendorReverse,
            T::kUnsigned32, S::kDeltaCounter, U::kPackets, 4,
            offsetof(R, reverse_retransmitted_packets),
            "the same for the answers"},
    Element{"tcpMissingOctets", kOwn, 1007, T::kUnsigned64, S::kDeltaCounter,
            U::kOctets, 8, offsetof(R, missing_octets),
            "acknowledged by the other side, never seen here: lost by the "
            "mirror"},
    Element{"reverseTcpMissingOctets", kOwn, 1007 | kVendorReverse,
            T::kUnsigned64, S::kDeltaCounter, U::kOctets, 8,
            offsetof(R, reverse_missing_octets), "the same for the answers"},
    Element{"connectionState", kOwn, 1003, T::kString, S::kDefault, U::kNone, 0,
            offsetof(R, connection_state),
            "Zeek's conn_state: SF, S0, REJ, RSTO, ..."},
    Element{
        "tcpHistory", kOwn, 1001, T::kString, S::kDefault, U::kNone, 0,
        offsetof(R, history),
        "what happened first, in Zeek's letters; upper case: the initiator"},
    Element{"communityId", kOwn, 1008, T::kString, S::kDefault, U::kNone, 0,
            offsetof(R, community_id),
            "Community ID v1, as in the logs of Zeek and Suricata"},
};

}  // namespace

std::span<const Element> Elements() { return kElements; }

const Element& ElementNamed(std::string_view name) {
  const auto* found = std::find_if(
      kElements.begin(), kElements.end(),
      [&](const Element& element) { return element.name == name; });
  if (found == kElements.end()) {
    std::abort();  // a name in our own code that the table lacks
  }
  return *found;
}

}  // namespace templates
