#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""packaging/clickhouse has the columns that templates/flow.proto has, and its
queries answer what they say.

Debian's ClickHouse, 18.16, knows neither the format Protobuf nor the types IPv6
and DateTime64: here it gets the rows in binary, and older types for these.
"""

import collections
import os
import re
import struct
import subprocess
import sys

import support
from protobuf_reader import SCHEMA, messages, needs_protobuf, varint_of
from support import EndToEnd, Wire

DIRECTORY = os.path.join(support.REPOSITORY, 'packaging', 'clickhouse')

# What ClickHouse makes of a field without a converter, and a value that does
# not fit: it refuses the row.
COLUMN_TYPES = {
    'bytes': {'IPv6'}, 'string': {'String', 'LowCardinality(String)'},
    'uint64': {'UInt64'}, 'uint32': {'UInt8', 'UInt16', 'UInt32'}}

OLDER = [(r'\bIPv6,', 'FixedString(16),'), (r'LowCardinality\(String\)', 'String'),
         (r"DateTime64.*", 'DateTime MATERIALIZED '
          'toDateTime(intDiv(flow_start_milliseconds, 1000))'),
         (r'\nTTL .*;', ';')]


def statements(name):
    with open(os.path.join(DIRECTORY, name), encoding='utf-8') as file:
        text = re.sub(r'--.*', '', file.read())
    return [part.strip() for part in text.split(';') if part.strip()]


def columns(statement):
    """{name: type} of those that are stored as they come."""
    body = re.search(r'\n\(\n(.*?)\n\)\n', statement, re.S)[1]
    pairs = (line.strip().rstrip(',').split(' ', 1)
             for line in body.splitlines())
    return {name: kind for name, kind in pairs if 'MATERIALIZED' not in kind}


def fields():
    with open(SCHEMA, encoding='utf-8') as file:
        return {name: kind for kind, name in
                re.findall(r'^  (\w+) (\w+) = \d+;', file.read(), re.M)}


class Schema(EndToEnd):
    def test_both_tables_have_a_column_for_each_field(self):
        for statement in (statements('flows.sql')[0], statements('kafka.sql')[0]):
            found = columns(statement)
            self.assertEqual(list(found), list(fields()))
            for name, kind in fields().items():
                self.assertIn(found[name], COLUMN_TYPES[kind], name)

    def test_the_columns_of_both_tables_are_the_same(self):
        self.assertEqual(columns(statements('flows.sql')[0]),
                         columns(statements('kafka.sql')[0]))


class Server:
    """clickhouse-server on free loopback ports."""

    CONFIG = '''<yandex>
        <logger><level>warning</level><log>{0}/log</log>
          <errorlog>{0}/errors</errorlog></logger>
        <http_port>{1}</http_port><tcp_port>{2}</tcp_port>
        <listen_host>127.0.0.1</listen_host>
        <path>{0}/data/</path><tmp_path>{0}/data/tmp/</tmp_path>
        <mark_cache_size>5368709</mark_cache_size>
        <users_config>{0}/users.xml</users_config>
        <default_profile>default</default_profile>
        <default_database>default</default_database></yandex>'''
    USERS = '''<yandex><profiles><default/></profiles><users><default>
        <password/><networks><ip>127.0.0.1</ip></networks>
        <profile>default</profile><quota>default</quota></default></users>
        <quotas><default/></quotas></yandex>'''

    def __init__(self, directory):
        self._port = support.free_tcp_port()
        os.mkdir(os.path.join(directory, 'data'))
        for name, text in (('config.xml', self.CONFIG.format(
                directory, support.free_tcp_port(), self._port)),
                           ('users.xml', self.USERS)):
            with open(os.path.join(directory, name), 'w',
                      encoding='ascii') as file:
                file.write(text)
        self._process = subprocess.Popen(
            ['clickhouse-server', f'--config-file={directory}/config.xml'],
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        try:
            support.poll_until(self._answers, 'clickhouse-server answers')
        except AssertionError:
            self.kill()
            raise

    def _answers(self):
        if self._process.poll() is not None:
            raise AssertionError('clickhouse-server ended')
        return self._client('SELECT 1').returncode == 0

    def _client(self, statement, octets=b''):
        return subprocess.run(
            ['clickhouse-client', '--host', '127.0.0.1', '--port',
             str(self._port), '--query', statement], input=octets, check=False,
            capture_output=True, timeout=support.PATIENCE)

    def run(self, statement, octets=b''):
        """Rows, as lists of cells."""
        done = self._client(statement, octets)
        if done.returncode != 0:
            raise AssertionError(statement + '\n' + done.stderr.decode())
        return [line.split('\t') for line in done.stdout.decode().splitlines()]

    def kill(self):
        self._process.kill()
        self._process.wait()


def older(statement):
    for pattern, replacement in OLDER:
        statement = re.sub(pattern, replacement, statement + ';').rstrip(';')
    return statement


def row_binary(message, types):
    """One row of ClickHouse's format RowBinary."""
    row = b''
    for name, kind in types.items():
        value = getattr(message, name)
        if kind == 'IPv6':
            row += value
        elif kind.endswith('(String)') or kind == 'String':
            row += varint_of(len(value)) + value.encode()
        else:
            row += struct.pack({'UInt8': '<B', 'UInt16': '<H', 'UInt32': '<I',
                                'UInt64': '<Q'}[kind], value)
    return row


