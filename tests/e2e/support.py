# SPDX-License-Identifier: Apache-2.0
"""What the end-to-end tests share: captures, runs of spanfix, collectors.

Nothing here knows how spanfix works; the IPFIX decoder is in ipfix_reader.py.
"""

import fcntl
import gzip
import os
import re
import select
import shutil
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import termios
import time
import unittest

HERE = os.path.dirname(os.path.abspath(__file__))
REPOSITORY = os.path.dirname(os.path.dirname(HERE))
SPANFIX = os.environ.get('SPANFIX', '')

# Sanitizer builds are several times slower; nothing here waits for long
# unless it is broken.
PATIENCE = 60
SKIPPED = 77  # SKIP_RETURN_CODE in CMakeLists.txt

# A record's time zone must not depend on the machine, and messages must be
# the ones that the tests compare.
ENVIRONMENT = dict(os.environ, LC_ALL='C', TZ='Pacific/Chatham')


def main():
    """Runs the tests of the calling file; 77 when every one was skipped."""
    if not SPANFIX:
        print('SKIPPED: SPANFIX, the path of the program, is not set')
        sys.exit(SKIPPED)
    program = unittest.main(module='__main__', exit=False, verbosity=2)
    result = program.result
    if not result.wasSuccessful():
        sys.exit(1)
    # A skipped class counts as one that was skipped and none that was run.
    if result.skipped and result.testsRun <= len(result.skipped):
        sys.exit(SKIPPED)
    sys.exit(0)


def needs(*programs):
    """Skips a test or a class when one of these programs is not installed."""
    missing = [name for name in programs if shutil.which(name) is None]
    return unittest.skipIf(missing, 'not installed: ' + ', '.join(missing))


def needs_root():
    return unittest.skipIf(os.geteuid() != 0, 'must be root')


def poll_until(condition, what, seconds=PATIENCE):
    """Returns the first true value of condition()."""
    deadline = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > deadline:
            raise AssertionError(f'waited {seconds} s in vain until {what}')
        time.sleep(0.01)


# ---- packets ----


def checksum(octets):
    if len(octets) % 2:
        octets += b'\0'
    total = sum(struct.unpack(f'!{len(octets) // 2}H', octets))
    while total >> 16:
        total = (total & 0xffff) + (total >> 16)
    return ~total & 0xffff


def packed(address):
    family = socket.AF_INET6 if ':' in address else socket.AF_INET
    return socket.inet_pton(family, address)


def ip_packet(source, destination, protocol, payload, tos=0, ttl=64):
    a, b = packed(source), packed(destination)
    if len(a) == 16:
        return struct.pack('!IHBB', 6 << 28 | tos << 20, len(payload),
                           protocol, ttl) + a + b + payload

    def header(check):
        return struct.pack('!BBHHHBBH', 0x45, tos, 20 + len(payload), 0, 0x4000,
                           ttl, protocol, check) + a + b
    return header(checksum(header(0))) + payload


def pseudo_checksum(source, destination, protocol, segment):
    return checksum(packed(source) + packed(destination) +
                    struct.pack('!II', len(segment), protocol) + segment)


def tcp_packet(source, source_port, destination, destination_port, flags,
               sequence=0, acknowledgment=0, payload=b'', window=65000):
    bits = sum({'F': 1, 'S': 2, 'R': 4, 'P': 8, 'A': 16}[f] for f in flags)

    def segment(check):
        return struct.pack('!HHIIBBHHH', source_port, destination_port,
                           sequence & 0xffffffff, acknowledgment & 0xffffffff,
                           5 << 4, bits, window, check, 0) + payload
    check = pseudo_checksum(source, destination, 6, segment(0))
    return ip_packet(source, destination, 6, segment(check))


def udp_packet(source, source_port, destination, destination_port, payload):
    def datagram(check):
        return struct.pack('!HHHH', source_port, destination_port,
                           8 + len(payload), check) + payload
    check = pseudo_checksum(source, destination, 17, datagram(0)) or 0xffff
    return ip_packet(source, destination, 17, datagram(check))


