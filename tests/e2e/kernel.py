# SPDX-License-Identifier: Apache-2.0
"""Two hosts with the kernel's own TCP and IP, and what a capture saw of them.

    [a] eth 10.9.6.1 ================== 10.9.6.2 eth [b]
    [a] far 10.9.7.1 --- [a Relay] --- 10.9.7.2 far [b]

The hosts are network namespaces, gone after the tests. What the records must
hold, tshark says of the same capture.
"""

import contextlib
import ctypes
import heapq
import os
import re
import select
import shutil
import socket
import struct
import subprocess
import threading
import time
import unittest

import support
from support import EndToEnd, poll_until
from wiretap import (is_data, milliseconds, missing_octets, read_frames,
                     retransmissions, segment_of, write_frames)

A, B, A6, B6 = '10.9.6.1', '10.9.6.2', 'fd09:6::1', 'fd09:6::2'
FAR_A, FAR_B, FAR_A6, FAR_B6 = '10.9.7.1', '10.9.7.2', 'fd09:7::1', 'fd09:7::2'
NEAR = ((A, B), (A6, B6))
FAR = ((FAR_A, FAR_B), (FAR_A6, FAR_B6))
NOBODY = '10.9.6.77'  # its MAC address belongs to no card
OFFLOADS = ('tso', 'gso', 'gro', 'tx', 'rx')

MARK = 0x88b5  # an EtherType for experiments (IEEE 802)
_LIBC = ctypes.CDLL(None, use_errno=True)
_CLONE_NEWNET = 0x40000000
_PACKET_IGNORE_OUTGOING = 23
_SO_RCVBUFFORCE = 33


def _enter(namespace):
    if _LIBC.setns(namespace.fileno(), _CLONE_NEWNET):
        raise OSError(ctypes.get_errno(), 'setns')


@contextlib.contextmanager
def inside(namespace):
    """What this thread creates meanwhile (sockets, processes) is in there."""
    with open('/proc/thread-self/ns/net', encoding='ascii') as home, \
            open('/run/netns/' + namespace, encoding='ascii') as there:
        _enter(there)
        try:
            yield
        finally:
            _enter(home)


def run(command):
    done = subprocess.run(command.split(), capture_output=True, text=True,
                          timeout=support.PATIENCE)
    if done.returncode != 0:
        raise OSError(f"'{command}': {done.stderr.strip()}")


class Relay(threading.Thread):
    """Carries frames between two ports. `rule(from_a, frame)` answers the
    delays in seconds of the copies to deliver: (0,) is a cable, () a loss."""

    CABLE = staticmethod(lambda from_a, frame: (0,))

    def __init__(self, namespace, ports):
        super().__init__(daemon=True)
        self.rule = self.CABLE
        self._waiting = []  # a heap: (due, number, from_a, frame)
        self._count = 0
        self._ports = []
        self._ended = False
        self._busy = threading.Lock()
        with inside(namespace):
            for port in ports:
                end = socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
                end.setsockopt(263, _PACKET_IGNORE_OUTGOING, 1)  # SOL_PACKET
                end.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE,
                               1 << 23)
                end.bind((port, 3))  # ETH_P_ALL
                self._ports.append(end)

    def run(self):
        while not self._ended:
            due = 0.05
            if self._waiting:
                due = max(self._waiting[0][0] - time.monotonic(), 0)
            ready, _, _ = select.select(self._ports, [], [], min(due, 0.05))
            with self._busy:
                for port in ready:
                    self._take(port is self._ports[0], port.recv(65535))
                self._deliver()

    def _take(self, from_a, frame):
        for delay in self.rule(from_a, frame):
            self._count += 1
            heapq.heappush(self._waiting, (time.monotonic() + delay,
                                           self._count, from_a, frame))

    def _deliver(self):
        while self._waiting and self._waiting[0][0] <= time.monotonic():
            _, _, from_a, frame = heapq.heappop(self._waiting)
            self._ports[1 if from_a else 0].send(frame)

    def idle(self):
        with self._busy:
            return not self._waiting and not select.select(self._ports, [],
                                                           [], 0)[0]

    def stop(self):
        self._ended = True
        self.join()
        for port in self._ports:
            port.close()


