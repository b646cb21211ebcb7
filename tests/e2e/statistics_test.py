#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What options records say of the export: what was sent, what was left out, how
packets were sampled, what the interface is called."""

import os
import signal
import socket
import subprocess
import sys

import support
from ipfix_reader import read_datagrams, read_file
from support import (EndToEnd, Nfcapd, UdpListener, Wire, everything, needs,
                     needs_root, poll_until, wait_until_started)

STATISTICS, SAMPLING, INTERFACE = 403, 401, 402


def said(reader, template):
    """The options records of this template, with names."""
    return [record.named() for record in reader.options
            if record.template_id == template]


def with_arp():
    wire = everything()
    wire.frames.append((wire.frames[-1][0], b'\xff' * 12 + b'\x08\x06' +
                        b'\0' * 46, 60))
    return wire


class Statistics(EndToEnd):
    def exported(self, wire, parameters='', *arguments):
        with UdpListener() as listener:
            run = self.succeed('-r', self.capture(wire), '-c',
                               f'udp://127.0.0.1:{listener.port}{parameters}',
                               *arguments)
            datagrams = listener.datagrams()
        return run, datagrams

    def test_a_file_ends_with_what_it_holds(self):
        path = self.path('flows.ipfix')
        run = self.succeed('-r', self.capture(with_arp()), '-w', path)
        reader = read_file(path)
        with open(path, 'rb') as file:
            octets = len(file.read())
        self.assertEqual(reader.log[-1], f'data {STATISTICS}')
        record, = said(reader, STATISTICS)
        last = 16 + 4 + 4 + 4 + 6 * 8  # headers of message and set
        self.assertEqual(record, {
            'observationDomainId': 1, 'exportingProcessId': 1,
            'exportedMessageTotalCount': reader.messages - 1,
            'exportedFlowRecordTotalCount': 14,
            'exportedOctetTotalCount': octets - last,
            'ignoredPacketTotalCount': 1, 'droppedPacketTotalCount': 0,
            'notSentFlowTotalCount': 0})
        self.assertEqual(run.summary.left_out_reasons, {'not_ip': 1})
        self.assertEqual({r.domain for r in reader.options}, {0})

    def test_packets_that_were_not_sampled_are_ignored_ones(self):
        run, datagrams = self.exported(with_arp(), '', '--sampling', '10')
        reader = read_datagrams(datagrams)
        record, = said(reader, STATISTICS)
        self.assertEqual(record['ignoredPacketTotalCount'],
                         run.summary.left_out)
        self.assertEqual(record['exportedFlowRecordTotalCount'],
                         run.summary.outputs[0].sent)
        self.assertEqual(said(reader, SAMPLING),
                         [{'observationDomainId': 1, 'samplingInterval': 10}])

    def test_datagrams_of_two_runs_are_the_same(self):
        wire = with_arp()
        runs = [self.exported(wire, '?interface-names', '--sampling', '3')[1]
                for _ in range(2)]
        self.assertEqual(runs[0], runs[1])

    def test_names_of_interfaces_are_repeated_with_the_templates(self):
        wire = Wire()
        for port in range(1, 101):
            wire.udp('192.0.2.1', port, '192.0.2.2', 53)
            wire.wait(1)
        for parameters, times in (('?profile=elastiflow&refresh=20', 5),
                                  ('?interface-names&refresh=0', 1),
                                  ('', 0)):
            with self.subTest(parameters):
                _, datagrams = self.exported(wire, parameters,
                                             '--idle-timeout-udp', '1')
                self.assertEqual(
                    said(read_datagrams(datagrams), INTERFACE),
                    [{'observationDomainId': 1, 'ingressInterface': 1,
                      'interfaceName': 'capture',
                      'interfaceDescription': 'capture'}] * times)

    @needs_root()
    def test_an_interface_is_counted_and_named_while_it_is_captured(self):
        datagrams = []
        with UdpListener() as listener, UdpListener() as talker, \
                socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            process = subprocess.Popen(
                [support.SPANFIX, '-i', 'lo', '-c',
                 f'udp://127.0.0.1:{listener.port}?interface-names&refresh=1',
                 'udp', 'dst', 'port', str(talker.port)],
                stderr=subprocess.PIPE, env=support.ENVIRONMENT)
            self.addCleanup(process.stderr.close)
            self.addCleanup(process.kill)
            wait_until_started(process)
            for _ in range(10):
                sender.sendto(b'hello', ('127.0.0.1', talker.port))

            def counted_twice():
                datagrams.extend(listener.datagrams())
                return len(said(read_datagrams(datagrams), STATISTICS)) >= 2
            poll_until(counted_twice, 'the statistics were repeated')
            process.send_signal(signal.SIGINT)
            self.assertEqual(process.wait(support.PATIENCE), 0)
            datagrams.extend(listener.datagrams())
        reader = read_datagrams(datagrams)
        first, *_, last = said(reader, STATISTICS)
        self.assertEqual(first['exportedFlowRecordTotalCount'], 0)
        self.assertEqual(last['exportedFlowRecordTotalCount'], 1)
        self.assertEqual(last['exportedMessageTotalCount'],
                         len(datagrams) - 1)
        self.assertEqual(last['exportedOctetTotalCount'],
                         sum(map(len, datagrams[:-1])))
        index = socket.if_nametoindex('lo')
        self.assertEqual(reader.records[0].named()['ingressInterface'], index)
        self.assertEqual(said(reader, INTERFACE)[0], {
            'observationDomainId': 1, 'ingressInterface': index,
            'interfaceName': 'lo', 'interfaceDescription': 'lo'})

    @needs('nfcapd', 'nfdump')
    def test_nfcapd_takes_them_all_in_sequence(self):
        wire = Wire()
        for port in range(1, 3001):
            wire.udp('192.0.2.1', port, '192.0.2.2', 53, answer=None)
            wire.wait(0.1)
        collector = Nfcapd(self.directory)
        self.addCleanup(collector.kill)
        self.succeed('-r', self.capture(wire), '-c', collector.url +
                     '?profile=nfdump&interface-names&refresh=20',
                     '--sampling', '2', '--idle-timeout-udp', '1')
        figures = collector.stop()
        self.assertEqual((figures['flows'], figures['packets'],
                          figures['sequence errors'], figures['bad packets']),
                         (1500, 3000, 0, 0), figures['log'])
        # nfdump 1.7.1 shows no names, but nfcapd has kept each that it got.
        kept = b''
        for name in os.listdir(collector.directory):
            with open(os.path.join(collector.directory, name), 'rb') as file:
                kept += file.read()
        self.assertEqual(kept.count(b'capture\0'), 300 // 20)

    @needs('tshark')
    def test_tshark_shows_them_and_finds_nothing_malformed(self):
        run, datagrams = self.exported(with_arp(), '?interface-names',
                                       '--sampling', '3')
        export = Wire()
        for datagram in datagrams:
            export.ip('127.0.0.1', '127.0.0.1', support.udp_packet(
                '127.0.0.1', 50000, '127.0.0.1', 4739, datagram))
        path = self.file('export.pcap', support.pcap(export.frames))

        def tshark(*options):
            return subprocess.run(
                ['tshark', '-r', path, *options], check=True,
                capture_output=True, timeout=support.PATIENCE,
                env=support.ENVIRONMENT).stdout.decode()
        self.assertEqual(tshark('-Y', '_ws.malformed || _ws.expert', '-V'), '')
        text = tshark('-V')
        self.assertNotIn('Malformed', text)
        self.assertRegex(text, r'Sampling interval: 3\b')
        self.assertRegex(text, r'IfName: capture')
        self.assertRegex(text, rf'FlowsExp: {run.summary.outputs[0].sent}\b')


if __name__ == '__main__':
    sys.exit(support.main())
