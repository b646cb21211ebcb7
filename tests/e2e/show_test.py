#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Records in a file are the records that were measured, whoever reads them."""

import datetime
import ipaddress
import os
import re
import struct
import sys

import support
from protobuf_reader import (delimited, flow_record, messages, needs_protobuf)
from support import EndToEnd, everything, gzipped, spanfix

SAMPLE = os.path.join(support.REPOSITORY, 'tests', 'pcap', 'sample.pcap')
FORMATS = ('json', 'table')


def field_name(element):
    """flowStartMilliseconds -> flow_start_milliseconds"""
    shared = {'icmpTypeCodeIPv4': 'icmp_type_code',
              'icmpTypeCodeIPv6': 'icmp_type_code'}
    element = shared.get(element, re.sub('IPv[46]Address', 'Address', element))
    words = re.sub('([A-Z]+)([A-Z][a-z])', r'\1_\2', element)
    return re.sub('([a-z0-9])([A-Z])', r'\1_\2', words).lower()


def field_value(element, value):
    """As the schema has what JSON says."""
    if element.endswith('Milliseconds') and isinstance(value, str):
        time = datetime.datetime.fromisoformat(value.replace('Z', '+00:00'))
        return round(time.timestamp() * 1000)
    if element.endswith('MacAddress'):
        return int(value.replace(':', ''), 16)
    if element.endswith('Address'):
        address = ipaddress.ip_address(value)
        return (b'\0' * 10 + b'\xff' * 2 if address.version == 4 else b'') + (
            address.packed)
    return value


class Files(EndToEnd):
    def setUp(self):
        super().setUp()
        self.input = self.capture(everything())

    def written(self, kind, capture=None, *arguments):
        path = self.path('flows.' + kind)
        self.succeed('-r', capture or self.input, '-c', f'{kind}:{path}',
                     *arguments)
        return path

    def octets(self, kind):
        with open(self.written(kind), 'rb') as file:
            return file.read()

    def show(self, path, *arguments, status=0, **options):
        run = spanfix('--show', path, *arguments, **options)
        self.assertEqual(run.status, status, run)
        if status:
            self.assertRegex(run.stderr, r'\Aspanfix: [^\n]+\n\Z', str(run))
        else:
            self.assertEqual(run.stderr, '')
        return run


def last_message(octets):
    """Where the last message of an IPFIX file begins."""
    at = following = 0
    while following < len(octets):
        at = following
        following += int.from_bytes(octets[at + 2:at + 4], 'big')
    return at



class Show(Files):
    def test_it_prints_what_reading_the_capture_prints(self):
        for capture in (self.input, SAMPLE):
            for output in FORMATS:
                printed = self.succeed('-r', capture, '--format', output).stdout
                self.assertGreater(printed.count(b'\n'), 12)
                for kind in ('protobuf', 'file'):
                    with self.subTest(capture=capture, kind=kind, output=output):
                        path = self.written(kind, capture)
                        self.assertEqual(
                            self.show(path, '--format', output).stdout, printed)

    def test_it_prints_a_table_unless_told_otherwise(self):
        path = self.written('protobuf')
        self.assertEqual(self.show(path).stdout,
                         self.show(path, '--format', 'table').stdout)

    def test_it_reads_the_standard_input_and_gzip(self):
        for kind in ('protobuf', 'file'):
            octets = self.octets(kind)
            whole = self.show(self.path('flows.' + kind)).stdout
            self.assertEqual(
                self.show(self.file('flows.gz', gzipped(octets))).stdout, whole)
            with open(self.path('flows.' + kind), 'rb') as file:
                self.assertEqual(self.show('-', stdin=file).stdout, whole)

    def test_our_elements_are_found_under_the_given_enterprise_number(self):
        path = self.written('file', None, '--pen', '54321')
        printed = self.succeed('-r', self.input).stdout
        self.assertEqual(self.show(path, '--pen', '54321').stdout, printed)

    def test_no_records_are_an_empty_json_and_a_bare_table(self):
        empty = self.file('empty', b'')
        self.assertEqual(self.show(empty, '--format', 'json').stdout, b'')
        self.assertEqual(self.show(empty).text.count('\n'), 1)

    def test_of_a_torn_file_what_is_whole_is_printed(self):
        whole = self.show(self.written('protobuf'), '--format', 'json').stdout
        ipfix = self.octets('file')
        statistics = last_message(ipfix)  # behind the one with all records
        for octets, kept in ((self.octets('protobuf'),
                              whole.splitlines(True)[:-1]),
                             (ipfix, [whole]), (ipfix[:statistics], [])):
            torn = self.file('torn', octets[:-1])
            run = self.show(torn, '--format', 'json', status=1)
            self.assertEqual(run.stdout, b''.join(kept))
            self.assertIn(torn, run.stderr)
            self.assertIn('ends inside a', run.stderr)

    def test_what_is_neither_is_named_and_nothing_is_printed(self):
        for path in (self.file('other', b'words\n'), self.input):
            run = self.show(path, status=2)
            self.assertEqual(run.stdout, b'')
            self.assertIn(f"'{path}' is neither", run.stderr)

    def test_what_cannot_be_read_is_named(self):
        missing = self.path('missing')
        self.assertIn(missing, self.show(missing, status=2).stderr)
        self.assertIn('directory', self.show(self.directory, status=2).stderr)

    def test_options_of_a_measurement_do_not_go_with_it(self):
        path = self.written('protobuf')
        for arguments in (['-r', self.input], ['-i', 'lo'], ['-w', 'x'],
                          ['-c', 'file:x'], ['--max-flows', '5'],
                          ['--filter', 'tcp'], ['tcp']):
            with self.subTest(arguments):
                self.assertIn('--show', self.show(path, *arguments,
                                                  status=2).stderr)

    def test_a_full_disk_is_an_error(self):
        with open('/dev/full', 'wb') as full:
            run = self.show(self.written('protobuf'), status=1, stdout=full)
        self.assertIn('No space left on device', run.stderr)

    # An exporter of someone else: totals for deltas, flags of two octets, a
    # reduced counter, an element that nobody knows, options in between.
    def test_an_ipfix_file_of_another_exporter_is_shown_as_far_as_it_goes(self):
        fields = [(8, 4), (12, 4), (7, 2), (11, 2), (4, 1), (85, 4), (86, 4),
                  (152, 8), (153, 8), (6, 2), (0x8000 | 99, 0xffff, 4242)]
        template = struct.pack('!HH', 300, len(fields)) + b''.join(
            struct.pack('!HHI'[:1 + len(field)], *field) for field in fields)
        options = struct.pack('!HHHHHHH', 301, 2, 1, 149, 4, 34, 4)
        flow = (support.packed('192.0.2.1') + support.packed('192.0.2.9') +
                struct.pack('!HHBIIQQH', 1234, 80, 6, 70000, 60,
                            1_700_000_000_000, 1_700_000_004_500, 0x11b) +
                b'\5hello')

        def part(number, octets):
            return struct.pack('!HH', number, 4 + len(octets)) + octets
        body = (part(2, template) + part(3, options) + part(300, flow) +
                part(301, struct.pack('!II', 7, 10)) + part(300, flow))
        path = self.file('other.ipfix', struct.pack(
            '!HHIII', 10, 16 + len(body), 1_700_000_005, 41, 7) + body)

        records = support.json_lines(self.show(path, '--format', 'json').text)

        self.assertEqual(len(records), 2)
        self.assertEqual(records[0], records[1])
        self.assertLessEqual({
            'flowStartMilliseconds': '2023-11-14T22:13:20.000Z',
            'flowDurationMilliseconds': 4500, 'sourceIPv4Address': '192.0.2.1',
            'destinationIPv4Address': '192.0.2.9', 'ipVersion': 4,
            'sourceTransportPort': 1234, 'destinationTransportPort': 80,
            'protocolIdentifier': 6, 'octetDeltaCount': 70000,
            'packetDeltaCount': 60, 'tcpControlBits': 0xff,
            'tcpHistory': ''}.items(), records[0].items())


