#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Compares what spanfix says about real captures with independent truth.

    corpus_compare.py [options] [TRACE...]

Without traces it reads every capture of the corpus, and feeds spanfix all
malformed files, which it must survive. A trace matches when the records of
spanfix, summed for each conversation (protocol, two addresses, two ports), have
the packets and octets of expected/flows_outer.tsv in both directions; which side
spanfix takes for the initiator does not matter here, --history compares it.

Exit 0: at least as many traces match as --least says, and nothing crashed.
Exit 1: not so. Exit 77: there is no corpus, or SPANFIX is not set.
"""

import argparse
import collections
import csv
import datetime
import ipaddress
import os
import shutil
import sys
import tempfile

import support
from ipfix_reader import Malformed, read_file

PORTS = {6, 17, 33, 132, 136}  # TCP, UDP, DCCP, SCTP, UDP-Lite
PROTOCOLS = {'tcp': 6, 'udp': 17}
# No connection of the model ends by a timer.
NO_TIMERS = ['--idle-timeout-tcp', '604800', '--idle-timeout-udp', '604800',
             '--idle-timeout-other', '604800', '--active-timeout', '0',
             '--close-linger', '604800']
LETTERS_OF_TODAY = set('SHADFRshadfr^')


def rows(path):
    with open(path, encoding='utf-8', newline='') as file:
        return list(csv.DictReader(file, delimiter='\t'))


def by_trace(path):
    grouped = collections.defaultdict(list)
    for row in rows(path):
        grouped[row['trace']].append(row)
    return grouped


class Conversations:
    """{(protocol, endpoint, endpoint): [packets, octets, packets, octets]},
    the lower endpoint and what it sent first."""

    def __init__(self):
        self.counts = collections.defaultdict(lambda: [0, 0, 0, 0])

    def add(self, protocol, source, destination, there, back):
        if protocol not in PORTS:
            source, destination = (source[0], 0), (destination[0], 0)
        if source > destination:
            source, destination, there, back = destination, source, back, there
        counts = self.counts[protocol, source, destination]
        if source == destination:  # no telling which way
            there, back = (there[0] + back[0], there[1] + back[1]), (0, 0)
        for at, number in enumerate((*there, *back)):
            counts[at] += number

    def nonzero(self):
        return {key: counts for key, counts in self.counts.items()
                if any(counts)}


def endpoint(address, port):
    return ipaddress.ip_address(address).exploded, int(port)


def truth(flows, later_fragments_on_ports_0):
    expected = Conversations()
    for flow in flows:
        protocol = int(flow['proto'])
        source = endpoint(flow['src'], flow['sport'])
        destination = endpoint(flow['dst'], flow['dport'])
        there = int(flow['pkts_fwd']), int(flow['bytes_fwd'])
        back = int(flow['pkts_rev']), int(flow['bytes_rev'])
        if later_fragments_on_ports_0:
            later = int(flow['nf_pkts_fwd']), int(flow['nf_bytes_fwd'])
            later_back = int(flow['nf_pkts_rev']), int(flow['nf_bytes_rev'])
            expected.add(protocol, (source[0], 0), (destination[0], 0), later,
                         later_back)
            there = there[0] - later[0], there[1] - later[1]
            back = back[0] - later_back[0], back[1] - later_back[1]
        expected.add(protocol, source, destination, there, back)
    return expected.nonzero()


def measured(records):
    found = Conversations()
    for record in records:
        source, destination = support.addresses_of(record)
        found.add(record['protocolIdentifier'],
                  endpoint(source, record['sourceTransportPort']),
                  endpoint(destination, record['destinationTransportPort']),
                  (record['packetDeltaCount'], record['octetDeltaCount']),
                  (record.get('reversePacketDeltaCount', 0),
                   record.get('reverseOctetDeltaCount', 0)))
    return found.nonzero()


def conversation_text(key):
    protocol, source, destination = key
    ends = [f'{ipaddress.ip_address(a)} port {p}' if p else
            str(ipaddress.ip_address(a)) for a, p in (source, destination)]
    return f'protocol {protocol}, {ends[0]} - {ends[1]}'


def differences(expected, found):
    lines = []
    for key in sorted(expected.keys() | found.keys()):
        want, got = expected.get(key), found.get(key)
        if want != got:
            lines.append(f'{conversation_text(key)}: expected {want}, '
                         f'found {got}')
    return lines


class Checked:
    """One run of spanfix over one file; `broken` says what no input excuses."""

    def __init__(self, path, directory, arguments=(), timeout=support.PATIENCE):
        ipfix = os.path.join(directory, 'out.ipfix')
        self.broken = self.run = self.records = None
        try:
            self.run = support.spanfix('-r', path, '--format', 'json', '-w',
                                       ipfix, *arguments, timeout=timeout)
            if self.run.status not in (0, 1, 2):
                self.broken = f'exit status {self.run.status}'
                return
            if self.run.status == 2:
                if os.path.exists(ipfix):
                    self.broken = 'exit 2 and an output file left behind'
                return
            self.records = support.json_lines(self.run.text)
            errors = support.Summary(self.run.stderr).errors()
            if errors:
                self.broken = '; '.join(errors)
            reader = read_file(ipfix)
            if len(reader.records) != len(self.records):
                self.broken = (f'{len(reader.records)} records in IPFIX, '
                               f'{len(self.records)} in JSON')
        except (AssertionError, Malformed, ValueError) as error:
            self.broken = f'{type(error).__name__}: {error}'
        finally:
            if os.path.exists(ipfix):
                os.unlink(ipfix)


# ---- history ----


def connections(flows, outer):
    """Of the model: those whose conversation is one of outermost headers."""
    for row in flows:
        protocol = PROTOCOLS.get(row['proto'])
        if protocol is None:
            continue
        orig = endpoint(row['orig_h'], row['orig_p'])
        resp = endpoint(row['resp_h'], row['resp_p'])
        if (protocol, *sorted((orig, resp))) in outer:
            history = '' if row['history'] == '-' else row['history']
            yield (protocol, *sorted((orig, resp))), float(row['ts']), (
                orig, row['conn_state'], history)


def measured_connections(records):
    for record in records:
        if record['protocolIdentifier'] not in PROTOCOLS.values():
            continue
        source, destination = (
            endpoint(address, port) for address, port in zip(
                support.addresses_of(record),
                (record['sourceTransportPort'],
                 record['destinationTransportPort'])))
        if source[1] == destination[1] == 0:
            continue  # later fragments
        start = min(
            datetime.datetime.fromisoformat(record[name]).timestamp()
            for name in ('flowStartMilliseconds',
                         'reverseFlowStartMilliseconds') if name in record)
        key = record['protocolIdentifier'], *sorted((source, destination))
        yield key, start, (source, record['connectionState'],
                           record['tcpHistory'])


def grouped(items):
    found = collections.defaultdict(list)
    for key, start, value in sorted(items, key=lambda item: item[:2]):
        found[key].append(value)
    return found


def letters_of_today(history):
    return ''.join(letter for letter in history if letter in LETTERS_OF_TODAY)


class HistoryTally:
    def __init__(self):
        self.counts = collections.Counter()
        self.lines = []

    def compare(self, trace, expected, found):
        for key in sorted(expected.keys() | found.keys()):
            want, got = expected.get(key, []), found.get(key, [])
            if len(want) != len(got):
                self.counts['conversations with another number of '
                            'connections'] += 1
                self.note(trace, key, [w[1:] for w in want],
                          [g[1:] for g in got])
                continue
            for left, right in zip(want, got):
                self.connection(trace, key, left, right)

    def connection(self, trace, key, want, got):
        self.counts['connections'] += 1
        if want == got:
            self.counts['equal'] += 1
            return
        if want[0] != got[0]:
            self.counts['other originator'] += 1
        if want[1] != got[1]:
            self.counts['other connectionState'] += 1
        if want[2] != got[2]:
            same = letters_of_today(want[2]) == letters_of_today(got[2])
            self.counts['other history, only in c w t g i q x'
                        if same else 'other history'] += 1
        self.note(trace, key, want[1:] + (f'from {want[0][0]}',),
                  got[1:] + (f'from {got[0][0]}',))

    def note(self, trace, key, want, got):
        self.lines.append(f'  {trace}: {conversation_text(key)}:\n'
                          f'    expected {want}\n    found    {got}')


# ---- the program ----


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--corpus', default=os.environ.get(
        'SPANFIX_CORPUS', os.path.join(support.REPOSITORY, '..', 'shared',
                                       'corpus')))
    parser.add_argument('--least', type=int, default=0, metavar='N',
                        help='fail when fewer traces match')
    parser.add_argument('--history', action='store_true',
                        help='compare connectionState and history with the '
                        'model, too')
    parser.add_argument('--strict-fragments', action='store_true',
                        help='later fragments must be on the ports of the '
                        'first')
    parser.add_argument('--differences', type=int, default=3, metavar='N',
                        help='how many to print of each trace')
    parser.add_argument('traces', nargs='*', metavar='TRACE',
                        help='as in traces.tsv, such as zeek/http/get.pcap')
    return parser.parse_args()


def compare_trace(trace, flows, checked, options):
    """('match' or what is wrong, differences)."""
    if checked.records is None:
        reason = checked.run.stderr.strip() if checked.run else checked.broken
        return 'refused', [reason]
    found = measured(checked.records)
    exact = differences(truth(flows, False), found)
    if not exact:
        return 'match', []
    if not options.strict_fragments:
        split = differences(truth(flows, True), found)
        if not split:
            return 'match, later fragments on ports 0', []
        if len(split) < len(exact):
            exact = split
    return 'differs', exact


def compare_all(options, directory):
    """(traces that match, traces, traces on which spanfix broke)."""
    expected = by_trace(os.path.join(options.corpus, 'expected',
                                     'flows_outer.tsv'))
    traces = rows(os.path.join(options.corpus, 'traces.tsv'))
    if options.traces:
        traces = [row for row in traces if row['trace'] in options.traces]
    model = by_trace(os.path.join(options.corpus, 'expected',
                                  'model_notimer.tsv')) if options.history else {}
    tally = HistoryTally()
    results = collections.Counter()
    broken = []
    for row in traces:
        trace, oracles = row['trace'], row['two_oracles']
        path = os.path.join(options.corpus, 'pcap', trace)
        checked = Checked(path, directory)
        if checked.broken:
            broken.append(trace)
            print(f'{trace}: BROKEN: {checked.broken}')
        result, lines = compare_trace(trace, expected[trace], checked, options)
        results[oracles, result] += 1
        if result != 'match':
            print(f'{trace} ({row["classes"]}; two oracles {oracles}): {result}')
        for line in lines[:options.differences]:
            print('    ' + line)
        if len(lines) > options.differences:
            print(f'    ... {len(lines)} differences')
        if options.history and checked.records is not None:
            no_timers = Checked(path, directory, NO_TIMERS)
            if no_timers.records is not None:
                tally.compare(trace,
                              grouped(connections(model[trace],
                                                  truth(expected[trace], False))),
                              grouped(measured_connections(no_timers.records)))
    if options.history:
        print('\nhistory and connectionState against the model:')
        print('\n'.join(tally.lines))
        for name, count in tally.counts.most_common():
            print(f'{count:6} {name}')
    print()
    for (oracles, result), count in sorted(results.items()):
        print(f'{count:4} two oracles {oracles}: {result}')
    matching = sum(count for (_, result), count in results.items()
                   if result.startswith('match'))
    return matching, len(traces), broken


def survive_malformed(options, directory):
    """Files on which spanfix broke."""
    broken, statuses = [], collections.Counter()
    for row in rows(os.path.join(options.corpus, 'malformed', 'list.tsv')):
        path = os.path.join(options.corpus, 'malformed', row['file'])
        checked = Checked(path, directory)
        if checked.broken:
            broken.append(row['file'])
            print(f'malformed/{row["file"]}: BROKEN: {checked.broken}')
        if checked.run:
            statuses[checked.run.status] += 1
    print('malformed files: ' + ', '.join(
        f'{count} exit {status}' for status, count in sorted(statuses.items())))
    return broken


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
        matching, total, broken = compare_all(options, directory)
        if not options.traces:
            broken += survive_malformed(options, directory)
    finally:
        shutil.rmtree(directory)
    print(f'{matching} of {total} traces match')
    if broken:
        print(f'FAILED: spanfix broke on {len(broken)} files')
        return 1
    if total == 0:
        print('FAILED: no such trace')
        return 1
    if matching < options.least:
        print(f'FAILED: at least {options.least} traces must match')
        return 1
    return 0


if __name__ == '__main__':
    sys.exit(main())
