#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The table, the JSON lines and the IPFIX file say the same, octet by octet."""

import sys

import support
from ipfix_reader import (CERT, OWN, REVERSE, Reader, name_and_type,
                          read_datagrams, read_file)
from support import EndToEnd, Wire, everything

# shared/design/interop.md section 5. R: biflow only; T: TCP, I: ICMP, N: not
# ICMP; 4, 6: by IP version. Each with its length; None is variable.
LAYOUT = [
    ('R', (REVERSE, 1), 8), ('R', (REVERSE, 2), 8), ('R', (REVERSE, 152), 8),
    ('R', (REVERSE, 153), 8), ('R', (REVERSE, 5), 1), ('RT', (REVERSE, 6), 1),
    ('R', (REVERSE, 52), 1), ('R', (REVERSE, 53), 1),
    ('', (0, 152), 8), ('', (0, 153), 8), ('', (0, 161), 4),
    ('4', (0, 8), 4), ('4', (0, 12), 4), ('6', (0, 27), 16), ('6', (0, 28), 16),
    ('4I', (0, 32), 2), ('6I', (0, 139), 2),
    ('', (0, 7), 2), ('', (0, 11), 2), ('', (0, 4), 1), ('', (0, 60), 1),
    ('', (0, 5), 1), ('', (0, 52), 1), ('', (0, 53), 1), ('T', (0, 6), 1), ('', (0, 136), 1), ('R', (0, 239), 1),
    ('', (0, 10), 4), ('', (0, 14), 4), ('', (0, 58), 2), ('', (0, 245), 2),
    ('', (0, 56), 6),
    ('', (0, 80), 6), ('', (0, 1), 8), ('', (0, 2), 8), ('', (0, 148), 8),
    ('R', (CERT, 21), 4), ('T', (CERT, 14), 1), ('T', (CERT, 15), 1),
    ('RT', (CERT, 16398), 1), ('RT', (CERT, 16399), 1),
]

# What a responder's record has from the initiator's reverse elements.
REVERSED = {
    'octetDeltaCount': 'reverseOctetDeltaCount',
    'packetDeltaCount': 'reversePacketDeltaCount',
    'flowStartMilliseconds': 'reverseFlowStartMilliseconds',
    'flowEndMilliseconds': 'reverseFlowEndMilliseconds',
    'ipClassOfService': 'reverseIpClassOfService',
    'tcpControlBits': 'reverseTcpControlBits',
    'initialTCPFlags': 'reverseInitialTCPFlags',
    'unionTCPFlags': 'reverseUnionTCPFlags',
    'minimumTTL': 'reverseMinimumTTL',
    'maximumTTL': 'reverseMaximumTTL',
    'tcpRetransmittedPackets': 'reverseTcpRetransmittedPackets',
    'tcpMissingOctets': 'reverseTcpMissingOctets',
}
SWAPPED = [('sourceIPv4Address', 'destinationIPv4Address'),
           ('sourceIPv6Address', 'destinationIPv6Address'),
           ('sourceMacAddress', 'destinationMacAddress')]
PORTS = ('sourceTransportPort', 'destinationTransportPort')


def milliseconds(text):
    hours, minutes, seconds = text[11:-1].split(':')
    return (int(hours) * 60 + int(minutes)) * 60000 + int(
        seconds.replace('.', ''))


def halves(biflow):
    """The records of a collector that knows one direction only."""
    forward = {name: value for name, value in biflow.items()
               if not name.startswith('reverse') and name != 'biflowDirection'}
    if 'reversePacketDeltaCount' not in biflow:
        return [forward]
    reverse = dict(forward)
    for name, reversed_name in REVERSED.items():
        if name in reverse:
            reverse[name] = biflow[reversed_name]
    swapped = list(SWAPPED)
    answers = {8 << 8: 0, 128 << 8: 129 << 8}  # echo
    if biflow['protocolIdentifier'] in (1, 58):
        answer = answers[biflow['destinationTransportPort']]
        reverse['destinationTransportPort'] = answer
        for name in ('icmpTypeCodeIPv4', 'icmpTypeCodeIPv6'):
            if name in reverse:
                reverse[name] = answer
    else:
        swapped.append(PORTS)
    for one, other in swapped:
        if one in reverse:
            reverse[one], reverse[other] = forward[other], forward[one]
    reverse['flowDurationMilliseconds'] = (
        milliseconds(reverse['flowEndMilliseconds']) -
        milliseconds(reverse['flowStartMilliseconds']))
    return [forward, reverse]


