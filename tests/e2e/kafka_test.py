#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kafka: records into librdkafka's mock cluster, and by a consumer out of it,
each a process of its own."""

import collections
import os
import re
import subprocess

import support
from protobuf_reader import flow_record, messages, needs_protobuf
from support import EndToEnd, Summary
from tcp_delivery_test import many_flows

MOCK = os.environ.get('KAFKA_MOCK', '')
# A capture of one's own, and partitions for the cluster to hold all of it.
CAPTURE = os.environ.get('SPANFIX_KAFKA_CAPTURE', '')
PARTITIONS = 64 if CAPTURE else 4
FLOWS = 20000


class Cluster:
    """That process."""

    def __init__(self):
        self._process = subprocess.Popen(
            [MOCK, 'serve', str(PARTITIONS)], stdin=subprocess.PIPE,
            stdout=subprocess.PIPE, text=True)
        self.brokers = self._process.stdout.readline().strip()

    def tell(self, command):
        print(command, file=self._process.stdin, flush=True)
        answer = self._process.stdout.readline()
        assert answer == 'done\n', answer

    def stop(self):
        self._process.stdin.close()
        self._process.wait()
        self._process.stdout.close()

    def consumed(self):
        """[(partition, key, value)], in the order of each partition."""
        run = subprocess.run([MOCK, 'consume', self.brokers], check=True,
                             capture_output=True, text=True,
                             timeout=support.PATIENCE)
        rows = (line.split(' ') for line in run.stdout.splitlines())
        return [(int(partition), bytes.fromhex(key), bytes.fromhex(value))
                for partition, key, value in rows]


@needs_protobuf
class Kafka(EndToEnd):
    def setUp(self):
        super().setUp()
        self.cluster = Cluster()
        self.addCleanup(self.cluster.stop)
        self.url = f'kafka://{self.cluster.brokers}/flows'

    def test_every_record_is_consumed_once(self):
        capture = CAPTURE or self.file('many.pcap', many_flows(FLOWS))
        run = self.succeed('-r', capture, '-c', self.url, '-c',
                           'protobuf:' + self.path('flows.pb'))

        output = run.summary.outputs[0]
        self.assertEqual(output.to, self.url)
        self.assertEqual((output.made, output.dropped), (output.sent, 0))
        with open(self.path('flows.pb'), 'rb') as file:
            expected = collections.Counter(
                message.SerializeToString(deterministic=True)
                for message in messages(file.read()))
        consumed = self.cluster.consumed()
        self.assertEqual(len(consumed), output.sent)
        self.assertEqual(collections.Counter(
            flow_record().FromString(value).SerializeToString(
                deterministic=True) for _, _, value in consumed), expected)
        partitions = collections.defaultdict(set)
        for partition, key, value in consumed:
            record = flow_record().FromString(value)
            self.assertEqual(record.community_id.encode(), key)
            partitions[key].add(partition)
        self.assertEqual({len(each) for each in partitions.values()}, {1})
        print(f'{len(consumed)} records of {len(partitions)} conversations in '
              f'{len({row[0] for row in consumed})} partitions, each once')

    def test_leaders_that_change_during_a_run_cost_no_record(self):
        capture = self.file('many.pcap', many_flows(FLOWS))
        run = subprocess.Popen(
            [support.SPANFIX, '-r', capture, '-c',
             self.url + '?linger.ms=5&batch.num.messages=20'],
            stderr=subprocess.PIPE, env=support.ENVIRONMENT)
        for broker in (1, 2, 3):
            for partition in range(PARTITIONS):
                self.cluster.tell(f'leader {partition} {broker}')
        error = run.communicate(timeout=support.PATIENCE)[1].decode()

        self.assertEqual(run.returncode, 0, error)
        self.assertEqual(Summary(error).outputs[0].sent, FLOWS)
        self.assert_each_flow_once(FLOWS)

    def test_what_comes_while_brokers_are_away_arrives_later(self):
        self.cluster.tell('away')
        capture = self.file('many.pcap', many_flows(2000))
        run = subprocess.Popen(
            [support.SPANFIX, '-r', capture, '-c', self.url],
            stderr=subprocess.PIPE, env=support.ENVIRONMENT)
        self.assertIn(b'Connection refused', run.stderr.readline())
        self.cluster.tell('back')
        error = run.communicate(timeout=support.PATIENCE)[1].decode()

        self.assertEqual(run.returncode, 0, error)
        self.assertEqual(Summary(error).errors(), [])
        self.assert_each_flow_once(2000)

    def assert_each_flow_once(self, count):
        ids = [flow_record().FromString(value).flow_id
               for _, _, value in self.cluster.consumed()]
        self.assertEqual(len(ids), count)
        self.assertEqual(len(set(ids)), count)

    def test_a_password_is_never_shown(self):
        run = support.spanfix(
            '-r', self.file('one.pcap', many_flows(1)), '-c',
            'kafka://127.0.0.1:1/flows?sasl.password=hidden&linger.ms=soon')

        self.assertEqual(run.status, 2)
        self.assertIn('linger.ms', run.stderr)
        self.assertNotIn('hidden', run.stderr)

    def test_clickhouse_is_told_the_format_of_the_messages(self):
        with open(os.path.join(support.REPOSITORY, 'packaging', 'clickhouse',
                               'kafka.sql'), encoding='utf-8') as file:
            kafka_format = re.search(r"kafka_format = '(\w+)'", file.read())[1]
        self.succeed('-r', self.file('one.pcap', many_flows(1)), '-c', self.url)

        (_, _, value), = self.cluster.consumed()
        self.assertEqual(kafka_format, 'ProtobufSingle')
        self.assertEqual(flow_record().FromString(value).packet_delta_count, 1)


if __name__ == '__main__':
    support.main()
