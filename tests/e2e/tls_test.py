#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TLS to a server of OpenSSL, and to those that must not be trusted."""

import os
import re
import subprocess

import support
from certificates import Authority
from ipfix_reader import read_file
from support import EndToEnd, spanfix

SAMPLE = os.path.join(support.REPOSITORY, 'tests', 'pcap', 'sample.pcap')


class Server:
    """openssl s_server; what it decrypts is in a file."""

    def __init__(self, directory, *options):
        self.port = support.free_tcp_port()
        self.path = os.path.join(directory, 'decrypted')
        self._log = os.path.join(directory, 's_server.log')
        with open(self.path, 'wb') as out, open(self._log, 'wb') as log:
            # It ends the connection when its standard input ends.
            self._process = subprocess.Popen(
                ['openssl', 's_server', '-accept', f'127.0.0.1:{self.port}',
                 '-quiet', '-naccept', '1', *options],
                stdin=subprocess.PIPE, stdout=out, stderr=log)
        support.poll_until(self._listens, 's_server listens')

    def _listens(self):
        if self._process.poll() is not None:
            raise AssertionError('s_server ended:\n' + self.log())
        with open('/proc/net/tcp', encoding='ascii') as table:
            return f':{self.port:04X} 00000000:0000 0A ' in table.read()

    def log(self):
        with open(self._log, encoding='utf-8') as file:
            return file.read()

    def wait(self):
        """Until its connection has ended."""
        self._process.wait(support.PATIENCE)

    def kill(self):
        if self._process.poll() is None:
            self._process.kill()
            self._process.wait()
        self._process.stdin.close()


@support.needs('openssl')
class Tls(EndToEnd):
    def setUp(self):
        super().setUp()
        self.ca = Authority(self.directory)

    def serve(self, name='collector', *options):
        server = Server(self.directory, '-cert', self.ca.pem(name), '-key',
                        self.ca.key(name), *options)
        self.addCleanup(server.kill)
        return server

    def test_both_versions_deliver_what_a_file_gets(self):
        self.ca.make('collector')
        self.ca.make('probe')
        self.succeed('-r', SAMPLE, '-w', self.path('flows.ipfix'))
        wanted = [r.named() for r in read_file(self.path('flows.ipfix')).records]
        for version in ('-tls1_2', '-tls1_3'):
            with self.subTest(version):
                server = self.serve('collector', version, '-Verify', '1',
                                    '-verify_return_error', '-CAfile',
                                    self.ca.pem())
                self.succeed('-r', SAMPLE, '-c',
                             f'tls://localhost:{server.port}?ca={self.ca.pem()}'
                             f'&cert={self.ca.pem("probe")}'
                             f'&key={self.ca.key("probe")}')
                server.wait()
                got = read_file(server.path).records
                self.assertEqual([r.named() for r in got], wanted, server.log())

    @support.needs('ipfixDump')
    def test_ipfixdump_reads_what_was_decrypted(self):
        self.ca.make('collector')
        server = self.serve()
        run = self.succeed('-r', SAMPLE, '-c', f'tls://localhost:{server.port}'
                           f'?ca={self.ca.pem()}')
        server.wait()
        dump = subprocess.run(['ipfixDump', '--rfc5610', '-i', server.path],
                              capture_output=True, text=True, check=True,
                              timeout=support.PATIENCE)
        output, = run.summary.outputs
        records = re.findall(r'\(32473/\d+\)\s+flowEndCause : ', dump.stdout)
        self.assertEqual(len(records), output.sent)

    def refused(self, url, *words):
        run = spanfix('-r', SAMPLE, '-c', url)
        self.assertEqual(run.status, 2, run)
        self.assertRegex(run.stderr, r"\Aspanfix: collector '[^\n]*\n\Z")
        for word in words:
            self.assertIn(word, run.stderr)

    def test_whom_it_does_not_trust_is_refused_with_the_reason(self):
        another = Authority(self.directory, 'another-ca')
        self.ca.make('collector')
        self.ca.make('elsewhere', 'DNS:elsewhere.example')
        self.ca.make('expired', days=-1)
        for name, ca, reason in (
                ('collector', another, 'unable to get local issuer'),
                ('elsewhere', self.ca, 'hostname mismatch'),
                ('expired', self.ca, 'certificate has expired')):
            with self.subTest(name):
                server = self.serve(name)
                self.refused(f'tls://localhost:{server.port}?ca={ca.pem()}',
                             'cannot connect', reason)
                self.assertEqual(os.path.getsize(server.path), 0)

    def test_a_collector_that_wants_a_certificate_is_named(self):
        self.ca.make('collector')
        server = self.serve('collector', '-Verify', '1', '-verify_return_error')
        self.refused(f'tls://localhost:{server.port}?ca={self.ca.pem()}',
                     'refused by the collector', 'certificate required')

    def test_files_that_are_of_no_use_are_named(self):
        self.ca.make('probe')
        self.ca.make('expired', days=-1)
        pem, key = self.ca.pem, self.ca.key
        for parameters, words in (
                (f'ca={self.path("none")}', ('ca:', 'No such file', 'give')),
                (f'ca={key("probe")}', ('ca:', 'no certificate', 'PEM')),
                (f'cert={pem("probe")}', ('cert:', 'key=FILE')),
                (f'key={key("probe")}', ('key:', 'cert=FILE')),
                (f'cert={pem("probe")}&key={key("expired")}',
                 ('key:', 'not the key')),
                (f'cert={pem("expired")}&key={key("expired")}',
                 ('cert:', 'expired on', 'renew')),
                ('passphrase=horse', ("unknown parameter 'passphrase'",))):
            with self.subTest(parameters):
                self.refused('tls://localhost:1?' + parameters, *words)


if __name__ == '__main__':
    support.main()
