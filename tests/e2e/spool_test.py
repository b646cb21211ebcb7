#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""--spool: what a TCP collector cannot have goes to the disk, and to the
collector when it is back, whatever happened to spanfix meanwhile."""

import glob
import os
import signal
import subprocess

import support
from ipfix_reader import Reader
from support import EndToEnd, Summary, needs, needs_root, poll_until, spanfix
from tcp_collector import Collector
from tcp_delivery_test import many_flows, whole_messages

# Each flow's record is made when the next ones push it out.
EVICTING = ('--max-flows', '100')


def flow_ids(octets):
    records = Reader().stream(whole_messages(bytes(octets))).records
    ids = [record.named().get('flowId') for record in records]
    return [flow for flow in ids if flow is not None]


def flows_of(collector):
    """The ids of the flows that it got until now, in order."""
    collector.close()
    return [flow for stream in collector.streams() for flow in flow_ids(stream)]


class Spool(EndToEnd):
    def setUp(self):
        super().setUp()
        self.port = support.free_tcp_port()
        self.url = f'tcp://127.0.0.1:{self.port}'
        self.spool = self.path('spool')

    def arguments(self, *others):
        return ('-c', self.url, '--spool', self.spool, *others)

    def files(self):
        return sorted(glob.glob(os.path.join(self.spool, '*', '*.ipfix')))

    def on_disk(self):
        ids = []
        for path in self.files():
            with open(path, 'rb') as file:
                ids += flow_ids(file.read())
        return ids

    def away(self, flows, *others):
        """A run without its collector: (its summary, its standard error)."""
        run = spanfix('-r', self.file('away.pcap', many_flows(flows)),
                      *self.arguments(*others))
        self.assertEqual(run.status, 1, run)
        summary = Summary(run.stderr)
        self.assertEqual(summary.errors(), [], run)
        return summary.outputs[0], run.stderr

    def back(self, *others):
        """The next run, of 14 flows: (its output's account, ids received)."""
        collector = Collector(self.port)
        try:
            run = self.succeed('-r', self.capture(support.everything()),
                               *self.arguments(*others))
        finally:
            ids = flows_of(collector)
        output, = run.summary.outputs
        self.assertEqual((output.made, output.sent), (14, 14), run)
        self.assertEqual(self.files(), [])
        return output, ids

    def test_the_next_run_delivers_what_this_one_could_not(self):
        output, error = self.away(10000)
        self.assertEqual((output.made, output.sent, output.spooled),
                         (10000, 0, 10000))
        self.assertEqual(
            error.splitlines()[-1],
            f'spanfix: 10000 records for {self.url} are in the spool, for the '
            'next run')
        self.assertGreater(len(self.files()), 1)
        spooled = self.on_disk()
        self.assertEqual(len(spooled), 10000)

        output, ids = self.back()
        self.assertEqual((output.earlier.made, output.earlier.sent),
                         (10000, 10000))
        self.assertEqual(ids[:10000], spooled)
        self.assertEqual(len(ids), 10014)

    def test_each_file_can_be_shown(self):
        self.away(9000)
        shown = 0
        for path in self.files():
            run = spanfix('--show', path, '--format', 'json')
            self.assertEqual(run.status, 0, run)
            shown += len(run.text.splitlines())
        self.assertEqual(shown, 9000)

    @needs('ipfixDump')
    def test_ipfixdump_reads_each_file(self):
        self.away(9000)
        for path in self.files():
            run = subprocess.run(['ipfixDump', '-d', '-i', path],
                                 capture_output=True, check=True,
                                 timeout=support.PATIENCE)
            self.assertEqual(run.stderr, b'')
            with open(path, 'rb') as file:
                self.assertEqual(run.stdout.count(b'(148)'),
                                 len(flow_ids(file.read())))

    def killed_while_spooling(self):
        """Returns how many records were on the disk, by their ids."""
        read, write = os.pipe()
        run = subprocess.Popen(
            [support.SPANFIX, '-r', '-', *self.arguments(*EVICTING)],
            stdin=read, stderr=subprocess.DEVNULL, env=support.ENVIRONMENT)
        os.close(read)
        with os.fdopen(write, 'wb') as pipe:
            pipe.write(many_flows(14000))
            pipe.flush()
            poll_until(lambda: len(self.files()) > 1, 'two files')
            run.send_signal(signal.SIGKILL)
            run.wait()
        return self.on_disk()

    def test_what_is_on_the_disk_when_spanfix_is_killed_arrives(self):
        spooled = self.killed_while_spooling()
        self.assertGreater(len(spooled), 8000)
        output, ids = self.back()
        self.assertEqual(ids[:-14], spooled)
        self.assertEqual((output.earlier.made, output.earlier.sent),
                         (len(spooled), len(spooled)))

    def test_a_message_that_was_cut_off_is_left_out_and_said(self):
        self.away(1000)
        last = self.files()[-1]
        # As it is called while it is written.
        directory, name = os.path.split(last)
        torn = os.path.join(directory, name.split('.')[0] + '.ipfix')
        os.rename(last, torn)
        os.truncate(torn, os.path.getsize(torn) - 100)
        spooled = self.on_disk()
        self.assertLess(len(spooled), 1000)
        self.assertGreater(len(spooled), 800)

        collector = Collector(self.port)
        run = self.succeed('-r', self.capture(support.everything()),
                           *self.arguments())
        self.assertEqual(flows_of(collector)[:-14], spooled)
        self.assertEqual(run.stderr.splitlines()[0],
                         f"spanfix: collector '{self.url}': spool: '{torn}' "
                         'ended inside a message, which is left out')
        self.assertEqual(run.summary.outputs[0].earlier.sent, len(spooled))

    def test_it_is_bounded_and_the_oldest_go_first(self):
        output, _ = self.away(12000, '--spool-size', '1M')
        self.assertEqual(output.reasons, {'spool full': 12000 - output.spooled})
        self.assertGreater(output.spooled, 4000)
        self.assertLessEqual(sum(map(os.path.getsize, self.files())), 1 << 20)
        newest = self.on_disk()
        self.assertEqual(len(newest), output.spooled)
        _, ids = self.back('--spool-size', '1M')
        self.assertEqual(ids[:-14], newest)

    @needs('unshare')
    @needs_root()
    def test_a_full_disk_is_counted_and_said_once(self):
        os.mkdir(self.spool)
        command = ' '.join([support.SPANFIX, '-c', self.url, '--spool',
                            self.spool, '-r'])
        many = self.file('many.pcap', many_flows(24000))
        few = self.capture(support.everything())
        run = subprocess.Popen(
            ['unshare', '--mount', 'sh', '-c',
             f'mount -t tmpfs -o size=2m spool {self.spool} || exit 9; '
             f'{command} {many}; echo $?; read line; {command} {few}'],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE,
            stderr=subprocess.PIPE, env=support.ENVIRONMENT)
        line = run.stdout.readline()
        collector = Collector(self.port)
        error = run.communicate(b'\n', timeout=support.PATIENCE)[1].decode()
        ids = flows_of(collector)
        self.assertEqual((line, run.returncode), (b'1\n', 0), error)

        away, back = error.split('packets seen')[1:]
        away, back = (Summary('packets seen' + part) for part in (away, back))
        self.assertEqual(away.errors() + back.errors(), [], error)
        output, = away.outputs
        reason = 'spool: No space left on device'
        self.assertEqual(output.reasons, {reason: 24000 - output.spooled})
        self.assertGreater(output.spooled, 5000)
        self.assertEqual(error.count("cannot write in '" + self.spool), 1,
                         error)
        output, = back.outputs
        self.assertEqual((output.earlier.made, output.earlier.sent),
                         (away.outputs[0].spooled, away.outputs[0].spooled))
        self.assertEqual(len(ids), output.earlier.made + 14)

    def test_a_directory_is_for_one_spanfix(self):
        read, write = os.pipe()
        first = subprocess.Popen(
            [support.SPANFIX, '-r', '-', *self.arguments()], stdin=read,
            stderr=subprocess.DEVNULL, env=support.ENVIRONMENT)
        os.close(read)
        try:
            os.write(write, support.pcap([]))
            poll_until(lambda: glob.glob(os.path.join(self.spool, '*1')),
                       'the first one has it')
            second = spanfix('-r', self.capture(support.everything()),
                             *self.arguments())
        finally:
            os.close(write)
            first.wait(support.PATIENCE)
        self.assertEqual(
            (second.status, second.stderr),
            (2, f"spanfix: --spool: another spanfix has '{self.spool}'; give "
             'each a directory of its own\n'))

    def test_two_collectors_do_not_share_a_spool(self):
        run = spanfix('-r', self.capture(support.everything()),
                      *self.arguments('-c', self.url + '?uniflow'))
        self.assertEqual(run.status, 2)
        self.assertIn('would have one spool', run.stderr)


if __name__ == '__main__':
    support.main()
