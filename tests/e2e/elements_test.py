#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The files of --print-elements teach collectors what they do not know."""

import csv
import re
import subprocess
import sys
import unittest
import xml.etree.ElementTree as xml

import support
from ipfix_reader import CERT, ELEMENTS, OWN, REVERSE
from support import EndToEnd, everything, needs, spanfix

try:
    import yaml
except ImportError:
    yaml = None

PEN = 4711

# From the tests' own table: {id: (name, type)}.
OURS = {number: named for (pen, number), named in ELEMENTS.items()
        if pen == OWN}
TAUGHT = ('logstash', 'filebeat', 'libfds', 'fixbuf', 'pmacct', 'goflow2',
          'telegraf', 'vflow', 'iespec')


def snake_case(name):
    return re.sub(r'(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])', '_',
                  name).lower()

# Options records that the profile does not have.
NOT_TO_VFLOW = {40, 41, 42, 82, 83, 135, 144, 164, 166, *range(303, 347)}


class Printed(EndToEnd):
    def printed(self, collector, pen=PEN):
        run = spanfix('--print-elements', collector, '--pen', pen)
        self.assertEqual((run.status, run.stderr), (0, ''), run)
        return run.text

    def kind(self, number):
        return OURS[number][1]

    def test_logstash_and_filebeat_are_taught_our_elements_only(self):
        for collector in ('logstash', 'filebeat'):
            with self.subTest(collector):
                lines = [line for line in self.printed(collector).splitlines()
                         if not line.startswith('#')]
                self.assertEqual(lines[0], f'{PEN}:')
                found = {}
                for number, kind, name in zip(*[iter(lines[1:])] * 3,
                                              strict=True):
                    key = re.fullmatch(r'  (\d+):', number)[1]
                    found[int(key)] = (
                        re.fullmatch(r'  - :(\w+)', name)[1],
                        re.fullmatch(r'  - :(string|uint(8|16|32|64))',
                                     kind)[1].rstrip('0123456789'))
                self.assertEqual(
                    {key: (name, {'uint': 'unsigned'}.get(kind, kind))
                     for key, (name, kind) in found.items()}, OURS)

    @unittest.skipIf(yaml is None, 'not installed: python3-yaml')
    def test_yaml_is_well_formed(self):
        ruby = yaml.safe_load(self.printed('logstash'))
        self.assertEqual(ruby[PEN][1001], [':string', ':tcpHistory'])
        vflow = yaml.safe_load(self.printed('vflow'))
        self.assertEqual(set(vflow), {0, REVERSE, CERT, PEN})
        for (pen, number), (name, _) in ELEMENTS.items():
            if pen in (0, REVERSE) and number not in NOT_TO_VFLOW:
                self.assertEqual(vflow[0][number][0], name)
        self.assertEqual({key: value[0] for key, value in vflow[PEN].items()},
                         {key: name for key, (name, _) in OURS.items()})
        goflow2 = yaml.safe_load(self.printed('goflow2'))
        mapped = {(field['pen'], field['field']): field['destination']
                  for field in goflow2['ipfix']['mapping']
                  if field['penprovided']}
        for number, (name, _) in OURS.items():
            self.assertEqual(mapped[PEN, number], snake_case(name))
        self.assertIn((REVERSE, 1), mapped)
        formatted = {field['name']: field
                     for field in goflow2['formatter']['protobuf']}
        self.assertEqual(set(formatted), set(mapped.values()))
        self.assertLessEqual(set(formatted),
                             set(goflow2['formatter']['fields']))
        self.assertEqual(len({field['index'] for field in formatted.values()}),
                         len(formatted))
        self.assertEqual({field['type'] for field in formatted.values()},
                         {'string', 'varint'})

    def test_xml_is_well_formed_and_has_our_elements(self):
        libfds = xml.fromstring(self.printed('libfds'))
        self.assertEqual(libfds.findtext('scope/pen'), str(PEN))
        self.assertEqual(libfds.find('scope/biflow').get('mode'), 'split')
        self.assertEqual(
            {int(e.findtext('id')): e.findtext('name')
             for e in libfds.iter('element')},
            {number: name for number, (name, _) in OURS.items()
             if number < 0x4000})
        iana = '{http://www.iana.org/assignments}'
        cert = '{http://www.cert.org/ipfix}'
        records = xml.fromstring(self.printed('fixbuf')).iter(iana + 'record')
        self.assertEqual(
            {(int(r.findtext(cert + 'enterpriseId')),
              int(r.findtext(iana + 'elementId'))): r.findtext(iana + 'name')
             for r in records},
            {(pen if pen == CERT else PEN, number): name
             for (pen, number), (name, _) in ELEMENTS.items()
             if pen in (CERT, OWN)})

    def test_csv_is_well_formed_and_has_our_elements(self):
        rows = [row for row in csv.reader(
            self.printed('telegraf').splitlines()) if row[0][0] != '#']
        self.assertEqual({len(row) for row in rows}, {3})
        found = {row[0]: row[1:] for row in rows}
        for number, (name, kind) in OURS.items():
            self.assertEqual(found[f'{PEN}.{number}'], [
                snake_case(name), {'unsigned': 'uint'}.get(kind, kind)])
        self.assertEqual(found[f'{REVERSE}.152'][1], 'uint')

    def test_another_name_is_refused_with_a_list_of_the_right_ones(self):
        run = spanfix('--print-elements', 'nfdump')
        self.assertEqual((run.status, run.stdout), (2, b''))
        self.assertRegex(run.stderr, r'\Aspanfix: --print-elements: [^\n]+\n\Z')
        for name in TAUGHT:
            self.assertIn(name, run.stderr)

    # ---- by those who read them ----

    def untaught(self):
        """A file without descriptions of elements; both directions."""
        path = self.path('flows.ipfix')
        self.succeed('-r', self.capture(everything()), '-c',
                     f'file:{path}?profile=telegraf&biflow&pen={PEN}')
        return path

    @needs('ipfixDump')
    def test_ipfixdump_names_every_element_from_the_file(self):
        path = self.untaught()

        def dump(*options):
            return subprocess.run(
                ['ipfixDump', *options, '-i', path], check=True,
                capture_output=True, timeout=support.PATIENCE,
                env=support.ENVIRONMENT).stdout.decode()
        self.assertIn('_alien', dump())
        elements = self.file('elements.xml', self.printed('fixbuf').encode())
        text = dump('-e', elements)
        self.assertNotIn('_alien', text)
        found = {int(number): name for number, name in re.findall(
            rf'\({PEN}/(\d+)\)\s*(\w+)', text)}
        self.assertEqual(found, {number: name
                                 for number, (name, _) in OURS.items()})
        self.assertRegex(text, r'tcpHistory : \(len: 7\) ShADdFf\n')

    def test_python_ipfix_decodes_every_element_by_the_file(self):
        path = self.untaught()
        spec = self.file('spanfix.iespec', self.printed('iespec').encode())
        # In a process of its own: what it learns, it keeps.
        program = (
            'import sys, ipfix, ipfix.reader\n'
            'ipfix.ie.use_iana_default()\n'
            'ipfix.ie.use_specfile(sys.argv[1])\n'
            'with open(sys.argv[2], "rb") as file:\n'
            '    for r in ipfix.reader.from_stream(file).namedict_iterator():\n'
            '        print(sorted(r), r["connectionState"],\n'
            '              r.get("tcpHistory"),\n'
            '              r.get("reversePacketDeltaCount"))\n')
        run = subprocess.run([sys.executable, '-c', program, spec, path],
                             capture_output=True, timeout=support.PATIENCE,
                             check=False)
        if b"No module named 'ipfix'" in run.stderr:
            self.skipTest('not installed: python3-ipfix')
        self.assertEqual(run.returncode, 0, run.stderr.decode())
        lines = run.stdout.decode().splitlines()
        self.assertEqual(len(lines), 14)
        self.assertNotIn('_ipfix', run.stdout.decode())
        self.assertTrue(lines[0].endswith(' SF ShADdFf 3'), lines[0])

    @needs('nfacctd')
    def test_nfacctd_prints_our_elements_by_the_file(self):
        text = self.printed('pmacct')
        names = re.findall(r'^name=(\w+) ', text, re.M)
        for number, (name, _) in OURS.items():
            self.assertIn(snake_case(name), names)
        collector = support.Nfacctd(
            self.directory, ['src_host', 'src_port', 'dst_port', *names],
            'aggregate_primitives: ' + self.file('spanfix.lst', text.encode()))
        self.addCleanup(collector.kill)
        self.succeed('-r', self.capture(everything()), '-c',
                     f'{collector.url}?profile=pmacct&biflow&pen={PEN}')
        flows = {(flow['ip_src'], flow['port_dst']): flow
                 for flow in collector.flows(14)}
        self.assertEqual(len(flows), 14)
        flow = flows['192.0.2.10', 80]
        self.assertEqual(
            {name: flow[name] for name in (
                'tcp_history', 'connection_state', 'flow_end_cause',
                'handshake_server_time', 'flow_end_reason',
                'reverse_packet_delta_count', 'reverse_octet_delta_count',
                'initial_tcp_flags', 'reverse_initial_tcp_flags', 'packets',
                'bytes')},
            {'tcp_history': 'ShADdFf', 'connection_state': 'SF',
             'flow_end_cause': '1', 'handshake_server_time': '1000',
             'flow_end_reason': '3', 'reverse_packet_delta_count': '3',
             'reverse_octet_delta_count': '126', 'initial_tcp_flags': '2',
             'reverse_initial_tcp_flags': '12', 'packets': 6, 'bytes': 243})


if __name__ == '__main__':
    sys.exit(support.main())
