#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What --doctor says of a mirror: each ill is made in namespaces, and there is
a mirror without it.

    [far] far0 ======== cap0 [probe: spanfix --doctor -i cap0]
"""

import json
import os
import re
import signal
import subprocess
import sys
import unittest
import unittest.mock

import support
from kernel import inside, run
from live_test import Spanfix, enter
from live_threads_test import MAC_B, Cable, vlan
from status_test import Client
from support import EndToEnd, Wire, needs_root, poll_until

BROADCAST = b'\xff' * 6
LIBFAKETIME = '/usr/lib/x86_64-linux-gnu/faketime/libfaketimeMT.so.1'

# Over the cable, so that the kernel may join and split what it sends.
SERVE = """
import socket
server = socket.create_server(('10.9.7.2', 8089))
print('listening', flush=True)
connection, _ = server.accept()
while connection.recv(1 << 20):
    pass
"""
SEND = """
import socket
with socket.create_connection(('10.9.7.2', 8089)) as client:
    client.sendall(b'x' * 2_000_000)
"""


def talks(count=6):
    """(whether the server sent it, octets) of conversations of TCP."""
    wire = Wire()
    for i in range(count):
        wire.tcp('192.0.2.1', 40000 + i, '198.51.100.1', 443, b'x' * 900,
                 b'y' * 900)
    server = wire.mac('198.51.100.1')
    return [(octets[6:12] == server, octets) for _, octets, _ in wire.frames]


def every(frames):
    return [octets for _, octets in frames]


def tagged(octets):
    return octets[:12] + vlan(7) + octets[12:]


@needs_root()
@support.needs('ip', 'sysctl', 'ethtool', 'nsenter')
class Doctor(EndToEnd):
    def setUp(self):
        super().setUp()
        self.cable = Cable.lay(self.addCleanup)

    def watch(self, *arguments):
        running = Spanfix(self.directory, self.cable.probe, '-i', 'cap0',
                          *arguments)
        self.addCleanup(running.kill)
        return running

    def diagnosis(self, act, *arguments):
        """What it found while `act` was done: names of findings."""
        running = self.watch('--doctor=600', *arguments)
        act(running)
        status = running.stop(signal.SIGINT)
        report = running.stdout()
        found = re.findall(r'^cap0: (?:error|warning): (\w+): ', report, re.M)
        self.assertEqual(status, 1 if found else 0, report)
        self.assertEqual('cap0: nothing wrong' in report, not found, report)
        return found, report

    def found_in(self, frames):
        def send(running):
            self.cable.send(frames)
            poll_until(lambda: running.summary().seen >= len(frames),
                       'all frames are seen')
        return self.diagnosis(send)[0]

    def test_a_good_mirror_has_nothing_wrong(self):
        self.assertEqual(self.found_in(every(talks())), [])

    def test_a_mirror_of_one_direction(self):
        for server in (True, False):
            with self.subTest(server=server):
                frames = [octets for side, octets in talks() if side == server]
                self.assertEqual(self.found_in(frames), ['one_direction'])

    def test_a_mirror_that_delivers_twice(self):
        frames = [octets for octets in every(talks()) for _ in range(2)]
        self.assertEqual(self.found_in(frames), ['duplicates'])

    def test_tags_in_one_direction(self):
        frames = [tagged(octets) if side else octets
                  for side, octets in talks()]
        self.assertEqual(self.found_in(frames), ['tags_in_one_direction'])
        self.assertEqual(self.found_in([tagged(f) for f in every(talks())]),
                         [])

    def test_a_port_that_is_no_mirror(self):
        wire = Wire()
        for _ in range(40):
            wire.arp('192.0.2.1', '192.0.2.2')
        self.assertEqual(self.found_in(every((0, f[1]) for f in wire.frames)),
                         ['only_broadcast'])

    def test_a_mirror_in_a_header_that_nobody_knows(self):
        frame = MAC_B + b'\2\0\0\0\0\1' + b'\x88\xb5' + b'x' * 80
        self.assertEqual(self.found_in([frame] * 40), ['not_ip'])

    def test_a_silent_mirror(self):
        found, report = self.diagnosis(lambda running: None)
        self.assertEqual(found, ['no_frames'])
        self.assertIn('ip -s link show cap0', report)

    def test_packets_that_the_card_joined(self):
        def transfer(_):
            server = subprocess.Popen(
                [*enter(self.cable.probe), sys.executable, '-c', SERVE],
                stdout=subprocess.PIPE)
            with server:
                server.stdout.readline()
                subprocess.run([*enter(self.cable.far), sys.executable, '-c',
                                SEND], check=True, timeout=support.PATIENCE)
        run(f'ip -n {self.cable.far} address add 10.9.7.1/24 dev far0')
        run(f'ip -n {self.cable.probe} address add 10.9.7.2/24 dev cap0')
        found, report = self.diagnosis(transfer)
        self.assertEqual(found, ['super_packets'])
        self.assertIn('ethtool -K cap0', report)
        for namespace, name in ((self.cable.far, 'far0'),
                                (self.cable.probe, 'cap0')):
            with inside(namespace):
                run(f'ethtool -K {name} tso off gso off gro off')
        self.assertEqual(self.diagnosis(transfer)[0], [])

    def test_a_capture_that_does_not_keep_up(self):
        def flood(running):
            running.send(signal.SIGSTOP)
            self.cable.send(every(talks(20)) * 100)
            running.send(signal.SIGCONT)
        self.assertIn('drops',
                      self.diagnosis(flood, '--ring-size', '1')[0])

    @unittest.skipUnless(os.path.exists(LIBFAKETIME), 'not installed: faketime')
    def test_a_clock_that_jumps(self):
        offset = self.path('offset')
        environment = dict(
            support.ENVIRONMENT, LD_PRELOAD=LIBFAKETIME,
            FAKETIME_TIMESTAMP_FILE=offset, FAKETIME_NO_CACHE='1',
            FAKETIME_DONT_FAKE_MONOTONIC='1')
        environment['ASAN_OPTIONS'] = 'verify_asan_link_order=0'

        def set_clock(ahead):
            with open(offset + '.new', 'w', encoding='ascii') as file:
                file.write(f'+{ahead}s')
            os.rename(offset + '.new', offset)

        for jump, names in ((5, ['clock_jump']), (0, [])):
            set_clock(0)

            def act(running, jump=jump):
                self.cable.send(every(talks()))
                poll_until(lambda: running.summary().seen >= len(talks()),
                           'all frames are seen')
                set_clock(jump)
                self.cable.send(every(talks()))
                poll_until(lambda: running.summary().seen >= 2 * len(talks()),
                           'all frames are seen')
            with unittest.mock.patch.object(support, 'ENVIRONMENT',
                                            environment):
                self.assertEqual(self.diagnosis(act)[0], names)

    def test_it_ends_by_itself(self):
        running = self.watch('--doctor=1')
        self.assertEqual(running.wait(), 1)
        self.assertIn('no_frames', running.stdout())

    def test_findings_are_metrics_while_it_runs(self):
        run(f'ip -n {self.cable.probe} link set lo up')
        running = self.watch('--http', '127.0.0.1:9995', '--format', 'json')
        client = Client(self, 9995, self.cable.probe)
        self.cable.send([octets for octets in every(talks())
                         for _ in range(2)])
        metric = ('spanfix_finding{name="duplicates",interface="cap0",'
                  'severity="error"} 1')
        poll_until(lambda: metric in client.get('/metrics').text,
                   'the metric is there')
        findings = json.loads(client.get('/status.json').text)['findings']
        self.assertEqual([f['name'] for f in findings], ['duplicates'])
        self.assertEqual(running.stop(), 0)


if __name__ == '__main__':
    support.main()
