#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TCP, bare and with TLS, to collectors that die and come back."""

import collections
import glob
import os
import random
import socket
import ssl
import struct
import subprocess
import sys
import time

import support
from certificates import Authority
from ipfix_reader import Reader
from support import EndToEnd, Summary

FLOWS = int(os.environ.get('SPANFIX_KILL_FLOWS', '40000'))
KILLS = 20


def many_flows(count):
    """A capture of so many flows, a datagram each."""
    ip = bytearray(support.ip_packet('10.0.0.0', '192.0.2.53', 17, struct.pack(
        '!HHHH', 0, 53, 28, 0) + b'\0' * 20))
    ethernet = bytes(12) + b'\x08\x00'
    length = len(ethernet) + len(ip)
    packets = [struct.pack('<IHHIIII', 0xa1b2c3d4, 2, 4, 0, 0, 65535, 1)]
    for number in range(count):
        struct.pack_into('!I', ip, 12, 0x0a000000 + number // 60000)
        struct.pack_into('!H', ip, 20, 1024 + number % 60000)
        packets.append(struct.pack('<IIII', 1767225600 + number // 100000,
                                   number % 100000, length, length))
        packets.append(ethernet + ip)
    return b''.join(packets)


class Decryption:
    """The server's side of TLS, for octets that were read already."""

    def __init__(self, connection, context):
        self._connection = connection
        self._incoming, self._outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
        self._tls = context.wrap_bio(self._incoming, self._outgoing,
                                     server_side=True)
        self._established = False

    def __call__(self, octets):
        self._incoming.write(octets)
        plain = []
        try:
            if not self._established:
                self._tls.do_handshake()
                self._established = True
            while got := self._tls.read(1 << 16):
                plain.append(got)
        except ssl.SSLWantReadError:
            pass
        self._connection.sendall(self._outgoing.read())
        return b''.join(plain)


def tls_context(certificate, key, ca):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    context.load_verify_locations(ca)
    context.verify_mode = ssl.CERT_REQUIRED
    return context


def collect(port, prefix, *tls):
    """A collector: each connection into a file, at its leisure."""
    context = tls_context(*tls) if tls else None
    with socket.create_server(('127.0.0.1', port)) as server:
        server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65536)
        print('ready', flush=True)
        for number in range(1000):
            connection, _ = server.accept()
            file = os.open(f'{prefix}.{os.getpid()}.{number}',
                           os.O_WRONLY | os.O_CREAT)
            plain = Decryption(connection, context) if tls else lambda it: it
            # Read is what is written: what is between the two when the process
            # is killed, nobody can send again.
            while octets := connection.recv(16384, socket.MSG_PEEK):
                os.write(file, plain(octets))
                connection.recv(len(octets))
                time.sleep(0.0005)
            connection.close()
            os.close(file)


class Collector:
    """That process."""

    def __init__(self, port, prefix, *tls):
        self.process = subprocess.Popen(
            [sys.executable, '-B', __file__, 'collect', str(port), prefix,
             *tls],
            stdout=subprocess.PIPE)
        self.process.stdout.readline()

    def kill(self):
        self.process.kill()
        self.process.wait()
        self.process.stdout.close()


def whole_messages(octets):
    end = 0
    while len(octets) - end >= 16:
        length = int.from_bytes(octets[end + 2:end + 4], 'big')
        if length > len(octets) - end:
            break
        end += length
    return octets[:end]


