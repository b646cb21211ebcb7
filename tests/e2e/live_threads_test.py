#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Several capture threads on one interface: whatever a conversation looks like,
its packets are counted once, by one thread.

    [far] far0 ======== cap0 [probe: spanfix --threads N]

Frames are sent as they are built, from either end. flowId tells which thread
saw a flow: the threads' numbers take turns.
"""

import contextlib
import itertools
import os
import signal
import socket
import struct
import sys
import time
import unittest
from collections import Counter

import support
from kernel import inside, run
from live_test import Spanfix
from support import (EndToEnd, Summary, Wire, ip_packet, needs_root,
                     poll_until, tcp_packet, udp_packet)

THREADS = 4
MAC_A, MAC_B = b'\2\0\0\0\0\1', b'\2\0\0\0\0\2'
IPV4, IPV6 = b'\x08\x00', b'\x86\xdd'


class Cable:
    """The namespaces of the picture above."""

    def __init__(self):
        unique = f'spanfix-{os.getpid()}-'
        self.far, self.probe = unique + 'far', unique + 'probe'
        self._made = []
        try:
            for namespace in (self.far, self.probe):
                run('ip netns add ' + namespace)
                self._made.append(namespace)
                with inside(namespace):
                    run('sysctl -qw net.ipv6.conf.all.disable_ipv6=1 '
                        'net.ipv6.conf.default.disable_ipv6=1')
            run(f'ip -n {self.far} link add far0 type veth peer name cap0 '
                f'netns {self.probe}')
            for namespace, name in ((self.far, 'far0'), (self.probe, 'cap0')):
                run(f'ip -n {namespace} link set {name} up')
        except BaseException:
            self.remove()
            raise

    @classmethod
    def lay(cls, add_cleanup):
        """One that goes with `add_cleanup`; where it cannot be built, the tests
        are skipped."""
        try:
            cable = cls()
        except OSError as error:
            raise unittest.SkipTest(
                f'cannot build a cable of namespaces: {error}') from error
        add_cleanup(cable.remove)
        return cable

    @contextlib.contextmanager
    def end(self, namespace, name):
        with inside(namespace):
            port = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        with port:
            port.bind((name, 0))
            yield port

    def send(self, frames):
        """From the far end."""
        with self.end(self.far, 'far0') as port:
            for frame in frames:
                port.send(frame)

    def remove(self):
        for namespace in self._made:
            run('ip netns delete ' + namespace)


def conversations(count, first=0):
    """Pairs of addresses, IPv4 and IPv6 in turn."""
    for i in range(first, first + count):
        if i % 2:
            yield f'2001:db8::{i // 250:x}:{i % 250 + 1:x}', '2001:db8:ffff::80'
        else:
            yield f'192.0.{i // 250}.{i % 250 + 1}', '198.51.100.80'


def ethernet(packet, tags=b''):
    ethertype = IPV6 if packet[0] >> 4 == 6 else IPV4
    return (MAC_B + MAC_A + tags + ethertype + packet).ljust(60, b'\0')


def datagrams(count, first=0, port=53):
    """Each a flow of its own."""
    for number in range(first, first + count):
        yield ethernet(udp_packet(f'10.0.{number // 50000}.1',
                                  1024 + number % 50000, '192.0.2.53', port,
                                  b'hello'))


def vlan(number, kind=0x8100):
    return struct.pack('!HH', kind, number)


def mpls(packet, labels, ethernet_inside=False):
    """Behind a stack of labels; in a pseudowire with its control word."""
    stack = b''.join(struct.pack('!I', (16 + i) << 12 | (i == labels - 1) << 8
                                 | 64) for i in range(labels))
    payload = b'\0' * 4 + ethernet(packet) if ethernet_inside else packet
    return MAC_B + MAC_A + b'\x88\x47' + stack + payload


def pppoe(packet):
    protocol = 0x57 if packet[0] >> 4 == 6 else 0x21
    return MAC_B + MAC_A + b'\x88\x64' + struct.pack(
        '!BBHHH', 0x11, 0, 7, len(packet) + 2, protocol) + packet


# The same packet, on links of many kinds.
LINKS = (ethernet,
         lambda packet: ethernet(packet, vlan(7)),
         lambda packet: ethernet(packet, vlan(7, 0x88a8) + vlan(8)),
         lambda packet: ethernet(packet, vlan(7) + vlan(8) + vlan(9)),
         lambda packet: mpls(packet, 1),
         lambda packet: mpls(packet, 3),
         lambda packet: mpls(packet, 2, ethernet_inside=True),
         pppoe,
         lambda packet: ethernet(packet)[:12] + vlan(5) + pppoe(packet)[12:])


def fragments(packet, size):
    """Of an IPv4 packet, `size` octets of payload in each but the last."""
    payload = packet[20:]
    parts = []
    for at in range(0, len(payload), size):
        part = payload[at:at + size]
        more = 0x2000 if at + size < len(payload) else 0
        header = bytearray(packet[:20])
        struct.pack_into('!HHHBBH', header, 2, 20 + len(part), 4711,
                         more | at // 8, 64, packet[9], 0)
        struct.pack_into('!H', header, 10, support.checksum(bytes(header)))
        parts.append(bytes(header) + part)
    return parts


@needs_root()
@support.needs('ip', 'sysctl')
class LiveThreads(EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.cable = Cable.lay(cls.addClassCleanup)

    def spanfix(self, *arguments, threads=THREADS):
        running = Spanfix(self.directory, self.cable.probe, '-i', 'cap0',
                          '--threads', threads, '--format', 'json', *arguments)
        self.addCleanup(running.kill)
        return running

    def measure(self, frames, *arguments, threads=THREADS):
        """The records of these frames, from the end of the run."""
        running = self.spanfix(*arguments, threads=threads)
        self.cable.send(frames)
        running.seen(len(frames))
        self.assertEqual(running.stop(), 0)
        self.summary = Summary(running.stderr())
        self.assertEqual(self.summary.errors(), [])
        self.assertEqual((self.summary.seen, self.summary.left_out),
                         (len(frames), 0), self.summary.text)
        records = running.records()
        self.assertEqual(len({r['flowId'] for r in records}), len(records))
        return records

    @staticmethod
    def packets(record):
        return (record['packetDeltaCount'],
                record.get('reversePacketDeltaCount', 0))

    @staticmethod
    def threads_of(records):
        return {r['flowId'] % THREADS for r in records}

    def assert_each_is(self, records, count, packets):
        """`count` conversations, each one record of so many packets out and
        back."""
        self.assertEqual(Counter(map(self.packets, records)),
                         {packets: count})
        self.assertGreater(len(self.threads_of(records)), 1)

    def test_threads_make_the_records_that_one_makes(self):
        wire = Wire()
        for i, (client, server) in enumerate(conversations(400)):
            wire.tcp(client, 40000 + i, server, 80, close=('fin', 'rst')[i % 3 == 0])
            wire.udp(client, 50000 + i, server, 53)
            wire.ping(client, server)
            wire.other(client, server, 47, 2)

        def measured(threads):
            keys = ('sourceTransportPort', 'destinationTransportPort',
                    'protocolIdentifier', 'octetDeltaCount',
                    'reverseOctetDeltaCount', 'tcpHistory', 'connectionState',
                    'flowEndCause', 'biflowDirection', 'communityId')
            records = self.measure([octets for _, octets, _ in wire.frames],
                                   threads=threads)
            return records, Counter(
                (support.addresses_of(r), self.packets(r),
                 *(r.get(key) for key in keys)) for r in records)

        one, expected = measured(1)
        several, got = measured(THREADS)

        self.assertEqual(got, expected)
        self.assertEqual(sorted(r['flowId'] for r in one),
                         list(range(1, len(one) + 1)))
        self.assertEqual(self.threads_of(several), set(range(THREADS)))

    def test_a_conversation_is_one_record_on_links_of_all_kinds(self):
        frames = []
        for client, server in conversations(60):
            for link in LINKS:
                frames += [link(udp_packet(client, 999, server, 53, b'where')),
                           link(udp_packet(server, 53, client, 999, b'there'))]
        records = self.measure(frames)
        self.assert_each_is(records, 60, (len(LINKS), len(LINKS)))

    def test_copies_from_links_of_all_kinds_are_left_out(self):
        running = self.spanfix('--dedup')
        frames = []
        for number, (client, server) in enumerate(conversations(60)):
            packet = udp_packet(client, number, server, 53, b'where')
            frames += [link(packet) for link in LINKS]
        self.cable.send(frames)
        running.seen(len(frames))
        self.assertEqual(running.stop(), 0)
        summary = Summary(running.stderr())
        self.assertEqual(summary.errors(), [])
        self.assertEqual((summary.in_records, summary.left_out_reasons),
                         (60, {'duplicate': 60 * (len(LINKS) - 1)}))

    def test_fragments_are_counted_with_the_rest_of_their_conversation(self):
        frames = []
        for client, server in list(conversations(120))[::2]:
            question = udp_packet(client, 999, server, 53, b'where')
            answer = udp_packet(server, 53, client, 999, b'there' * 80)
            parts = fragments(answer, 160)
            frames += [question, *parts, question, *reversed(parts)]
        records = self.measure([ethernet(frame) for frame in frames])
        self.assert_each_is(records, 60, (2, 6))
        self.assertNotIn('fragments on ports 0', self.summary.text)

    def test_a_tunnel_is_one_flow_whatever_it_carries(self):
        frames = []
        for near, far in list(conversations(120))[::2]:
            for client, server in list(conversations(40))[::2]:
                inner = udp_packet(client, 999, server, 53, b'where')
                frames.append(ip_packet(near, far, 47,
                                        b'\0\0\x08\0' + inner))
                frames.append(ip_packet(far, near, 4, inner))
        records = self.measure([ethernet(frame) for frame in frames])
        self.assertEqual(Counter((r['protocolIdentifier'], self.packets(r))
                                 for r in records),
                         {(47, (20, 0)): 60, (4, (20, 0)): 60})

    def test_a_conversation_in_a_vxlan_is_one_record(self):
        # Each direction has a source port of its own (RFC 7348 section 5).
        def vxlan(near, far, port, packet):
            return ethernet(udp_packet(near, port, far, 4789,
                                       struct.pack('!II', 8 << 24, 7 << 8) +
                                       ethernet(packet)))
        frames = []
        for i, (near, far) in enumerate(list(conversations(120))[::2]):
            client, server = f'10.0.0.{i + 1}', '10.0.1.1'
            frames += [
                vxlan(near, far, 50000 + i,
                      udp_packet(client, 999, server, 53, b'where')),
                vxlan(far, near, 60000 - i,
                      udp_packet(server, 53, client, 999, b'there'))]
        records = self.measure(frames, '--tunnels', 'inner')
        self.assert_each_is(records, 60, (1, 1))

    def test_what_the_host_sends_meets_what_it_gets(self):
        running = self.spanfix()
        pairs = list(conversations(60))
        with self.cable.end(self.cable.probe, 'cap0') as here:
            for link in LINKS[:3]:
                for client, server in pairs:
                    here.send(link(udp_packet(client, 999, server, 53,
                                              b'where')))
        self.cable.send([link(udp_packet(server, 53, client, 999, b'there'))
                         for link in LINKS[:3] for client, server in pairs])
        running.seen(360)
        self.assertEqual(running.stop(), 0)
        self.assert_each_is(running.records(), 60, (3, 3))

    def test_packets_that_come_during_the_start_are_counted_once(self):
        sender = os.fork()
        if sender == 0:
            try:
                self.send_until_killed()
            finally:
                os._exit(1)  # this process is no place for other tests
        try:
            running = self.spanfix('--max-flows', 1_000_000, threads=8)
            running.seen(1000)
            self.assertEqual(running.stop(), 0)
        finally:
            os.kill(sender, signal.SIGKILL)
            os.waitpid(sender, 0)
        records = running.records()
        self.assertEqual(Counter(map(self.packets, records)),
                         {(1, 0): len(records)})
        self.assertEqual(len({support.addresses_of(r) for r in records}),
                         len(records))

    def send_until_killed(self):
        """Each packet from another address."""
        frame = bytearray(ethernet(udp_packet('10.0.0.0', 999, '192.0.2.1', 53,
                                              b'where')))
        with self.cable.end(self.cable.far, 'far0') as port:
            for i in itertools.count():
                frame[27:30] = i.to_bytes(3, 'big')
                port.send(frame)
                time.sleep(0.00005)

    def test_two_programs_see_every_packet_each(self):
        directories = [self.path(name) for name in ('one', 'two')]
        programs = []
        for directory in directories:
            os.mkdir(directory)
            programs.append(Spanfix(directory, self.cable.probe, '-i', 'cap0',
                                    '--threads', 2, '--format', 'json'))
            self.addCleanup(programs[-1].kill)
        self.cable.send([ethernet(udp_packet(client, 999, server, 53, b''))
                         for client, server in conversations(100)])
        for program in programs:
            program.seen(100)
            self.assertEqual(program.stop(), 0)
            self.assertEqual(len(program.records()), 100)

    def test_flows_of_every_thread_expire_on_a_silent_link(self):
        running = self.spanfix('--idle-timeout-udp', 1)
        self.cable.send([ethernet(udp_packet(client, 999, server, 53, b''))
                         for client, server in conversations(100)])
        sent = time.monotonic()
        poll_until(lambda: len(running.records()) == 100, 'all have ended')
        self.assertLess(time.monotonic() - sent, 10)
        self.assertEqual(self.threads_of(running.records()),
                         set(range(THREADS)))
        # Each thread publishes its counters now and then, not for each record.
        poll_until(lambda: running.summary().ended == 100, 'all are counted')
        summary = running.summary()
        self.assertEqual(summary.errors(), [])
        self.assertEqual((summary.seen, summary.end_reasons),
                         (100, {'idle_timeout': 100}))

    def test_the_threads_share_max_flows(self):
        count = 400
        running = self.spanfix('--max-flows', 10)
        self.cable.send([ethernet(udp_packet(client, 999, server, 53, b''))
                         for client, server in conversations(count)])
        running.seen(count)
        summary = running.summary()
        self.assertEqual(summary.errors(), [])
        self.assertEqual((summary.live, summary.end_reasons),
                         (10, {'evicted': count - 10}))


if __name__ == '__main__':
    sys.exit(support.main())