def icmp_packet(source, destination, icmp_type, code, identifier, sequence):
    v6 = ':' in source

    def message(check):
        return struct.pack('!BBHHH', icmp_type, code, check, identifier,
                           sequence) + b'spanfix!'
    check = (pseudo_checksum(source, destination, 58, message(0)) if v6
             else checksum(message(0)))
    return ip_packet(source, destination, 58 if v6 else 1, message(check))


class Wire:
    """Frames of conversations, each a little later than the one before."""

    START = 1_700_000_000_000_000_000  # 2023-11-14 22:13:20 UTC, nanoseconds
    STEP = 1_000_000

    def __init__(self):
        self.now = self.START
        self.frames = []  # (nanoseconds, octets, length on the wire)
        self._stations = {}

    def wait(self, seconds):
        self.now += int(seconds * 1e9)

    def raw(self, octets, wire_length=None):
        self.frames.append((self.now, octets, wire_length or len(octets)))
        self.now += self.STEP

    def mac(self, address):
        number = self._stations.setdefault(address, len(self._stations) + 1)
        return bytes([2, 0, 0, 0, 0, number & 0xff])

    def ip(self, source, destination, packet):
        ethertype = b'\x86\xdd' if ':' in source else b'\x08\x00'
        self.raw((self.mac(destination) + self.mac(source) + ethertype +
                  packet).ljust(60, b'\0'))

    def arp(self, source, destination):
        self.raw(b'\xff' * 6 + self.mac(source) + b'\x08\x06' + struct.pack(
            '!HHBBH', 1, 0x800, 6, 4, 1) + self.mac(source) + packed(source) +
            b'\0' * 6 + packed(destination))

    def tcp(self, client, client_port, server, server_port, request=b'GET',
            response=b'200 OK', close='fin'):
        """A handshake, a request, a response; closed by fin, rst or None."""
        seq, ack = 1000, 5000

        def out(flags, payload=b''):
            nonlocal seq
            self.ip(client, server,
                    tcp_packet(client, client_port, server, server_port, flags,
                               seq, ack if 'A' in flags else 0, payload))
            seq += len(payload) + ('S' in flags) + ('F' in flags)

        def back(flags, payload=b''):
            nonlocal ack
            self.ip(server, client,
                    tcp_packet(server, server_port, client, client_port, flags,
                               ack, seq, payload))
            ack += len(payload) + ('S' in flags) + ('F' in flags)

        out('S')
        back('SA')
        out('A')
        out('PA', request)
        back('PA', response)
        out('A')
        if close == 'fin':
            out('FA')
            back('FA')
            out('A')
        elif close == 'rst':
            back('RA')

    def udp(self, client, client_port, server, server_port, question=b'where?',
            answer=b'there!'):
        self.ip(client, server, udp_packet(client, client_port, server,
                                           server_port, question))
        if answer is not None:
            self.ip(server, client, udp_packet(server, server_port, client,
                                               client_port, answer))

    def ping(self, client, server, count=1):
        request, reply = (128, 129) if ':' in client else (8, 0)
        for sequence in range(count):
            self.ip(client, server,
                    icmp_packet(client, server, request, 0, 77, sequence))
            self.ip(server, client,
                    icmp_packet(server, client, reply, 0, 77, sequence))

    def other(self, source, destination, protocol, count=1, payload=b'\0' * 16):
        for _ in range(count):
            self.ip(source, destination,
                    ip_packet(source, destination, protocol, payload))


