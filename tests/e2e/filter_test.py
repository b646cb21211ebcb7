#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A filter is about the packet behind the VLAN tags, of a file and of an
interface alike.

Frames of several kinds, each in wrappings with and without tags; which of them
an expression means is written beside it, not asked of libpcap."""

import os
import signal
import sys

import support
from live_test import Spanfix
from live_threads_test import (IPV4, IPV6, MAC_A, MAC_B, Cable, mpls, pppoe,
                               vlan)
from support import (EndToEnd, Summary, Wire, icmp_packet, needs_root, pcap,
                     pcapng, tcp_packet, udp_packet)

WRAPPINGS = {
    'bare': b'',
    'tagged': vlan(7),
    'priority': vlan(0),
    'service': vlan(7, 0x88a8),
    'QinQ': vlan(7, 0x88a8) + vlan(8),
    'twice 8100': vlan(7) + vlan(8),
    'twice 9100': vlan(7, 0x9100) + vlan(8),
}
ARP = (b'\x08\x06\0\1\x08\0\6\4\0\1' + MAC_A + support.packed('192.0.2.1') +
       b'\0' * 6 + support.packed('198.51.100.80'))


def ip(make, *more, v6=False):
    """A frame's part behind the addresses."""
    source, destination = (('2001:db8::1', '2001:db8:ffff::80') if v6 else
                           ('192.0.2.1', '198.51.100.80'))
    if make is icmp_packet:
        packet = icmp_packet(source, destination, 8, 0, 77, 1)
    elif make is tcp_packet:
        packet = tcp_packet(source, 40000, destination, *more)
    else:
        packet = udp_packet(source, 40000, destination, *more)
    return (IPV6 if v6 else IPV4) + packet


DNS = udp_packet('192.0.2.1', 40000, '198.51.100.80', 53, b'where?')
KINDS = {
    'ssh': ip(tcp_packet, 22, 'S'),
    'http': ip(tcp_packet, 80, 'A'),
    'dns': ip(udp_packet, 53, b'where?'),
    'ping': ip(icmp_packet),
    'ssh6': ip(tcp_packet, 22, 'S', v6=True),
    'dns6': ip(udp_packet, 53, b'where?', v6=True),
    'arp': ARP,
    'mpls': mpls(DNS, 2)[12:],
    'pppoe': pppoe(DNS)[12:],
}
ALL = set(KINDS)
EXPRESSIONS = {
    'udp port 53': {'dns', 'dns6'},
    'port 22': {'ssh', 'ssh6'},
    'not port 22': ALL - {'ssh', 'ssh6'},
    'not (udp port 53 or tcp port 22)': ALL - {'dns', 'dns6', 'ssh', 'ssh6'},
    'host 198.51.100.80': {'ssh', 'http', 'dns', 'ping', 'arp'},
    'not host 198.51.100.80': {'ssh6', 'dns6', 'mpls', 'pppoe'},
    'src net 192.0.2.0/24 and tcp': {'ssh', 'http'},
    'net 2001:db8::/32': {'ssh6', 'dns6'},
    'dst host 2001:db8:ffff::80 or icmp': {'ssh6', 'dns6', 'ping'},
    'ip': {'ssh', 'http', 'dns', 'ping'},
    'not ip and not ip6': {'arp', 'mpls', 'pppoe'},
    'ip6 proto 17 or ip proto 1': {'dns6', 'ping'},
    'tcp[tcpflags] & tcp-syn != 0': {'ssh'},
    'ether proto 0x86dd': {'ssh6', 'dns6'},
    'ether host 02:00:00:00:00:01': ALL,
    'not ether host 02:00:00:00:00:01': set(),
    'mpls': {'mpls'},
    'pppoes and udp port 53': {'pppoe'},
    'arp or greater 1000': {'arp'},
}


def frames():
    """(wrapping, octets) of every kind in every wrapping."""
    for inside in KINDS.values():
        for wrapping, tags in WRAPPINGS.items():
            yield wrapping, (MAC_B + MAC_A + tags + inside).ljust(60, b'\0')


class FilterOfFiles(EndToEnd):
    def capture(self, writer, name, wrappings=WRAPPINGS):
        wire = Wire()
        for wrapping, octets in frames():
            if wrapping in wrappings:
                wire.raw(octets)
        return self.file(name, writer(wire.frames))

    def seen(self, path, expression):
        run = self.succeed('-r', path, '--format', 'json', expression)
        return run.summary.seen

    def test_frames_match_whatever_their_tags(self):
        for name, writer in (('a.pcap', pcap), ('a.pcapng', pcapng)):
            path = self.capture(writer, name)
            for expression, kinds in EXPRESSIONS.items():
                with self.subTest(name, expression=expression):
                    self.assertEqual(self.seen(path, expression),
                                     len(kinds) * len(WRAPPINGS))

    def test_each_wrapping_matches_by_itself(self):
        for number, wrapping in enumerate(WRAPPINGS):
            path = self.capture(pcap, f'{number}.pcap', {wrapping})
            for expression in ('udp port 53', 'not port 22'):
                with self.subTest(wrapping, expression=expression):
                    self.assertEqual(self.seen(path, expression),
                                     len(EXPRESSIONS[expression]))

    def test_a_filter_that_speaks_of_vlan_is_left_as_it_is(self):
        path = self.capture(pcap, 'a.pcap')
        once = ('tagged', 'priority', 'service')
        for expression, count in (
                ('vlan', len(KINDS) * (len(WRAPPINGS) - 1)),
                ('vlan and udp port 53', 2 * len(once)),
                ('udp port 53 or (vlan and udp port 53)', 2 * (len(once) + 1)),
                ('vlan 8', 0),
                ('vlan 7 and vlan 8', len(KINDS) * 3)):
            with self.subTest(expression):
                self.assertEqual(self.seen(path, expression), count)

    def test_a_wrong_filter_is_quoted_as_it_was_given(self):
        path = self.capture(pcap, 'a.pcap')
        run = support.spanfix('-r', path, 'port 53 or (')
        self.assertEqual(run.status, 2)
        self.assertRegex(run.stderr,
                         r"\Aspanfix: filter 'port 53 or \(': [^\n]+\n\Z")


@needs_root()
@support.needs('ip', 'sysctl')
class FilterOfInterfaces(EndToEnd):
    def start(self, cable, expression):
        directory = self.path(str(len(os.listdir(self.directory))))
        os.mkdir(directory)
        running = Spanfix(directory, cable.probe, '-i', 'cap0', '--format',
                          'json', expression)
        self.addCleanup(running.kill)
        return running

    def test_frames_match_whatever_their_tags(self):
        cable = Cable()
        self.addCleanup(cable.remove)
        running = {expression: self.start(cable, expression)
                   for expression in EXPRESSIONS}
        cable.send([octets for _, octets in frames()])
        for spanfix in running.values():
            spanfix.send(signal.SIGTERM)
        for expression, spanfix in running.items():
            with self.subTest(expression):
                self.assertEqual(spanfix.wait(), 0)
                self.assertEqual(Summary(spanfix.stderr()).seen,
                                 len(EXPRESSIONS[expression]) * len(WRAPPINGS))


if __name__ == '__main__':
    sys.exit(support.main())
