#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a service manager hears of a running spanfix."""

import os
import select
import signal
import socket
import subprocess
import time

import support
from support import EndToEnd, needs_root, poll_until


class Manager:
    """A socket in the place of systemd's."""

    def __init__(self, name):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
        self._socket.bind('\0' + name[1:] if name[0] == '@' else name)
        self.name = name
        self.heard = []

    def close(self):
        self._socket.close()

    def listen(self, seconds=0.0):
        """Everything heard by now; the first of it may take so long."""
        while select.select([self._socket], [], [], seconds)[0]:
            self.heard.append(self._socket.recv(4096).decode())
            seconds = 0
        return self.heard


@needs_root()
class Service(EndToEnd):

    def start(self, manager, *arguments, watchdog=None, **options):
        environment = dict(support.ENVIRONMENT, NOTIFY_SOCKET=manager.name)
        if watchdog is not None:
            environment['WATCHDOG_USEC'] = str(int(watchdog * 1e6))
        options = {'stdout': subprocess.DEVNULL, 'stderr': subprocess.DEVNULL,
                   **options}
        process = subprocess.Popen(
            [support.SPANFIX, *arguments], stdin=subprocess.DEVNULL,
            env=environment, **options)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def manager(self, name=None):
        manager = Manager(name or self.path('notify'))
        self.addCleanup(manager.close)
        return manager

    @staticmethod
    def captures(pid):
        """Whether one of its sockets is a packet socket."""
        with open('/proc/net/packet', encoding='ascii') as file:
            packet_sockets = {f'socket:[{line.split()[-1]}]'
                              for line in file.readlines()[1:]}
        descriptors = f'/proc/{pid}/fd'
        return any(os.readlink(os.path.join(descriptors, name)) in packet_sockets
                   for name in os.listdir(descriptors))

    def test_it_is_ready_once_the_interface_is_open_and_says_that_it_stops(self):
        for name in (self.path('notify'), f'@spanfix-e2e-{os.getpid()}'):
            with self.subTest(name):
                manager = self.manager(name)
                spanfix = self.start(manager, '-i', 'lo', '-w', '/dev/null')
                poll_until(lambda: manager.listen(0.1), 'it is ready')
                self.assertEqual(manager.heard, ['READY=1'])
                self.assertTrue(self.captures(spanfix.pid))

                spanfix.send_signal(signal.SIGTERM)
                self.assertEqual(spanfix.wait(support.PATIENCE), 0)
                self.assertEqual(manager.listen(), ['READY=1', 'STOPPING=1'])

    def test_it_is_never_ready_when_it_cannot_start(self):
        manager = self.manager()
        spanfix = self.start(manager, '-i', 'nosuchif0')
        self.assertEqual(spanfix.wait(support.PATIENCE), 2)
        self.assertEqual(manager.listen(), [])

    def test_it_is_alive_as_long_as_it_works(self):
        manager = self.manager()
        self.start(manager, '-i', 'lo', '-w', '/dev/null', watchdog=2)
        begin = time.monotonic()
        poll_until(lambda: manager.listen(0.1).count('WATCHDOG=1') == 3,
                   'three signs of life')
        self.assertGreaterEqual(time.monotonic() - begin, 2.9)

    def test_it_is_not_alive_while_its_output_stands_still(self):
        manager = self.manager()
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        # So many records that the pipe, which nobody reads, is full.
        self.start(manager, '-i', 'lo', '--format', 'json',
                   '--max-flows', '1', 'udp and port 33433', watchdog=2,
                   stdout=writer)
        os.close(writer)
        poll_until(lambda: 'WATCHDOG=1' in manager.listen(0.1), 'it is alive')
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
            for i in range(600):
                sender.sendto(b'x', (f'127.0.1.{i % 250}', 33433))
        time.sleep(2)  # a sign of life may be on its way
        count = len(manager.listen())
        time.sleep(3)
        self.assertEqual(len(manager.listen()), count)


if __name__ == '__main__':
    support.main()