def everything():
    """IPv4 and IPv6; TCP, UDP, ICMP and another protocol; with and without
    an answer. 14 flows, 54 packets."""
    wire = Wire()
    for client, server in (('192.0.2.10', '198.51.100.80'),
                           ('2001:db8::10', '2001:db8:ffff::80')):
        wire.tcp(client, 40001, server, 80)                        # 9
        wire.tcp(client, 40002, server, 443, close='rst')          # 7
        wire.ip(client, server, tcp_packet(client, 40003, server, 81, 'S'))
        wire.udp(client, 40004, server, 53)                        # 2
        wire.udp(client, 40005, server, 514, answer=None)          # 1
        wire.ping(client, server, 2)                               # 4
        wire.other(client, server, 47, 3)                          # 3
    return wire


# ---- capture files ----


def pcap(frames, nanoseconds=False, big_endian=False, link=1):
    order = '>' if big_endian else '<'
    magic = 0xa1b23c4d if nanoseconds else 0xa1b2c3d4
    parts = [struct.pack(order + 'IHHiIII', magic, 2, 4, 0, 0, 262144, link)]
    for at, octets, wire_length in frames:
        fraction = at % 10**9 if nanoseconds else at % 10**9 // 1000
        parts.append(struct.pack(order + 'IIII', at // 10**9, fraction,
                                 len(octets), wire_length) + octets)
    return b''.join(parts)


def pcapng(frames, interfaces=1, links=(1,), snapshot_lengths=(262144,)):
    """Frames, links and snapshot lengths are dealt to the interfaces in turn. The
    second interface counts in nanoseconds, the others in microseconds."""
    def block(kind, body):
        body += b'\0' * (-len(body) % 4)
        return (struct.pack('<II', kind, len(body) + 12) + body +
                struct.pack('<I', len(body) + 12))

    parts = [block(0x0a0d0d0a, struct.pack('<IHHq', 0x1a2b3c4d, 1, 0, -1))]
    for number in range(interfaces):
        # Option 9 is if_tsresol, a negative power of ten.
        resolution = 9 if number == 1 else 6
        options = struct.pack('<HHB3xHH', 9, 1, resolution, 0, 0)
        description = struct.pack(
            '<HHI', links[number % len(links)], 0,
            snapshot_lengths[number % len(snapshot_lengths)])
        parts.append(block(1, description + options))
    for index, (at, octets, wire_length) in enumerate(frames):
        interface = index % interfaces
        stamp = at if interface == 1 else at // 1000
        parts.append(block(6, struct.pack(
            '<IIIII', interface, stamp >> 32, stamp & 0xffffffff, len(octets),
            wire_length) + octets))
    return b''.join(parts)


# ---- running spanfix ----


class Finished:
    def __init__(self, arguments, status, out, err):
        self.arguments = arguments
        self.status = status
        self.stdout = out
        self.stderr = err.decode('utf-8', 'replace')

    def __str__(self):
        return (f'spanfix {" ".join(map(str, self.arguments))}\n'
                f'exit {self.status}\n{self.stderr}')

    @property
    def text(self):
        return self.stdout.decode()


def check_sanitizers(err):
    if re.search(rb'Sanitizer|runtime error:', err):
        raise AssertionError('a sanitizer complained:\n' +
                             err.decode('utf-8', 'replace'))


def spanfix(*arguments, timeout=PATIENCE, checked=True, **popen):
    popen = {'stdin': subprocess.DEVNULL, 'stdout': subprocess.PIPE,
             'stderr': subprocess.PIPE, 'env': ENVIRONMENT, **popen}
    process = subprocess.Popen([SPANFIX, *map(str, arguments)], **popen)
    try:
        out, err = process.communicate(timeout=timeout)
    except subprocess.TimeoutExpired:
        process.kill()
        out, err = process.communicate()
        raise AssertionError(f'still running after {timeout} s: spanfix ' +
                             ' '.join(map(str, arguments)) + '\n' +
                             (err or b'').decode('utf-8', 'replace')) from None
    if checked:
        check_sanitizers(err or b'')
    return Finished(arguments, process.returncode, out or b'', err or b'')


