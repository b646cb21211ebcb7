#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Whatever goes wrong is named in one line, and nothing is left behind."""

import os
import subprocess
import sys

import support
from ipfix_reader import read_file
from support import EndToEnd, Summary, Wire, everything, gzipped, pcap, spanfix

UNPRIVILEGED = 65534  # nobody


class CannotStart(EndToEnd):
    """Exit 2, one line on standard error, no output at all."""

    def setUp(self):
        super().setUp()
        self.input = self.capture(everything())
        self.output = self.path('flows.ipfix')

    def refused(self, *arguments, naming, **options):
        if os.path.lexists(self.output):
            os.unlink(self.output)
        run = spanfix(*arguments, **options)
        self.assertEqual(run.status, 2, run)
        self.assertEqual(run.stdout, b'', run)
        self.assertRegex(run.stderr, r'\Aspanfix: [^\n]+\n\Z', str(run))
        for word in [naming] if isinstance(naming, str) else naming:
            self.assertIn(word, run.stderr, run)
        self.assertFalse(os.path.lexists(self.output),
                         f'left an output file behind: {run}')
        return run

    def refused_with_file(self, *arguments, naming, **options):
        return self.refused(*arguments, '-w', self.output, naming=naming,
                            **options)

    def test_nothing_to_read_is_an_error_that_names_both_options(self):
        self.refused(naming=['-i', '-r'])
        self.refused_with_file(naming=['-i', '-r'])

    def test_an_interface_together_with_a_file_is_an_error(self):
        self.refused_with_file('-i', 'lo', '-r', self.input,
                               naming=['-i', '-r'])

    def test_an_unknown_option_is_named(self):
        self.refused_with_file('-r', self.input, '--colector', 'udp://x',
                               naming='--colector')
        self.refused_with_file('-r', self.input, '-Z', naming='-Z')

    def test_an_abbreviated_option_is_unknown(self):
        self.refused_with_file('-r', self.input, '--max', '3', naming='--max')

    def test_an_option_without_its_value_is_named(self):
        self.refused('-r', naming='read')
        self.refused_with_file('-r', self.input, '--filter', naming='filter')

    def test_an_option_given_twice_is_named(self):
        self.refused_with_file('-r', self.input, '--max-flows', '3',
                               '--max-flows', '4', naming='max-flows')

    def test_an_unknown_interface_is_named(self):
        self.refused_with_file('-i', 'nosuchif0', naming='nosuchif0')

    def test_an_interface_name_that_is_too_long_is_named(self):
        name = 'an-interface-name-of-many-letters'
        self.refused_with_file('-i', name, naming=name)

    @support.needs_root()
    def test_a_capture_without_permission_says_which_permission(self):
        os.chmod(self.directory, 0o777)

        def drop_privileges():
            os.setgroups([])
            os.setresgid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED)
            os.setresuid(UNPRIVILEGED, UNPRIVILEGED, UNPRIVILEGED)
        if not self.everybody_may_run_spanfix():
            self.skipTest('an unprivileged user may not run ' +
                          support.SPANFIX)
        self.refused_with_file('-i', 'lo', naming=["'lo'", 'CAP_NET_RAW'],
                               preexec_fn=drop_privileges)

    @staticmethod
    def everybody_may_run_spanfix():
        path = os.path.abspath(support.SPANFIX)
        while path != '/':
            if not os.stat(path).st_mode & 0o001:
                return False
            path = os.path.dirname(path)
        return True

    def test_a_missing_file_is_named(self):
        missing = self.path('missing.pcap')
        self.refused_with_file('-r', missing, naming=[
            missing, 'No such file or directory'])

    def test_a_missing_file_behind_a_good_one_is_named(self):
        missing = self.path('missing.pcap')
        self.refused_with_file('-r', self.input, '-r', missing, naming=missing)

    def test_a_directory_is_no_capture(self):
        self.refused_with_file('-r', self.directory,
                               naming=[self.directory, 'directory'])

    def test_a_text_file_is_no_capture(self):
        text = self.file('notes.txt', b'no packets in here, only words\n' * 9)
        self.refused_with_file('-r', text, naming=[text, 'not a capture'])

    def test_a_compressed_text_file_is_no_capture(self):
        text = self.file('notes.gz', gzipped(b'only words\n' * 9))
        self.refused_with_file('-r', text, naming=[text, 'not a capture'])

    def test_an_empty_file_is_no_capture(self):
        for name, content in (('empty', b''), ('one', b'\xd4'),
                              ('half-a-header', pcap([])[:12])):
            with self.subTest(name):
                path = self.file(name, content)
                self.refused_with_file('-r', path, naming=path)

    def test_a_link_type_that_cannot_be_decoded_is_named(self):
        radio = self.capture(everything(), 'radio.pcap', link=105)
        self.refused_with_file('-r', radio, naming=[radio, 'IEEE802_11'])

    def test_a_bad_filter_is_quoted(self):
        for words in (['tcp port none'], ['tcp', 'prt', '80'],
                      ['--filter', 'host host']):
            with self.subTest(words):
                self.refused_with_file('-r', self.input, *words,
                                       naming=['filter', words[-1]])

    def test_a_filter_given_in_both_ways_is_an_error(self):
        self.refused_with_file('-r', self.input, '--filter', 'tcp', 'udp',
                               naming='--filter')

    def test_a_bad_url_is_quoted(self):
        for url, why in (
                ('localhost:4739', 'udp://'),
                ('http://localhost:4739', 'udp://'),
                ('', 'udp://'),
                ('udp://', 'host'),
                ('udp://:4739', 'host'),
                ('udp://localhost:', 'port'),
                ('udp://localhost:0', 'port'),
                ('udp://localhost:65536', 'port'),
                ('udp://localhost:ipfix', 'port'),
                ('udp://localhost:4739x', 'port'),
                ('udp://localhost:-1', 'port'),
                ('udp://::1:4739', '['),
                ('udp://[::1', ']'),
                ('udp://[::1]4739', ':PORT'),
                ('file:', 'path'),
                ('udp://localhost:4739?colour=red', 'colour'),
                ('udp://localhost:4739?mtu=100', 'mtu'),
                ('udp://localhost:4739?mtu=65536', 'mtu'),
                ('udp://localhost:4739?domain=0', 'domain'),
                ('udp://localhost:4739?pen=29305', 'enterprise'),
                ('udp://localhost:4739?biflow=perhaps', 'biflow'),
                ('udp://localhost:4739?definitions=perhaps', 'definitions'),
                ('udp://localhost:4739?version=7', 'version'),
                ('tcp://localhost:4739?version=9', 'UDP only'),
                ('file:/dev/null?version=5', 'UDP only'),
                ('udp://localhost:4739?version=9&biflow', 'biflow'),
                ('udp://localhost:4739?profile=vflow&mtu=1473', '1472'),
                ('tcp://localhost:4739?profile=nfdump', 'UDP only'),
                ('udp://127.0.0.1:4739?ttl=0', 'ttl'),
                ('file:/dev/null?ttl=1', 'ttl'),
                ('udp://127.0.0.1:4739?source=192.0.2.99', 'source'),
                ('tcp://127.0.0.1:4739?source=192.0.2.99', 'source'),
                ('udp://127.0.0.1:4739?source=lo', 'source'),
                ('udp://127.0.0.1:4739?source=::1', 'source'),
                ('udp://127.0.0.1:4739?interface=nosuchif0', 'interface'),
                ('udp://localhost:4739/path', '/path')):
            with self.subTest(url):
                self.refused_with_file('-r', self.input, '-c', url,
                                       naming=[f"'{url}'", why])

    def test_a_bad_url_leaves_no_file_of_another_collector(self):
        self.refused('-r', self.input, '-c', 'file:' + self.output, '-c',
                     'udp://localhost:none', naming='none')

    def test_an_unknown_profile_is_quoted_and_the_known_ones_are_listed(self):
        known = ['generic', 'nfdump', 'elastiflow', 'logstash', 'silk']
        self.refused_with_file('-r', self.input, '--profile', 'cesnet',
                               naming=["'cesnet'", *known])
        self.refused_with_file('-r', self.input, '-c',
                               'udp://localhost:4739?profile=cesnet',
                               naming=["'cesnet'", *known])

    def test_an_unknown_profile_is_an_error_without_any_collector(self):
        self.refused('-r', self.input, '--profile', 'cesnet', naming='cesnet')

    def test_an_unknown_format_is_quoted(self):
        self.refused_with_file('-r', self.input, '--format', 'xml',
                               naming=["'xml'", 'json'])

    def test_a_host_that_does_not_resolve_is_named(self):
        for scheme in ('udp', 'tcp'):
            with self.subTest(scheme):
                # RFC 6761: never resolves.
                self.refused_with_file(
                    '-r', self.input, '-c', scheme + '://collector.invalid:4739',
                    naming='collector.invalid')

    def test_a_refused_tcp_connection_ends_a_run_from_a_file(self):
        url = f'tcp://127.0.0.1:{support.free_tcp_port()}'
        self.refused_with_file('-r', self.input, '-c', url,
                               naming=[url, 'Connection refused'])

    def test_an_output_that_cannot_be_written_is_named(self):
        for path, why in ((self.path('missing/flows.ipfix'),
                           'No such file or directory'),
                          (self.directory, 'Is a directory')):
            with self.subTest(path):
                self.refused('-r', self.input, '-w', path, naming=[path, why])
                self.refused('-r', self.input, '-c', 'file:' + path,
                             naming=[path, why])

    def test_an_output_that_cannot_be_written_leaves_no_other_behind(self):
        bad = self.path('missing/flows.ipfix')
        self.refused('-r', self.input, '-c', 'file:' + self.output, '-c',
                     'file:' + bad, naming=bad)

    def test_a_run_that_cannot_start_leaves_an_older_output_as_it_was(self):
        old = self.file('old.ipfix', b'of yesterday')
        for arguments in (['-r', self.path('missing.pcap')],
                          ['-r', self.input, 'no', 'such', 'filter'],
                          ['-r', self.input, '-c', 'udp://a.invalid:1'],
                          ['-r', self.input, '-c', 'file:/nonexistent/x'],
                          ['-r', self.input, '-c', 'tcp://127.0.0.1:' +
                           str(support.free_tcp_port())]):
            with self.subTest(arguments):
                run = spanfix(*arguments, '-w', old)
                self.assertEqual(run.status, 2, run)
                with open(old, 'rb') as file:
                    self.assertEqual(file.read(), b'of yesterday', run)

    def test_the_input_is_never_the_output(self):
        with open(self.input, 'rb') as file:
            before = file.read()
        link = self.path('link.pcap')
        os.symlink(self.input, link)
        hard = self.path('hard.pcap')
        os.link(self.input, hard)
        second = self.capture(everything(), 'second.pcap')
        for arguments in (['-w', self.input], ['-w', link], ['-w', hard],
                          ['-c', 'file:' + self.input],
                          ['-r', second, '-w', second]):
            with self.subTest(arguments):
                self.refused('-r', self.input, *arguments, naming='-r')
                with open(self.input, 'rb') as file:
                    self.assertEqual(file.read(), before)

    def test_one_file_is_not_written_twice(self):
        self.refused('-r', self.input, '-w', self.output, '-c',
                     'file:' + self.output, naming=self.output)

    def test_bad_numbers_are_named_with_their_option(self):
        for option, value in (
                ('--idle-timeout-tcp', '0'), ('--idle-timeout-udp', '-5'),
                ('--idle-timeout-other', 'soon'), ('--idle-timeout-tcp', ''),
                ('--idle-timeout-tcp', '1e3'), ('--idle-timeout-tcp', '5s'),
                ('--active-timeout', '604801'), ('--active-timeout', '-1'),
                ('--close-linger', '9' * 30), ('--max-flows', '0'),
                ('--max-flows', '-1'), ('--max-flows', 'many'),
                ('--max-flows', '1000000000000'),
                ('--observation-domain', '0'), ('--observation-domain', '-1'),
                ('--observation-domain', '4294967296'), ('--pen', '29305'),
                ('--pen', '65536'), ('--pen', '0'), ('--pen', 'ours'),
                ('--template-refresh', '-1')):
            with self.subTest(f'{option} {value}'):
                self.refused_with_file('-r', self.input, f'{option}={value}',
                                       naming=option.lstrip('-'))

    def test_more_flows_than_there_is_memory_for_are_refused(self):
        import resource

        def little_memory():
            resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
        if spanfix('--version', preexec_fn=little_memory,
                   checked=False).status != 0:
            self.skipTest('this build does not run in 1 GiB of address space '
                          '(AddressSanitizer)')
        self.refused_with_file('-r', self.input, '--max-flows', '100000000',
                               naming=['--max-flows', 'memory'],
                               preexec_fn=little_memory)


