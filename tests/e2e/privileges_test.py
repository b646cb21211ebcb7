#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who spanfix is once root has started it: what had to be opened is open, and
nothing else can be had any more.

    [far] far0 ======== cap0 [probe: spanfix -i cap0]
"""

import glob
import os
import pwd
import re
import resource
import shutil
import subprocess
import sys

import support
from ipfix_reader import read_file
from live_interfaces_test import HTTP, Cables, frame
from live_test import Spanfix
from support import (EndToEnd, Summary, everything, needs, needs_root,
                     pcap, poll_until, spanfix)

NET_RAW = 1 << 13  # CAP_NET_RAW, capabilities(7)


def default_user():
    try:
        return pwd.getpwnam('spanfix')
    except KeyError:
        return pwd.getpwnam('nobody')


def groups_of(user):
    return set(os.getgrouplist(user.pw_name, user.pw_gid))


def threads_of(pid):
    """What /proc says of each thread."""
    threads = []
    for path in glob.glob(f'/proc/{pid}/task/*/status'):
        with open(path, encoding='utf-8') as file:
            threads.append(dict(re.findall(r'^(\w+):\s*(.*?)\s*$', file.read(),
                                           re.M)))
    return threads


def words(count, values):
    return [int(value) for value in values.split()][:count]


@needs_root()
class Privileges(EndToEnd):
    def setUp(self):
        super().setUp()
        self.user = default_user()
        if self.user.pw_uid == 0:
            self.skipTest('the default user is root')
        self.port = support.free_tcp_port()

    def assert_is(self, thread, user, capabilities):
        self.assertEqual(words(4, thread['Uid']), [user.pw_uid] * 4, thread)
        self.assertEqual(words(4, thread['Gid']), [user.pw_gid] * 4, thread)
        self.assertEqual(set(words(None, thread['Groups'])), groups_of(user))
        for name in ('CapPrm', 'CapEff'):
            self.assertEqual(int(thread[name], 16), capabilities, thread)
        for name in ('CapInh', 'CapBnd', 'CapAmb'):
            self.assertEqual(int(thread[name], 16), 0, thread)
        self.assertEqual(thread['NoNewPrivs'], '1')

    def root_only(self, name, content):
        os.makedirs(self.path('roots'), 0o700, exist_ok=True)
        path = self.file('roots/' + name, content)
        os.chmod(path, 0o600)
        return path

    # ---- an interface ----

    def live(self, *arguments):
        self.cables = Cables.lay(self.addCleanup)
        subprocess.run(['ip', '-n', self.cables.probe, 'link', 'set', 'lo',
                        'up'], check=True)
        running = Spanfix(self.directory, self.cables.probe, '-i', 'cap0',
                          *arguments)
        self.addCleanup(running.kill)
        return running

    @needs('ip', 'nsenter', 'sysctl')
    def test_every_thread_may_capture_and_nothing_else(self):
        running = self.live('--threads', 2, '--http', HTTP,
                            '-c', 'udp://127.0.0.1:9', '-c', 'tcp://127.0.0.1:9',
                            '-c', 'kafka://127.0.0.1:9/flows')
        self.cables.send_by(0, [frame(1)])
        running.seen(1)

        def capturing():
            return sum(int(thread['CapEff'], 16) == NET_RAW
                       for thread in threads_of(running.pid))
        # Main, two that capture, export, --http, and one for each collector.
        poll_until(lambda: capturing() >= 8, 'all threads are there')
        kinds = set()
        for thread in threads_of(running.pid):
            # Those that there were before have nothing: librdkafka's, and one
            # of the thread sanitizer.
            capabilities = int(thread['CapEff'], 16) & NET_RAW
            self.assert_is(thread, self.user, capabilities)
            kinds.add((thread['Name'].startswith('rdk:'), capabilities))
        self.assertIn((True, 0), kinds)
        self.assertNotIn((True, NET_RAW), kinds)
        self.assertEqual(running.stop(), 0)

    @needs('ip', 'nsenter', 'sysctl')
    def test_an_interface_that_is_created_again_is_opened_and_files_are_written(
            self):
        os.mkdir(self.path('roots'), 0o700)
        flows = self.path('roots/flows.ipfix')
        running = self.live('-w', flows, '-c', f'protobuf:{flows}.pb')
        self.cables.send_by(0, [frame(1)])
        running.seen(1)
        self.cables.unplug(0)
        poll_until(lambda: 'is gone' in running.stderr(), 'it is missed')
        self.cables.plug(0)
        poll_until(lambda: 'is back' in running.stderr(), 'it is back')
        self.cables.send_by(0, [frame(2)])
        running.seen(2)
        self.assert_is(threads_of(running.pid)[0], self.user, NET_RAW)
        self.assertEqual(running.stop(), 0)
        self.assertEqual(Summary(running.stderr()).errors(), [])
        self.assertEqual(len(read_file(flows).records), 2)
        self.assertEqual(os.stat(flows).st_uid, 0)
        self.assertGreater(os.path.getsize(flows + '.pb'), 0)

    # ---- a capture ----

    def reading(self, *arguments):
        """One that reads a pipe, which is kept open."""
        with open(self.path('err'), 'wb') as err:
            process = subprocess.Popen(
                [support.SPANFIX, '-r', '-', *map(str, arguments)],
                stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, stderr=err,
                env=support.ENVIRONMENT)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdin.close)
        process.stdin.write(pcap(everything().frames))
        process.stdin.flush()
        support.wait_until_started(process)
        return process

    def test_a_capture_is_read_without_any_privilege(self):
        process = self.reading()
        for thread in threads_of(process.pid):
            self.assert_is(thread, self.user, 0)

    def test_a_user_that_is_named_is_who_it_is(self):
        user = pwd.getpwnam('daemon')
        process = self.reading('--user', 'daemon')
        for thread in threads_of(process.pid):
            self.assert_is(thread, user, 0)

    def test_the_config_file_may_name_it(self):
        config = self.file('spanfix.conf', b'user = daemon\n')
        process = self.reading('--config', config)
        self.assert_is(threads_of(process.pid)[0], pwd.getpwnam('daemon'), 0)

    def test_root_stays_root_when_told_to(self):
        process = self.reading('--user', 'root')
        thread = threads_of(process.pid)[0]
        self.assertEqual(words(4, thread['Uid']), [0] * 4)
        self.assertEqual(thread['NoNewPrivs'], '0')

    def test_files_that_only_root_may_read_are_read_to_the_last(self):
        captures = [self.root_only(f'{i}.pcap', pcap(everything().frames))
                    for i in range(30)]
        # Fewer at first than are to be open.
        run = self.succeed(
            *(word for path in captures for word in ('-r', path)),
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_NOFILE,
                                                  (24, 4096)))
        self.assertEqual(run.summary.seen, 30 * 54)

    # ---- a spool ----

    def away(self, spool, *arguments):
        """A run without its collector."""
        return spanfix('-r', self.capture(everything()), '-c',
                       f'tcp://127.0.0.1:{self.port}', '--spool',
                       spool, '-w', self.path('flows.ipfix'), *arguments)

    def test_the_spool_that_root_makes_is_the_users(self):
        spool = self.path('spool')
        for spooled in (14, 28):  # the second run takes over
            run = self.away(spool)
            self.assertEqual(run.status, 1, run)
            self.assertIn(f'{spooled} records for', run.stderr)
        found = [spool, *glob.glob(spool + '/**', recursive=True)]
        self.assertGreaterEqual(len(found), 5, found)
        self.assertEqual({os.stat(path).st_uid for path in found},
                         {self.user.pw_uid})

    def refused(self, run, *naming):
        self.assertEqual(run.status, 2, run)
        line = run.stderr.splitlines()[-1]
        for part in naming:
            self.assertIn(part, line)
        self.assertFalse(os.path.exists(self.path('flows.ipfix')))

    def test_a_spool_that_the_user_cannot_write_is_refused_with_the_fix(self):
        spool = self.path('spool')
        os.mkdir(spool, 0o755)
        self.refused(self.away(spool), '--spool', spool, 'Permission denied',
                     f"chown -R {self.user.pw_name} '{spool}'")
        self.assertEqual(os.listdir(spool), [])

    def test_so_is_one_with_files_of_a_run_as_root(self):
        spool = self.path('spool')
        self.assertEqual(self.away(spool, '--user', 'root').status, 1)
        os.remove(self.path('flows.ipfix'))
        file, = glob.glob(spool + '/*/*.ipfix')
        fix = f"chown -R {self.user.pw_name} '%s'"
        for owned, named in (([], spool),
                             ([spool, spool + '/lock'], os.path.dirname(file)),
                             ([os.path.dirname(file)], file)):
            for path in owned:
                os.chown(path, self.user.pw_uid, 0)
            self.refused(self.away(spool), fix % named)
        subprocess.run(fix % spool, shell=True, check=True)
        run = self.away(spool)
        self.assertEqual(run.status, 1, run)
        self.assertIn('28 records for', run.stderr)

    # ---- who it cannot be ----

    def test_a_user_that_there_is_not_is_named(self):
        self.refused(spanfix('-r', self.capture(everything()), '--user',
                             'no-such-user', '-w', self.path('flows.ipfix')),
                     "--user: there is no user 'no-such-user'")

    def test_who_is_not_root_stays_and_cannot_choose(self):
        # The one that is tested may be where only root gets to.
        program = shutil.copy(support.SPANFIX, self.path('spanfix'))

        def run(*arguments):
            return subprocess.run(
                [program, '-r', self.capture(everything()), *arguments],
                capture_output=True, text=True, env=support.ENVIRONMENT,
                timeout=support.PATIENCE, user='daemon', group='daemon',
                extra_groups=[])
        self.assertEqual(run().returncode, 0)
        refused = run('--user', 'nobody')
        self.assertEqual(
            (refused.returncode, refused.stderr),
            (2, "spanfix: --user: only root with CAP_SETUID can become "
             "'nobody'; leave it out\n"))

    @needs('setpriv')
    def test_root_who_cannot_change_stays_unless_told_otherwise(self):
        def run(bounding, *arguments):
            return subprocess.run(
                ['setpriv', f'--bounding-set={bounding}', support.SPANFIX,
                 '-r', self.capture(everything()), *arguments],
                capture_output=True, text=True, env=support.ENVIRONMENT,
                timeout=support.PATIENCE)
        self.assertEqual(run('-setuid').returncode, 0)
        refused = run('-setuid', '--user', 'nobody')
        self.assertEqual(refused.returncode, 2, refused)
        self.assertIn('--user: only root with CAP_SETUID', refused.stderr)
        # It could become another one, but not for good.
        for bounding in ('-setpcap', '-setgid'):
            refused = run(bounding)
            self.assertEqual(refused.returncode, 2, refused)
            self.assertIn(f"--user: cannot become '{self.user.pw_name}'",
                          refused.stderr)
            self.assertIn('--user root', refused.stderr)


if __name__ == '__main__':
    sys.exit(support.main())
