# SPDX-License-Identifier: Apache-2.0
"""Who began a connection, its state and its history, against Zeek itself and
against the model of Zeek that was made for the corpus."""

import collections

from corpus import (PORTS, conversation_text, endpoint, source_and_destination,
                    start_of)

PROTOCOLS = {'tcp': 6, 'udp': 17}
# Here no connection ends by a timer.
NO_TIMERS = ['--idle-timeout-tcp', '604800', '--idle-timeout-udp', '604800',
             '--idle-timeout-other', '604800', '--active-timeout', '0',
             '--close-linger', '604800']


class ZeekTally:
    """Rows of Zeek's own conn.log that depend on none of its options."""

    def __init__(self):
        self.rows = self.counts = self.histories = 0
        self.lines = []

    def compare(self, trace, rows, records):
        """`records` were made with NO_TIMERS."""
        by_ends = collections.defaultdict(list)
        for record in records:
            ends = source_and_destination(record)
            by_ends[record['protocolIdentifier'],
                    tuple(sorted(ends))].append((record, ends[0]))
        for row in rows:
            protocol = int(row['ip_proto'])
            originator, responder = (endpoint(row[side + '_h'],
                                              row[side + '_p'])
                                     for side in ('orig', 'resp'))
            if row['proto'] == 'icmp' or protocol not in PORTS:
                originator, responder = (originator[0], 0), (responder[0], 0)
            candidates = by_ends[protocol,
                                 tuple(sorted((originator, responder)))]
            if row['proto'] == 'unknown_transport':  # Zeek has no ports there
                candidates = [
                    found for (number, ends), records in by_ends.items()
                    for found in records if number == protocol and
                    {end[0] for end in ends} == {originator[0], responder[0]}]
            self.row(trace, row, originator, candidates)

    def row(self, trace, row, originator, candidates):
        self.rows += 1
        start = float(row['ts'].lstrip('~'))
        want = tuple(int(row[name]) for name in (
            'orig_pkts', 'resp_pkts', 'orig_ip_bytes', 'resp_ip_bytes'))
        state = row['conn_state'], row['history'].replace('-', '')
        if not candidates:
            self.lines.append(f'  {trace}: no record for {row}')
            return
        record, source = min(candidates, key=lambda candidate: (
            abs(start_of(candidate[0]) - start),
            candidate[1][0] != originator[0]))
        got = (record['packetDeltaCount'],
               record.get('reversePacketDeltaCount', 0),
               record['octetDeltaCount'],
               record.get('reverseOctetDeltaCount', 0))
        same_originator = source[0] == originator[0]
        if not same_originator:
            got = got[1], got[0], got[3], got[2]
        got_state = record['connectionState'], record.get('tcpHistory', '')
        self.counts += got == want
        self.histories += same_originator and got_state == state
        if got != want or got_state != state or not same_originator:
            self.lines.append(
                f'  {trace}: {row["proto"]} {originator}: expected {want} '
                f'{state}, found {got} {got_state}')


# ---- the model ----


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
        source, destination = source_and_destination(record)
        if source[1] == destination[1] == 0:
            continue  # fragments without a first
        key = record['protocolIdentifier'], *sorted((source, destination))
        yield key, start_of(record), (source, record['connectionState'],
                           record['tcpHistory'])


def grouped(items):
    found = collections.defaultdict(list)
    for key, start, value in sorted(items, key=lambda item: item[:2]):
        found[key].append(value)
    return found


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
            self.counts['other history'] += 1
        self.note(trace, key, want[1:] + (f'from {want[0][0]}',),
                  got[1:] + (f'from {got[0][0]}',))

    def note(self, trace, key, want, got):
        self.lines.append(f'  {trace}: {conversation_text(key)}:\n'
                          f'    expected {want}\n    found    {got}')
