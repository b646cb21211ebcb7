#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""NetFlow v9 and v5: nfcapd, nfacctd and tshark read what was in the capture."""

import re
import socket
import struct
import subprocess
import sys
from datetime import datetime, timezone

import support
from support import EndToEnd, Nfcapd, Summary, Wire, everything, needs, spanfix

CLIENT, SERVER = '192.0.2.10', '198.51.100.80'
CLIENT6, SERVER6 = '2001:db8::10', '2001:db8:ffff::80'
FLAGS = 'CEUAPRSF'  # as nfdump shows them, from the highest bit


class Direction:
    """What one side sent to the other, counted from the frames themselves."""

    def __init__(self):
        self.packets = self.octets = self.flags = 0
        self.first = self.last = 0  # milliseconds

    def row(self):
        """As rows() has it."""
        return [self.packets, self.octets, self.first, self.last,
                ''.join(letter if self.flags >> (7 - i) & 1 else '.'
                        for i, letter in enumerate(FLAGS))]


def truth(wire, versions=(4, 6)):
    """{(source, port, destination, port, protocol): what it sent}"""
    directions = {}
    for at, octets, _ in wire.frames:
        packet, version = octets[14:], octets[14] >> 4
        if version not in versions:
            continue
        if version == 4:
            header, protocol = 20, packet[9]
            length = int.from_bytes(packet[2:4], 'big')
            addresses = packet[12:16], packet[16:20]
        else:
            header, protocol = 40, packet[6]
            length = 40 + int.from_bytes(packet[4:6], 'big')
            addresses = packet[8:24], packet[24:40]
        payload, ports = packet[header:length], (0, 0)
        if protocol in (6, 17):
            ports = struct.unpack_from('!HH', payload)
        elif protocol in (1, 58):
            ports = 0, int.from_bytes(payload[:2], 'big')
        family = socket.AF_INET if version == 4 else socket.AF_INET6
        source, destination = (socket.inet_ntop(family, a) for a in addresses)
        key = source, ports[0], destination, ports[1], protocol
        side = directions.setdefault(key, Direction())
        side.packets += 1
        side.octets += length
        side.first = side.first or at // 1_000_000
        side.last = at // 1_000_000
        side.flags |= payload[13] if protocol == 6 else 0
    return {key: side.row() for key, side in directions.items()}


def milliseconds(text):
    moment = datetime.strptime(text, '%Y-%m-%d %H:%M:%S.%f')
    return round(moment.replace(tzinfo=timezone.utc).timestamp() * 1000)


def rows(directory):
    """The same from nfdump; type.code of ICMP is type << 8 | code."""
    numbers = {'TCP': 6, 'UDP': 17, 'ICMP': 1, 'ICMP6': 58, 'GRE': 47}
    found = {}
    for (source, port, destination, to, protocol, packets, octets, first, last,
         flags) in support.nfdump(
             directory, '%sa|%sp|%da|%dp|%pr|%pkt|%byt|%ts|%te|%flg'):
        kind, dot, code = to.partition('.')
        to = int(kind) << 8 | int(code) if dot else int(to)
        key = source, int(port), destination, to, numbers[protocol]
        if key in found:
            raise AssertionError(f'{key} twice')
        found[key] = [int(packets), int(octets), milliseconds(first),
                      milliseconds(last), flags]
    return found