class CutCapture(EndToEnd):
    """A capture that breaks off: what was read until then is exported."""

    def exported_up_to_the_cut(self, path, frames, *, naming):
        whole = self.capture(frames, 'whole.pcap')
        expected = self.succeed('-r', whole, '-w', self.path('whole.ipfix'),
                                '--format', 'json')
        run = spanfix('-r', path, '-w', self.path('cut.ipfix'), '--format',
                      'json')
        self.assertEqual(run.status, 1, run)
        self.assertEqual(run.stdout, expected.stdout, run)
        self.assertGreater(len(run.stdout), 0)
        self.assertEqual(len(read_file(self.path('cut.ipfix')).records),
                         len(read_file(self.path('whole.ipfix')).records))
        summary = Summary(run.stderr)
        self.assertEqual(summary.errors(), [], run)
        self.assertEqual(summary.text.splitlines()[:2],
                         expected.summary.text.splitlines()[:2])
        causes = [line for line in run.stderr.splitlines()
                  if line.startswith('spanfix: ')]
        self.assertEqual(len(causes), 1, run)
        for word in (path, *naming):
            self.assertIn(word, causes[0])

    @staticmethod
    def first(wire, count):
        part = Wire()
        part.frames = wire.frames[:count]
        return part

    def test_a_capture_cut_in_a_packet(self):
        wire = everything()
        content = pcap(wire.frames, nanoseconds=True)
        path = self.file('cut.pcap', content[:-10])
        self.exported_up_to_the_cut(path, self.first(wire, -1),
                                    naming=['truncated'])

    def test_a_capture_cut_in_a_packet_header(self):
        wire = everything()
        content = pcap(wire.frames, nanoseconds=True)
        last = 16 + len(wire.frames[-1][1])
        path = self.file('cut.pcap', content[:-last + 7])
        self.exported_up_to_the_cut(path, self.first(wire, -1),
                                    naming=['truncated'])

    def test_a_pcapng_capture_cut_in_a_block(self):
        wire = everything()
        path = self.file('cut.pcapng', support.pcapng(wire.frames)[:-10])
        for frame, (at, octets, length) in enumerate(wire.frames):
            wire.frames[frame] = at // 1000 * 1000, octets, length
        self.exported_up_to_the_cut(path, self.first(wire, -1),
                                    naming=['cut off'])

    def test_a_compressed_capture_cut_in_the_middle(self):
        # The compressed stream breaks off exactly behind a flushed part.
        import zlib
        wire = everything()
        content = pcap(wire.frames, nanoseconds=True)
        last = 16 + len(wire.frames[-1][1])
        packer = zlib.compressobj(wbits=31)
        part = packer.compress(content[:-last])
        part += packer.flush(zlib.Z_SYNC_FLUSH)
        path = self.file('cut.pcap.gz', part)
        self.exported_up_to_the_cut(path, self.first(wire, -1), naming=[])

    def test_a_compressed_capture_with_a_cut_trailer(self):
        wire = everything()
        content = gzipped(pcap(wire.frames, nanoseconds=True))
        path = self.file('cut.pcap.gz', content[:-5])
        self.exported_up_to_the_cut(path, wire, naming=[])

    def test_a_compressed_capture_with_a_damaged_middle(self):
        wire = Wire()
        for port in range(1024, 3024):
            wire.udp('192.0.2.1', port, '192.0.2.2', 53,
                     question=os.urandom(40))
        content = bytearray(gzipped(pcap(wire.frames)))
        for at in range(len(content) // 2, len(content) // 2 + 64):
            content[at] ^= 0x55
        path = self.file('damaged.pcap.gz', bytes(content))
        run = spanfix('-r', path, '--format', 'json')
        self.assertEqual(run.status, 1, run)
        self.assertIn(path, run.stderr)
        self.assertEqual(Summary(run.stderr).errors(), [])
        self.assertGreater(run.stdout.count(b'\n'), 500)

    def test_the_files_behind_a_cut_one_are_read(self):
        first, second = Wire(), Wire()
        first.udp('192.0.2.1', 1111, '192.0.2.2', 53)
        first.udp('192.0.2.1', 2222, '192.0.2.2', 53)
        second.wait(1)
        second.udp('192.0.2.1', 3333, '192.0.2.2', 53)
        cut = self.file('cut.pcap', pcap(first.frames)[:-5])
        run = spanfix('-r', cut, '-r', self.capture(second), '--format', 'json')
        self.assertEqual(run.status, 1, run)
        self.assertIn(cut, run.stderr)
        ports = [flow['sourceTransportPort']
                 for flow in support.json_lines(run.text)]
        self.assertEqual(sorted(ports), [1111, 2222, 3333])


class OutputFails(EndToEnd):
    """Exit 1, and the summary names what was lost and why."""

    def failed(self, run, reason, records=14):
        self.assertEqual(run.status, 1, run)
        self.assertIn(reason, run.stderr, run)
        summary = Summary(run.stderr)
        self.assertEqual(summary.errors(), [], run)
        self.assertEqual(summary.outputs[0].made, records, run)
        self.assertIn(reason, summary.outputs[0].reasons, run)
        self.assertRegex(run.stderr, r'(?m)^spanfix: .*' +
                         summary.outputs[0].to)
        return summary.outputs[0]

    def test_a_full_standard_output_is_named(self):
        with open('/dev/full', 'wb') as full:
            for form in ('table', 'json'):
                with self.subTest(form):
                    run = spanfix('-r', self.capture(everything()), '--format',
                                  form, stdout=full)
                    lost = self.failed(run, 'No space left on device')
                    self.assertEqual(lost.sent, 0)

    def test_a_closed_standard_output_is_named(self):
        run = spanfix('-r', self.capture(everything()), '--format', 'json',
                      stdout=None, preexec_fn=lambda: os.close(1))
        self.assertEqual(self.failed(run, 'Bad file descriptor').sent, 0)

    def test_a_closed_standard_output_is_not_confused_with_the_ipfix_file(self):
        def close_all():
            os.close(0)
            os.close(1)
        path = self.path('flows.ipfix')
        run = spanfix('-r', self.capture(everything()), '-w', path, '--format',
                      'json', stdout=None, preexec_fn=close_all)
        self.assertEqual(run.status, 1, run)
        self.assertEqual(len(read_file(path).records), 14)

    def test_a_reader_that_goes_away_is_named(self):
        wire = Wire()
        for port in range(1024, 9024):
            wire.udp('192.0.2.1', port, '192.0.2.2', 53)
        process = subprocess.Popen(
            [support.SPANFIX, '-r', self.capture(wire), '--format', 'json'],
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        process.stdout.read(100)
        process.stdout.close()
        err = process.stderr.read()
        process.stderr.close()
        process.wait(support.PATIENCE)
        support.check_sanitizers(err)
        run = support.Finished(['... | head'], process.returncode, b'', err)
        self.failed(run, 'Broken pipe', records=8000)

    def test_a_full_disk_is_named(self):
        run = spanfix('-r', self.capture(everything()), '-w', '/dev/full')
        lost = self.failed(run, 'No space left on device')
        self.assertEqual((lost.sent, lost.dropped), (0, 14))

    def test_udp_to_nobody_is_counted_as_dropped_with_the_reason(self):
        wire = Wire()
        for port in range(1024, 1524):
            wire.udp('192.0.2.1', port, '192.0.2.2', 53)
        port = support.free_udp_port()
        run = spanfix('-r', self.capture(wire), '-c', f'udp://127.0.0.1:{port}')
        lost = self.failed(run, 'Connection refused', records=500)
        self.assertGreater(lost.dropped, 0)

    def test_one_datagram_of_udp_to_nobody_is_counted_as_dropped(self):
        wire = Wire()
        wire.udp('192.0.2.1', 1024, '192.0.2.2', 53)
        port = support.free_udp_port()
        run = spanfix('-r', self.capture(wire), '-c', f'udp://127.0.0.1:{port}')
        lost = self.failed(run, 'Connection refused', records=1)
        self.assertEqual(lost.dropped, 1)

    def test_one_collector_that_fails_takes_nothing_from_the_others(self):
        path = self.path('flows.ipfix')
        port = support.free_udp_port()
        run = spanfix('-r', self.capture(everything()), '-c',
                      f'udp://127.0.0.1:{port}', '-w', path)
        self.assertEqual(run.status, 1, run)
        self.assertEqual(len(read_file(path).records), 14)
        by_name = {output.to: output for output in Summary(run.stderr).outputs}
        self.assertEqual(by_name[path].sent, 14, run)

    def test_a_tcp_collector_that_hangs_up_is_named(self):
        import socket
        import threading
        wire = Wire()
        for port in range(1024, 60000):
            wire.udp('192.0.2.1', port, '192.0.2.2', 53, answer=None)
        with socket.create_server(('127.0.0.1', 0)) as server:
            server.settimeout(support.PATIENCE / 2)

            def hang_up():
                connection, _ = server.accept()
                connection.recv(1000)
                connection.close()
                server.close()
            thread = threading.Thread(target=hang_up, daemon=True)
            thread.start()
            run = spanfix('-r', self.capture(wire), '-c',
                          'tcp://127.0.0.1:%d' % server.getsockname()[1])
            thread.join(support.PATIENCE)
        self.assertEqual(run.status, 1, run)
        output, = Summary(run.stderr).outputs
        self.assertEqual(Summary(run.stderr).errors(), [], run)
        self.assertGreater(output.dropped, 0, run)
        self.assertRegex(run.stderr, 'Connection re|Broken pipe')


class Answers(EndToEnd):
    def test_help_and_version_go_to_standard_output(self):
        for option, words in (('--help', '--idle-timeout-tcp'),
                              ('-h', 'usage: spanfix'),
                              ('--version', 'spanfix ')):
            with self.subTest(option):
                run = spanfix(option)
                self.assertEqual((run.status, run.stderr), (0, ''), run)
                self.assertIn(words, run.text)


if __name__ == '__main__':
    sys.exit(support.main())
