#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What --http tells of a run is what the summary tells of it."""

import http.client
import json
import math
import os
import re
import socket
import subprocess
import sys
import threading
import time

import support
from kernel import inside, run
from live_test import Spanfix
from live_threads_test import Cable, conversations, ethernet
from support import (EndToEnd, Summary, everything, free_tcp_port,
                     needs, needs_root, poll_until, spanfix, udp_packet)

SAMPLE_CAPTURE = os.path.join(support.REPOSITORY, 'tests', 'pcap',
                              'sample.pcap')
SAMPLE = re.compile(r'([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)')
LABEL = re.compile(r'([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\\\|\\"|\\n)*)"')


class Metrics:
    """The text format, version 0.0.4, taken strictly: each family once, its
    HELP and TYPE before its samples, no sample twice, counters _total."""

    def __init__(self, text):
        self.values = {}  # by name and labels
        self.text = text
        types, family = {}, None
        if not text.endswith('\n'):
            raise AssertionError('the last line has no end')
        for line in text[:-1].split('\n'):
            if line.startswith('# HELP '):
                family, words = line[7:].split(' ', 1)
                assert family not in types and words.endswith('.'), line
                types[family] = None
            elif line.startswith('# TYPE '):
                name, kind = line[7:].split(' ')
                assert name == family and types[name] is None, line
                assert kind == ('counter' if name.endswith('_total') else
                                'gauge'), line
                types[name] = kind
            else:
                self.add(line, family, types)

    def add(self, line, family, types):
        name, labels, value = SAMPLE.fullmatch(line).groups()
        assert name == family and types[name] is not None, line
        pairs = LABEL.findall(labels or '')
        assert ','.join(f'{n}="{v}"' for n, v in pairs) == (labels or ''), line
        assert len(dict(pairs)) == len(pairs), line
        key = name, frozenset(pairs)
        assert key not in self.values, line
        self.values[key] = float(value)

    def value(self, name, **labels):
        """NaN, which equals nothing, as long as it is not there."""
        return self.values.get(('spanfix_' + name, frozenset(labels.items())),
                               math.nan)

    def sum(self, name):
        return sum(value for (other, _), value in self.values.items()
                   if other == 'spanfix_' + name)

    def by(self, name, label):
        """What is not 0, by this label."""
        return {dict(labels)[label]: value
                for (other, labels), value in self.values.items()
                if other == 'spanfix_' + name and value}


class Client:
    """Of the server in a namespace of the network, or in this one."""

    def __init__(self, test, port, namespace=None, host='127.0.0.1'):
        self.connection = http.client.HTTPConnection(host, port,
                                                     timeout=support.PATIENCE)
        test.addCleanup(self.connection.close)
        if namespace is None:
            self.connection.connect()
        else:
            with inside(namespace):
                self.connection.connect()

    def get(self, path, method='GET', **headers):
        self.connection.request(method, path, headers=headers)
        answer = self.connection.getresponse()
        answer.text = answer.read().decode()
        return answer

    def metrics(self):
        answer = self.get('/metrics')
        assert answer.status == 200, answer.status
        return Metrics(answer.text)


def differences(metrics, summary, **labels):
    """What the one says and the other does not; empty when they agree."""
    def value(name, **more):
        return metrics.value(name, **labels, **more)
    pairs = {
        'seen': (value('packets_seen_total'), summary.seen),
        'in records': (value('packets_in_records_total'), summary.in_records),
        'in live flows': (value('packets_in_live_flows'), summary.packets_live),
        'octets': (value('ip_bytes_in_records_total'), summary.octets),
        'flows': (value('flows_created_total'), summary.flows),
        'live': (value('flows_live'), summary.live),
        'active': (value('active_timeouts_total'), summary.reported_active),
        'ended': (metrics.by('flows_ended_total', 'cause'),
                  summary.end_reasons),
        'left out': (metrics.by('packets_left_out_total', 'reason'),
                     summary.left_out_reasons)}
    for output in summary.outputs:
        for what, count in (('made_total', output.made),
                            ('sent_total', output.sent),
                            ('queued', output.queued),
                            ('spooled', output.spooled),
                            ('repeated_total', output.repeated)):
            pairs[output.to + ' ' + what] = (metrics.value(
                'collector_records_' + what, collector=output.to), count)
    return {name: pair for name, pair in pairs.items() if pair[0] != pair[1]}