class Hosts:
    """The picture above."""

    def __init__(self):
        unique = f'spanfix-{os.getpid()}-'
        self.a, self.b, self._middle = (unique + name
                                        for name in ('ka', 'kb', 'relay'))
        self._made = []
        self.relay = None
        try:
            self._build()
        except BaseException:
            self.remove()
            raise

    def _build(self):
        for namespace in (self.a, self.b, self._middle):
            run('ip netns add ' + namespace)
            self._made.append(namespace)
            self.inside(namespace, 'ip link set lo up')
            # Nobody speaks but the tests, and no test remembers another.
            self.inside(namespace, 'sysctl -qw net.ipv4.tcp_no_metrics_save=1 '
                        'net.ipv4.icmp_ratelimit=0 net.ipv6.icmp.ratelimit=0 '
                        'net.ipv6.conf.default.accept_ra=0 '
                        'net.ipv6.conf.default.dad_transmits=0 '
                        'net.ipv6.conf.default.addr_gen_mode=1 '
                        'net.ipv6.conf.default.router_solicitations=0')
        self.inside(self._middle,
                    'sysctl -qw net.ipv6.conf.default.disable_ipv6=1')
        self.inside(self.a, 'ip link add eth type veth peer name eth netns ' +
                    self.b)
        for host, port in ((self.a, 'pa'), (self.b, 'pb')):
            self.inside(self._middle, f'ip link add {port} type veth peer far '
                        f'netns {host}')
            self._up(self._middle, port)
        for host, own, others in ((self.a, 1, 2), (self.b, 2, 1)):
            for name, net in (('eth', 6), ('far', 7)):
                self.inside(host, f'ip link set {name} address '
                            f'02:00:00:00:0{net}:0{own}')
                self._up(host, name)
                for address in (f'10.9.{net}.{own}/24',
                                f'fd09:{net}::{own}/64 nodad'):
                    self.inside(host, f'ip address add dev {name} {address}')
                for address in (f'10.9.{net}.{others}',
                                f'fd09:{net}::{others}'):
                    self.neighbour(host, address, name,
                                   f'02:00:00:00:0{net}:0{others}')
        self.neighbour(self.a, NOBODY, 'eth', '02:00:00:00:00:77')
        self.relay = Relay(self._middle, ('pa', 'pb'))
        self.relay.start()

    def _up(self, namespace, name):
        self.offload(namespace, name, 'off')
        self.inside(namespace, f'ip link set {name} up')

    def neighbour(self, host, address, name, mac):
        self.inside(host, f'ip neighbour replace {address} dev {name} lladdr '
                    f'{mac} nud permanent')

    def offload(self, namespace, name, value):
        self.inside(namespace, f'ethtool -K {name} ' +
                    ' '.join(f'{offload} {value}' for offload in OFFLOADS))

    @staticmethod
    def inside(namespace, command):
        with inside(namespace):
            run(command)

    def remove(self):
        if self.relay is not None:
            self.relay.stop()
        for namespace in self._made:
            subprocess.run(['ip', 'netns', 'delete', namespace], check=False)

    def quiet(self):
        """No connection of either host has anything left to say."""
        done = {'06', '07', '0A'}  # time-wait, close, listen
        for namespace in (self.a, self.b):
            for table in ('tcp', 'tcp6'):
                with inside(namespace), open(f'/proc/thread-self/net/{table}',
                                             encoding='ascii') as file:
                    states = {line.split()[3] for line in file.readlines()[1:]}
                if states - done:
                    return False
        return self.relay.idle()


# ---- captures ----


