#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Datagrams, fragments, tunnels and VLANs of Linux; spanfix beside them."""

import os
import socket
import struct
import sys
import time
import unittest

import support
from kernel import (A, B, FAR, NEAR, EveryNth, KernelTest, inside, run,
                    supported)
from live_test import Spanfix
from support import needs_root, poll_until
from wiretap import read_frames, tshark, write_frames

IPV6_HOPOPTS, IPV6_DSTOPTS = 54, 59
TUNNELS = (  # (name, ip link add type ..., outer addresses)
    ('gre', 'gre local {0} remote {1}', NEAR[0]),
    ('gretap', 'gretap local {0} remote {1}', NEAR[0]),
    ('vxlan', 'vxlan id 7 local {0} remote {1} dstport 4789 dev eth', NEAR[0]),
    ('vxlan over IPv6', 'vxlan id 8 local {0} remote {1} dstport 4789 dev eth '
     'udp6zerocsumtx udp6zerocsumrx', NEAR[1]),
    ('geneve', 'geneve id 7 remote {1}', NEAR[0]),
    ('ipip', 'ipip local {0} remote {1}', NEAR[0]),
    ('sit', 'sit mode any local {0} remote {1}', NEAR[0]),
    ('erspan', 'erspan seq key 7 erspan_ver 1 erspan 7 local {0} remote {1}',
     NEAR[0]),
    ('ip6gre', 'ip6gre local {0} remote {1}', NEAR[1]),
    ('ip6tnl', 'ip6tnl mode any local {0} remote {1}', NEAR[1]),
)
SEGMENTS = {'vxlan': 1 << 56 | 7, 'vxlan over IPv6': 1 << 56 | 8, 'geneve': 7}


def echo_message(kind, payload):
    message = struct.pack('!BBHHH', kind, 0, 0, 77, 1) + bytes(payload)
    check = support.checksum(message)  # ICMPv6: the kernel's business
    return message[:2] + check.to_bytes(2, 'big') + message[4:]


