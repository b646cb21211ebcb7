#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what spanfix says about real captures with independent truth.

    corpus_compare.py [options] [TRACE...]

Counts are compared with tshark's: the records, summed for each conversation
(protocol, two addresses, two ports), must have the packets and octets of
expected/flows_outer.tsv in both directions, and with --tunnels inner those of
expected/flows_inner.tsv. Connections are compared with Zeek's own log,
expected/zeek_conn.tsv, where that depends on no option of Zeek: who began,
packets and octets, conn_state, history. And all malformed files must be
survived.

Exit 0: the thresholds below are reached, and nothing crashed. Exit 1: not so.
Exit 77: there is no corpus, or SPANFIX is not set.
"""

import argparse
import collections
import os
import shutil
import sys
import tempfile

import support
from corpus import Checked, by_trace, differences, measured, rows, truth
from corpus_history import (NO_TIMERS, HistoryTally, ZeekTally, connections,
                            grouped, measured_connections)

# Of the conversations inside of tunnels; of Zeek's rows.
LEAST_INNER = 0.95
LEAST_HISTORIES = 0.98


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--corpus', default=os.environ.get(
        'SPANFIX_CORPUS', os.path.join(support.REPOSITORY, '..', 'shared',
                                       'corpus')))
    parser.add_argument('--model', action='store_true',
                        help='compare with the model of Zeek, too; it has '
                        'every capture, but is no independent truth')
    parser.add_argument('--differences', type=int, default=3, metavar='N',
                        help='how many to print of each trace')
    parser.add_argument('traces', nargs='*', metavar='TRACE',
                        help='as in traces.tsv, such as zeek/http/get.pcap')
    return parser.parse_args()


class Corpus:
    def __init__(self, options, directory):
        self.options = options
        self.directory = directory
        self.traces = [row for row in self.rows('traces.tsv')
                       if not options.traces or row['trace'] in options.traces]
        self.failures = []

    def path(self, *names):
        return os.path.join(self.options.corpus, *names)

    def rows(self, *names):
        return rows(self.path(*names))

    def expected(self, name):
        return by_trace(self.path('expected', name))

    def run(self, trace, *parameters):
        """The records, or None; a crash is noted."""
        checked = Checked(self.path('pcap', trace), self.directory, parameters)
        if checked.broken:
            print(f'{trace}: BROKEN: {checked.broken}')
            self.failures.append(f'spanfix broke on {trace}')
        return checked.records

    def require(self, holds, what):
        print(what + ('' if holds else ': NOT ENOUGH'))
        if not holds:
            self.failures.append(what)

    def counts(self, name, *parameters):
        """{two_oracles: [traces, matching, conversations, matching]}"""
        figures = collections.defaultdict(lambda: [0, 0, 0, 0])
        expected = self.expected(name)
        for row in self.traces:
            trace, oracles = row['trace'], row['two_oracles']
            want = truth(expected[trace])
            found = measured(self.run(trace, *parameters) or [])
            lines = differences(want, found)
            figure = figures[oracles]
            figure[0] += 1
            figure[1] += not lines
            figure[2] += len(want)
            figure[3] += sum(found.get(key) == want[key] for key in want)
            if lines:
                print(f'{trace} ({row["classes"]}; two oracles {oracles}) '
                      'differs:')
                shown = self.options.differences
                for line in lines[:shown]:
                    print('    ' + line)
                if len(lines) > shown:
                    print(f'    ... {len(lines)} differences')
        for oracles, figure in sorted(figures.items()):
            print('  two oracles {}: {} of {} traces, {} of {} conversations '
                  'match'.format(oracles, figure[1], figure[0], figure[3],
                                 figure[2]))
        return figures['ok']

    def outer(self):
        print('\n== outermost headers, against tshark')
        figure = self.counts('flows_outer.tsv')
        self.require(figure[1] == figure[0], 'every trace matches on which '
                     'two oracles agree')

    def inner(self):
        print('\n== innermost headers, against tshark')
        figure = self.counts('flows_inner.tsv', '--tunnels', 'inner')
        self.require(figure[3] >= LEAST_INNER * figure[2],
                     f'{LEAST_INNER:.0%} of the conversations match in traces '
                     'on which two oracles agree')

    def zeek(self):
        print("\n== connections, against Zeek's own log")
        tally, models = ZeekTally(), HistoryTally()
        expected = self.expected('zeek_conn.tsv')
        outer = self.expected('flows_outer.tsv')
        model = self.expected('model_notimer.tsv')
        for row in self.traces:
            trace = row['trace']
            exact = [line for line in expected[trace]
                     if line['flags'] == 'exact']
            if not exact and not self.options.model:
                continue
            records = self.run(trace, *NO_TIMERS) or []
            tally.compare(trace, exact, records)
            if self.options.model:
                models.compare(
                    trace, grouped(connections(model[trace],
                                               truth(outer[trace]))),
                    grouped(measured_connections(records)))
        print('\n'.join(tally.lines))
        print(f'  {tally.rows} rows: {tally.counts} with the same counts, '
              f'{tally.histories} with the same originator, state and history')
        self.require(tally.counts == tally.rows, 'all counts match')
        self.require(tally.histories >= LEAST_HISTORIES * tally.rows,
                     f'{LEAST_HISTORIES:.0%} of the histories match')
        if self.options.model:
            print('\n== connections, against the model\n' +
                  '\n'.join(models.lines))
            for name, count in models.counts.most_common():
                print(f'{count:6} {name}')

    def malformed(self):
        print('\n== malformed files')
        statuses = collections.Counter()
        for row in self.rows('malformed', 'list.tsv'):
            for tunnels in ('outer', 'inner'):
                checked = Checked(self.path('malformed', row['file']),
                                  self.directory, ['--tunnels', tunnels])
                if checked.broken:
                    print(f'{row["file"]}: BROKEN: {checked.broken}')
                    self.failures.append(f'spanfix broke on {row["file"]}')
                if checked.run:
                    statuses[checked.run.status] += 1
        print('  ' + ', '.join(f'{count} exit {status}' for status, count
                               in sorted(statuses.items())))


def main():
    options = arguments()
    if not support.SPANFIX:
        print('SKIPPED: SPANFIX, the path of the program, is not set')
        return support.SKIPPED
    if not os.path.isdir(options.corpus):
        print(f'SKIPPED: there is no corpus at {options.corpus}; '
              'SPANFIX_CORPUS can name another place')
        return support.SKIPPED
    directory = tempfile.mkdtemp(prefix='spanfix-corpus-')
    try:
        corpus = Corpus(options, directory)
        if not corpus.traces:
            print('FAILED: no such trace')
            return 1
        corpus.outer()
        corpus.inner()
        corpus.zeek()
        if not options.traces:
            corpus.malformed()
    finally:
        shutil.rmtree(directory)
    for failure in corpus.failures:
        print('FAILED: ' + failure)
    return 1 if corpus.failures else 0


if __name__ == '__main__':
    sys.exit(main())