class Capture:
    """tcpdump at an interface, from the creation to finish()."""

    def __init__(self, path, namespace, interface, *arguments):
        self.path = path
        self._namespace, self._interface = namespace, interface
        self._log = path + '.log'
        # Multicast listener reports begin with hop-by-hop options.
        with open(self._log, 'wb') as log, inside(namespace):
            self._process = subprocess.Popen(
                ['tcpdump', '-i', interface, '-U', '--immediate-mode', '-n',
                 '-Z', 'root', '-B', '16384', '-w', path, *arguments,
                 f'ip or ether proto {MARK} or '
                 'ip6 and not (ip6[6] == 0 and ip6[40] == 58)'],
                stdin=subprocess.DEVNULL, stderr=log)
        poll_until(lambda: 'listening on' in self.log() or self.ended(),
                   'tcpdump listens')

    def log(self):
        with open(self._log, encoding='utf-8') as file:
            return file.read()

    def ended(self):
        if self._process.poll() is None:
            return False
        raise AssertionError('tcpdump ended:\n' + self.log())

    def finish(self):
        """All that was on the wire until now is in the file."""
        mark = os.urandom(16)
        with inside(self._namespace), \
                socket.socket(socket.AF_PACKET, socket.SOCK_RAW, 0) as end:
            end.bind((self._interface, MARK))
            end.send((b'\xff' * 6 + b'\x02\0\0\0\0\x99' +
                      MARK.to_bytes(2, 'big') + mark).ljust(60, b'\0'))

        def written():
            with open(self.path, 'rb') as file:
                return mark in file.read() or self.ended()
        poll_until(written, 'tcpdump has written everything')
        self.stop()
        if not re.search(r'^0 packets dropped by kernel', self.log(), re.M):
            raise AssertionError('tcpdump lost packets:\n' + self.log())
        write_frames(self.path, [
            frame for frame in read_frames(self.path)
            if frame.octets[12:14] != MARK.to_bytes(2, 'big')])

    def stop(self):
        if self._process.poll() is None:
            self._process.terminate()
            self._process.wait(support.PATIENCE)


# ---- rules for the relay ----


class EveryNth:
    """A rule: every nth data segment from a, when it comes first, is delivered
    with these delays, all else at once."""

    def __init__(self, nth, delays):
        self.nth, self.delays = nth, delays
        self.seen, self.hits = set(), 0

    def __call__(self, from_a, frame):
        segment = segment_of(frame)
        if not from_a or not is_data(frame):
            return (0,)
        number = (segment.source, segment.sequence)
        if number in self.seen:
            return (0,)
        self.seen.add(number)
        if len(self.seen) % self.nth:
            return (0,)
        self.hits += 1
        return self.delays


class Loses:
    """A rule: loses the first segments with exactly these flags."""

    def __init__(self, *flags):
        self.left = list(flags)

    def __call__(self, from_a, frame):
        segment = segment_of(frame)
        if segment and segment.flags in self.left:
            self.left.remove(segment.flags)
            return ()
        return (0,)


# ---- tests ----


def supported(what):
    """Of the kernel: whether `ip link add` knows this type of interface."""
    if os.geteuid() != 0 or not shutil.which('unshare'):
        return False
    return subprocess.run(['unshare', '--net', 'ip', 'link', 'add', 'probe',
                           'type', *what.split()], capture_output=True,
                          check=False).returncode == 0