@needs('nfcapd', 'nfdump')
class IntoNfcapd(EndToEnd):
    def collect(self, wire, parameters, *arguments, status=0):
        collector = Nfcapd(self.directory)
        self.addCleanup(collector.kill)
        run = spanfix('-r', self.capture(wire), '-c',
                      collector.url + parameters, *arguments)
        self.assertEqual(run.status, status, run)
        summary = Summary(run.stderr)
        self.assertEqual(summary.errors(), [], run)
        figures = collector.stop()
        self.files = collector.directory
        self.assertEqual(figures['bad packets'], 0, figures['log'])
        self.assertEqual(figures['sequence errors'], 0, figures['log'])
        self.assertEqual(figures['flows'], summary.outputs[0].sent,
                         figures['log'])
        for complaint in ('Error', 'ERR', 'beyond', 'unexpected'):
            self.assertNotIn(complaint, figures['log'].replace(
                'Sequence Errors', ''))
        return run, summary, figures

    def test_v9_carries_both_ip_versions_as_they_were(self):
        wire = everything()
        run, summary, figures = self.collect(wire, '?version=9')
        self.assertEqual((figures['flows'], figures['packets'],
                          figures['octets']), (22, 54, 2644))
        self.assertEqual(rows(self.files), truth(wire))
        self.assertEqual(summary.outputs[0].dropped, 0)
        self.assertIn('New v9 exporter', figures['log'])
        first = run.stderr.splitlines()[0]
        self.assertRegex(first, r"^spanfix: collector 'udp://.*\?version=9': "
                                'NetFlow v9 has a record for each direction')
        self.assertEqual(run.stderr.count('NetFlow v9 has'), 1)

    def test_v9_carries_vlan_macs_and_interface(self):
        wire = Wire()
        wire.udp(CLIENT, 1, SERVER, 2, answer=None)
        (at, octets, _), = wire.frames
        octets = octets[:12] + b'\x81\x00\x00\x64' + octets[12:]
        wire.frames = [(at, octets, len(octets))]
        self.collect(wire, '?version=9')
        self.assertEqual(support.nfdump(self.files, '%svln|%ismc|%idmc|%in'),
                         [['100', '02:00:00:00:00:02', '02:00:00:00:00:01',
                           '1']])

    def test_v5_carries_ipv4_and_counts_the_rest_as_dropped(self):
        wire = everything()
        run, summary, figures = self.collect(wire, '?version=5', status=1)
        self.assertEqual((figures['flows'], figures['packets'],
                          figures['octets']), (11, 27, 1052))
        self.assertEqual(rows(self.files), truth(wire, versions=(4,)))
        output = summary.outputs[0]
        self.assertEqual((output.made, output.sent, output.dropped),
                         (22, 11, 11))
        self.assertEqual(output.reasons, {'NetFlow v5 has no IPv6': 11})
        self.assertRegex(run.stderr.splitlines()[0],
                         r"^spanfix: collector 'udp://.*\?version=5': NetFlow "
                         'v5 has .*; records of IPv6 are dropped$')

    def test_v5_of_ipv4_alone_drops_nothing(self):
        wire = Wire()
        wire.tcp(CLIENT, 40001, SERVER, 80)
        self.collect(wire, '?version=5')
        self.assertEqual(rows(self.files), truth(wire))

    def test_several_flows_a_message_stay_in_sequence_beside_new_templates(self):
        wire = Wire()
        for port in range(1, 3001):
            wire.udp(CLIENT, port, SERVER, 53)
            wire.wait(0.1)
        for version in (9, 5):
            with self.subTest(version):
                support.shutil.rmtree(self.path('nfcapd'), ignore_errors=True)
                _, _, figures = self.collect(
                    wire, f'?version={version}&refresh=20',
                    '--idle-timeout-udp', '1')
                self.assertEqual((figures['flows'], figures['packets']),
                                 (6000, 6000))
                self.assertEqual(rows(self.files), truth(wire))

    def test_captures_far_apart_keep_their_times(self):
        """More than the 49 days that the clock of NetFlow holds."""
        wire = Wire()
        wire.tcp(CLIENT, 40001, SERVER, 80)
        wire.wait(60 * 86400)
        wire.tcp(CLIENT, 40002, SERVER, 80)
        wire.wait(60 * 86400)
        wire.udp(CLIENT, 40003, SERVER, 53)
        for version in (9, 5):
            with self.subTest(version):
                support.shutil.rmtree(self.path('nfcapd'), ignore_errors=True)
                self.collect(wire, f'?version={version}')
                self.assertEqual(rows(self.files), truth(wire))

    def test_a_run_without_flows_says_what_they_would_look_like(self):
        for version in (9, 5):
            with self.subTest(version):
                support.shutil.rmtree(self.path('nfcapd'), ignore_errors=True)
                _, _, figures = self.collect(Wire(), f'?version={version}')
                self.assertEqual(figures['flows'], 0)


@needs('nfacctd')
class IntoNfacctd(EndToEnd):
    def check(self, version, wire, expected):
        collector = support.Nfacctd(
            self.directory, ['src_host', 'src_port', 'dst_host', 'dst_port',
                             'proto', 'tcpflags', 'timestamp_start',
                             'timestamp_end', 'in_iface'])
        self.addCleanup(collector.kill)
        self.succeed('-r', self.capture(wire), '-c',
                     f'{collector.url}?version={version}')
        numbers = {'tcp': 6, 'udp': 17, 'icmp': 1, 'ipv6-icmp': 58, 'gre': 47}
        found = {}
        for flow in collector.flows(len(expected)):
            key = (flow['ip_src'], flow['port_src'], flow['ip_dst'],
                   flow['port_dst'], numbers[flow['ip_proto']])
            flags = int(flow['tcp_flags'])
            # It reckons such times in whole seconds.
            times = [round(float(flow['timestamp_' + end]) * 1000)
                     for end in ('start', 'end')]
            for time, true in zip(times, expected[key][2:4], strict=True):
                self.assertLessEqual(abs(time - true), 1000)
            found[key] = [
                flow['packets'], flow['bytes'], *expected[key][2:4],
                ''.join(letter if flags >> (7 - i) & 1 else '.'
                        for i, letter in enumerate(FLAGS))]
            self.assertEqual(flow['iface_in'], 1)
        self.assertEqual(found, expected)

    def test_v9_arrives_as_it_was(self):
        wire = everything()
        self.check(9, wire, truth(wire))

    def test_v5_arrives_as_it_was(self):
        wire = Wire()
        wire.tcp(CLIENT, 40001, SERVER, 80)
        wire.tcp(CLIENT, 40002, SERVER, 443, close='rst')
        wire.udp(CLIENT, 40004, SERVER, 53)
        self.check(5, wire, truth(wire))