@needs_root()
@support.needs('ip', 'ethtool', 'sysctl', 'tcpdump', 'tshark')
class KernelIp(KernelTest):
    def datagram_pair(self, client, server):
        ours = self.socket('a', client, kind=socket.SOCK_DGRAM)
        theirs = self.socket('b', server, kind=socket.SOCK_DGRAM)
        ours.connect(theirs.getsockname()[:2])
        theirs.connect(ours.getsockname()[:2])
        return ours, theirs

    def ask_and_answer(self, ours, theirs, octets=8000):
        ours.send(bytes(octets))
        self.assertEqual(len(theirs.recv(65535)), octets)
        theirs.send(bytes(octets))
        self.assertEqual(len(ours.recv(65535)), octets)

    def check_pair(self, record, packets, ours):
        """It is the flow of this socket, and has all between its hosts."""
        client, port = ours.getsockname()[:2]
        server, other = ours.getpeername()[:2]
        self.assertEqual(
            (*support.addresses_of(record), record['sourceTransportPort'],
             record['destinationTransportPort'], record['tcpHistory'],
             record['connectionState']),
            (client, server, port, other, 'Dd', 'SF'))
        self.check(record, packets, by_ports=False)

    # ---- ICMP and fragments ----

    def test_the_error_of_a_closed_udp_port_is_a_flow_of_its_own(self):
        with self.capture() as (path,):
            for client, server in NEAR:
                asking = self.socket('a', client, kind=socket.SOCK_DGRAM)
                asking.connect((server, 9))
                asking.send(b'anybody?')
                with self.assertRaises(ConnectionRefusedError):
                    asking.recv(1)
        packets, records = tshark(path), self.flows('-r', path)
        self.assertEqual(len(records), 4)
        for client, server in NEAR:
            version = 6 if ':' in client else 4
            question = self.record(records, destinationTransportPort=9,
                                   ipVersion=version)
            self.check(question, [p for p in packets if p.source == client],
                       by_ports=False)
            self.assertEqual((question['connectionState'],
                              question['tcpHistory']), ('S0', 'D'))
            error = self.record(
                records, ipVersion=version,
                protocolIdentifier=58 if version == 6 else 1)
            self.assertEqual(support.addresses_of(error), (server, client))
            self.assertEqual(
                (error['sourceTransportPort'],
                 error['destinationTransportPort']),
                (0, 1 << 8 | 4 if version == 6 else 3 << 8 | 3))
            self.check(error, [p for p in packets if p.source == server],
                       by_ports=False)

    def test_a_large_ping_is_one_flow_with_all_its_fragments(self):
        with self.capture() as (path,):
            for client, server in NEAR:
                six = ':' in client
                with inside(self.net.a), socket.socket(
                        socket.AF_INET6 if six else socket.AF_INET,
                        socket.SOCK_RAW, 58 if six else 1) as asking:
                    asking.settimeout(support.PATIENCE)
                    asking.bind((client, 0))
                    asking.sendto(echo_message(128 if six else 8, 4000),
                                  (server, 0))
                    while (octets := asking.recv(65535)):
                        if octets[0 if six else 20] == (129 if six else 0):
                            break
        packets, records = tshark(path), self.flows('-r', path)
        self.assertEqual(len(records), 2)
        for record, addresses in zip(records, NEAR):
            self.assertEqual(support.addresses_of(record), addresses)
            self.assertEqual(
                (record['destinationTransportPort'],
                 record['biflowDirection']),
                ((8 if record['ipVersion'] == 4 else 128) << 8, 1))
            self.check(record, packets, by_ports=False)
            self.assertEqual((record['packetDeltaCount'],
                              record['reversePacketDeltaCount']), (3, 3))

    def test_large_datagrams_are_one_flow_with_all_their_fragments(self):
        with self.capture() as (path,):
            pairs = [self.datagram_pair(*addresses) for addresses in NEAR]
            for ours, theirs in pairs:
                for _ in range(3):
                    self.ask_and_answer(ours, theirs)
        packets, records = tshark(path), self.flows('-r', path)
        self.assertEqual(len(records), 2)
        for record, (ours, _) in zip(records, pairs):
            self.check_pair(record, packets, ours)
            self.assertEqual(record['packetDeltaCount'], 18)

    def test_a_first_fragment_may_come_last(self):
        def first_fragment(frame):
            if frame[12:14] == b'\x08\x00':
                return frame[20:22] == b'\x20\0'  # offset 0, and more
            return frame[20] == 44 and frame[56:58] == b'\0\1'
        self.net.relay.rule = (lambda from_a, frame:
                               (0.005 if first_fragment(frame) else 0,))
        with self.capture('b far') as (path,):
            pairs = [self.datagram_pair(*addresses) for addresses in FAR]
            for ours, theirs in pairs:
                self.ask_and_answer(ours, theirs)
        packets, records = tshark(path), self.flows('-r', path)
        self.assertEqual(len(records), 2, records)
        for ours, _ in pairs:
            port = ours.getsockname()[1]
            self.check_pair(self.record(records, sourceTransportPort=port),
                            packets, ours)

    def test_ports_are_found_behind_options_and_extension_headers(self):
        with self.capture() as (path,):
            pairs = [self.datagram_pair(*addresses) for addresses in NEAR]
            for end in pairs[0]:
                end.setsockopt(socket.IPPROTO_IP, socket.IP_OPTIONS,
                               b'\x94\x04\0\0' + b'\x01' * 4)
            padding = b'\0\0\x01\x04\0\0\0\0'
            for end in pairs[1]:
                for option in (IPV6_HOPOPTS, IPV6_DSTOPTS):
                    end.setsockopt(socket.IPPROTO_IPV6, option, padding)
            for ours, theirs in pairs:
                for octets in (10, 8000):
                    self.ask_and_answer(ours, theirs, octets)
        packets, records = tshark(path), self.flows('-r', path)
        self.assertEqual(len(records), 2, records)
        for record, (ours, _) in zip(records, pairs):
            self.check_pair(record, packets, ours)

    # ---- tunnels ----

    def tunnel(self, what, outer, inner):
        """Between the hosts; `inner` are the addresses inside."""
        for number, host in enumerate((self.net.a, self.net.b)):
            self.net.inside(host, 'ip link add tunnel type ' + what.format(
                outer[number], outer[1 - number]))
            self.addCleanup(self.net.inside, host, 'ip link delete tunnel')
            self.net.offload(host, 'tunnel', 'off')
            with inside(host):
                six = ':' in inner[0]
                run('sysctl -qw net.ipv6.conf.tunnel.disable_ipv6='
                    f'{0 if six else 1}')
                ethernet = any(word in what for word in (
                    'tap', 'vxlan', 'geneve', 'erspan'))
                if ethernet:
                    run(f'ip link set tunnel address {tunnel_mac(number)}')
                run('ip link set tunnel up')
                length = 64 if six else 24
                run(f'ip address add dev tunnel {inner[number]}/{length}' +
                    (' nodad' if six else ''))
                if ethernet:
                    run(f'ip neighbour replace {inner[1 - number]} dev tunnel '
                        f'lladdr {tunnel_mac(1 - number)} '
                        'nud permanent')

    def tunnelled(self, name, what, outer):
        inner = (('fd09:8::1', 'fd09:8::2') if name == 'sit'
                 else ('10.9.8.1', '10.9.8.2'))
        self.tunnel(what, outer, inner)
        with self.capture() as (path,):
            ours, theirs = self.connection(*inner)
            self.exchange(ours, theirs, 20_000, 20_000)
            self.close(ours, theirs)
        self.check_inner(path, inner, SEGMENTS.get(name))
        self.check_outer(path, outer)

    def check_inner(self, path, inner, segment=None):
        record = self.one_for(path, '--tunnels', 'inner')
        self.assertEqual(support.addresses_of(record), inner)
        self.check(record, tshark(path, innermost=True,
                                  version=6 if ':' in inner[0] else 4))
        self.assertRegex(record['tcpHistory'], r'\AShA(Dad?|Dda?)Ff\Z')
        self.assertEqual(record['connectionState'], 'SF')
        self.assertEqual(record.get('layer2SegmentId') or None, segment)

    def check_outer(self, path, outer):
        packets = tshark(path, version=6 if ':' in outer[0] else 4)
        sums = {source: [0, 0] for source in outer}
        for record in self.flows('-r', path, '--tunnels', 'outer'):
            ways = support.addresses_of(record)
            self.assertEqual(sorted(ways), sorted(outer))
            for source, prefix in zip(ways, ('packet', 'reversePacket')):
                sums[source][0] += record.get(prefix + 'DeltaCount', 0)
            for source, prefix in zip(ways, ('octet', 'reverseOctet')):
                sums[source][1] += record.get(prefix + 'DeltaCount', 0)
        for source in outer:
            own = [p.octets for p in packets if p.source == source]
            self.assertEqual(sums[source], [len(own), sum(own)])

    def test_a_segment_routing_header_leads_to_the_connection_inside(self):
        inner = ('fd09:8::1', 'fd09:8::2')
        try:
            for number, host in enumerate((self.net.a, self.net.b)):
                for command in (
                        'sysctl -qw net.ipv6.conf.all.seg6_enabled=1 '
                        'net.ipv6.conf.eth.seg6_enabled=1',
                        f'ip address add {inner[number]}/128 dev lo',
                        f'ip -6 route add {inner[1 - number]} encap seg6 mode '
                        f'encap segs {NEAR[1][1 - number]} dev eth mtu 1300'):
                    self.net.inside(host, command)
                self.addCleanup(self.net.inside, host, 'ip -6 route delete ' +
                                inner[1 - number])
        except OSError as error:
            self.skipTest(str(error))
        with self.capture() as (path,):
            ours, theirs = self.connection(*inner)
            self.exchange(ours, theirs)
            self.close(ours, theirs)
        # A host receives what it unpacks a second time, and tcpdump with it.
        once = {frame.octets: frame for frame in reversed(read_frames(path))}
        self.check_inner(write_frames(path, reversed(once.values())), inner)

    # ---- what the mirror delivers twice ----

    def tagged(self, frame, later=0):
        octets = frame.octets[:12] + b'\x81\0\0\x05' + frame.octets[12:]
        return frame._replace(time=frame.time + later, octets=octets,
                              length=frame.length + 4)

    def merged(self, *captures):
        return write_frames(self.path('merged.pcap'), sorted(
            (frame for frames in captures for frame in frames),
            key=lambda frame: frame.time))

    def test_a_vlan_leg_beside_the_bare_leg_is_counted_once(self):
        # Not over IPv6, where what is sent again at once looks like a copy.
        losses = EveryNth(9, ())
        self.net.relay.rule = lambda from_a, frame: (
            losses(from_a, frame) if frame[12:14] == b'\x08\x00' else (0,))
        with self.capture('a far', 'b far') as (path, other):
            for client, server in FAR:
                ours, theirs = self.connection(client, server)
                self.exchange(ours, theirs, 100_000, 100_000)
                self.close(ours, theirs)
        bare = read_frames(path)
        alone = self.flows('-r', path)
        self.assertEqual(len(alone), 2)

        merged = self.merged(bare, [self.tagged(frame, 50) for frame in bare])
        self.assertEqual(self.flows('-r', merged, '--dedup'), alone)

        # The two ends of the cable, where either leg may be the first. A busy
        # machine may take long from one to the other: make all of it shorter.
        merged = self.merged(*(
            [frame._replace(time=bare[0].time +
                            (frame.time - bare[0].time) // 100)
             for frame in frames]
            for frames in (bare, map(self.tagged, read_frames(other)))))
        both = self.flows('-r', merged, '--dedup')
        for record, expected in zip(both, alone):
            for name in ('packetDeltaCount', 'octetDeltaCount',
                         'reversePacketDeltaCount', 'reverseOctetDeltaCount',
                         'connectionState', 'tcpMissingOctets'):
                self.assertEqual(record[name], expected[name], name)

    # ---- an interface ----

    def live(self, *arguments):
        directory = self.path(str(len(os.listdir(self.directory))))
        os.mkdir(directory)
        running = Spanfix(directory, self.net.b, '-i', 'eth', '--format',
                          'json', '--active-timeout', 2, *arguments,
                          'udp port 7777')
        self.addCleanup(running.kill)
        return running

    def test_intervals_are_reported_on_time_and_add_up(self):
        spanfix, aligned = self.live(), self.live('--active-align')
        sender = self.socket('a', A, kind=socket.SOCK_DGRAM)
        self.socket('b', B, 7777, kind=socket.SOCK_DGRAM)
        sender.connect((B, 7777))
        sent = 0

        def say(count):
            nonlocal sent
            for _ in range(count):
                sender.send(b'hello')
            sent += count
        began = time.monotonic()
        say(3)
        poll_until(spanfix.records, 'the interval is reported')
        waited = time.monotonic() - began
        self.assertGreater(waited, 1.9)
        self.assertLess(waited, 4)
        for _ in range(12):
            say(2)
            time.sleep(0.3)
        for running in (spanfix, aligned):
            running.seen(sent)
            self.assertEqual(running.stop(), 0)
            records = running.records()
            self.assertEqual(len({r['flowId'] for r in records}), 1)
            self.assertEqual(sum(r['packetDeltaCount'] for r in records), sent)
            self.assertEqual({r['flowEndReason'] for r in records[:-1]}, {2})
            self.assertGreaterEqual(len(records), 3)
        self.assertEqual(spanfix.records()[0]['packetDeltaCount'], 3)
        for record in aligned.records():
            seconds = [int(record[name][17:19])
                       for name in ('flowStartMilliseconds',
                                    'flowEndMilliseconds')]
            self.assertEqual(seconds[0] // 2, seconds[1] // 2, record)


def tunnel_mac(number):
    return f'02:00:00:00:08:0{number + 1}'


def tunnel_test(name, what, outer):
    alone = what.replace(' dev eth', '').format(*outer)

    @unittest.skipUnless(supported(alone),
                         f"this kernel has no '{what.split()[0]}'")
    def test(self):
        self.tunnelled(name, what, outer)
    return test


for _name, _what, _outer in TUNNELS:
    setattr(KernelIp, 'test_the_connection_inside_' + _name.replace(' ', '_'),
            tunnel_test(_name, _what, _outer))


if __name__ == '__main__':
    sys.exit(support.main())
