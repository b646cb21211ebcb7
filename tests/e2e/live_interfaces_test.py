#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Interfaces that come and go, and several of them.

    [far] far0 ======== cap0 [probe: spanfix -i cap0 -i cap1]
          far1 ======== cap1
"""

import os
import re
import signal
import socket
import subprocess
import sys

import support
from ipfix_reader import read_file
from kernel import inside, run
from live_test import Spanfix, enter
from live_threads_test import Cable, conversations, ethernet, vlan
from status_test import Client
from support import EndToEnd, Summary, needs_root, poll_until, udp_packet

STATISTICS, INTERFACE = 403, 402
MANY = 40000
HTTP = '127.0.0.1:9995'  # in the probe's namespace


def frame(number, port=53):
    """Of a flow of its own."""
    return ethernet(udp_packet(f'10.0.{number // 250}.{number % 250 + 1}', 999,
                               '192.0.2.1', port, b'where'))


class Cables(Cable):
    """Two of them, whose near ends can be cut off and made again."""

    def __init__(self):
        super().__init__()
        try:
            self.plug(1)
        except BaseException:
            self.remove()
            raise

    def plug(self, number):
        """Creates both ends, up; far first, so that cap has carrier at once."""
        run(f'ip -n {self.far} link add far{number} type veth peer name '
            f'cap{number} netns {self.probe}')
        run(f'ip -n {self.far} link set far{number} up')
        self.set(number, 'up')

    def set(self, number, state):
        run(f'ip -n {self.probe} link set cap{number} {state}')

    def unplug(self, number):
        run(f'ip -n {self.probe} link delete cap{number}')

    def index(self, number):
        with inside(self.probe):
            return socket.if_nametoindex(f'cap{number}')

    def send_by(self, number, frames):
        with self.end(self.far, f'far{number}') as port:
            for octets in frames:
                port.send(octets)


@needs_root()
@support.needs('ip', 'sysctl')
class LiveInterfaces(EndToEnd):
    def setUp(self):
        super().setUp()
        self.cables = Cables.lay(self.addCleanup)
        run(f'ip -n {self.cables.probe} link set lo up')

    def spanfix(self, *arguments, interfaces=('cap0',)):
        self.ipfix = self.path('flows.ipfix')
        named = [word for name in interfaces for word in ('-i', name)]
        running = Spanfix(self.directory, self.cables.probe, *named,
                          '--format', 'json', '-c',
                          f'file:{self.ipfix}?interface-names', *arguments)
        self.addCleanup(running.kill)
        return running

    def told(self, running):
        """What it said of interfaces, in order."""
        return re.findall(r"^spanfix: interface '(.*)$", running.stderr(), re.M)

    def wait_for(self, running, *events):
        """All that is told, exactly so and each once."""
        poll_until(lambda: len(self.told(running)) >= len(events),
                   f'{events} are told')
        self.assertEqual(self.told(running), list(events))

    def stop(self, running):
        self.assertEqual(running.stop(), 0)
        summary = Summary(running.stderr())
        self.assertEqual(summary.errors(), [])
        return summary

    def options(self, template):
        """Options records in the file, in order."""
        return [record.named() for record in read_file(self.ipfix).options
                if record.template_id == template]

    def names(self):
        return [(r['ingressInterface'], r['interfaceName'])
                for r in self.options(INTERFACE)]

    def client(self):
        """Of a run with --http HTTP."""
        return Client(self, 9995, self.cables.probe)

    @staticmethod
    def health(client):
        answer = client.get('/healthz')
        return answer.status, answer.text

    # ---- several ----

    def test_each_of_several_has_its_index_and_name(self):
        running = self.spanfix(interfaces=('cap0', 'cap1'))
        self.cables.send_by(0, [frame(1), frame(2)])
        self.cables.send_by(1, [frame(2), frame(3)])
        running.seen(4)
        self.assertEqual(self.stop(running).in_records, 4)
        indexes = [self.cables.index(number) for number in (0, 1)]
        records = running.records()
        self.assertEqual(
            sorted((r['ingressInterface'], r['sourceIPv4Address'])
                   for r in records),
            sorted([(indexes[0], '10.0.0.2'), (indexes[0], '10.0.0.3'),
                    (indexes[1], '10.0.0.3'), (indexes[1], '10.0.0.4')]))
        self.assertEqual(len({r['flowId'] for r in records}), 4)
        self.assertEqual(self.names(), list(zip(indexes, ('cap0', 'cap1'))))

    def test_several_have_threads_each_and_share_max_flows(self):
        running = self.spanfix('--threads', 2, '--max-flows', 11,
                               interfaces=('cap0', 'cap1'))
        for number in (0, 1):
            self.cables.send_by(number, map(frame, range(200)))
        running.seen(400)
        summary = running.summary()
        self.assertEqual((summary.live, summary.end_reasons),
                         (11, {'evicted': 389}))
        self.stop(running)

    # ---- down and up ----

    def test_down_and_up_is_survived_and_told_once(self):
        running = self.spanfix('--idle-timeout-udp', 1)
        self.cables.send_by(0, [frame(1)])
        running.seen(1)
        self.cables.set(0, 'down')
        poll_until(running.records, 'the flow ends while it is down')
        self.wait_for(running, "cap0' is down; waiting for it")
        self.cables.set(0, 'up')
        self.wait_for(running, "cap0' is down; waiting for it",
                      "cap0' is up again")
        self.cables.send_by(0, [frame(2)])
        running.seen(2)
        summary = self.stop(running)
        self.assertEqual(summary.in_records, 2)
        self.assertEqual(len(self.told(running)), 2)
        self.assertEqual({r['ingressInterface'] for r in running.records()},
                         {self.cables.index(0)})
        self.assertEqual(self.names(), [(self.cables.index(0), 'cap0')])

    def test_a_cable_that_is_pulled_is_told(self):
        running = self.spanfix()
        run(f'ip -n {self.cables.far} link set far0 down')
        self.wait_for(running,
                      "cap0' has no carrier; is the cable plugged in?")
        run(f'ip -n {self.cables.far} link set far0 up')
        self.wait_for(running,
                      "cap0' has no carrier; is the cable plugged in?",
                      "cap0' is up again")
        self.stop(running)

    def test_one_that_is_down_at_the_start_is_waited_for(self):
        self.cables.set(0, 'down')
        running = self.spanfix('--threads', 2)
        self.wait_for(running, "cap0' is down; waiting for it")
        self.cables.set(0, 'up')
        self.wait_for(running, "cap0' is down; waiting for it",
                      "cap0' is up again")
        self.cables.send_by(0, map(frame, range(20)))
        running.seen(20)
        self.assertEqual(self.stop(running).in_records, 20)

    def refused(self, *arguments):
        finished = subprocess.run(
            [*enter(self.cables.probe), support.SPANFIX, *arguments, '-w',
             self.path('flows.ipfix')],
            capture_output=True, text=True, timeout=support.PATIENCE)
        self.assertEqual(finished.returncode, 2, finished)
        self.assertFalse(os.path.exists(self.path('flows.ipfix')))
        return finished.stderr

    def test_one_that_is_missing_at_the_start_is_an_error(self):
        self.assertRegex(self.refused('-i', 'cap0', '-i', 'cap7'),
                         r"\Aspanfix: interface 'cap7': no such [^\n]+\n\Z")

    def test_a_wrong_filter_is_an_error_also_while_it_is_down(self):
        self.cables.set(0, 'down')
        self.assertRegex(self.refused('-i', 'cap0', 'port port'),
                         r"\Aspanfix: filter 'port port': [^\n]+\n\Z")

    # ---- removed, and created again ----

    def test_one_that_is_created_again_goes_on_with_its_new_index(self):
        running = self.spanfix(interfaces=('cap0', 'cap1'))
        before = self.cables.index(0)
        self.cables.send_by(0, [frame(1)])
        running.seen(1)
        self.cables.unplug(0)
        self.wait_for(running, "cap0' is gone; waiting for it")
        self.cables.send_by(1, [frame(2)])
        running.seen(2)
        self.cables.plug(0)
        after = self.cables.index(0)
        self.assertNotEqual(after, before)
        poll_until(lambda: self.told(running)[-1].endswith(
            f'is back with ifIndex {after}'), 'it is back')
        self.cables.send_by(0, [frame(3)])
        running.seen(3)
        poll_until(lambda: len(self.names()) == 4, 'it is named again')
        self.assertEqual(self.stop(running).in_records, 3)
        other = self.cables.index(1)
        self.assertEqual(
            sorted((r['sourceIPv4Address'], r['ingressInterface'])
                   for r in running.records()),
            [('10.0.0.2', before), ('10.0.0.3', other), ('10.0.0.4', after)])
        self.assertEqual(self.names(),
                         [(before, 'cap0'), (other, 'cap1'),
                          (after, 'cap0'), (other, 'cap1')])

    def test_one_that_is_exchanged_in_a_moment_is_noticed(self):
        running = self.spanfix()
        self.cables.unplug(0)
        self.cables.plug(0)
        after = self.cables.index(0)
        poll_until(lambda: any(event.endswith(f'is back with ifIndex {after}')
                               for event in self.told(running)), 'it is back')
        self.assertEqual(self.told(running)[0], "cap0' is gone; waiting for it")
        self.cables.send_by(0, [frame(1)])
        running.seen(1)
        self.stop(running)

    def test_what_came_before_it_was_removed_is_measured(self):
        for threads in (1, 3):
            with self.subTest(threads=threads):
                running = self.spanfix('--threads', threads)
                self.cables.send_by(0, map(frame, range(300)))
                self.cables.unplug(0)
                self.wait_for(running, "cap0' is gone; waiting for it")
                running.seen(300)
                self.assertEqual(self.stop(running).in_records, 300)
                self.cables.plug(0)

    def test_flows_go_on_where_they_were_when_it_is_back(self):
        running = self.spanfix('--threads', 3)
        flows = [ethernet(udp_packet(client, 999, server, 53, b'where'))
                 for client, server in conversations(60)]
        self.cables.send_by(0, flows)
        running.seen(60)
        self.cables.unplug(0)
        self.wait_for(running, "cap0' is gone; waiting for it")
        self.cables.plug(0)
        poll_until(lambda: 'is back' in self.told(running)[-1] or
                   'again' in self.told(running)[-1], 'it is back')
        self.cables.send_by(0, flows)
        running.seen(120)
        self.assertEqual(self.stop(running).flows, 60)
        self.assertEqual({r['packetDeltaCount'] for r in running.records()},
                         {2})

    def test_without_any_interface_it_runs_on_and_time_passes(self):
        running = self.spanfix('--idle-timeout-udp', 1, '--http', HTTP,
                               interfaces=('cap0', 'cap1'))
        client = self.client()
        poll_until(lambda: self.health(client) == (200, 'ok\n'), 'it is well')
        self.cables.send_by(0, [frame(1)])
        running.seen(1)
        for number in (0, 1):
            self.cables.unplug(number)
        poll_until(lambda: len(self.told(running)) == 2, 'both are gone')
        record, = poll_until(running.records, 'the flow ends by its time-out')
        self.assertEqual(record['flowEndReason'], 1)
        poll_until(lambda: self.health(client) == (
            503, "interface 'cap0' is gone\ninterface 'cap1' is gone\n"),
                   'both are missed')
        self.assertEqual(sorted(self.told(running)),
                         [f"cap{number}' is gone; waiting for it"
                          for number in (0, 1)])
        self.assertTrue(running.running())
        self.stop(running)

    # ---- overload ----

    def test_log_summary_and_records_agree_on_what_was_dropped(self):
        # While it is stopped, nothing is read, and the ring of a mebibyte
        # cannot hold so many.
        running = self.spanfix('--ring-size', 1, '--max-flows', MANY + 1,
                               '--http', HTTP, interfaces=('cap0', 'cap1'))
        client = self.client()
        running.send(signal.SIGSTOP)
        self.cables.send_by(0, map(frame, range(MANY)))
        self.cables.send_by(1, [frame(1)])
        running.send(signal.SIGCONT)
        poll_until(lambda: self.dropped(running.summary()) +
                   running.summary().seen == MANY + 1, 'all are accounted for')
        poll_until(lambda: client.metrics().sum('packets_seen_total') ==
                   running.summary().seen, 'the metrics are fresh')
        metrics = client.metrics()
        summary = self.stop(running)
        dropped = self.dropped(summary)
        self.assertGreater(dropped, 0)
        self.assertEqual(summary.seen + dropped, MANY + 1)
        self.assertEqual(
            re.findall(r'^never seen.*$', summary.text, re.M),
            [f'never seen{on}: dropped by the kernel {dropped}, by the '
             'interface 0' for on in ('', ' on cap0')])
        for name, count in (('cap0', dropped), ('cap1', 0)):
            self.assertEqual(metrics.value('packets_dropped_total', by='kernel',
                                           interface=name), count)
        self.assertEqual(metrics.value('packets_seen_total', interface='cap1'),
                         1)
        last = self.options(STATISTICS)[-1]
        self.assertEqual(last['droppedPacketTotalCount'], dropped)
        self.assertEqual(len(read_file(self.ipfix).records), summary.seen)
        self.assertEqual(self.told(running), [])

    @staticmethod
    def dropped(summary):
        line = re.search(r'^never seen: dropped by the kernel (\d+)',
                         summary.text, re.M)
        return int(line[1]) if line else 0

    def test_a_larger_ring_drops_nothing_of_the_same_burst(self):
        running = self.spanfix('--ring-size', 64, '--max-flows', MANY)
        running.send(signal.SIGSTOP)
        self.cables.send_by(0, map(frame, range(MANY)))
        running.send(signal.SIGCONT)
        running.seen(MANY)
        self.assertNotIn('never seen', self.stop(running).text)

    def test_the_ring_holds_so_much_of_each_packet_as_is_looked_at(self):
        # A mebibyte holds fewer than 800 that are whole.
        running = self.spanfix('--ring-size', 1)
        running.send(signal.SIGSTOP)
        self.cables.send_by(0, 4000 * [ethernet(udp_packet(
            '10.0.0.1', 999, '192.0.2.1', 53, b'x' * 1300))])
        running.send(signal.SIGCONT)
        running.seen(2000)
        summary = self.stop(running)
        self.assertEqual(summary.seen + self.dropped(summary), 4000)

    # ---- how it captures ----

    def promiscuity(self):
        """How many have asked for it."""
        shown = subprocess.run(
            ['ip', '-n', self.cables.probe, '-d', 'link', 'show', 'cap0'],
            capture_output=True, text=True, check=True)
        return int(re.search(r'promiscuity (\d+)', shown.stdout)[1])

    def test_it_is_promiscuous_unless_told_otherwise(self):
        for word, count in (('yes', 1), ('no', 0)):
            running = self.spanfix('--promiscuous', word)
            self.assertEqual(self.promiscuity(), count)
            self.stop(running)

    def test_snaplen_and_immediate_are_what_is_said(self):
        # The address ends behind octet 66.
        running = self.spanfix('--snaplen', 64, '--immediate')
        self.cables.send_by(0, [ethernet(udp_packet(
            '2001:db8::1', 999, '2001:db8::2', 53, b'where'),
            vlan(7) + vlan(8) + vlan(9)), frame(1)])
        running.seen(2)
        self.assertEqual(self.stop(running).left_out_reasons,
                         {'truncated': 1})


if __name__ == '__main__':
    sys.exit(support.main())
