#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Collectors that misbehave while an interface is captured: the capture and the
other collectors must not notice."""

import os
import re
import subprocess
import sys
import time

import support
from certificates import Authority
from ipfix_reader import Reader
from kernel import run
from live_test import Spanfix, enter, listening
from live_threads_test import Cable, datagrams
from support import EndToEnd, Summary, needs_root, poll_until
from tcp_delivery_test import tls_context, whole_messages

# How long a collector takes nothing.
STALL = float(os.environ.get('SPANFIX_STALL_SECONDS', '2'))
FLOWS_A_SECOND = 5000
STALLED, READING, TLS = 4739, 4741, 4740

# Accepts, and never reads.
STALL_TCP = """
import socket
with socket.socket() as server:
    server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
    server.bind(('127.0.0.1', %d))
    server.listen()
    held = []
    while True:
        held.append(server.accept())
""" % STALLED


def read_tls(port, path, *files):
    """Collects from one connection after the other, the certificates being
    those that are in the files at that time."""
    import socket
    with socket.create_server(('127.0.0.1', port)) as server:
        while True:
            connection, _ = server.accept()
            try:
                with (tls_context(*files).wrap_socket(
                        connection, server_side=True) as tls,
                      open(path, 'ab', 0) as file):
                    while octets := tls.recv(65536):
                        file.write(octets)
            except OSError:  # the client refused
                pass


@needs_root()
@support.needs('ip', 'nsenter', 'sysctl')
class LiveCollectors(EndToEnd):
    def setUp(self):
        super().setUp()
        self.cable = Cable.lay(self.addCleanup)
        run(f'ip -n {self.cable.probe} link set lo up')

    def begin(self, port, *command):
        """A collector in the probe's namespace."""
        process = subprocess.Popen([*enter(self.cable.probe), sys.executable,
                                    '-B', *command])
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        poll_until(lambda: listening(process.pid, port), 'it listens')
        return process

    def spanfix(self, *arguments):
        running = Spanfix(self.directory, self.cable.probe, '-i', 'cap0',
                          '--idle-timeout-udp', '1', *arguments)
        self.addCleanup(running.kill)
        return running

    def received(self, path):
        with open(path, 'rb') as file:
            reader = Reader().stream(whole_messages(file.read()))
        return [record.named()['sourceTransportPort']
                for record in reader.records]

    def test_one_that_never_reads_holds_up_nobody(self):
        # Buffers of the kernel that are full within the time of a test.
        subprocess.run([*enter(self.cable.probe), 'sysctl', '-qw',
                        'net.ipv4.tcp_wmem=4096 16384 65536'], check=True)
        path = self.path('stream')
        self.begin(STALLED, '-c', STALL_TCP)
        self.begin(READING, os.path.join(support.HERE, 'tcp_delivery_test.py'),
                   'collect', str(READING), path)
        spanfix = self.spanfix('-c', f'tcp://127.0.0.1:{STALLED}',
                               '-c', f'tcp://127.0.0.1:{READING}')
        sent, end = 0, time.monotonic() + STALL
        while time.monotonic() < end:
            turn = time.monotonic()
            self.cable.send(datagrams(FLOWS_A_SECOND // 10, first=sent))
            sent += FLOWS_A_SECOND // 10
            time.sleep(max(0.0, turn + 0.1 - time.monotonic()))
        began = time.monotonic()
        poll_until(lambda: spanfix.summary().outputs[1].sent == sent,
                   'the other one has everything')
        latest = time.monotonic() - began
        summary = spanfix.summary()
        stalled = summary.outputs[0]
        self.assertEqual(summary.seen, sent, summary.text)
        self.assertEqual(summary.errors(), [])
        self.assertLess(stalled.sent, sent, 'it was not held up')
        print(f'{sent} flows in {STALL} s: with the other one {latest:.1f} s '
              f'after the last\n{summary.text}')
        if STALL < 30:  # ending takes its time then
            return
        began = time.monotonic()
        self.assertEqual(spanfix.stop(), 0, spanfix.stderr())
        ended = time.monotonic() - began
        summary = Summary(spanfix.stderr())
        self.assertEqual(summary.errors(), [])
        self.assertEqual(summary.seen, sent, summary.text)
        self.assertEqual(summary.outputs[1].sent, sent)
        print(f'ended {ended:.1f} s after the signal\n{summary.text}')

    def test_one_without_a_good_certificate_is_said_once_and_comes_later(self):
        path = self.path('stream')
        authority = Authority(self.directory)
        for name, days in (('expired', -1), ('collector', 1)):
            authority.make(name, days=days)
        files = [self.path('now.pem'), self.path('now.key'), authority.pem()]

        def show(name):
            for kind, file in (('pem', authority.pem(name)),
                               ('key', authority.key(name))):
                os.replace(file, self.path('now.' + kind))
        show('expired')
        self.begin(TLS, __file__, 'read_tls', str(TLS), path, *files)
        spanfix = self.spanfix(
            '-c', f'tls://127.0.0.1:{TLS}?ca={authority.pem()}&cert='
            f'{authority.pem("collector")}&key={authority.key("collector")}')
        self.cable.send(datagrams(100))
        poll_until(lambda: spanfix.summary().outputs[0].queued == 100,
                   'the records wait')
        show('collector')
        poll_until(lambda: spanfix.summary().outputs[0].sent == 100,
                   'the records are sent')
        self.assertEqual(spanfix.stop(), 0, spanfix.stderr())
        said = re.findall(r"^spanfix: collector 'tls:[^\n]*': (.*)$",
                          spanfix.stderr(), re.M)
        self.assertEqual(said, [
            "cannot connect: TLS: the collector's certificate is refused: "
            'certificate has expired; trying again', 'connected'])
        self.assertEqual(sorted(self.received(path)),
                         list(range(1024, 1124)))


if __name__ == '__main__':
    if sys.argv[1:2] == ['read_tls']:
        read_tls(int(sys.argv[2]), *sys.argv[3:])
    else:
        support.main()
