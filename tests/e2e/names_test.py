#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A collector whose name points elsewhere after a while, in a network and with
a hosts file of the test's own."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import unittest

import support
from ipfix_reader import Reader
from support import EndToEnd, Summary, poll_until
from tcp_delivery_test import whole_messages

NAME = 'collector.test'
OWN = 'SPANFIX_OWN_NETWORK'
PORT = 4739


@unittest.skipIf(OWN not in os.environ, 'needs root and unshare')
class Names(EndToEnd):
    @classmethod
    def setUpClass(cls):
        subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)

    def setUp(self):
        super().setUp()
        self.point('127.0.0.2')
        subprocess.run(['mount', '--bind', self.path('hosts'), '/etc/hosts'],
                       check=True)
        self.addCleanup(subprocess.run, ['umount', '/etc/hosts'], check=True)
        self.sender = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.addCleanup(self.sender.close)

    def point(self, address):
        """The name, to an address or nowhere."""
        with open(self.path('hosts'), 'w', encoding='ascii') as file:
            file.write(f'{address} {NAME}\n' if address else '')

    def start(self, scheme):
        log = open(self.path('log'), 'w+b')
        self.addCleanup(log.close)
        process = subprocess.Popen(
            [support.SPANFIX, '-i', 'lo', '-c', f'{scheme}://{NAME}:{PORT}',
             '--template-refresh', '1', '--active-timeout', '1',
             'udp port 7777'], stderr=log, env=support.ENVIRONMENT)
        self.addCleanup(process.wait)
        self.addCleanup(process.kill)
        return process

    def ended(self, process):
        self.assertEqual(process.wait(support.PATIENCE), 0)
        with open(self.path('log'), encoding='utf-8') as file:
            summary = Summary(file.read())
        self.assertEqual(summary.errors(), [])
        return summary.outputs[0]

    def until(self, condition, what):
        """With traffic meanwhile, so that there are records."""
        def with_traffic():
            self.sender.sendto(b'x', ('127.0.0.1', 7777))
            time.sleep(0.02)
            return condition()
        return poll_until(with_traffic, what)

    def socket(self, address, kind):
        bound = socket.socket(socket.AF_INET, kind)
        self.addCleanup(bound.close)
        bound.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        bound.bind((address, PORT))
        bound.setblocking(False)
        return bound

    @staticmethod
    def datagrams(listener, into):
        while True:
            try:
                into.append(listener.recvfrom(65536))
            except BlockingIOError:
                return into

    @staticmethod
    def has_flows(datagrams):
        """They begin with templates: others could not be read."""
        reader = Reader(any_start=True)
        for octets, _ in datagrams:
            reader.message(octets)
        return any('flowId' in record.named() for record in reader.records)

    def test_datagrams_follow_the_name(self):
        first, second = [], []
        at_first = self.socket('127.0.0.2', socket.SOCK_DGRAM)
        at_second = self.socket('127.0.0.3', socket.SOCK_DGRAM)
        process = self.start('udp')
        self.until(lambda: self.has_flows(self.datagrams(at_first, first)),
                   'flows at the first address')
        self.assertEqual(self.datagrams(at_second, second), [])
        self.point('127.0.0.3')
        self.until(lambda: self.has_flows(self.datagrams(at_second, second)),
                   'flows at the second address')
        # Its port is how collectors know it.
        self.assertEqual({port for _, (_, port) in first + second},
                         {first[0][1][1]})

        self.point(None)
        self.datagrams(at_second, second)
        later = time.monotonic() + 2.5  # two look-ups
        self.until(lambda: time.monotonic() > later, 'the name is gone')
        del second[:]
        self.until(lambda: self.datagrams(at_second, second),
                   'it stays with the address that it had')
        process.send_signal(signal.SIGTERM)
        output = self.ended(process)
        self.assertEqual((output.made, output.dropped), (output.sent, 0))

    def accepted(self, server):
        def accept():
            try:
                return server.accept()[0]
            except BlockingIOError:
                return None
        connection = self.until(accept, 'a connection')
        self.addCleanup(connection.close)
        connection.setblocking(False)
        return connection

    def flows_of(self, connection):
        stream = bytearray()

        def some():
            try:
                stream.extend(connection.recv(65536))
            except BlockingIOError:
                pass
            records = Reader().stream(whole_messages(bytes(stream))).records
            return [r for r in records if 'flowId' in r.named()]
        return self.until(some, 'flows')

    def test_a_connection_follows_the_name(self):
        at_first = self.socket('127.0.0.2', socket.SOCK_STREAM)
        at_first.listen()
        process = self.start('tcp')
        connection = self.accepted(at_first)
        self.flows_of(connection)

        at_second = self.socket('127.0.0.3', socket.SOCK_STREAM)
        at_second.listen()
        self.point('127.0.0.3')
        at_first.close()
        connection.close()
        connection = self.accepted(at_second)
        self.flows_of(connection)
        connection.setblocking(True)
        process.send_signal(signal.SIGTERM)
        while connection.recv(65536):
            pass
        connection.close()
        output = self.ended(process)
        self.assertEqual((output.made, output.dropped), (output.sent, 0))


if __name__ == '__main__':
    UNSHARE = ['unshare', '--net', '--mount']
    if (OWN not in os.environ and shutil.which('unshare') and
            subprocess.run([*UNSHARE, 'true'], check=False).returncode == 0):
        os.environ[OWN] = '1'
        os.execvp(UNSHARE[0], [*UNSHARE, sys.executable, '-B', *sys.argv])
    support.main()
