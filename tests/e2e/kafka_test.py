#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Kafka: records into librdkafka's mock cluster, and by a consumer out of it,
each a process of its own."""

import collections
import glob
import os
import re
import signal
import subprocess

import support
from protobuf_reader import flow_record, messages, needs_protobuf, varint
from support import EndToEnd, Summary, poll_until
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


def whole_values(octets):
    """The delimited messages, but for one at the end that was cut off."""
    values, at = [], 0
    while at < len(octets):
        try:
            length, at = varint(octets, at)
        except IndexError:
            break
        if at + length <= len(octets):
            values.append(octets[at:at + length])
        at += length
    return values


@needs_protobuf
class KafkaSpool(EndToEnd):
    """spanfix is killed: what was on the disk arrives nevertheless."""

    # Each flow's record is made when the next ones push it out.
    EVICTING = ('--max-flows', '100')

    def setUp(self):
        super().setUp()
        self.cluster = Cluster()
        self.addCleanup(self.cluster.stop)
        self.spool = self.path('spool')
        self.arguments = ('-c', f'kafka://{self.cluster.brokers}/flows',
                          '--spool', self.spool)

    def files(self):
        return sorted(glob.glob(os.path.join(self.spool, '*', '*.pb')))

    def on_disk(self):
        values = []
        for path in self.files():
            with open(path, 'rb') as file:
                values += whole_values(file.read())
        return values

    def killed(self, capture, condition, what):
        """A run that reads this, and more is to come when it is killed."""
        read, write = os.pipe()
        run = subprocess.Popen(
            [support.SPANFIX, '-r', '-', *self.EVICTING, *self.arguments],
            stdin=read, stderr=subprocess.DEVNULL, env=support.ENVIRONMENT)
        os.close(read)
        try:
            with os.fdopen(write, 'wb') as pipe:
                pipe.write(capture)
                pipe.flush()
                poll_until(condition, what)
                self.assertIsNone(run.poll())
                run.send_signal(signal.SIGKILL)
        finally:
            run.kill()
            run.wait()

    def killed_while_spooling(self, files):
        self.cluster.tell('away')
        self.killed(many_flows(7000 * files),
                    lambda: len(self.files()) >= files, f'{files} files')
        self.cluster.tell('back')
        return self.on_disk()

    def next_run(self):
        """Of 14 flows, whose records arrive behind those of the spool."""
        run = self.succeed('-r', self.capture(support.everything()),
                           *self.arguments)
        output, = run.summary.outputs
        self.assertEqual((output.made, output.sent), (14, 14), run)
        self.assertEqual(self.files(), [])
        return output

    def test_what_was_spooled_when_spanfix_was_killed_arrives(self):
        spooled = self.killed_while_spooling(2)
        self.assertGreater(len(spooled), 3000)
        output = self.next_run()
        self.assertEqual((output.earlier.made, output.earlier.sent),
                         (len(spooled), len(spooled)))

        consumed = [value for _, _, value in self.cluster.consumed()]
        self.assertEqual(set(spooled) - set(consumed), set())
        self.assertEqual(len(set(consumed)), len(set(spooled)) + 14)
        self.assertIn(len(consumed) - len(spooled) - 14,
                      range(output.repeated + 1))

    def test_spanfix_may_be_killed_again_while_it_replays(self):
        spooled = self.killed_while_spooling(3)
        first = self.files()[0]
        self.killed(support.pcap([]), lambda: not os.path.exists(first),
                    'the first file was delivered')
        left = self.on_disk()
        output = self.next_run()
        self.assertEqual((output.earlier.made, output.earlier.sent),
                         (len(left), len(left)))

        consumed = [value for _, _, value in self.cluster.consumed()]
        self.assertEqual(set(spooled) - set(consumed), set())
        self.assertEqual(len(set(consumed)), len(set(spooled)) + 14)


if __name__ == '__main__':
    support.main()