@needs('tshark')
class Tshark(EndToEnd):
    def exported(self, wire, parameters):
        """The export as a capture, and its datagrams."""
        with support.UdpListener() as listener:
            run = spanfix('-r', self.capture(wire), '-c',
                          f'udp://127.0.0.1:{listener.port}{parameters}')
            datagrams = listener.datagrams()
        self.assertEqual(Summary(run.stderr).errors(), [], run)
        export = Wire()
        for datagram in datagrams:
            export.ip('127.0.0.1', '127.0.0.1', support.udp_packet(
                '127.0.0.1', 50000, '127.0.0.1', 2055, datagram))
        return self.file('export.pcap', support.pcap(export.frames)), datagrams

    @staticmethod
    def tshark(path, *options):
        return subprocess.run(
            ['tshark', '-d', 'udp.port==2055,cflow', '-r', path, *options],
            check=True, capture_output=True, timeout=support.PATIENCE,
            env=dict(support.ENVIRONMENT, TZ='UTC')).stdout.decode()

    def check(self, wire, parameters, expected):
        path, datagrams = self.exported(wire, parameters)
        self.assertEqual(self.tshark(path, '-Y', '_ws.malformed || _ws.expert',
                                     '-V'), '')
        fields = ['cflow.packets', 'cflow.octets', 'cflow.srcport']
        values = self.tshark(path, '-T', 'fields', '-E', 'occurrence=a', '-E',
                             'aggregator= ', *(word for name in fields
                                               for word in ('-e', name)))
        packets, octets, ports = (' '.join(column).split() for column in zip(
            *(line.split('\t') for line in values.splitlines())))
        self.assertEqual(sum(map(int, packets)),
                         sum(row[0] for row in expected.values()))
        self.assertEqual(sum(map(int, octets)),
                         sum(row[1] for row in expected.values()))
        self.assertEqual(sorted(map(int, ports)),
                         sorted(key[1] for key in expected))
        return path, datagrams

    def begins(self, path):
        """Of the flow from port 40002 to 443: milliseconds since 1970."""
        text = self.tshark(path, '-V')
        self.assertNotIn('Malformed', text)
        before = text[:text.index('SrcPort: 40002')]
        uptime = re.findall(r'SysUptime: ([0-9.]+) seconds', before)[-1]
        started = re.findall(r'StartTime: ([0-9.]+) seconds', before)[-1]
        seconds = re.findall(r'CurrentSecs: (\d+)', before)[-1]
        rest = re.findall(r'CurrentNSecs: (\d+)', before) or ['0']
        return round(1000 * (int(seconds) + int(rest[-1]) / 1e9 -
                             float(uptime) + float(started)))

    def test_v9_has_no_malformed_part_and_is_in_sequence(self):
        wire = everything()
        path, _ = self.check(wire, '?version=9', truth(wire))
        self.assertEqual(self.begins(path), 1_700_000_000_009)

    def test_v5_has_no_malformed_part_and_is_in_sequence(self):
        wire = everything()
        path, _ = self.check(wire, '?version=5', truth(wire, versions=(4,)))
        self.assertEqual(self.begins(path), 1_700_000_000_009)

    def test_datagrams_keep_below_the_size_and_count_that_collectors_take(self):
        wire = Wire()
        for port in range(1, 501):
            wire.udp(CLIENT, port, SERVER, 53)
        for parameters, octets, records in (
                ('?version=9', 8192, 64), ('?version=9&mtu=9000', 9000, 64),
                ('?version=9&mtu=512', 512, 64), ('?version=5', 1464, 30),
                ('?version=5&mtu=9000', 1464, 30),
                ('?version=5&mtu=512', 512, 10)):
            with self.subTest(parameters):
                _, datagrams = self.check(wire, parameters, truth(wire))
                self.assertLessEqual(max(map(len, datagrams)), octets)
                counts = [int.from_bytes(d[2:4], 'big') for d in datagrams]
                self.assertLessEqual(max(counts), records)
                if records < 64:
                    self.assertEqual(max(counts), records)


if __name__ == '__main__':
    sys.exit(support.main())
