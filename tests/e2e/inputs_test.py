#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The same packets give the same flows, however they were written down."""

import signal
import subprocess
import sys

import support
from ipfix_reader import read_file
from support import (EndToEnd, Wire, everything, gzipped, pcap, pcapng,
                     poll_until)


class Encodings(EndToEnd):
    def setUp(self):
        super().setUp()
        # Whole microseconds, which every encoding holds.
        self.wire = everything()
        self.expected = self.flows('-r', self.capture(self.wire, 'plain.pcap'))
        self.assertEqual(len(self.expected), 14)

    def same(self, name, content):
        self.assertEqual(self.flows('-r', self.file(name, content)),
                         self.expected)

    def test_pcap_with_microseconds(self):
        self.same('us.pcap', pcap(self.wire.frames))

    def test_pcap_with_nanoseconds(self):
        self.same('ns.pcap', pcap(self.wire.frames, nanoseconds=True))

    def test_big_endian_pcap(self):
        self.same('us.pcap', pcap(self.wire.frames, big_endian=True))
        self.same('ns.pcap', pcap(self.wire.frames, nanoseconds=True,
                                  big_endian=True))

    def test_pcapng(self):
        self.same('one.pcapng', pcapng(self.wire.frames))

    def test_pcapng_of_two_interfaces(self):
        self.same('two.pcapng', pcapng(self.wire.frames, interfaces=2))

    def test_pcapng_of_interfaces_with_different_snapshot_lengths(self):
        content = pcapng(self.wire.frames, interfaces=2,
                         snapshot_lengths=[262144, 8192])
        self.same('two.pcapng', content)

    def test_pcapng_of_interfaces_with_different_link_types(self):
        # Ethernet and raw IP in turn.
        frames = [(at, octets[14:] if index % 2 else octets, 0)
                  for index, (at, octets, _) in enumerate(self.wire.frames)]
        frames = [(at, octets, len(octets)) for at, octets, _ in frames]
        path = self.file('two.pcapng', pcapng(frames, interfaces=2,
                                              links=[1, 101]))
        self.assertEqual(
            [flow['packetDeltaCount'] for flow in self.flows('-r', path)],
            [flow['packetDeltaCount'] for flow in self.expected])

    def test_gzip(self):
        self.same('pcap.gz', gzipped(pcap(self.wire.frames)))
        self.same('pcapng.gz', gzipped(pcapng(self.wire.frames)))

    def test_gzip_is_recognised_by_content_and_not_by_name(self):
        self.same('named.pcap', gzipped(pcap(self.wire.frames)))
        self.same('named.gz', pcap(self.wire.frames))

    def test_gzip_of_several_members(self):
        content = pcap(self.wire.frames)
        self.same('members.gz', gzipped(content[:1000]) +
                  gzipped(content[1000:]))

    def test_raw_ip_and_cooked_captures(self):
        raw, cooked = [], []
        for at, octets, _ in self.wire.frames:
            packet = octets[14:]
            raw.append((at, packet, len(packet)))
            header = b'\0\0\0\1\0\6' + octets[6:12] + b'\0\0' + octets[12:14]
            cooked.append((at, header + packet, len(header + packet)))
        for frames, link in ((raw, 101), (cooked, 113)):
            flows = self.flows('-r', self.file('x.pcap', pcap(frames, link=link)))
            self.assertEqual(self.without_macs(flows),
                             self.without_macs(self.expected))

    @staticmethod
    def without_macs(flows):
        return [{name: value for name, value in flow.items()
                 if not name.endswith('MacAddress')} for flow in flows]

    def test_nanoseconds_are_not_taken_for_microseconds(self):
        wire = Wire()
        wire.now += 999_999_999
        wire.udp('192.0.2.1', 1, '192.0.2.2', 2, answer=None)
        record, = self.flows('-r', self.capture(wire))
        self.assertEqual(record['flowStartMilliseconds'],
                         '2023-11-14T22:13:20.999Z')
        record, = self.flows('-r', self.file('us.pcap', pcap(wire.frames)))
        self.assertEqual(record['flowStartMilliseconds'],
                         '2023-11-14T22:13:20.999Z')