class TcpDelivery(EndToEnd):
    def setUp(self):
        super().setUp()
        self.port = support.free_tcp_port()
        self.url = f'tcp://127.0.0.1:{self.port}'
        self.tls = []

    def collector(self):
        collector = Collector(self.port, self.path('stream'), *self.tls)
        self.addCleanup(collector.kill)
        return collector

    def progress(self, run, octets):
        """Waits until the collectors have so many."""
        def arrived():
            if run.poll() is not None:
                raise AssertionError('spanfix ended:\n' +
                                     run.stderr.read().decode())
            return self.octets_received() >= octets
        support.poll_until(arrived, f'{octets} octets, not '
                           f'{self.octets_received()}')

    def received(self):
        """How often each flow arrived, whole, over all connections."""
        times = collections.Counter()
        for path in glob.glob(self.path('stream') + '.*'):
            with open(path, 'rb') as file:
                reader = Reader().stream(whole_messages(file.read()))
            times.update(record.named()['flowId'] for record in reader.records)
        return times

    def octets_received(self):
        return sum(os.path.getsize(path) for path in
                   glob.glob(self.path('stream') + '.*'))

    def wait_until_read(self):
        """What the last collector's kernel has is not lost, only late."""
        def read():
            with open('/proc/net/tcp', encoding='ascii') as table:
                sockets = [line.split() for line in table.readlines()[1:]]
            ours = [s for s in sockets
                    if int(s[1].split(':')[1], 16) == self.port]
            return all(int(s[4].split(':')[1], 16) == 0 for s in ours
                       if s[3] != '0A')
        support.poll_until(read, 'the end of the queue')

    def test_nothing_is_lost_when_a_collector_is_killed_again_and_again(self):
        capture = self.file('many.pcap', many_flows(FLOWS))
        whole = 120 * FLOWS  # octets, about
        dice = random.Random(1)
        collector = self.collector()
        run = subprocess.Popen(
            [support.SPANFIX, '-r', capture, '-c', self.url],
            stderr=subprocess.PIPE, env=support.ENVIRONMENT)
        for kill in range(1, KILLS + 1):
            self.progress(run, whole * kill // (KILLS + 2))
            collector.kill()
            time.sleep(dice.random() * 0.2)
            collector = self.collector()
        error = run.communicate(timeout=support.PATIENCE)[1].decode()

        self.assertEqual(run.returncode, 0, error)
        summary = Summary(error)
        self.assertEqual(summary.errors(), [])
        output, = summary.outputs
        self.assertEqual((output.made, output.sent), (FLOWS, FLOWS), error)
        self.wait_until_read()
        times = self.received()
        self.assertEqual(len(times), FLOWS, error)
        again = sum(times.values()) - FLOWS
        print(f'{KILLS} kills: {FLOWS} records, {again} of them twice, '
              f'{output.repeated} sent again')
        self.assertGreater(output.repeated, 0, 'none of the kills hit')
        self.assertLessEqual(again, output.repeated)

    def test_what_comes_while_the_collector_is_away_arrives_later(self):
        capture = self.file('many.pcap', many_flows(20000))
        collector = self.collector()
        run = subprocess.Popen(
            [support.SPANFIX, '-r', capture, '-c', self.url],
            stderr=subprocess.PIPE, env=support.ENVIRONMENT)
        self.progress(run, 50000)
        collector.kill()
        time.sleep(1)
        collector = self.collector()
        error = run.communicate(timeout=support.PATIENCE)[1].decode()

        self.assertEqual(run.returncode, 0, error)
        self.assertEqual(Summary(error).errors(), [])
        self.assertEqual(len(self.received()), 20000, error)


@support.needs('openssl')
class TlsDelivery(TcpDelivery):
    """The same, both sides with certificates."""

    def setUp(self):
        super().setUp()
        authority = Authority(self.directory)
        authority.make('collector')
        authority.make('probe')
        self.url = (f'tls://127.0.0.1:{self.port}?ca={authority.pem()}'
                    f'&cert={authority.pem("probe")}'
                    f'&key={authority.key("probe")}')
        self.tls = [authority.pem('collector'), authority.key('collector'),
                    authority.pem()]


if __name__ == '__main__':
    if sys.argv[1:2] == ['collect']:
        collect(int(sys.argv[2]), *sys.argv[3:])
    else:
        support.main()
