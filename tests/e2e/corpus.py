# SPDX-License-Identifier: Apache-2.0
"""The corpus of real captures and what independent programs say about them."""

import collections
import csv
import datetime
import ipaddress
import os

import support
from ipfix_reader import Malformed, read_file

PORTS = {6, 17, 33, 132, 136}  # TCP, UDP, DCCP, SCTP, UDP-Lite

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


def truth(flows):
    expected = Conversations()
    for flow in flows:
        expected.add(int(flow['proto']), endpoint(flow['src'], flow['sport']),
                     endpoint(flow['dst'], flow['dport']),
                     (int(flow['pkts_fwd']), int(flow['bytes_fwd'])),
                     (int(flow['pkts_rev']), int(flow['bytes_rev'])))
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


# ---- single flows ----


def source_and_destination(record):
    ports = ((0, 0) if record['protocolIdentifier'] not in PORTS else
             (record['sourceTransportPort'],
              record['destinationTransportPort']))
    return tuple(endpoint(address, port) for address, port in
                 zip(support.addresses_of(record), ports))


def start_of(record):
    """Of the earlier direction, seconds since 1970."""
    return min(datetime.datetime.fromisoformat(record[name]).timestamp()
               for name in ('flowStartMilliseconds',
                            'reverseFlowStartMilliseconds') if name in record)
