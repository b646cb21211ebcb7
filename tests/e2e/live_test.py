#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A mirror port: two hosts talk through a switch that copies what they say.

    [a] 10.9.8.1 --- swa [switch: bridge] swb --- 10.9.8.2 [b]
                           span === cap [probe: spanfix]

Each name in brackets is a network namespace of its own, gone after the tests.
"""

import os
import re
import shutil
import signal
import subprocess
import sys
import time
import unittest

import support
from ipfix_reader import read_file
from support import (EndToEnd, Nfcapd, Summary, needs_root, poll_until,
                     wait_until_started)

A, B = '10.9.8.1', '10.9.8.2'
A6, B6 = 'fd09:8::1', 'fd09:8::2'

SERVE_HTTP = """
import http.server
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        body = b'x' * 20000
        self.send_response(200)
        self.send_header('Content-Length', str(len(body)))
        self.end_headers()
        self.wfile.write(body)
    def log_message(self, *_):
        pass
http.server.ThreadingHTTPServer(('', 8088), Handler).serve_forever()
"""
GET_HTTP = """
import sys, urllib.request
body = urllib.request.urlopen(f'http://{sys.argv[1]}:8088/', timeout=20).read()
assert len(body) == 20000
"""
SEND_UDP = """
import socket, sys
source, destination, port, count = sys.argv[1:]
family = socket.AF_INET6 if ':' in source else socket.AF_INET
sender = socket.socket(family, socket.SOCK_DGRAM)
sender.bind((source, 5555))
for _ in range(int(count)):
    sender.sendto(b'hello', (destination, int(port)))
"""
SEND_FLOWS = """
import socket, sys
sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
for i in range(int(sys.argv[2])):
    sender.sendto(b'hello', (sys.argv[1], 10000 + i))
"""
CONNECT_REFUSED = """
import socket, sys
try:
    socket.create_connection((sys.argv[1], int(sys.argv[2])))
    sys.exit('connected')
except ConnectionRefusedError:
    pass
"""
COLLECT_TCP = """
import socket, sys
server = socket.create_server(('127.0.0.1', int(sys.argv[1])))
connection, _ = server.accept()
with open(sys.argv[2], 'wb', 0) as file:
    while octets := connection.recv(65536):
        file.write(octets)
