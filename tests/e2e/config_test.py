#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The config file: what it says is done, and what is wrong in it is said."""

import support
from ipfix_reader import read_file
from support import EndToEnd, everything, spanfix


class ConfigFile(EndToEnd):

    def config(self, *lines):
        return self.file('spanfix.conf', '\n'.join(lines).encode() + b'\n')

    def test_a_run_is_described_by_it(self):
        capture = self.capture(everything())
        flows = self.path('flows.ipfix')
        config = self.config('# a capture', f'read = {capture}',
                             f'write = {flows}', 'observation-domain = 77')

        run = self.succeed('--config', config)

        self.assertEqual(run.text, '')
        self.assertEqual(run.summary.outputs[0].to, flows)
        direct = self.path('direct.ipfix')
        self.succeed('-r', capture, '-w', direct, '--observation-domain', '77')
        with open(flows, 'rb') as one, open(direct, 'rb') as other:
            self.assertEqual(one.read(), other.read())
        self.assertTrue(read_file(flows))

    def test_its_errors_are_a_line_each_and_nothing_is_opened(self):
        flows = self.path('flows.ipfix')
        config = self.config(f'write = {flows}', 'max-flow = 5',
                             'interface = lo', 'pen = 0')
        for arguments in (['--check-config', config], ['--config', config],
                          ['--check-config', '--config', config]):
            with self.subTest(arguments):
                run = spanfix(*arguments)
                self.assertEqual(run.status, 2, run)
                self.assertEqual(run.stdout, b'', run)
                lines = run.stderr.splitlines()
                self.assertEqual(len(lines), 2, run)
                self.assertEqual(lines[0], f"spanfix: {config}:2: there is no "
                                 "option 'max-flow'; is it 'max-flows'?")
                self.assertIn(f'spanfix: {config}:4: pen: ', lines[1])
                self.assertFalse(support.os.path.exists(flows))

    def test_a_file_without_errors_is_ok_in_one_line(self):
        config = self.config('interface = nosuchif0')
        run = spanfix('--check-config', config)
        self.assertEqual((run.status, run.text, run.stderr),
                         (0, f'{config}: ok\n', ''), run)

    def test_a_file_that_is_not_there_is_named(self):
        missing = self.path('missing.conf')
        for arguments in (['--check-config', missing], ['--config', missing]):
            with self.subTest(arguments):
                run = spanfix(*arguments)
                self.assertEqual(run.status, 2, run)
                self.assertEqual(run.stderr, f"spanfix: --config: cannot read "
                                 f"'{missing}': No such file or directory\n")


if __name__ == '__main__':
    support.main()