@needs_protobuf
@support.needs('clickhouse-server', 'clickhouse-client')
class Queries(EndToEnd):
    def setUp(self):
        super().setUp()
        server_directory = self.path('server')
        os.mkdir(server_directory)
        self.server = Server(server_directory)
        self.addCleanup(self.server.kill)
        table, = statements('flows.sql')
        self.server.run(older(table))
        self.types = columns(table)

    def store(self, wire):
        path = self.path('flows.pb')
        self.succeed('-r', self.capture(wire), '-c', 'protobuf:' + path)
        with open(path, 'rb') as file:
            rows = b''.join(row_binary(message, self.types)
                            for message in messages(file.read()))
        self.server.run('INSERT INTO flows (' + ', '.join(self.types) +
                        ') FORMAT RowBinary', rows)

    def answers(self):
        """Of the queries, in their order, an hour after the capture."""
        now = f'toDateTime({Wire.START // 10**9 + 3600})'
        return [self.server.run(statement.replace('now()', now))
                for statement in statements('queries.sql')]

    def test_they_find_what_happened(self):
        wire = Wire()
        for port in range(40000, 40003):
            wire.tcp('192.0.2.10', port, '198.51.100.80', 443)
        wire.tcp('2001:db8::10', 40000, '2001:db8:1:2::80', 443)
        for host in range(1, 8):  # one who knocks everywhere
            for port in (22, 23):
                wire.ip('192.0.2.66', f'198.51.100.{host}', support.tcp_packet(
                    '192.0.2.66', 50000, f'198.51.100.{host}', port, 'S'))
        self.store(wire)

        talkers, failed, retransmitted, scans = self.answers()

        octets = collections.Counter()
        for record in self.flows('-r', self.path('capture.pcap')):
            octets[support.addresses_of(record)[0]] += (
                record['octetDeltaCount'] +
                record.get('reverseOctetDeltaCount', 0))
        self.assertEqual(
            [(row[0].replace('::ffff:', ''), int(row[1]) + int(row[2]))
             for row in talkers], octets.most_common())
        self.assertEqual(len(failed), 14)
        self.assertEqual(failed[0], ['::ffff:198.51.100.1', '22', '1', '1'])
        self.assertEqual({row[0] for row in retransmitted},
                         {'::ffff:198.51.100.0', '2001:db8:1:2::'})
        self.assertEqual(scans, [['::ffff:192.0.2.66', '14', '7', '14']])


if __name__ == '__main__':
    sys.exit(support.main())
