#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whoever reads a large capture at a terminal sees how far it is."""

import os
import pty
import re
import struct
import subprocess
import sys

import support
from support import EndToEnd, Summary, Wire, gzipped, pcap

PROGRESS = re.compile(r'\r *(\d+) %  ([\d.]+) M packets/s(?:  (\d+) s left)?')


class Progress(EndToEnd):
    def large(self, packets, name='large.pcap'):
        """One packet over and over, a microsecond apart: quick to write."""
        wire = Wire()
        wire.udp('192.0.2.1', 1, '192.0.2.2', 2, answer=None)
        (at, octets, length), = wire.frames
        body = struct.pack('<II', length, length) + octets
        seconds = at // 10**9
        return self.file(name, pcap([]) + b''.join(
            struct.pack('<II', seconds + i // 10**6, i % 10**6) + body
            for i in range(packets)))

    def at_terminal(self, *arguments):
        """Exit status and what the terminal got."""
        try:
            master, slave = pty.openpty()
        except OSError as error:
            self.skipTest(f'no terminal to be had here: {error}')
        process = subprocess.Popen(
            [support.SPANFIX, *map(str, arguments)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=slave, env=support.ENVIRONMENT)
        os.close(slave)
        text = b''
        while True:
            try:
                part = os.read(master, 65536)
            except OSError:  # the other end is closed
                break
            if not part:
                break
            text += part
        os.close(master)
        status = process.wait(support.PATIENCE)
        support.check_sanitizers(text)
        return status, text.decode().replace('\r\n', '\n')

    def slow_enough(self, compress=False):
        """What a run printed that took long enough for progress lines."""
        packets = 250_000
        while True:
            path = self.large(packets)
            if compress:
                with open(path, 'rb') as file:
                    path = self.file('large.gz', gzipped(file.read(), 1))
            status, text = self.at_terminal('-r', path)
            self.assertEqual(status, 0, text)
            if len(PROGRESS.findall(text)) > 2 or packets >= 4_000_000:
                return packets, text
            packets *= 4

    def check(self, packets, text):
        shown = [m.groups() for m in PROGRESS.finditer(text)]
        self.assertGreater(len(shown), 1, repr(text))
        per_cent = [int(line[0]) for line in shown]
        self.assertEqual(per_cent, sorted(per_cent))
        self.assertLessEqual(per_cent[-1], 100)
        self.assertGreater(per_cent[-1], 0)
        self.assertGreater(float(shown[-1][1]), 0)
        self.assertIsNotNone(shown[-1][2], 'no time left')
        # The line is wiped before the summary, which stands alone.
        last = text.rindex('%')
        self.assertRegex(text[last:], r'\r\x1b\[K\r?packets seen')
        summary = Summary(text)
        self.assertEqual(summary.errors(), [])
        self.assertEqual(summary.seen, packets)

    def test_a_terminal_shows_per_cent_speed_and_time_left(self):
        self.check(*self.slow_enough())

    def test_the_per_cent_of_a_compressed_capture_are_of_its_own_size(self):
        self.check(*self.slow_enough(compress=True))

    def test_without_a_terminal_there_is_no_progress_line(self):
        run = self.succeed('-r', self.large(500_000))
        self.assertNotIn('\r', run.stderr)
        self.assertNotIn('%', run.stderr)
        self.assertEqual(len(run.stderr.splitlines()), 4, run.stderr)

    def test_the_summary_at_a_terminal_begins_its_own_line(self):
        status, text = self.at_terminal('-r', self.large(10))
        self.assertEqual(status, 0)
        lines = [line.split('\r')[-1].replace('\x1b[K', '')
                 for line in text.rstrip('\n').split('\n')]
        self.assertEqual(len(lines), 4, repr(text))
        self.assertTrue(lines[0].startswith('packets seen 10 '), repr(text))


if __name__ == '__main__':
    sys.exit(support.main())
