#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""--balance: each flow goes to one of the collectors, and always to the same."""

import sys

import support
from ipfix_reader import read_datagrams, read_file
from support import EndToEnd, UdpListener, Wire, everything, spanfix


def many():
    """400 conversations; each is asked again from the other side, and reported
    in more than one record."""
    wire = everything()
    for _ in range(3):
        for port in range(1, 401):
            wire.udp('192.0.2.1', port, '192.0.2.2', 53)
            wire.udp('192.0.2.2', 53, '192.0.2.1', port)
        wire.wait(30)
    return wire


class Balance(EndToEnd):
    def balanced(self, count, *arguments, parameters=''):
        """(run, what each of `count` collectors got)"""
        listeners = [UdpListener() for _ in range(count)]
        collectors = [word for listener in listeners for word in (
            '-c', f'udp://127.0.0.1:{listener.port}{parameters}')]
        run = self.succeed('-r', self.capture(many()), *collectors,
                           '--balance', '--active-timeout', '20', *arguments)
        got = []
        for listener in listeners:
            with listener:
                got.append([record.named() for record in read_datagrams(
                    listener.datagrams()).records])
        return run, got

    @staticmethod
    def conversations(records):
        """Their protocol and two ends, in one order."""
        return {frozenset([record['protocolIdentifier'],
                           (support.addresses_of(record)[0],
                            record['sourceTransportPort']),
                           (support.addresses_of(record)[1],
                            record['destinationTransportPort'])])
                for record in records}

    def test_two_collectors_have_all_records_together_and_none_in_common(self):
        path = self.path('all.ipfix')
        run, got = self.balanced(2, '-w', path, '--format', 'json')
        everything_there = [r.named() for r in read_file(path).records]
        self.assertGreater(len(everything_there), 800)
        self.assertEqual(sorted(map(str, got[0] + got[1])),
                         sorted(map(str, everything_there)))
        first, second = map(self.conversations, got)
        self.assertEqual(first & second, set())
        self.assertGreater(min(len(first), len(second)), 150)
        first, second, file, printed = run.summary.outputs
        self.assertEqual([first.made, second.made], list(map(len, got)))
        self.assertEqual([file.made, printed.made],
                         [len(everything_there)] * 2)
        self.assertEqual(len(support.json_lines(run.text)),
                         len(everything_there))

    def test_both_directions_of_a_conversation_go_the_same_way(self):
        _, got = self.balanced(3, parameters='?uniflow')
        ends = list(map(self.conversations, got))
        self.assertEqual(ends[0] & ends[1] | ends[0] & ends[2] |
                         ends[1] & ends[2], set())
        self.assertTrue(all(ends))

    def test_every_run_deals_in_the_same_way(self):
        self.assertEqual(self.balanced(2)[1], self.balanced(2)[1])

    def test_without_it_each_collector_gets_every_record(self):
        listeners = UdpListener(), UdpListener()
        self.succeed('-r', self.capture(everything()), *(
            f'-cudp://127.0.0.1:{listener.port}' for listener in listeners))
        for listener in listeners:
            with listener:
                self.assertEqual(
                    len(read_datagrams(listener.datagrams()).records), 14)

    def test_one_collector_alone_is_refused(self):
        run = spanfix('-r', self.capture(everything()), '-c', 'udp://127.0.0.1',
                      '-w', self.path('f'), '--balance')
        self.assertEqual((run.status, run.stderr), (
            2, 'spanfix: --balance: needs two or more collectors on the '
               'network\n'))


if __name__ == '__main__':
    sys.exit(support.main())
