#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Programs of others read what spanfix writes, without being taught."""

import re
import socket
import subprocess
import sys
import threading
import unittest

import support
from ipfix_reader import read_file
from support import EndToEnd, Wire, everything, needs, pcap

try:
    import ipfix
    import ipfix.reader
except ImportError:
    ipfix = None


def output_of(*command):
    return subprocess.run(command, check=True, capture_output=True,
                          timeout=support.PATIENCE,
                          env=dict(support.ENVIRONMENT, TZ='UTC')
                          ).stdout.decode()


@needs('ipfixDump')
class IpfixDump(EndToEnd):
    def dump(self, *options):
        path = self.path('flows.ipfix')
        self.succeed('-r', self.capture(everything()), '-w', path)
        return output_of('ipfixDump', *options, '-i', path)

    def test_our_elements_are_named_without_being_taught(self):
        values = {}
        for name, value in re.findall(r'^\s*\(32473/\d+\)\s+(\w+) : (.*)$',
                                      self.dump('--rfc5610'), re.M):
            values.setdefault(name, []).append(value)
        self.assertLessEqual({'tcpHistory', 'flowEndCause', 'connectionState'},
                             set(values))
        self.assertIn('ShADdFf', ' '.join(values['tcpHistory']))
        self.assertIn('RSTR', ' '.join(values['connectionState']))
        self.assertIn('2', values['flowEndCause'])

    def test_no_element_stays_unknown(self):
        text = self.dump('--rfc5610')
        unknown = re.findall(r'\((\d+/\d+)\)\s+_alien', text)
        self.assertEqual(sorted(set(unknown)), [])
        self.assertRegex(
            text, r'(?m)\(6871/21\)\s+reverseFlowDeltaMilliseconds : 1$')

    def test_it_counts_as_many_records_as_were_sent(self):
        statistics = self.dump('--rfc5610', '--stats')
        # 14 flows, a record for each element that is not IANA's, and one of
        # statistics.
        described = len(read_file(self.path('flows.ipfix')).options)
        self.assertRegex(statistics, rf'{14 + described} Data Records')
        self.assertRegex(statistics, '14 Template Records')


@needs('tshark')
class Tshark(EndToEnd):
    def check(self, path):
        """No complaint, and both directions of every flow."""
        complaints = output_of('tshark', '-r', path, '-Y',
                               '_ws.malformed || _ws.expert', '-V')
        self.assertEqual(complaints, '')
        text = output_of('tshark', '-r', path, '-V')
        self.assertNotIn('Malformed', text)
        self.assertIn('Cisco NetFlow/IPFIX', text)
        fields = ['cflow.srcaddr', 'cflow.dstaddr', 'cflow.srcport',
                  'cflow.packets', 'cflow.octets', 'cflow.srcaddrv6']
        values = output_of('tshark', '-r', path, '-T', 'fields', '-E',
                           'occurrence=a', '-E', 'aggregator= ',
                           *(word for name in fields for word in ('-e', name)))
        by_field = [' '.join(column).split() for column in zip(
            *(line.split('\t') for line in values.splitlines()))]
        self.assertEqual(set(by_field[0]), {'192.0.2.10'})
        self.assertEqual(set(by_field[1]), {'198.51.100.80'})
        self.assertEqual(set(by_field[5]), {'2001:db8::10'})
        self.assertEqual(by_field[2].count('40001'), 2)
        # The reverse counters have the field names of the forward ones there.
        self.assertEqual(sum(map(int, by_field[3])), 54)
        self.assertEqual(sum(map(int, by_field[4])), 2644)
        self.assertRegex(text, r'Packets: 3 \(Reverse Type 2 PKTS\)')
        self.assertRegex(text, r'Octets: 126 \(Reverse Type 1 BYTES\)')

    def test_a_file_has_no_malformed_part(self):
        path = self.path('flows.ipfix')
        self.succeed('-r', self.capture(everything()), '-w', path)
        self.check(path)

    def test_datagrams_have_no_malformed_part(self):
        with support.UdpListener() as listener:
            self.succeed('-r', self.capture(everything()), '-c',
                         f'udp://127.0.0.1:{listener.port}')
            datagrams = listener.datagrams()
        wire = Wire()
        for datagram in datagrams:
            wire.ip('127.0.0.1', '127.0.0.1', support.udp_packet(
                '127.0.0.1', 50000, '127.0.0.1', 4739, datagram))
        self.check(self.file('export.pcap', pcap(wire.frames)))

    def test_many_datagrams_are_in_sequence(self):
        conversation = Wire()
        for port in range(1, 501):
            conversation.udp('192.0.2.1', port, '192.0.2.2', 53)
        with support.UdpListener() as listener:
            self.succeed('-r', self.capture(conversation), '-c',
                         f'udp://127.0.0.1:{listener.port}?uniflow')
            datagrams = listener.datagrams()
        wire = Wire()
        for datagram in datagrams:
            wire.ip('127.0.0.1', '127.0.0.1', support.udp_packet(
                '127.0.0.1', 50000, '127.0.0.1', 4739, datagram))
        path = self.file('export.pcap', pcap(wire.frames))
        self.assertEqual(output_of('tshark', '-r', path, '-Y',
                                   '_ws.malformed || _ws.expert'), '')
        ports = output_of('tshark', '-r', path, '-T', 'fields', '-e',
                          'cflow.srcport').replace(',', ' ').split()
        self.assertEqual(len(ports), 1000)