class FromPipe:
    """spanfix that reads a pipe, to which the test writes; until close() it
    waits for more."""

    def __init__(self, test, *arguments, host='127.0.0.1', cwd=None):
        self.port = free_tcp_port()
        shown = f'[{host}]' if ':' in host else host
        self.process = subprocess.Popen(
            [support.SPANFIX, '-r', '-', '--http', f'{shown}:{self.port}',
             *map(str, arguments)], stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, cwd=cwd,
            env=support.ENVIRONMENT)
        test.addCleanup(self.kill)
        self.test = test
        self.host = host

    def write(self, octets):
        self.process.stdin.write(octets)
        self.process.stdin.flush()

    def client(self):
        def connected():
            try:
                return Client(self.test, self.port, host=self.host)
            except ConnectionRefusedError:
                assert self.process.poll() is None, self.process.stderr.read()
                return None
        return poll_until(connected, 'it listens')

    def close(self):
        """The summary."""
        _, stderr = self.process.communicate(timeout=support.PATIENCE)
        support.check_sanitizers(stderr)
        assert self.process.returncode == 0, stderr
        return Summary(stderr.decode())

    def kill(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        for pipe in (self.process.stdin, self.process.stderr):
            if not pipe.closed:
                try:
                    pipe.close()
                except BrokenPipeError:
                    pass


class Status(EndToEnd):
    def from_pipe(self, *arguments, **options):
        running = FromPipe(self, *arguments, **options)
        with open(SAMPLE_CAPTURE, 'rb') as file:
            running.write(file.read())
        return running

    @needs('promtool')
    def test_promtool_finds_nothing_in_the_metrics(self):
        running = self.from_pipe('-w', self.path('flows.ipfix'))
        text = running.client().metrics().text
        check = subprocess.run(['promtool', 'check', 'metrics'],
                               input=text.encode(), capture_output=True,
                               check=False)
        self.assertEqual((check.returncode, check.stdout, check.stderr),
                         (0, b'', b''))

    def test_it_answers_while_a_pipe_is_read_and_ends_with_the_run(self):
        running = self.from_pipe('-w', self.path('flows.ipfix'))
        client = running.client()
        poll_until(lambda: client.metrics().sum('packets_seen_total'),
                   'packets are seen')
        self.assertEqual(client.get('/healthz').text, 'ok\n')
        self.assertEqual(running.close().errors(), [])
        with self.assertRaises(OSError):
            Client(self, running.port)

    def test_it_listens_on_ipv6(self):
        try:
            with socket.create_server(('::1', 0), family=socket.AF_INET6):
                pass
        except OSError as error:
            self.skipTest(f'no IPv6 here: {error}')
        running = self.from_pipe(host='::1')
        self.assertEqual(running.client().get('/healthz').text, 'ok\n')

    def test_the_page_lets_nothing_in_from_elsewhere(self):
        answer = self.from_pipe().client().get('/')
        policy = answer.headers['Content-Security-Policy']
        self.assertTrue(policy.startswith("default-src 'none';"), policy)
        self.assertNotIn('unsafe', policy)
        self.assertEqual(answer.headers['X-Content-Type-Options'], 'nosniff')
        self.assertNotRegex(answer.text, r'(src|href|url\()[="\']*(https?:)?//')
        self.assertIn('name="viewport"', answer.text)

    def test_connections_that_say_nothing_do_not_hold_up_the_end(self):
        running = self.from_pipe()
        running.client()
        silent = [socket.create_connection(('127.0.0.1', running.port))
                  for _ in range(100)]
        for number, connection in enumerate(silent):
            connection.send(b'GET /metrics HTTP/1.1\r\nX'[:number % 25])
        self.assertEqual(running.close().errors(), [])
        for connection in silent:
            connection.close()

    def test_where_it_cannot_listen_it_does_not_start(self):
        capture = self.capture(everything())
        flows = self.path('flows.ipfix')
        with socket.create_server(('127.0.0.1', 0)) as taken:
            port = taken.getsockname()[1]
            for address, why in (
                    (f'127.0.0.1:{port}', 'Address already in use; choose'),
                    ('192.0.2.1:9995', 'Cannot assign requested address; '),
                    ('somewhere:9995', 'write ADDRESS:PORT, as in ')):
                with self.subTest(address):
                    refused = spanfix('-r', capture, '-w', flows, '--http',
                                      address)
                    self.assertEqual(refused.status, 2, refused)
                    self.assertIn('spanfix: --http', refused.stderr)
                    self.assertIn(why, refused.stderr)
                    self.assertIn(address, refused.stderr)
                    self.assertEqual(refused.stderr.count('\n'), 1)
                    self.assertFalse(os.path.exists(flows))


@needs_root()
@needs('ip', 'nsenter', 'sysctl')
class LiveStatus(EndToEnd):
    @classmethod
    def setUpClass(cls):
        cls.cable = Cable.lay(cls.addClassCleanup)
        run(f'ip -n {cls.cable.probe} link set lo up')

    def spanfix(self, *arguments):
        running = Spanfix(self.directory, self.cable.probe, '-i', 'cap0',
                          '--http', '127.0.0.1:9995', *arguments)
        self.addCleanup(running.kill)
        return running

    def client(self):
        return Client(self, 9995, self.cable.probe)

    def settled(self, running, packets):
        """The metrics, when so many packets are in them and they agree with the
        summary. The threads publish theirs a few times a second."""
        client = self.client()
        found = None

        def agree():
            nonlocal found
            metrics, summary = client.metrics(), running.summary()
            found = differences(metrics, summary, interface='cap0')
            return summary.seen >= packets and not found and metrics
        try:
            return poll_until(agree, f'{packets} packets are seen')
        except AssertionError as error:
            raise AssertionError(f'{error}: {found}') from None

    def test_metrics_are_the_summary(self):
        running = self.spanfix('--format', 'json', '--idle-timeout-udp', 1,
                               '--threads', 2)
        frames = [ethernet(udp_packet(client, 999, server, 53, b'where'))
                  for client, server in conversations(100)]
        self.cable.send(frames + [b'\xff' * 14 + b'\0' * 46] * 3)
        client = self.client()
        self.settled(running, 103)
        poll_until(lambda: client.metrics().by('flows_ended_total', 'cause') ==
                   {'idle_timeout': 100}, 'all have ended')
        poll_until(lambda: client.metrics().value(
            'collector_records_sent_total',
            collector='standard output') == 100, 'all are sent')
        self.cable.send(frames[:7])
        metrics = self.settled(running, 110)
        self.assertEqual(metrics.value('packets_seen_total', interface='cap0'),
                         110)
        self.assertEqual(metrics.sum('flows_live'), 7)
        poll_until(lambda: client.metrics().sum('wire_bytes_total') ==
                   sum(map(len, frames + frames[:7])) + 3 * 60,
                   'their octets are seen')
        self.assertEqual(running.stop(), 0)

    def test_top_talkers_are_those_of_the_wire(self):
        self.spanfix()
        large = ethernet(udp_packet('192.0.2.1', 999, '192.0.2.2', 53,
                                    b'x' * 1000))
        self.cable.send([large] * 20 + [
            ethernet(udp_packet(client, 999, server, 80, b''))
            for client, server in conversations(50)])
        client = self.client()

        def talkers():
            status = json.loads(client.get('/status.json').text)
            return (status['wire_octets'] > 20 * len(large) + 50 * 60 and
                    status['talkers'])
        talkers = poll_until(talkers, 'the packets are counted')
        self.assertEqual(talkers['interval'], 1)
        self.assertEqual(
            talkers['conversations'][0],
            {'low': '192.0.2.1', 'high': '192.0.2.2', 'protocol': 17,
             'port': 53, 'octets': 20 * 1028})
        self.assertEqual([host['octets'] for host in talkers['hosts'][:2]],
                         [20 * 1028] * 2)

    def test_a_collector_that_is_gone_is_away(self):
        with inside(self.cable.probe):
            server = socket.create_server(('127.0.0.1', 0))
        url = 'tcp://127.0.0.1:{}'.format(server.getsockname()[1])
        self.spanfix('-c', url, '--idle-timeout-udp', 1)
        connection, _ = server.accept()
        client = self.client()
        poll_until(lambda: client.metrics().value('collector_up',
                                                  collector=url) == 1,
                   'it is there')
        connection.close()
        server.close()

        def away():
            self.cable.send([ethernet(udp_packet('192.0.2.1', 9, '192.0.2.2',
                                                 53, b''))])
            return client.metrics().value('collector_up', collector=url) == 0
        poll_until(away, 'its end is noticed')

    def test_a_thousand_requests_a_second_cost_no_packet(self):
        rate, seconds, clients = 1000, 3, 4
        running = self.spanfix('-w', self.path('flows.ipfix'))
        answers = []

        def ask():
            client = self.client()
            start = time.monotonic()
            for number in range(rate * seconds // clients):
                answers.append(client.get('/metrics').status)
                ahead = start + number * clients / rate - time.monotonic()
                if ahead > 0:
                    time.sleep(ahead)
        askers = [threading.Thread(target=ask) for _ in range(clients)]

        # In a process of its own, as fast as Python can, but no more than the
        # kernel's buffer holds if we are not let run.
        frame = ethernet(udp_packet('192.0.2.1', 999, '192.0.2.2', 53, b'x'))
        reader, writer = os.pipe()
        sender = os.fork()
        if sender == 0:
            try:
                sent = 0
                with self.cable.end(self.cable.far, 'far0') as port:
                    end = time.monotonic() + seconds
                    while time.monotonic() < end and sent < 100_000:
                        for _ in range(100):
                            port.send(frame)
                        sent += 100
                        time.sleep(0.001)
                os.write(writer, str(sent).encode())
            finally:
                os._exit(0)  # this process is no place for other tests
        for asker in askers:
            asker.start()
        for asker in askers:
            asker.join()
        os.waitpid(sender, 0)
        sent = int(os.read(reader, 100))
        os.close(reader)
        os.close(writer)

        self.assertGreater(sent, 1000)
        self.assertEqual(answers, [200] * rate * seconds)
        metrics = self.settled(running, sent)
        self.assertEqual(metrics.sum('packets_seen_total'), sent)
        self.assertEqual(metrics.sum('packets_dropped_total'), 0)
        self.assertEqual(running.stop(), 0)
        summary = Summary(running.stderr())
        self.assertEqual(summary.errors(), [])
        self.assertEqual(summary.in_records, sent)


if __name__ == '__main__':
    sys.exit(support.main())