class KernelTest(EndToEnd):
    @classmethod
    def setUpClass(cls):
        try:
            cls.net = Hosts()
        except OSError as error:
            raise unittest.SkipTest(
                f'cannot build two hosts of namespaces: {error}') from error
        cls.addClassCleanup(cls.net.remove)

    def setUp(self):
        super().setUp()
        self.addCleanup(setattr, self.net.relay, 'rule', Relay.CABLE)

    @contextlib.contextmanager
    def capture(self, *points):
        """Captures at points like 'a eth', or 'a eth -s 96'; yields their
        paths. They are complete when it ends."""
        captures = []
        for number, point in enumerate(points or ['a eth']):
            host, interface, *arguments = point.split()
            captures.append(Capture(self.path(f'{number}.pcap'),
                                    getattr(self.net, host), interface,
                                    *arguments))
            self.addCleanup(captures[-1].stop)
        yield [capture.path for capture in captures]
        poll_until(self.net.quiet, 'the hosts have said everything')
        for capture in captures:
            capture.finish()

    def socket(self, host, address, port=0, kind=socket.SOCK_STREAM):
        family = socket.AF_INET6 if ':' in address else socket.AF_INET
        with inside(getattr(self.net, host)):
            made = socket.socket(family, kind)
        self.addCleanup(made.close)
        made.settimeout(support.PATIENCE)
        made.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        made.bind((address, port))
        return made

    def listen(self, address, port=0, receive_buffer=None):
        server = self.socket('b', address, port)
        if receive_buffer:
            server.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF,
                              receive_buffer)
        server.listen()
        return server

    def connect(self, client, server, port=0):
        """From the address `client` of a to a listening socket."""
        connection = self.socket('a', client, port)
        connection.connect(server.getsockname()[:2])
        accepted, _ = server.accept()
        accepted.settimeout(support.PATIENCE)
        self.addCleanup(accepted.close)
        return connection, accepted

    def connection(self, client, server):
        with self.listen(server) as listening:
            return self.connect(client, listening)

    def exchange(self, client, server, request=1000, response=5000):
        send(client, server, request)
        send(server, client, response)

    def close(self, first, second):
        first.close()
        self.assertEqual(second.recv(1), b'')
        second.close()

    # ---- records and what they must say ----

    def record(self, records, **members):
        found = [r for r in records
                 if all(r.get(name) == value
                        for name, value in members.items())]
        self.assertEqual(len(found), 1, f'{members} in {records}')
        return found[0]

    def one_for(self, path, *arguments):
        record, = self.flows('-r', path, *arguments)
        return record

    def check_side(self, record, packets, name):
        """`name` makes the name of an element that of this direction."""
        says = {element: record.get(name(element)) for element in (
            'packetDeltaCount', 'octetDeltaCount', 'flowStartMilliseconds',
            'flowEndMilliseconds', 'minimumTTL', 'maximumTTL')}
        self.assertEqual(says, {
            'packetDeltaCount': len(packets),
            'octetDeltaCount': sum(p.octets for p in packets),
            'flowStartMilliseconds': milliseconds(min(p.micros
                                                      for p in packets)),
            'flowEndMilliseconds': milliseconds(max(p.micros
                                                    for p in packets)),
            'minimumTTL': min(p.ttl for p in packets),
            'maximumTTL': max(p.ttl for p in packets)}, record)
        if record['protocolIdentifier'] == 6:
            flags = 0
            for p in packets:
                flags |= p.flags & 0xff
            self.assertEqual(record[name('tcpControlBits')], flags, record)
            count = retransmissions(packets)
            self.assertEqual(record[name('tcpRetransmittedPackets')], count,
                             record)
            letter = 'T' if name('x') == 'x' else 't'
            self.assertEqual(letter in record['tcpHistory'], count > 0, record)

    def check(self, record, packets, by_ports=True):
        """Against those of tshark's packets that have its addresses and
        ports; returns them."""
        one, other = support.addresses_of(record)
        ports = (record['sourceTransportPort'],
                 record['destinationTransportPort'])
        own = {}
        for way in ((one, other, ports), (other, one, ports[::-1])):
            own[way] = [p for p in packets
                        if (p.source, p.destination) == way[:2] and
                        (p.ports == way[2] or not by_ports)]
        forth, back = own.values()
        self.check_side(record, forth, lambda element: element)
        if back:
            self.check_side(record, back, lambda element: 'reverse' +
                            element[0].upper() + element[1:])
        else:
            self.assertFalse(record.get('reversePacketDeltaCount'), record)
        own = set(forth + back)
        return [p for p in packets if p in own]

    def check_missing(self, record, packets):
        one, other = support.addresses_of(record)
        for letter, source, element in (
                ('G', one, 'tcpMissingOctets'),
                ('g', other, 'reverseTcpMissingOctets')):
            octets = missing_octets(packets, source)
            self.assertEqual(record[element], octets, record)
            self.assertEqual(letter in record['tcpHistory'], octets > 0,
                             record)


def send(sender, receiver, octets):
    """From one end of a connection to the other."""
    sending = threading.Thread(target=sender.sendall, args=(bytes(octets),))
    sending.start()
    receive(receiver, octets)
    sending.join()


def receive(receiver, octets):
    while octets > 0:
        got = len(receiver.recv(octets))
        if got == 0:
            raise AssertionError(f'closed {octets} octets too early')
        octets -= got


def abort(connection):
    """With RST."""
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER,
                          struct.pack('ii', 1, 0))
    connection.close()
