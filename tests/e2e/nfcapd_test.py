#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""nfcapd takes our datagrams without complaint, and nfdump shows the flows."""

import re
import sys

import support
from support import EndToEnd, Nfcapd, Wire, everything, needs

CLIENT, SERVER = '192.0.2.10', '198.51.100.80'
CLIENT6, SERVER6 = '2001:db8::10', '2001:db8:ffff::80'


@needs('nfcapd', 'nfdump')
class NfcapdTest(EndToEnd):
    def collect(self, wire, parameters='', *arguments):
        """(run, nfcapd's figures); nfdump() reads the flows then."""
        collector = Nfcapd(self.directory)
        self.addCleanup(collector.kill)
        run = self.succeed('-r', self.capture(wire), '-c',
                           collector.url + parameters, *arguments)
        figures = collector.stop()
        self.files = collector.directory
        self.assertEqual(figures['bad packets'], 0, figures['log'])
        self.assertEqual(figures['sequence errors'], 0, figures['log'])
        self.assertEqual(figures['flows'], run.summary.outputs[0].sent,
                         figures['log'])
        self.assertEqual(self.complaints(figures['log']), [])
        return run, figures

    @staticmethod
    def complaints(log):
        """Lines such as 'Process_ipfix: Attempt to read beyond input'."""
        return [line for line in log.splitlines()
                if re.match(r'Process_|.*(Error|ERR|WARN)\b', line)
                and not re.search(r'New (ipfix |v9 )?exporter', line)
                and not line.startswith('Ident:')]

    def rows(self, template):
        return support.nfdump(self.files, template)

    def test_as_many_flows_arrive_as_the_summary_says(self):
        run, figures = self.collect(everything())
        self.assertEqual((run.summary.flows, figures['flows']), (14, 14))
        self.assertEqual(len(self.rows('%sa')), 14)
        self.assertEqual(sum(int(p) + int(o) for p, o in self.rows(
            '%pkt|%opkt')), run.summary.in_records)

    def test_a_large_capture_does_not_overrun_its_socket(self):
        wire = Wire()
        wire.udp(CLIENT, 1, SERVER, 2, answer=None)
        (at, octets, length), = wire.frames
        ports = 14 + 20  # behind Ethernet and IPv4
        wire.frames = [
            (at + i, octets[:ports] + (1 + i % 60000).to_bytes(2, 'big') +
             (1 + i // 60000).to_bytes(2, 'big') + octets[ports + 4:], length)
            for i in range(90000)]
        _, figures = self.collect(wire)
        self.assertEqual(figures['flows'], 90000)

    def test_addresses_ports_and_both_directions_counters_are_shown(self):
        self.collect(everything())
        rows = {(row[0], row[1], row[3]): row for row in self.rows(
            '%sa|%pr|%da|%dp|%sp|%pkt|%byt|%opkt|%obyt') if row[3] != '443'}
        by_ports = {(row[0], row[1], row[4], row[3]): row[5:]
                    for row in rows.values()}
        for client, server, header, icmp, protocol, dp in (
                (CLIENT, SERVER, 20, 'ICMP', 'GRE', '8.0'),
                (CLIENT6, SERVER6, 40, 'ICMP6', 'GRE', '128.0')):
            for row in self.rows('%sa|%da'):
                self.assertIn(tuple(row), {(CLIENT, SERVER),
                                           (CLIENT6, SERVER6)})
            with self.subTest(client):
                self.assertEqual(by_ports[client, 'TCP', '40001', '80'],
                                 ['6', str(6 * (header + 20) + 3),
                                  '3', str(3 * (header + 20) + 6)])
                self.assertEqual(by_ports[client, 'UDP', '40004', '53'],
                                 ['1', str(header + 14), '1', str(header + 14)])
                self.assertEqual(by_ports[client, 'UDP', '40005', '514'],
                                 ['1', str(header + 14), '0', '0'])
                self.assertEqual(by_ports[client, icmp, '0', dp],
                                 ['2', str(2 * (header + 16)),
                                  '2', str(2 * (header + 16))])
                self.assertEqual(by_ports[client, protocol, '0', '0'],
                                 ['3', str(3 * (header + 16)), '0', '0'])

    def test_times_flags_and_end_reasons_are_those_of_the_initiator(self):
        self.collect(everything())
        rows = {(row[0], row[1]): row[2:] for row in self.rows(
            '%sa|%sp|%ts|%te|%flg|%end')}
        self.assertEqual(rows[CLIENT, '40001'],
                         ['2023-11-14 22:13:20.000', '2023-11-14 22:13:20.008',
                          '...AP.SF', '3'])
        self.assertEqual(rows[CLIENT6, '40002'],
                         ['2023-11-14 22:13:20.036', '2023-11-14 22:13:20.041',
                          '...AP.S.', '3'])
        self.assertEqual(rows[CLIENT, '40003'],
                         ['2023-11-14 22:13:20.016', '2023-11-14 22:13:20.016',
                          '......S.', '4'])

    def test_macs_vlan_and_interface_are_shown(self):
        wire = Wire()
        wire.udp(CLIENT, 1, SERVER, 2)
        for index, (at, octets, _) in enumerate(wire.frames):
            octets = octets[:12] + b'\x81\x00\x00\x64' + octets[12:]
            wire.frames[index] = at, octets, len(octets)
        self.collect(wire)
        self.assertEqual(self.rows('%svln|%ismc|%idmc|%in'),
                         [['100', '02:00:00:00:00:02', '02:00:00:00:00:01',
                           '1']])

    def test_the_profile_nfdump_shows_each_direction_with_its_own_flags(self):
        for parameters in ('?profile=nfdump', '?profile=generic&uniflow'):
            with self.subTest(parameters):
                support.shutil.rmtree(self.path('nfcapd'), ignore_errors=True)
                _, figures = self.collect(everything(), parameters)
                self.assertEqual(figures['flows'], 22)
                self.assertEqual(figures['packets'], 54)
                rows = {(row[0], row[1], row[2], row[3]): row[4:]
                        for row in self.rows(
                            '%sa|%sp|%da|%dp|%pkt|%byt|%opkt|%flg|%ts|%te')}
                day = '2023-11-14 22:13:20.0'
                self.assertEqual(
                    rows[CLIENT, '40002', SERVER, '443'],
                    ['4', '163', '0', '...AP.S.', day + '09', day + '14'])
                self.assertEqual(
                    rows[SERVER, '443', CLIENT, '40002'],
                    ['3', '126', '0', '...APRS.', day + '10', day + '15'])
                self.assertEqual(
                    rows[SERVER6, '53', CLIENT6, '40004'],
                    ['1', '54', '0', '........', day + '45', day + '45'])

    def test_sampled_packets_are_multiplied_by_the_rate(self):
        """And what was left out is in the account."""
        wire = Wire()
        for port in range(1, 3001):
            wire.udp(CLIENT, port, SERVER, 53, answer=None)
            wire.wait(0.1)
        for parameters in ('?profile=nfdump&refresh=20', '?version=9',
                           '?version=5'):
            with self.subTest(parameters):
                support.shutil.rmtree(self.path('nfcapd'), ignore_errors=True)
                run, figures = self.collect(
                    wire, parameters, '--sampling', '100', '--idle-timeout-udp',
                    '1')
                self.assertEqual(run.summary.in_records, 30)
                self.assertEqual(run.summary.left_out_reasons,
                                 {'not_sampled': 2970})
                self.assertEqual((figures['flows'], figures['packets'],
                                  figures['octets']),
                                 (30, 3000, 3000 * (20 + 8 + 6)))

    def test_many_datagrams_arrive_in_sequence_beside_repeated_templates(self):
        wire = Wire()
        for port in range(1, 3001):
            wire.udp(CLIENT, port, SERVER, 53)
            wire.wait(0.1)
        _, figures = self.collect(wire, '?refresh=20', '--idle-timeout-udp',
                                  '1')
        self.assertEqual(figures['flows'], 3000)
        self.assertEqual(figures['packets'], 6000)


if __name__ == '__main__':
    sys.exit(support.main())
