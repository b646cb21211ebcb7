#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""SIGHUP while an interface is captured: what can change does, and no packet
and no record is lost by it.

    [far] far0 ======== cap0 [probe: spanfix, collectors]
"""

import itertools
import os
import signal
import subprocess
import threading
import time

import support
from ipfix_reader import Reader
from kernel import run
from live_test import Spanfix
from live_threads_test import Cable, datagrams
from service_test import Manager
from support import EndToEnd, Summary, needs_root, poll_until
from tcp_collector import Collector

SIGHUPS = int(os.environ.get('SPANFIX_SIGHUPS', '100'))


def records_of(collector):
    """All, once the exporter has ended. The reader holds the sequence numbers
    against what came."""
    return [record.named() for stream in collector.streams()
            for record in Reader().stream(stream).records]


def packets_in(records):
    return sum(record['packetDeltaCount'] +
               record.get('reversePacketDeltaCount', 0) for record in records)


@needs_root()
@support.needs('ip', 'nsenter', 'sysctl')
class Reload(EndToEnd):
    def setUp(self):
        super().setUp()
        self.cable = Cable.lay(self.addCleanup)
        run(f'ip -n {self.cable.probe} link set lo up')
        self.manager = Manager(self.path('notify'))
        self.addCleanup(self.manager.close)

    def collector(self, port=0):
        collector = Collector(port, self.cable.probe)
        self.addCleanup(collector.close)
        return collector

    def write(self, *collectors, **options):
        lines = [f'collector = {getattr(collector, "url", collector)}'
                 for collector in collectors]
        lines += [f'{name.replace("_", "-")} = {value}'
                  for name, value in options.items()]
        os.replace(self.file('new', '\n'.join(lines).encode() + b'\n'),
                   self.path('conf'))

    def start(self, *collectors, **options):
        self.write(*collectors, **options)
        spanfix = Spanfix(self.directory, self.cable.probe, '-i', 'cap0',
                          '--config', self.path('conf'),
                          NOTIFY_SOCKET=self.manager.name)
        self.addCleanup(spanfix.kill)
        poll_until(lambda: self.manager.listen(0.1), 'it is ready')
        self.manager.heard.clear()
        return spanfix

    def reload(self, spanfix):
        """Returns when it is done."""
        spanfix.send(signal.SIGHUP)
        poll_until(lambda: 'READY=1' in self.manager.listen(0.1),
                   'it has reloaded')
        self.assertEqual([word.split('\n')[0] for word in self.manager.heard],
                         ['RELOADING=1', 'READY=1'])
        self.manager.heard.clear()

    def end(self, spanfix):
        self.assertEqual(spanfix.stop(), 0, spanfix.stderr())
        summary = Summary(spanfix.stderr())
        self.assertEqual(summary.errors(), [], summary.text)
        return summary

    def test_collectors_come_and_go_and_each_gets_what_was_sent_meanwhile(self):
        stays, leaves, comes = (self.collector() for _ in range(3))
        options = {'idle_timeout_udp': 1}
        spanfix = self.start(stays, leaves, **options)
        self.cable.send(datagrams(100))
        poll_until(lambda: all(output.sent == 100
                               for output in spanfix.summary().outputs),
                   'both have their records')
        self.write(stays, comes, **options)
        self.reload(spanfix)
        self.cable.send(datagrams(50, first=100))
        poll_until(lambda: spanfix.summary().outputs[1].sent == 50,
                   'the new one has its records')
        summary = self.end(spanfix)
        self.assertEqual({output.to: output.sent for output in summary.outputs},
                         {stays.url: 150, comes.url: 50, leaves.url: 100})
        for collector, numbers in ((stays, range(150)), (leaves, range(100)),
                                   (comes, range(100, 150))):
            self.assertEqual(sorted(record['sourceTransportPort'] - 1024
                                    for record in records_of(collector)),
                             list(numbers))
        self.assertEqual(stays.connections(), 1)
        self.assertIn(f"new collector '{comes.url}', no more collector "
                      f"'{leaves.url}'", spanfix.stderr())

    def test_timeouts_and_max_flows_hold_for_the_flows_that_live(self):
        collector = self.collector()
        spanfix = self.start(collector)
        self.cable.send(datagrams(5000))
        spanfix.seen(5000)
        self.write(collector, max_flows=1000)
        self.reload(spanfix)
        poll_until(lambda: spanfix.summary().live == 1000, 'there are fewer')
        self.write(collector, max_flows=1000, idle_timeout_udp=1)
        self.reload(spanfix)
        poll_until(lambda: spanfix.summary().live == 0, 'they have ended')
        summary = self.end(spanfix)
        self.assertEqual(summary.end_reasons,
                         {'evicted': 4000, 'idle_timeout': 1000})
        self.assertEqual(len(records_of(collector)), 5000)

    def test_the_filter_changes_also_for_an_interface_that_comes_again(self):
        collector = self.collector()
        spanfix = self.start(collector, filter='udp port 53')
        # Before the first packet, and after.
        for port in (54, 55, 56):
            self.write(collector, filter=f'udp port {port}')
            self.reload(spanfix)
            # The capture thread looks after each wait for packets.
            poll_until(lambda: self.sends_and_sees(spanfix, port),
                       'the new filter is there')
        seen = spanfix.summary().seen
        self.cable.send(datagrams(10, port=53))
        self.cable.send(datagrams(10, port=55))
        self.cable.send(datagrams(10, port=56))
        spanfix.seen(seen + 10)
        run(f'ip -n {self.cable.far} link delete far0')
        poll_until(lambda: 'is gone' in spanfix.stderr(), 'it is gone')
        run(f'ip -n {self.cable.far} link add far0 type veth peer name cap0 '
            f'netns {self.cable.probe}')
        for namespace, name in ((self.cable.far, 'far0'),
                                (self.cable.probe, 'cap0')):
            run(f'ip -n {namespace} link set {name} up')
        poll_until(lambda: 'is back' in spanfix.stderr(), 'it is back')
        self.cable.send(datagrams(10, port=55))
        self.cable.send(datagrams(10, port=56))
        spanfix.seen(seen + 20)
        self.assertEqual(self.end(spanfix).seen, seen + 20)

    def sends_and_sees(self, spanfix, port):
        before = spanfix.summary().seen
        self.cable.send(datagrams(1, port=port))
        time.sleep(0.3)
        return spanfix.summary().seen == before + 1

    def test_what_is_wrong_changes_nothing_and_is_named(self):
        collector = self.collector()
        spanfix = self.start(collector, idle_timeout_udp=1)
        for wrong, said in (
                ({'idle_timeout_udp': 0, 'max_flows': 'x'},
                 (':2: idle-timeout-udp: must be', ':3: max-flows: must be')),
                ({'filter': 'nonsense'}, ("filter 'nonsense'",)),
                ({'filter': 'tcp', 'active_timeout': 7,
                  'collector': 'udp://name.invalid'}, ('name.invalid',))):
            self.write(collector, **wrong)
            self.reload(spanfix)
            for words in said:
                self.assertIn(words, spanfix.stderr())
        os.remove(self.path('conf'))
        self.reload(spanfix)
        self.assertIn('cannot read', spanfix.stderr())
        self.assertNotIn('reloaded', spanfix.stderr())
        self.cable.send(datagrams(10))
        poll_until(lambda: spanfix.summary().outputs[0].sent == 10,
                   'it goes on as it was')
        self.end(spanfix)

    def test_what_cannot_change_is_named_and_the_rest_changes(self):
        collector = self.collector()
        spanfix = self.start(collector)
        self.write(collector, threads=2, key='vlan', max_flows=200000,
                   idle_timeout_udp=1)
        self.reload(spanfix)
        for line in ('reload: --threads stays 1 until a restart\n',
                     'reload: --key stays off until a restart\n',
                     'reload: --max-flows stays 100000 until a restart: ',
                     'reloaded: idle-timeout-udp 60 -> 1\n'):
            self.assertIn(line, spanfix.stderr())
        self.cable.send(datagrams(10))
        poll_until(lambda: spanfix.summary().outputs[0].sent == 10,
                   'the new timeout holds')
        self.end(spanfix)

    def test_a_spool_goes_on_when_its_collector_comes_back(self):
        stays, away = self.collector(), 'tcp://127.0.0.1:4739'
        options = {'idle_timeout_udp': 1, 'spool': self.path('spool')}

        def account():
            return next(output for output in spanfix.summary().outputs
                        if output.to == away)
        spanfix = self.start(stays, away, **options)
        self.cable.send(datagrams(50))
        poll_until(lambda: account().spooled == 50, 'they are on the disk')
        self.write(stays, away, pen=4711, **options)
        self.reload(spanfix)
        self.assertIn('has a spool, so its parameters cannot change until a '
                      'restart', spanfix.stderr())
        self.write(stays, **options)
        self.reload(spanfix)
        self.assertIn(f"no more collector '{away}'", spanfix.stderr())
        self.write(stays, away, **options)

        def is_back():
            self.reload(spanfix)
            return f"new collector '{away}'" in spanfix.stderr()
        poll_until(is_back, 'its spool is free')
        self.collector(4739)
        self.cable.send(datagrams(10, first=50))
        poll_until(lambda: account().sent == 10, 'it has the new ones')
        self.assertEqual((account().made, account().spooled,
                          account().earlier.sent), (10, 0, 50))
        self.end(spanfix)

    def test_files_are_read_as_they_were_begun(self):
        reader, writer = os.pipe()
        with open(writer, 'wb') as pipe:
            spanfix = subprocess.Popen(
                [support.SPANFIX, '-r', '-', '-w', self.path('out')],
                stdin=reader, stderr=subprocess.PIPE,
                env=dict(support.ENVIRONMENT, NOTIFY_SOCKET=self.manager.name))
            os.close(reader)
            self.addCleanup(spanfix.kill)
            pipe.write(support.pcap(support.everything().frames))
            pipe.flush()
            poll_until(lambda: 'READY=1' in self.manager.listen(0.1),
                       'it is ready')
            self.manager.heard.clear()
            spanfix.send_signal(signal.SIGHUP)
            poll_until(lambda: 'READY=1' in self.manager.listen(0.1),
                       'it has heard')
        _, said = spanfix.communicate(timeout=support.PATIENCE)
        self.assertEqual(spanfix.returncode, 0, said)
        self.assertIn(b'SIGHUP: only a run with -i takes new options', said)
        self.assertEqual(Summary(said.decode()).seen, 54)

    def test_no_packet_and_no_record_is_lost_by_many(self):
        collectors = [self.collector() for _ in range(2)]
        guest = self.collector()
        # A sanitizer's program reads more slowly than this sends: the ring holds
        # what comes at this rate for as long as it may take.
        packets_per_second = 200_000
        spanfix = self.start(*collectors, max_flows=5000, ring_size=512)
        done = threading.Event()
        sent = 0

        def send():
            nonlocal sent
            # Several in a row, so that a smaller --max-flows makes records, but
            # not one of each packet.
            frames = [frame for frame in datagrams(500) for _ in range(20)]
            with self.cable.end(self.cable.far, 'far0') as port:
                while not done.is_set():
                    for frame in frames:
                        port.send(frame)
                    sent += len(frames)
                    ahead = sent / packets_per_second
                    done.wait(max(began + ahead - time.monotonic(), 0))

        sender = threading.Thread(target=send)
        began = time.monotonic()
        sender.start()
        try:
            changes = itertools.cycle(
                [((), {'filter': 'udp', 'max_flows': 400}),
                 ((guest,), {'filter': 'udp', 'active_timeout': 1}),
                 ((guest,), {'idle_timeout_udp': 1, 'max_flows': 5000}),
                 ((), {'filter': 'udp or tcp', 'max_flows': 50})])
            for guests, options in itertools.islice(changes, SIGHUPS):
                self.write(*collectors, *guests, ring_size=512, **options)
                self.reload(spanfix)
        finally:
            done.set()
            sender.join()
        seconds = time.monotonic() - began
        spanfix.seen(sent)
        summary = self.end(spanfix)
        print(f'{SIGHUPS} reloads in {seconds:.1f} s at '
              f'{sent / seconds:.0f} packets/s\n{summary.text}')
        self.assertEqual(summary.seen, sent)
        self.assertEqual(summary.left_out, 0, summary.text)
        self.assertNotIn('never seen', summary.text)
        self.assertNotIn('before export', summary.text)
        for collector in collectors:
            self.assertEqual(packets_in(records_of(collector)), sent)
            self.assertEqual(collector.connections(), 1)
        by_name = {output.to: output for output in summary.outputs}
        self.assertEqual(len(by_name), 3)
        for output in summary.outputs:
            self.assertEqual(output.dropped, 0, summary.text)
        self.assertEqual(by_name[guest.url].sent, len(records_of(guest)))


if __name__ == '__main__':
    support.main()