class Summary:
    """The summary on standard error; the last one when there are several."""

    PACKETS = re.compile(r'^packets seen (\d+) = in records (\d+) \+ left out '
                         r'(\d+)(?: \((.*?)\))?(?: \+ in live flows (\d+))?$',
                         re.M)
    OCTETS = re.compile(r'^octets of IP in records (\d+)$', re.M)
    FLOWS = re.compile(r'^flows (\d+) = ended (\d+)(?: \((.*?)\))?'
                       r'(?: \+ live (\d+))?'
                       r'(?:; reported while active (\d+))?$', re.M)
    RECORDS = re.compile(r'^records made (\d+) = sent (\d+) \+ dropped (\d+)'
                         r'(?: \((.*?)\))?(?: \+ spooled (\d+))?'
                         r'(?: \+ queued (\d+))? to (.*?)'
                         r'(?:; sent again after a lost connection (\d+))?'
                         r'(?:; from the spool of earlier runs (.*))?$', re.M)
    EARLIER = re.compile(r'^(\d+) = sent (\d+) \+ dropped (\d+)'
                         r'(?: \((.*?)\))?(?: \+ spooled (\d+))?'
                         r'(?: \+ queued (\d+))?$')

    class Account:
        def __init__(self, match):
            self.made, self.sent, self.dropped = map(int, match.groups()[:3])
            self.reasons = Summary.parts(match[4])
            self.spooled, self.queued = (int(n or 0) for n in match.group(5, 6))

        def adds_up(self):
            return (self.made == self.sent + self.dropped + self.spooled +
                    self.queued and self.dropped == sum(self.reasons.values()))

    class Records(Account):
        def __init__(self, match):
            super().__init__(match)
            self.to = match[7]
            self.repeated = int(match[8] or 0)
            self.earlier = None  # of earlier runs
            if match[9]:
                self.earlier = Summary.Account(Summary.EARLIER.match(match[9]))

    def __init__(self, text):
        start = text.rfind('packets seen')
        text = text[max(start, 0):]
        packets = self.PACKETS.search(text)
        flows = self.FLOWS.search(text)
        if packets is None or flows is None:
            raise AssertionError('no summary in:\n' + text)
        self.seen, self.in_records, self.left_out = map(int, packets.groups()[:3])
        self.octets = int(self.OCTETS.search(text)[1])
        self.left_out_reasons = self.parts(packets[4])
        self.packets_live = int(packets[5] or 0)
        self.flows, self.ended = int(flows[1]), int(flows[2])
        self.end_reasons = self.parts(flows[3])
        self.live = int(flows[4] or 0)
        self.reported_active = int(flows[5] or 0)
        self.outputs = [self.Records(m) for m in self.RECORDS.finditer(text)]
        self.text = text

    @staticmethod
    def parts(text):
        """'not_ip 3, bad_header 1' as a dictionary."""
        pairs = (part.rsplit(' ', 1) for part in (text or '').split(', ') if part)
        return {name: int(count) for name, count in pairs}

    def errors(self):
        """What does not add up, in words; empty when everything does."""
        found = []

        def equal(left, right, what):
            if left != right:
                found.append(f'{what}: {left} != {right}')

        equal(self.seen, self.in_records + self.left_out + self.packets_live,
              'packets seen')
        equal(self.left_out, sum(self.left_out_reasons.values()),
              'packets left out by reason')
        equal(self.flows, self.ended + self.live, 'flows')
        equal(self.ended, sum(self.end_reasons.values()), 'flows by end reason')
        for output in self.outputs:
            equal(output.adds_up(), True, 'records to ' + output.to)
            if output.earlier is not None:
                equal(output.earlier.adds_up(), True,
                      'records of earlier runs to ' + output.to)
        return found