class SeveralFiles(EndToEnd):
    def test_files_are_read_in_the_order_given(self):
        first, second = Wire(), Wire()
        second.wait(1)
        wire = everything()
        cut = 20
        first.frames, second.frames = wire.frames[:cut], wire.frames[cut:]
        whole = self.flows('-r', self.capture(wire))
        parts = [self.capture(first, 'first.pcap'),
                 self.file('second.pcapng.gz', gzipped(pcapng(second.frames)))]
        for arguments in (['-r', parts[0], '-r', parts[1]],
                          ['--read', parts[0], f'--read={parts[1]}']):
            self.assertEqual(self.flows(*arguments), whole)

    def test_a_conversation_may_span_files(self):
        wire = Wire()
        wire.tcp('192.0.2.1', 1, '192.0.2.2', 80)
        paths = []
        for number, frame in enumerate(wire.frames):
            path = self.file(f'{number}.pcap', pcap([frame]))
            paths += ['-r', path]
        record, = self.flows(*paths)
        self.assertEqual((record['tcpHistory'], record['packetDeltaCount']),
                         ('ShADdFf', 6))

    def test_files_of_different_link_types(self):
        wire = Wire()
        wire.udp('192.0.2.1', 1, '192.0.2.2', 2)
        (at, question, _), (later, answer, _) = wire.frames
        ethernet = self.file('e.pcap', pcap([(at, question, len(question))]))
        raw = self.file('r.pcap', pcap([(later, answer[14:],
                                         len(answer) - 14)], link=101))
        record, = self.flows('-r', ethernet, '-r', raw)
        self.assertEqual((record['packetDeltaCount'],
                          record['reversePacketDeltaCount']), (1, 1))

    def test_a_file_may_be_read_twice(self):
        path = self.capture(everything())
        run = self.succeed('-r', path, '-r', path)
        self.assertEqual(run.summary.seen, 108)

    def test_an_older_file_behind_a_newer_one_does_not_stop_the_clock(self):
        old, new = Wire(), Wire()
        new.wait(3600)
        old.udp('192.0.2.1', 1, '192.0.2.2', 53)
        new.udp('192.0.2.1', 2, '192.0.2.2', 53)
        run = self.succeed('-r', self.capture(new, 'new.pcap'), '-r',
                           self.capture(old, 'old.pcap'), '--format', 'json')
        self.assertEqual((run.summary.seen, run.summary.flows), (4, 2))


class Filters(EndToEnd):
    def setUp(self):
        super().setUp()
        self.input = self.capture(everything())

    def protocols(self, *arguments):
        return sorted((flow['ipVersion'], flow['protocolIdentifier'])
                      for flow in self.flows('-r', self.input, *arguments))

    def test_a_filter_may_be_the_last_argument_or_the_last_ones(self):
        expected = [(4, 17), (4, 17), (6, 17), (6, 17)]
        for arguments in (['udp'], ['--filter', 'udp'], ['--filter=udp'],
                          ['udp and (port 53 or port 514)'],
                          ['udp', 'and', '(port 53', 'or', 'port 514)'],
                          ['--', 'udp', 'and', 'not', 'port', '1']):
            with self.subTest(arguments):
                found = support.json_lines(self.succeed(
                    '-r', self.input, '--format', 'json', *arguments).text)
                self.assertEqual(sorted(
                    (flow['ipVersion'], flow['protocolIdentifier'])
                    for flow in found), expected)

    def test_a_filter_applies_to_every_file(self):
        second = Wire()
        second.wait(1)
        second.udp('192.0.2.7', 7, '192.0.2.8', 53)
        second.tcp('192.0.2.7', 7, '192.0.2.8', 80)
        self.assertEqual(self.protocols('-r', self.capture(second, '2.pcap'),
                                        '--filter', 'ip and udp'),
                         [(4, 17), (4, 17), (4, 17)])

    def test_a_filter_applies_to_compressed_captures(self):
        path = self.file('x.gz', gzipped(pcapng(everything().frames, 2)))
        self.assertEqual(len(self.flows('-r', path, '--filter', 'icmp6')), 1)


class NothingToSee(EndToEnd):
    def test_a_capture_without_packets_is_no_error(self):
        for name, content in (('pcap', pcap([])), ('pcapng', pcapng([])),
                              ('gz', gzipped(pcap([])))):
            with self.subTest(name):
                run = self.succeed('-r', self.file(name, content))
                self.assertEqual((run.summary.seen, run.summary.flows), (0, 0))
                self.assertEqual(len(run.text.splitlines()), 1)
                self.assertEqual(self.flows('-r', self.path(name)), [])

    def test_a_signal_ends_a_capture_that_is_still_being_piped(self):
        """As from ssh and tcpdump, which do not end by themselves."""
        content = pcap(everything().frames)
        path = self.path('piped.ipfix')
        process = subprocess.Popen(
            [support.SPANFIX, '-r', '-', '-w', path], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE,
            env=support.ENVIRONMENT)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        process.stdin.write(content)
        process.stdin.flush()
        poll_until(lambda: support.pipe_is_empty(process.stdin),
                   'everything is read')
        support.wait_until_started(process)
        process.send_signal(signal.SIGTERM)
        _, err = process.communicate(timeout=support.PATIENCE)
        self.assertEqual(process.returncode, 0, err)
        self.assertEqual(len(read_file(path).records), 14)

    def test_standard_input_may_be_named_as_a_file(self):
        with open(self.capture(everything()), 'rb') as stream:
            run = self.succeed('-r', '/dev/stdin', '--format', 'json',
                               stdin=stream)
        self.assertEqual(len(run.text.splitlines()), 14)

    def test_a_pipe_is_read_like_a_file(self):
        import os
        import threading
        pipe = self.path('pipe')
        os.mkfifo(pipe)
        content = pcap(everything().frames)

        def write():
            with open(pipe, 'wb') as stream:
                stream.write(content)
        thread = threading.Thread(target=write, daemon=True)
        thread.start()
        run = self.succeed('-r', pipe, '--format', 'json', timeout=10)
        thread.join(10)
        self.assertEqual(len(run.text.splitlines()), 14)


if __name__ == '__main__':
    sys.exit(support.main())