class TcpCollector:
    """Reads one connection with the stream reader of python3-ipfix."""

    def __init__(self):
        self._server = socket.create_server(('127.0.0.1', 0))
        self._server.settimeout(support.PATIENCE)
        self.port = self._server.getsockname()[1]
        self.records = []
        self.octets = b''
        self.error = None
        self._thread = threading.Thread(target=self._collect)
        self._thread.start()

    def _collect(self):
        try:
            connection, _ = self._server.accept()
            connection.settimeout(support.PATIENCE)
            with connection, connection.makefile('rb') as stream:
                self.records = list(ipfix.reader.from_stream(
                    self._Recorder(stream, self)).namedict_iterator())
        except Exception as error:  # shown by the test
            self.error = error

    class _Recorder:
        def __init__(self, stream, collector):
            self.stream, self.collector = stream, collector

        def read(self, count):
            octets = self.stream.read(count)
            self.collector.octets += octets
            return octets

    def finish(self):
        self._thread.join(support.PATIENCE)
        self._server.close()
        if self.error is not None:
            raise self.error
        return self.records


@unittest.skipIf(ipfix is None, 'not installed: python3-ipfix')
class PythonIpfix(EndToEnd):
    @classmethod
    def setUpClass(cls):
        ipfix.ie.use_iana_default()
        ipfix.ie.use_5103_default()
        ipfix.ie.for_spec('tcpHistory(32473/1001)<string>[65535]')
        ipfix.ie.for_spec('connectionState(32473/1003)<string>[65535]')

    def collect(self, wire, parameters=''):
        collector = TcpCollector()
        try:
            run = self.succeed('-r', self.capture(wire), '-c',
                               f'tcp://127.0.0.1:{collector.port}{parameters}',
                               '--format', 'json')
        finally:
            records = collector.finish()
        path = self.file('stream.ipfix', collector.octets)
        self.statistics = [r for r in records
                           if 'exportedMessageTotalCount' in r]
        return run, [r for r in records if 'flowId' in r], read_file(path)

    def test_every_record_arrives_over_tcp(self):
        run, received, _ = self.collect(everything())
        printed = support.json_lines(run.text)
        self.assertEqual(len(received), 14)
        for theirs, ours in zip(received, printed, strict=True):
            for name in ('octetDeltaCount', 'packetDeltaCount',
                         'reverseOctetDeltaCount', 'reversePacketDeltaCount',
                         'sourceTransportPort', 'destinationTransportPort',
                         'protocolIdentifier', 'flowEndReason', 'tcpHistory',
                         'connectionState', 'flowId'):
                self.assertEqual(theirs.get(name), ours.get(name), name)
            self.assertEqual(
                str(theirs.get('sourceIPv4Address',
                               theirs.get('sourceIPv6Address'))),
                support.addresses_of(ours)[0])

    def test_templates_come_first(self):
        _, received, reader = self.collect(everything())
        self.assertEqual(len(reader.records), len(received))
        flows = [what.split()[0] for what in reader.log
                 if what.split()[1] not in ('400', '403')]
        self.assertEqual(flows, ['template'] * 12 + ['data'] * 14)

    def test_statistics_arrive_over_tcp(self):
        run, _, reader = self.collect(everything())
        counted, = self.statistics
        self.assertEqual(counted['exportedFlowRecordTotalCount'],
                         run.summary.outputs[0].sent)
        self.assertEqual(counted['exportedMessageTotalCount'],
                         reader.messages - 1)
        self.assertEqual(counted['exportingProcessId'], 1)

    def test_many_records_arrive_over_tcp(self):
        wire = Wire()
        for port in range(1, 10001):
            wire.udp('192.0.2.1', port, '192.0.2.2', 53)
        run, received, _ = self.collect(wire, '?uniflow')
        self.assertEqual(len(received), 20000)
        self.assertEqual(run.summary.outputs[0].sent, 20000)


if __name__ == '__main__':
    sys.exit(support.main())