class Protobuf(Files):
    def test_the_standard_output_takes_it_too(self):
        octets = self.octets('protobuf')
        run = self.succeed('-r', self.input, '-c', 'protobuf:-')
        self.assertEqual(run.stdout, octets)

    def test_a_file_that_is_read_or_written_already_is_refused(self):
        path = self.path('flows.pb')
        for arguments, why in ((['-c', 'protobuf:' + path, '-w', path],
                                'written already'),
                               (['-w', path, '-c', 'protobuf:' + path],
                                'written already'),
                               (['-c', 'protobuf:' + self.input], 'read by -r')):
            run = spanfix('-r', self.input, *arguments)
            self.assertEqual(run.status, 2, run)
            self.assertIn(why, run.stderr)
            self.assertFalse(os.path.exists(path))

    def test_a_full_disk_and_a_closed_pipe_are_in_the_summary(self):
        read, write = os.pipe()
        os.close(read)
        try:
            for target, options, reason in (
                    ('/dev/full', {}, 'No space left on device'),
                    ('-', {'stdout': write}, 'Broken pipe')):
                run = spanfix('-r', self.input, '-c', 'protobuf:' + target,
                              **options)
                self.assertEqual(run.status, 1, run)
                output, = support.Summary(run.stderr).outputs
                self.assertEqual(output.to, 'protobuf:' + target)
                self.assertEqual((output.sent, output.reasons),
                                 (0, {reason: output.made}))
        finally:
            os.close(write)

    def test_the_profile_of_collectors_does_not_change_it(self):
        whole = self.octets('protobuf')
        path = self.written('protobuf', None, '--profile', 'nfdump')
        with open(path, 'rb') as file:
            self.assertEqual(file.read(), whole)

    @needs_protobuf
    def test_python_reads_in_it_what_json_says(self):
        for capture in (self.input, SAMPLE):
            path = self.written('protobuf', capture)
            json = self.flows('-r', capture)
            with open(path, 'rb') as file:
                read = messages(file.read())
            self.assertEqual(len(read), len(json))
            for message, record in zip(read, json):
                for element, value in record.items():
                    self.assertEqual(getattr(message, field_name(element)),
                                     field_value(element, value), element)

    @needs_protobuf
    def test_what_another_program_wrote_breaks_no_line(self):
        message = flow_record()(
            flow_start_milliseconds=2**64 - 1, source_address=b'\1' * 16,
            destination_address=b'\2' * 16, flow_end_cause=200, ip_version=9,
            connection_state='"},\n', tcp_history='\\\x1b[2J', protocol_identifier=6)
        path = self.file('odd', delimited(message))
        record, = support.json_lines(self.show(path, '--format', 'json').text)
        self.assertEqual((record['connectionState'], record['tcpHistory']),
                         ('?},?', '??[2J'))
        self.assertEqual(self.show(path).text.count('\n'), 2)


if __name__ == '__main__':
    sys.exit(support.main())