class EndToEnd(unittest.TestCase):
    """A test with a directory of its own."""

    maxDiff = None

    def setUp(self):
        self.directory = tempfile.mkdtemp(prefix='spanfix-e2e-')
        # Who root becomes must get to what is below.
        os.chmod(self.directory, 0o755)
        self.addCleanup(shutil.rmtree, self.directory)

    def path(self, name):
        return os.path.join(self.directory, name)

    def file(self, name, content):
        with open(self.path(name), 'wb') as file:
            file.write(content)
        return self.path(name)

    def capture(self, wire, name='capture.pcap', **options):
        return self.file(name, pcap(wire.frames, nanoseconds=True, **options))

    def succeed(self, *arguments, **options):
        """Runs spanfix, which must exit 0 with a summary that adds up."""
        run = spanfix(*arguments, **options)
        self.assertEqual(run.status, 0, run)
        run.summary = Summary(run.stderr)
        self.assertEqual(run.summary.errors(), [], run)
        return run

    def flows(self, *arguments):
        """The records of a run as spanfix prints them in JSON."""
        return json_lines(self.succeed(*arguments, '--format', 'json').text)


def json_lines(text):
    import json
    return [json.loads(line) for line in text.splitlines()]


def addresses_of(record):
    version = record['ipVersion']
    return (record[f'sourceIPv{version}Address'],
            record[f'destinationIPv{version}Address'])


# ---- collectors ----


def free_udp_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def free_tcp_port():
    with socket.socket() as probe:
        probe.bind(('127.0.0.1', 0))
        return probe.getsockname()[1]


def wait_until_started(process):
    """spanfix blocks the signals that it handles once everything is open.
    SIGUSR1 is one that looking up a user may block for a moment, too; and a
    faked clock blocks all of them whenever it is read."""
    def started():
        if process.poll() is not None:
            raise AssertionError(f'spanfix ended: {process.returncode}')
        with open(f'/proc/{process.pid}/status', encoding='ascii') as file:
            mask = re.search(r'SigBlk:\s*([0-9a-f]+)', file.read())

        def blocked(number):
            return int(mask[1], 16) >> (number - 1) & 1
        return blocked(signal.SIGTERM) and not blocked(signal.SIGQUIT)
    poll_until(started, 'spanfix has started')


def pipe_is_empty(pipe):
    """The other end has taken everything."""
    waiting = fcntl.ioctl(pipe.fileno(), termios.FIONREAD, b'\0' * 4)
    return int.from_bytes(waiting, sys.byteorder) == 0


class UdpListener:
    """Keeps datagrams in the kernel until they are asked for."""

    def __init__(self):
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 1 << 23)
        self._socket.bind(('127.0.0.1', 0))
        self.port = self._socket.getsockname()[1]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def datagrams(self):
        """What has arrived by now. The loopback delivers before send() returns,
        so nothing is under way once the sender has exited."""
        got = []
        while select.select([self._socket], [], [], 0)[0]:
            got.append(self._socket.recv(65535))
        return got


def _udp_queue(port, namespace_pid='self'):
    """Octets waiting for the socket bound to this port; None without one."""
    for table in ('udp', 'udp6'):
        with open(f'/proc/{namespace_pid}/net/{table}', encoding='ascii') as file:
            for line in file.readlines()[1:]:
                fields = line.split()
                if int(fields[1].split(':')[-1], 16) == port:
                    return int(fields[4].split(':')[1], 16)
    return None


