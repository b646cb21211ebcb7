#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Records over UDP between two hosts, over links of 1500 octets and less."""

import select
import socket
import sys

import support
from ipfix_reader import Reader
from kernel import NEAR, KernelTest, inside
from support import Summary, Wire, needs_root, spanfix

RECORDS = 5000


@needs_root()
class RecordsByUdp(KernelTest):
    def setUp(self):
        super().setUp()
        wire = Wire()
        for port in range(1024, 1024 + RECORDS):
            wire.udp('192.0.2.1', port, '192.0.2.2', 53, answer=None)
        self.input = self.file('input.pcap', support.pcap(wire.frames))

    def listen_udp(self, address):
        listener = self.socket('b', address, kind=socket.SOCK_DGRAM)
        listener.setsockopt(socket.SOL_SOCKET, 33, 1 << 24)  # SO_RCVBUFFORCE
        return listener

    def export(self, address, port, parameters):
        host = f'[{address}]' if ':' in address else address
        with inside(self.net.a):
            return spanfix('-r', self.input, '-c',
                           f'udp://{host}:{port}?{parameters}')

    def arrives(self, address, parameters):
        """Every record, in the sequence of the messages; their sizes."""
        listener = self.listen_udp(address)
        run = self.export(address, listener.getsockname()[1], parameters)
        self.assertEqual(run.status, 0, run)
        reader, sizes = Reader(), []
        while len(reader.records) < RECORDS:
            ready, _, _ = select.select([listener], [], [], support.PATIENCE)
            self.assertTrue(ready, f'{len(reader.records)} records arrived')
            datagram = listener.recv(65535)
            sizes.append(len(datagram))
            reader.message(datagram)
        self.assertEqual(Summary(run.stderr).outputs[0].sent, RECORDS, run)
        listener.close()
        return sizes

    def test_messages_below_the_mtu_arrive(self):
        for _, server in NEAR:
            with self.subTest(server):
                sizes = self.arrives(server, 'pace=0')
                self.assertLessEqual(max(sizes), 1420)

    def test_messages_above_the_mtu_arrive_in_fragments(self):
        for _, server in NEAR:
            with self.subTest(server):
                sizes = self.arrives(server, 'pace=0&mtu=4000')
                self.assertGreater(max(sizes), 1500)

    def test_messages_arrive_when_the_path_is_narrower_than_a_message(self):
        self.net.inside(self.net.a, 'ip link set eth mtu 1300')
        self.addCleanup(self.net.inside, self.net.a, 'ip link set eth mtu 1500')
        for _, server in NEAR:
            with self.subTest(server):
                sizes = self.arrives(server, 'pace=0')
                self.assertGreater(max(sizes), 1300)

    def test_messages_arrive_through_a_card_that_segments(self):
        self.net.offload(self.net.a, 'eth', 'on')
        self.addCleanup(self.net.offload, self.net.a, 'eth', 'off')
        for _, server in NEAR:
            with self.subTest(server):
                self.arrives(server, 'pace=0')

    def test_a_host_without_a_collector_is_named(self):
        _, server = NEAR[0]
        with self.listen_udp(server) as listener:
            port = listener.getsockname()[1]
        run = self.export(server, port, 'pace=10000')
        self.assertEqual(run.status, 1, run)
        summary = Summary(run.stderr)
        self.assertEqual(summary.errors(), [], run)
        output, = summary.outputs
        self.assertEqual(output.made, RECORDS, run)
        self.assertEqual(list(output.reasons), ['Connection refused'], run)
        # A kernel limits its answers: those to some batches never come.
        self.assertGreater(output.dropped, 0, run)


if __name__ == '__main__':
    sys.exit(support.main())