class Formats(EndToEnd):
    def setUp(self):
        super().setUp()
        self.input = self.capture(everything())

    def ipfix(self, parameters=''):
        path = self.path('flows.ipfix')
        self.succeed('-r', self.input, '-c', f'file:{path}{parameters}')
        return read_file(path)

    # ---- standard output ----

    def test_without_an_output_there_is_a_table_with_one_line_for_each_flow(self):
        lines = self.succeed('-r', self.input).text.splitlines()
        self.assertEqual(lines[0].split(), [
            'START', '(UTC)', 'SECONDS', 'PROTO', 'INITIATOR', 'RESPONDER',
            'PACKETS', 'OCTETS', 'STATE', 'END', 'HISTORY'])
        self.assertEqual(len(lines), 15)
        rows = {tuple(line.split()[3:6]): line.split() for line in lines[1:]}
        self.assertEqual(
            rows['tcp', '192.0.2.10:40001', '198.51.100.80:80'],
            ['2023-11-14', '22:13:20.000', '0.008', 'tcp', '192.0.2.10:40001',
             '198.51.100.80:80', '6/3', '243/126', 'SF', 'fin', 'ShADdFf'])
        self.assertEqual(
            rows['udp', '[2001:db8::10]:40005', '[2001:db8:ffff::80]:514'],
            ['2023-11-14', '22:13:20.046', '0.000', 'udp',
             '[2001:db8::10]:40005', '[2001:db8:ffff::80]:514', '1/0', '54/0',
             'S0', 'shutdown', 'D'])
        self.assertEqual(
            rows['icmp', '192.0.2.10', '198.51.100.80:8.0'][:10],
            ['2023-11-14', '22:13:20.020', '0.003', 'icmp', '192.0.2.10',
             '198.51.100.80:8.0', '2/2', '72/72', 'OTH', 'shutdown'])

    def test_the_table_is_asked_for_by_name_as_well(self):
        self.assertEqual(self.succeed('-r', self.input).stdout,
                         self.succeed('-r', self.input, '--format',
                                      'table').stdout)

    def test_with_an_output_there_is_no_table(self):
        run = self.succeed('-r', self.input, '-w', self.path('flows.ipfix'))
        self.assertEqual(run.stdout, b'')

    def test_a_connection_is_one_record_with_both_directions(self):
        record, = self.flows('-r', self.input, 'port 40001 and ip')
        self.assertLessEqual({
            'reverseOctetDeltaCount': 126,
            'reversePacketDeltaCount': 3,
            'reverseFlowStartMilliseconds': '2023-11-14T22:13:20.001Z',
            'reverseFlowEndMilliseconds': '2023-11-14T22:13:20.007Z',
            'reverseIpClassOfService': 0,
            'reverseTcpControlBits': 0x1b,
            'flowStartMilliseconds': '2023-11-14T22:13:20.000Z',
            'flowEndMilliseconds': '2023-11-14T22:13:20.008Z',
            'flowDurationMilliseconds': 8,
            'sourceIPv4Address': '192.0.2.10',
            'destinationIPv4Address': '198.51.100.80',
            'sourceTransportPort': 40001,
            'destinationTransportPort': 80,
            'protocolIdentifier': 6,
            'ipVersion': 4,
            'ipClassOfService': 0,
            'tcpControlBits': 0x1b,
            'flowEndReason': 3,
            'biflowDirection': 1,
            'ingressInterface': 1,
            'egressInterface': 0,
            'vlanId': 0,
            'sourceMacAddress': '02:00:00:00:00:02',
            'destinationMacAddress': '02:00:00:00:00:01',
            'octetDeltaCount': 243,
            'packetDeltaCount': 6,
            'flowId': 1,
            'reverseFlowDeltaMilliseconds': 1,
            'initialTCPFlags': 0x02,
            'unionTCPFlags': 0x19,
            'reverseInitialTCPFlags': 0x12,
            'reverseUnionTCPFlags': 0x19,
            'flowEndCause': 1,
            'connectionState': 'SF',
            'tcpHistory': 'ShADdFf'}.items(), record.items())

    def test_a_flow_without_an_answer_has_no_reverse_elements(self):
        record, = self.flows('-r', self.input, 'port 40005 and ip6')
        self.assertEqual([name for name in record if 'everse' in name], [])
        self.assertNotIn('biflowDirection', record)
        self.assertEqual(record['sourceIPv6Address'], '2001:db8::10')
        self.assertEqual((record['packetDeltaCount'],
                          record['octetDeltaCount']), (1, 54))

    def test_icmp_has_type_and_code_where_collectors_look_for_them(self):
        for version, name, request in ((4, 'icmpTypeCodeIPv4', 8 << 8),
                                       (6, 'icmpTypeCodeIPv6', 128 << 8)):
            record, = self.flows('-r', self.input,
                                 'icmp' if version == 4 else 'icmp6')
            self.assertEqual(
                (record[name], record['sourceTransportPort'],
                 record['destinationTransportPort']), (request, 0, request))
            self.assertEqual((record['packetDeltaCount'],
                              record['reversePacketDeltaCount']), (2, 2))

    def test_a_protocol_without_ports_has_ports_0(self):
        for filter_ in ('ip proto 47', 'ip6 proto 47'):
            record, = self.flows('-r', self.input, filter_)
            self.assertEqual((record['sourceTransportPort'],
                              record['destinationTransportPort'],
                              record['packetDeltaCount']), (0, 0, 3))

    def test_a_class_of_service_is_that_of_its_direction(self):
        wire = Wire()
        for tos, ends in ((0xb8, ('192.0.2.1', '192.0.2.2')),
                          (0x28, ('192.0.2.2', '192.0.2.1'))):
            wire.ip(*ends, support.ip_packet(*ends, 47, b'\0' * 8, tos=tos))
        record, = self.flows('-r', self.capture(wire))
        self.assertEqual((record['ipClassOfService'],
                          record['reverseIpClassOfService']), (0xb8, 0x28))

    def test_a_vlan_is_named_but_is_no_part_of_the_conversation(self):
        wire = Wire()
        wire.udp('192.0.2.1', 1, '192.0.2.2', 2)
        for index, (at, octets, _) in enumerate(wire.frames):
            octets = octets[:12] + b'\x81\x00\x60\x64' + octets[12:]
            wire.frames[index] = at, octets, len(octets)
        record, = self.flows('-r', self.capture(wire))
        self.assertEqual((record['vlanId'], record['packetDeltaCount'],
                          record['reversePacketDeltaCount']), (100, 1, 1))

    # ---- IPFIX against JSON ----

    def test_the_ipfix_file_equals_the_json_lines_field_by_field(self):
        json = self.flows('-r', self.input)
        ipfix = [record.named() for record in self.ipfix().records]
        self.assertEqual(len(json), 14)
        for ours, theirs in zip(json, ipfix, strict=True):
            self.assertEqual(ours, theirs)
            self.assertEqual(list(ours), list(theirs))

    def test_the_uniflow_file_holds_the_halves_of_the_json_lines(self):
        expected = [half for record in self.flows('-r', self.input)
                    for half in halves(record)]
        for parameters in ('?uniflow', '?profile=generic&uniflow',
                           '?biflow=no'):
            with self.subTest(parameters):
                records = self.ipfix(parameters).records
                self.assertEqual([record.named() for record in records],
                                 expected)
                self.assertEqual(len(records), 22)

    def test_the_profile_nfdump_has_only_elements_of_iana_and_no_options(self):
        reader = self.ipfix('?profile=nfdump')
        self.assertEqual(len(reader.records), 22)
        self.assertEqual(reader.options, [])
        self.assertEqual({enterprise
                          for template in reader.templates.values()
                          for enterprise, _, _ in template.fields}, {0})

    def test_each_profile_has_elements_of_those_enterprises_that_it_may(self):
        everybody = {0, REVERSE, CERT, OWN}
        for profile, enterprises in (
                ('logstash', {0, REVERSE, CERT}),
                ('logstash&definitions=installed', everybody),
                ('filebeat', everybody), ('pmacct', {0, CERT, OWN}),
                ('goflow2', {0, CERT, OWN}), ('akvorado', everybody),
                ('telegraf', {0, CERT, OWN}), ('vflow', {0}),
                ('vflow&definitions=installed', {0, OWN}),
                ('ipfixcol2', everybody), ('silk', everybody)):
            with self.subTest(profile):
                reader = self.ipfix('?profile=' + profile)
                self.assertEqual({enterprise for record in reader.records
                                  for enterprise, _, _ in
                                  record.template.fields}, enterprises)
                self.assertEqual(len(reader.records),
                                 14 if REVERSE in enterprises else 22)
                self.assertEqual(len(reader.options),
                                 {'akvorado': 1, 'ipfixcol2': 16, 'silk': 16,
                                  'filebeat': 1}.get(
                                      profile, int('logstash' in profile)))

    def test_json_and_an_ipfix_file_may_be_had_in_one_run(self):
        path = self.path('flows.ipfix')
        run = self.succeed('-r', self.input, '-w', path, '--format', 'json')
        self.assertEqual([record.named() for record in read_file(path).records],
                         support.json_lines(run.text))

    # ---- layout ----

    def expected_fields(self, version, protocol, biflow):
        given = set(version) | ({'T'} if protocol == 6 else set()) | (
            {'I'} if protocol in (1, 58) else set()) | (
                {'R'} if biflow else set())
        return [(*element, length) for needs, element, length in LAYOUT
                if set(needs) <= given]

    def test_elements_come_in_the_order_that_collectors_can_digest(self):
        seen = set()
        for parameters, biflow_wanted in (('', True), ('?uniflow', False)):
            for record in self.ipfix(parameters).records:
                named = record.named()
                biflow = 'reversePacketDeltaCount' in named
                expected = self.expected_fields(str(named['ipVersion']),
                                                named['protocolIdentifier'],
                                                biflow)
                fields = record.template.fields
                self.assertEqual(fields[:len(expected)], expected)
                own = fields[len(expected):]
                # Ours: fixed lengths first, strings last.
                self.assertEqual({enterprise for enterprise, _, _ in own}, {OWN})
                varying = [length == 65535 for _, _, length in own]
                self.assertEqual(varying, sorted(varying))
                self.assertGreaterEqual({element for _, element, _ in own},
                                        {1002, 1003})
                self.assertEqual('tcpHistory' in named,
                                 named['protocolIdentifier'] not in (1, 58))
                self.assertTrue(biflow_wanted or not biflow)
                seen.add((named['ipVersion'], named['protocolIdentifier'],
                          biflow))
        self.assertEqual(len(seen), 14)

    def test_no_template_has_a_reverse_element_without_its_forward_twin(self):
        for template in self.ipfix().templates.values():
            elements = [(e, i) for e, i, _ in template.fields]
            self.assertEqual(len(elements), len(set(elements)))
            self.assertLessEqual(len(elements), 60)
            for enterprise, element in elements:
                if enterprise == REVERSE:
                    self.assertIn((0, element), elements)
                    self.assertLess(elements.index((REVERSE, element)),
                                    elements.index((0, element)))

    def test_templates_come_before_data_and_are_never_withdrawn(self):
        # The reader refuses withdrawals and data without a template.
        reader = self.ipfix()
        flows = [what for what in reader.log
                 if what.split()[1] not in ('400', '403')]
        kinds = [what.split()[0] for what in flows]
        self.assertEqual(kinds, sorted(kinds, reverse=True))
        self.assertEqual(kinds.count('template'), 12)

    def test_an_empty_capture_still_yields_all_templates(self):
        self.input = self.capture(Wire(), 'empty.pcap')
        reader = self.ipfix()
        self.assertEqual(reader.records, [])
        self.assertEqual(len([key for key in reader.templates if key[0] == 1]),
                         12)

    def test_rfc_5610_records_in_domain_0_describe_what_is_not_ianas(self):
        reader = self.ipfix()
        self.assertEqual({record.domain for record in reader.options}, {0})
        self.assertEqual({record.domain for record in reader.records}, {1})
        described = {}
        *types, statistics = reader.options
        self.assertEqual(statistics.template_id, 403)
        for record in types:
            self.assertEqual(record.template_id, 400)
            self.assertEqual(record.template.scopes, 2)
            named = record.named()
            described[named['privateEnterpriseNumber'],
                      named['informationElementId']] = named
        used = {(enterprise, element)
                for (domain, _), template in reader.templates.items()
                for enterprise, element, _ in template.fields
                if domain == 1 and enterprise not in (0, REVERSE)}
        self.assertEqual(set(described) & used, used)
        types = {'unsigned': {1, 2, 3, 4}, 'string': {13}}
        for element, named in described.items():
            name, kind = name_and_type(*element)
            self.assertEqual(named['informationElementName'], name)
            self.assertIn(named['informationElementDataType'], types[kind])
        self.assertLess(reader.log.index('data 400'),
                        reader.log.index('template 256'))

    # ---- messages ----

    def test_sequence_numbers_count_data_records_of_the_domain(self):
        wire = Wire()
        for port in range(1, 1001):
            wire.udp('192.0.2.1', port, '192.0.2.2', 53)
        self.input = self.capture(wire)
        reader = self.ipfix('?mtu=600')  # which checks them
        self.assertGreater(reader.messages, 100)
        self.assertEqual(reader.sequence, {0: len(reader.options), 1: 1000})

    def test_the_domain_and_the_enterprise_number_are_settable(self):
        path = self.path('flows.ipfix')
        for arguments in (['--observation-domain', '7', '--pen', '54321', '-w',
                           path],
                          ['-c', f'file:{path}?domain=7&pen=54321']):
            self.succeed('-r', self.input, *arguments)
            reader = read_file(path)
            self.assertEqual({r.domain for r in reader.records}, {7})
            enterprises = {enterprise
                           for template in reader.templates.values()
                           for enterprise, _, _ in template.fields}
            self.assertEqual(enterprises, {0, REVERSE, CERT, 54321})

    def test_datagrams_keep_below_the_size_and_count_that_collectors_take(self):
        wire = Wire()
        for port in range(1, 1001):
            wire.udp('192.0.2.1', port, '192.0.2.2', 53, answer=None)
        capture = self.capture(wire)
        for parameters, limit in (('', 8192), ('?mtu=512', 512),
                                  ('?mtu=1420', 1420),
                                  ('?mtu=65000', 65000),
                                  ('?profile=nfdump&mtu=65000', 65000)):
            with self.subTest(parameters), support.UdpListener() as listener:
                self.succeed('-r', capture, '-c',
                             f'udp://127.0.0.1:{listener.port}{parameters}')
                datagrams = listener.datagrams()
                self.assertLessEqual(max(map(len, datagrams)), limit)
                # 64 records of one datagram are all that some decoders take.
                reader, counts = Reader(), []
                for datagram in datagrams:
                    before = len(reader.records)
                    reader.message(datagram)
                    counts.append(len(reader.records) - before)
                self.assertEqual(sum(counts), 1000)
                self.assertLessEqual(max(counts), 64)
                if limit == 65000:
                    self.assertEqual(max(counts), 64)

    def test_templates_are_repeated_over_udp_as_often_as_asked(self):
        wire = Wire()
        for port in range(1, 201):
            wire.udp('192.0.2.1', port, '192.0.2.2', 53)
            wire.wait(1)
        capture = self.capture(wire)
        counts = {}
        for refresh in (0, 30, 60):
            with support.UdpListener() as listener:
                self.succeed('-r', capture, '--idle-timeout-udp', '1',
                             '--template-refresh', refresh, '-c',
                             f'udp://127.0.0.1:{listener.port}')
                reader = read_datagrams(listener.datagrams())
            self.assertEqual(len(reader.records), 200)
            counts[refresh] = reader.log.count('template 256')
            self.assertEqual(reader.log.count('template 400'), counts[refresh])
        self.assertEqual(counts[0], 1)
        self.assertIn(counts[60], (4, 5))
        self.assertIn(counts[30], (7, 8))

    def test_a_file_has_its_templates_once(self):
        wire = Wire()
        for port in range(1, 201):
            wire.udp('192.0.2.1', port, '192.0.2.2', 53)
            wire.wait(1)
        self.input = self.capture(wire)
        self.assertEqual(self.ipfix().log.count('template 256'), 1)

    def test_the_export_time_is_that_of_the_capture(self):
        for record in self.ipfix().records:
            self.assertEqual(record.export_time, Wire.START // 10**9)

    def test_two_runs_are_identical_octet_by_octet(self):
        outputs = []
        for name in ('first', 'second'):
            path = self.path(name)
            with support.UdpListener() as listener:
                run = self.succeed('-r', self.input, '-w', path, '--format',
                                   'json', '-c',
                                   f'udp://127.0.0.1:{listener.port}')
                datagrams = listener.datagrams()
            with open(path, 'rb') as file:
                outputs.append((run.stdout, datagrams, file.read()))
        self.assertGreater(len(outputs[0][1]), 1)
        self.assertEqual(outputs[0], outputs[1])

    def test_a_file_that_was_there_is_replaced(self):
        path = self.file('flows.ipfix', b'x' * 100000)
        self.succeed('-r', self.input, '-w', path)
        self.assertEqual(len(read_file(path).records), 14)


if __name__ == '__main__':
    sys.exit(support.main())