class Nfcapd:
    """nfcapd on a free loopback port. Statistics are read when it ends."""

    SUMMARY = re.compile(r'Ident: .*? Flows: (\d+), Packets: (\d+), '
                         r'Bytes: (\d+), Sequence Errors: (\d+), '
                         r'Bad Packets: (\d+)')

    def __init__(self, directory, prefix=(), port=None):
        self.port = port or free_udp_port()
        self.directory = os.path.join(directory, 'nfcapd')
        os.mkdir(self.directory)
        self._log = open(os.path.join(directory, 'nfcapd.log'), 'w+b')
        # One file for the whole test: rotate once an hour.
        self._process = subprocess.Popen(
            [*prefix, 'nfcapd', '-p', str(self.port), '-b', '127.0.0.1', '-t',
             '3600', '-w', self.directory],
            stdout=self._log, stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL, env=ENVIRONMENT)
        try:
            poll_until(self._listening, 'nfcapd listens')
        except AssertionError:
            self._process.kill()
            self._process.wait()
            raise AssertionError('nfcapd does not start:\n' +
                                 self.log()) from None

    def _listening(self):
        if self._process.poll() is not None:
            raise AssertionError('nfcapd ended')
        return _udp_queue(self.port, self._process.pid) is not None

    @property
    def url(self):
        return f'udp://127.0.0.1:{self.port}'

    def log(self):
        self._log.seek(0)
        return self._log.read().decode('utf-8', 'replace')

    def stop(self):
        """Ends it once it has read what was sent; returns its figures."""
        if self._process.poll() is None:
            poll_until(lambda: _udp_queue(self.port, self._process.pid) == 0,
                       'nfcapd has read everything')
            self._process.send_signal(signal.SIGTERM)
            self._process.wait(PATIENCE)
        log = self.log()
        totals = [tuple(map(int, m.groups())) for m in self.SUMMARY.finditer(log)]
        if not totals:
            raise AssertionError('no summary from nfcapd:\n' + log)
        flows, packets, octets, sequence, bad = map(sum, zip(*totals))
        return {'flows': flows, 'packets': packets, 'octets': octets,
                'sequence errors': sequence, 'bad packets': bad, 'log': log}

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._log.close()


class Nfacctd:
    """pmacct's nfacctd on a free loopback port, printing JSON."""

    def __init__(self, directory, aggregate, *configuration):
        self.port = free_udp_port()
        self._output = os.path.join(directory, 'nfacctd.json')
        path = os.path.join(directory, 'nfacctd.conf')
        with open(path, 'w', encoding='ascii') as file:
            print('daemonize: false', 'nfacctd_ip: 127.0.0.1',
                  f'nfacctd_port: {self.port}', 'plugins: print',
                  'print_refresh_time: 1', 'print_output: json',
                  f'print_output_file: {self._output}',
                  'print_output_file_append: true',
                  'timestamps_since_epoch: true',
                  'aggregate: ' + ', '.join(aggregate), *configuration,
                  sep='\n', file=file)
        self._log = open(os.path.join(directory, 'nfacctd.log'), 'w+b')
        # Its plugins are processes of their own.
        self._process = subprocess.Popen(
            ['nfacctd', '-f', path], stdout=self._log,
            stderr=subprocess.STDOUT, stdin=subprocess.DEVNULL,
            env=ENVIRONMENT, start_new_session=True)
        try:
            poll_until(self._ready, 'nfacctd is ready')
        except AssertionError:
            self.kill()
            raise

    def _ready(self):
        """What it gets before its plugin's first round is lost."""
        if self._process.poll() is not None:
            raise AssertionError('nfacctd ended:\n' + self.log())
        return 'Purging cache - END' in self.log()

    def log(self):
        self._log.seek(0)
        return self._log.read().decode('utf-8', 'replace')

    @property
    def url(self):
        return f'udp://127.0.0.1:{self.port}'

    def flows(self, count):
        """Waits for as many; it prints them once a second."""
        def printed():
            if not os.path.exists(self._output):
                return None
            with open(self._output, encoding='utf-8') as file:
                lines = file.read().splitlines()
            return lines if len(lines) >= count else None
        return json_lines('\n'.join(poll_until(printed,
                                               f'{count} flows are printed')))

    def kill(self):
        if self._process.poll() is None:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._log.close()


def nfdump(directory, template):
    """Lines of nfdump -o fmt:template, as lists of cells."""
    run = subprocess.run(
        ['nfdump', '-6', '-q', '-R', directory, '-o', 'fmt:' + template],
        check=True, capture_output=True, timeout=PATIENCE,
        env=dict(ENVIRONMENT, TZ='UTC'))
    return [[cell.strip() for cell in line.split('|')]
            for line in run.stdout.decode().splitlines() if line.strip()]


def gzipped(content, level=6):
    return gzip.compress(content, level, mtime=0)
