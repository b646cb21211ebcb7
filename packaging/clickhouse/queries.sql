-- SPDX-License-Identifier: Apache-2.0
-- To begin with; each is about the last day.

-- Top talkers: who began the conversations that moved the most octets.
SELECT
    IPv6NumToString(source_address) AS initiator,
    sum(octet_delta_count) AS sent,
    sum(reverse_octet_delta_count) AS received,
    uniqExact(flow_id) AS conversations
FROM flows
WHERE start >= now() - INTERVAL 1 DAY
GROUP BY source_address
ORDER BY sent + received DESC, initiator
LIMIT 20;

-- Failed handshakes: services that refuse or do not answer. S0: no answer, REJ:
-- refused, RSTOS0: given up, RSTRH, SH and SHR: half of a handshake.
SELECT
    IPv6NumToString(destination_address) AS responder,
    destination_transport_port AS port,
    countIf(connection_state IN ('S0', 'REJ', 'RSTOS0', 'RSTRH', 'SH', 'SHR')) AS failed,
    count() AS attempts
FROM flows
WHERE start >= now() - INTERVAL 1 DAY AND protocol_identifier = 6
GROUP BY destination_address, destination_transport_port
HAVING failed > 0
ORDER BY failed DESC, responder, port
LIMIT 20;

-- Retransmissions, by the network of the responder: /24 of IPv4, /64 of IPv6.
SELECT
    cutIPv6(destination_address, 8, 1) AS network,
    sum(tcp_retransmitted_packets + reverse_tcp_retransmitted_packets) AS retransmitted,
    sum(packet_delta_count + reverse_packet_delta_count) AS packets,
    round(100 * retransmitted / packets, 2) AS percent
FROM flows
WHERE start >= now() - INTERVAL 1 DAY AND protocol_identifier = 6
GROUP BY network
ORDER BY retransmitted DESC, network
LIMIT 20;

-- Scans: sources of TCP connections that nobody answered, by how many places
-- they tried.
SELECT
    IPv6NumToString(source_address) AS source,
    uniqExact(destination_address, destination_transport_port) AS places,
    uniqExact(destination_address) AS hosts,
    count() AS attempts
FROM flows
WHERE start >= now() - INTERVAL 1 DAY AND protocol_identifier = 6 AND connection_state = 'S0'
GROUP BY source_address
ORDER BY places DESC, source
LIMIT 20;