"""


def enter(namespace):
    """Begins a command that is to run in there. `ip netns exec` would mount
    things, which a chroot does not let it."""
    return ['nsenter', '--net=/run/netns/' + namespace]


class MirrorPort:
    """The namespaces of the picture above."""

    def __init__(self):
        unique = f'spanfix-{os.getpid()}-'
        self.a, self.b, self.switch, self.probe = (
            unique + name for name in ('a', 'b', 'switch', 'probe'))
        self._made = []
        try:
            self._build()
        except BaseException:
            self.remove()
            raise

    def _build(self):
        for namespace in (self.a, self.b, self.switch, self.probe):
            self.command('ip netns add ' + namespace)
            self._made.append(namespace)
            self.inside(namespace, 'ip link set lo up')
        for namespace in (self.switch, self.probe):  # they say nothing
            self.inside(namespace, 'sysctl -qw net.ipv6.conf.all.disable_ipv6=1'
                        ' net.ipv6.conf.default.disable_ipv6=1')
        self.inside(self.switch, 'ip link add bridge0 type bridge mcast_snooping 0')
        self.inside(self.switch, 'ip link set bridge0 up')
        for host, port, addresses in ((self.a, 'swa', (A, A6)),
                                      (self.b, 'swb', (B, B6))):
            self._cable(host, 'eth', port)
            self.inside(self.switch, f'ip link set {port} master bridge0')
            self.inside(host, f'ip address add {addresses[0]}/24 dev eth')
            self.inside(host,
                        f'ip address add {addresses[1]}/64 dev eth nodad')
        self._cable(self.probe, 'cap', 'span')
        for port in ('swa', 'swb'):
            self.inside(self.switch, f'tc qdisc add dev {port} clsact')
            self.inside(self.switch,
                        f'tc filter add dev {port} ingress pref 1 protocol all '
                        'u32 match u32 0 0 '
                        'action mirred egress mirror dev span')

    def _cable(self, namespace, name, port):
        """From an interface of the namespace to a port of the switch."""
        self.inside(self.switch, f'ip link add {port} type veth peer name '
                    f'{name} netns {namespace}')
        for where, link in ((self.switch, port), (namespace, name)):
            # Frames as they would be on a wire.
            self.inside(where, f'ethtool -K {link} tso off gso off gro off '
                        'tx off rx off')
            self.inside(where, f'ip link set {link} up')

    @staticmethod
    def command(command):
        run = subprocess.run(command.split(), capture_output=True, text=True,
                             timeout=support.PATIENCE)
        if run.returncode != 0:
            raise OSError(f"'{command}': {run.stderr.strip()}")
        return run.stdout

    def inside(self, namespace, command):
        return self.command(' '.join([*enter(namespace), command]))

    @staticmethod
    def python(namespace, program, *arguments):
        return [*enter(namespace), sys.executable, '-c', program,
                *map(str, arguments)]

    def run_python(self, namespace, program, *arguments):
        subprocess.run(self.python(namespace, program, *arguments), check=True,
                       timeout=support.PATIENCE)

    def remove(self):
        for namespace in self._made:
            subprocess.run(['ip', 'netns', 'delete', namespace], check=False)


def listening(pid, port):
    for table in ('tcp', 'tcp6'):
        with open(f'/proc/{pid}/net/{table}', encoding='ascii') as file:
            if re.search(rf':{port:04X} [0-9A-F]+:0000 0A ', file.read()):
                return True
    return False


class Spanfix:
    """A running spanfix in a namespace; its outputs are in files."""

    def __init__(self, directory, namespace, *arguments, **environment):
        self._out = os.path.join(directory, 'stdout')
        self._err = os.path.join(directory, 'stderr')
        with open(self._out, 'wb') as out, open(self._err, 'wb') as err:
            self._process = subprocess.Popen(
                [*enter(namespace), support.SPANFIX,
                 *map(str, arguments)],
                stdin=subprocess.DEVNULL, stdout=out, stderr=err,
                env=dict(support.ENVIRONMENT, **environment))
        wait_until_started(self._process)

    def stdout(self):
        with open(self._out, encoding='utf-8') as file:
            return file.read()

    def stderr(self):
        with open(self._err, encoding='utf-8') as file:
            return file.read()

    def records(self):
        text = self.stdout()
        return support.json_lines(text[:text.rfind('\n') + 1])

    @property
    def pid(self):
        return self._process.pid

    def running(self):
        return self._process.poll() is None

    def send(self, number):
        self._process.send_signal(number)

    def summary(self):
        """By SIGUSR1, while it runs. Asked again: one that comes before it is
        ready is ignored."""
        before = self.stderr().count('packets seen')
        ask_again = 0

        def is_there():
            nonlocal ask_again
            if time.monotonic() >= ask_again:
                self.send(signal.SIGUSR1)
                ask_again = time.monotonic() + 5
            return (self.stderr().count('packets seen') > before and
                    self.stderr().endswith('\n'))
        poll_until(is_there, 'there is a summary')
        return Summary(self.stderr())

    def seen(self, packets):
        """Waits until it has seen so many packets."""
        poll_until(lambda: self.summary().seen >= packets,
                   f'{packets} packets are seen')

    def wait(self):
        self._process.wait(support.PATIENCE)
        support.check_sanitizers(self.stderr().encode())
        return self._process.returncode

    def stop(self, number=signal.SIGTERM):
        self.send(number)
        return self.wait()

    def kill(self):
        if self.running():
            self._process.kill()
            self._process.wait()


@needs_root()
@support.needs('ip', 'nsenter', 'tc', 'ethtool', 'sysctl')
class Live(EndToEnd):
    @classmethod
    def setUpClass(cls):
        try:
            cls.net = MirrorPort()
        except OSError as error:
            raise unittest.SkipTest(
                f'cannot build a mirror port of namespaces: {error}') from error
        cls.addClassCleanup(cls.net.remove)
        server = subprocess.Popen(cls.net.python(cls.net.b, SERVE_HTTP))

        def end_server():
            server.kill()
            server.wait()
        cls.addClassCleanup(end_server)
        poll_until(lambda: listening(server.pid, 8088), 'the server listens')

    def spanfix(self, *arguments):
        running = Spanfix(self.directory, self.net.probe, '-i', 'cap',
                          *arguments)
        self.addCleanup(running.kill)
        return running

    def get(self, address=B):
        self.net.run_python(self.net.a, GET_HTTP, address)

    def send_udp(self, port, count=1, source=A, destination=B):
        self.net.run_python(self.net.a, SEND_UDP, source, destination, port,
                            count)

    def one_http_record(self, records, version=4):
        record, = [r for r in records if r.get('destinationTransportPort') == 8088
                   or r.get('sourceTransportPort') == 8088]
        self.assertEqual(support.addresses_of(record),
                         (A, B) if version == 4 else (A6, B6))
        self.assertTrue(record['tcpHistory'].startswith('Sh'), record)
        self.assertIn('F', record['tcpHistory'])
        self.assertIn('f', record['tcpHistory'])
        self.assertEqual((record['flowEndReason'], record['connectionState']),
                         (3, 'SF'))
        self.assertGreater(record['reverseOctetDeltaCount'], 20000)
        self.assertGreater(record['packetDeltaCount'], 3)
        self.assertGreater(record['ingressInterface'], 0)
        return record

    def test_an_http_exchange_is_one_record_with_both_directions(self):
        spanfix = self.spanfix('--format', 'json', '--close-linger', '1',
                               'tcp port 8088')
        self.get()
        poll_until(spanfix.records, 'the connection is reported')
        self.assertTrue(spanfix.running())
        self.one_http_record(spanfix.records())
        self.assertEqual(spanfix.stop(), 0)
        summary = Summary(spanfix.stderr())
        self.assertEqual(summary.errors(), [])
        self.assertEqual((summary.flows, summary.end_reasons), (1, {'fin': 1}))

    def test_an_http_exchange_over_ipv6_is_one_record(self):
        spanfix = self.spanfix('--format', 'json', '--close-linger', '0',
                               'tcp port 8088')
        # Python's server listens on IPv4 only: refused, and that is a record.
        with self.assertRaises(subprocess.CalledProcessError):
            subprocess.run(self.net.python(self.net.a, GET_HTTP, f'[{B6}]'),
                           check=True, stderr=subprocess.DEVNULL,
                           timeout=support.PATIENCE)
        record, = poll_until(spanfix.records, 'the refusal is reported')
        self.assertEqual(support.addresses_of(record), (A6, B6))
        self.assertEqual((record['tcpHistory'], record['connectionState'],
                          record['flowEndReason'], record['flowEndCause']),
                         ('Sr', 'REJ', 3, 2))

    @support.needs('nfcapd', 'nfdump')
    def test_an_http_exchange_is_one_flow_in_nfdump(self):
        collector = Nfcapd(self.directory,
                           enter(self.net.probe), port=9995)
        self.addCleanup(collector.kill)
        spanfix = self.spanfix('-c', collector.url, 'tcp port 8088')
        self.get()
        spanfix.seen(10)
        self.assertEqual(spanfix.stop(), 0)
        figures = collector.stop()
        self.assertEqual((figures['flows'], figures['bad packets'],
                          figures['sequence errors']), (1, 0, 0))
        row, = support.nfdump(collector.directory,
                              '%sa|%da|%dp|%pr|%flg|%pkt|%opkt|%obyt|%end')
        self.assertEqual(row[:5], [A, B, '8088', 'TCP', '...AP.SF'])
        self.assertGreater(int(row[5]), 3)
        self.assertGreater(int(row[6]), 3)
        self.assertGreater(int(row[7]), 20000)
        self.assertEqual(row[8], '3')

    def test_a_udp_flow_expires_on_time_although_no_packet_follows(self):
        spanfix = self.spanfix('--format', 'json', '--idle-timeout-udp', '2',
                               'udp port 7777')
        self.send_udp(7777, 3)
        spanfix.seen(3)
        sent = time.monotonic()
        record, = poll_until(spanfix.records, 'the flow is reported')
        waited = time.monotonic() - sent
        self.assertEqual((record['packetDeltaCount'], record['flowEndReason']),
                         (3, 1))
        self.assertGreater(waited, 1.5)
        self.assertLess(waited, 3.5)

    def test_a_udp_flow_reaches_a_collector_on_time(self):
        spanfix = self.spanfix('-w', self.path('flows.ipfix'),
                               '--idle-timeout-udp', '1', 'udp port 7777')
        self.send_udp(7777, 3)
        spanfix.seen(3)
        sent = time.monotonic()
        poll_until(lambda: read_file(self.path('flows.ipfix')).records,
                   'the flow is in the file')
        self.assertLess(time.monotonic() - sent, 4)
        self.assertTrue(spanfix.running())

    def test_a_long_flow_is_reported_while_it_goes_on(self):
        spanfix = self.spanfix('--format', 'json', '--active-timeout', '1',
                               'udp port 7777')
        self.send_udp(7777)
        record, = poll_until(spanfix.records, 'the flow is reported')
        self.assertEqual(record['flowEndReason'], 2)
        self.send_udp(7777)
        spanfix.seen(2)
        poll_until(lambda: len(spanfix.records()) > 1, 'it is reported again')
        again = spanfix.records()[1]
        self.assertEqual((again['flowId'], again['packetDeltaCount']),
                         (record['flowId'], 1))

    def test_a_signal_ends_every_flow_and_prints_the_summary(self):
        for number in (signal.SIGINT, signal.SIGTERM):
            with self.subTest(number):
                spanfix = self.spanfix('--format', 'json', 'udp port 7777')
                self.send_udp(7777, 2)
                self.send_udp(7777, 2, A6, B6)
                spanfix.seen(4)
                self.assertEqual(spanfix.records(), [])
                self.assertEqual(spanfix.stop(number), 0)
                records = spanfix.records()
                self.assertEqual([r['flowEndReason'] for r in records], [4, 4])
                summary = Summary(spanfix.stderr())
                self.assertEqual(summary.errors(), [])
                self.assertEqual((summary.seen, summary.in_records,
                                  summary.end_reasons),
                                 (4, 4, {'shutdown': 2}))
                self.assertEqual(summary.outputs[0].sent, 2)
                self.assertNotIn('\nspanfix:', '\n' + spanfix.stderr())

    def many_flows(self, *arguments):
        """More conversations than the ring holds between the threads."""
        flows = 30000
        path = os.path.join(self.directory, 'flows.ipfix')
        spanfix = self.spanfix('-w', path, *arguments, f'udp and src host {A}')
        self.net.run_python(self.net.a, SEND_FLOWS, B, flows)
        spanfix.seen(flows)
        return flows, path, spanfix

    def test_a_signal_loses_no_flow_however_many_there_are(self):
        flows, path, spanfix = self.many_flows()
        self.assertEqual(spanfix.stop(), 0)
        summary = Summary(spanfix.stderr())
        self.assertEqual((summary.in_records, summary.left_out),
                         (flows, 0), summary.text)
        self.assertEqual(len([r for r in read_file(path).records]), flows)

    def test_many_flows_that_end_in_one_sweep_are_all_exported(self):
        flows, path, spanfix = self.many_flows('--idle-timeout-udp', 2)
        poll_until(lambda: spanfix.summary().ended == flows, 'all have ended')
        self.assertEqual(spanfix.stop(), 0)
        summary = Summary(spanfix.stderr())
        self.assertEqual((summary.in_records, summary.left_out),
                         (flows, 0), summary.text)

    def test_what_was_on_the_wire_before_the_signal_is_measured(self):
        for _ in range(3):
            spanfix = self.spanfix('--format', 'json', 'udp port 7779')
            self.send_udp(7779, 100)
            self.assertEqual(spanfix.stop(), 0)
            self.assertEqual(Summary(spanfix.stderr()).seen, 100)

    def test_a_signal_ends_a_run_that_saw_nothing(self):
        spanfix = self.spanfix('--format', 'json', 'udp port 7778')
        started = time.monotonic()
        self.assertEqual(spanfix.stop(signal.SIGINT), 0)
        self.assertLess(time.monotonic() - started, 3)
        self.assertEqual(spanfix.stdout(), '')
        self.assertEqual(Summary(spanfix.stderr()).seen, 0)

    def test_sigusr1_prints_a_summary_and_the_run_goes_on(self):
        spanfix = self.spanfix('--format', 'json', 'udp port 7777')
        self.assertEqual(spanfix.summary().seen, 0)
        self.send_udp(7777, 5)
        spanfix.seen(5)
        summary = spanfix.summary()
        self.assertEqual(summary.errors(), [])
        self.assertEqual((summary.seen, summary.packets_live, summary.live),
                         (5, 5, 1))
        self.assertTrue(spanfix.running())
        self.assertEqual(spanfix.stop(), 0)
        last = Summary(spanfix.stderr())
        self.assertEqual((last.packets_live, last.in_records), (0, 5))

    def test_both_directions_are_seen_once(self):
        spanfix = self.spanfix('--format', 'json', 'tcp port 9')
        self.net.run_python(self.net.a, CONNECT_REFUSED, B, 9)
        spanfix.seen(2)
        self.assertEqual(spanfix.stop(), 0)
        record, = spanfix.records()
        self.assertEqual((record['packetDeltaCount'],
                          record['reversePacketDeltaCount'],
                          record['tcpHistory']), (1, 1, 'Sr'))
        self.assertEqual(Summary(spanfix.stderr()).seen, 2)

    def late_collector(self):
        """(what it received, the summary of a run that began without it)."""
        port, path = 4739, self.path('stream')
        spanfix = self.spanfix('-c', f'tcp://127.0.0.1:{port}',
                               '--active-timeout', '1', 'udp port 7777')
        self.send_udp(7777)
        poll_until(lambda: spanfix.summary().outputs[0].queued > 0,
                   'a record waits for the collector')
        collector = subprocess.Popen(
            self.net.python(self.net.probe, COLLECT_TCP, port, path))
        self.addCleanup(collector.wait)
        self.addCleanup(collector.kill)
        poll_until(lambda: listening(collector.pid, port), 'it listens')

        def delivered():
            self.send_udp(7777)
            return spanfix.summary().outputs[0].sent > 0
        poll_until(delivered, 'a record was sent')
        self.assertEqual(spanfix.stop(), 0)
        collector.wait(support.PATIENCE)
        summary = Summary(spanfix.stderr())
        self.assertEqual(summary.errors(), [])
        return path, summary

    def test_a_tcp_collector_may_come_later(self):
        path, summary = self.late_collector()
        output, = summary.outputs
        self.assertEqual(output.sent, output.made)
        self.assertEqual(len(read_file(path, any_start=True).records),
                         output.made)

    def test_a_new_tcp_connection_counts_its_records_from_0(self):
        # RFC 7011 section 3.1: data records sent in the current stream.
        path, _ = self.late_collector()
        read_file(path)


@needs_root()
@support.needs('setpriv')
class Privileges(EndToEnd):
    def test_cap_net_raw_is_all_that_a_capture_needs(self):
        for threads in (1, 2):
            with self.subTest(threads=threads):
                self.capture_with_cap_net_raw(threads)

    def capture_with_cap_net_raw(self, threads):
        os.chmod(self.directory, 0o755)
        program = self.path('spanfix')
        shutil.copy(support.SPANFIX, program)
        with open(self.path('err'), 'wb') as err:
            process = subprocess.Popen(
                ['setpriv', '--reuid=65534', '--regid=65534', '--clear-groups',
                 '--inh-caps=-all,+net_raw', '--ambient-caps=-all,+net_raw',
                 '--bounding-set=-all,+net_raw', '--no-new-privs', program,
                 '-i', 'lo', '--threads', str(threads), '--format', 'json',
                 'udp port 9'],
                stdout=subprocess.DEVNULL, stderr=err,
                env=support.ENVIRONMENT)
        wait_until_started(process)
        process.send_signal(signal.SIGTERM)
        process.wait(support.PATIENCE)
        with open(self.path('err'), encoding='utf-8') as file:
            text = file.read()
        self.assertEqual(process.returncode, 0, text)
        self.assertEqual(Summary(text).errors(), [])


if __name__ == '__main__':
    sys.exit(support.main())
