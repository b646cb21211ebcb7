#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What is said on the standard error, for people, programs and the journal."""

import json
import os
import subprocess

import support
from support import EndToEnd

SAMPLE = os.path.join(support.REPOSITORY, 'tests', 'pcap', 'sample.pcap')


class Log(EndToEnd):
    def said(self, *arguments, environment=support.ENVIRONMENT):
        """Exit status and the standard error of a run."""
        run = subprocess.run(
            [support.SPANFIX, *map(str, arguments)], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, text=True,
            env=environment, timeout=support.PATIENCE, check=False)
        return run.returncode, run.stderr

    def torn(self):
        with open(SAMPLE, 'rb') as capture:
            return self.file('torn.pcap', capture.read()[:-5])

    def test_json_has_the_account_as_one_object(self):
        status, said = self.said('-r', SAMPLE, '--log-format', 'json')

        summary = json.loads(said)
        self.assertEqual(status, 0)
        self.assertEqual(summary['event'], 'summary')
        self.assertEqual(summary['packets']['seen'], 126)
        self.assertEqual(summary['packets']['in_records'], 126)
        self.assertEqual(summary['ip_octets_in_records'], 29526)
        self.assertEqual(summary['flows']['ended'], 13)
        self.assertEqual(summary['collectors'][0]['sent'], 13)

    def test_json_has_a_failure_as_an_object_of_its_own(self):
        status, said = self.said('-r', self.torn(), '--log-format', 'json')

        events = [json.loads(line) for line in said.splitlines()]
        self.assertEqual(status, 1)
        self.assertEqual([(e['level'], e['event']) for e in events],
                         [('info', 'summary'), ('error', 'capture-failed')])
        self.assertIn('torn.pcap', events[1]['message'])

    def test_json_says_why_it_cannot_start(self):
        status, said = self.said('-r', '/nonexistent', '--log-format', 'json')

        self.assertEqual(status, 2)
        self.assertEqual(json.loads(said)['event'], 'cannot-start')

    def test_the_level_leaves_out_warnings_but_not_errors(self):
        old = 'udp://127.0.0.1:9?version=5'
        _, all_of_it = self.said('-r', self.torn(), '-c', old)
        _, errors = self.said('-r', self.torn(), '-c', old,
                              '--log-level', 'error')

        self.assertIn('NetFlow v5 has a record', all_of_it)
        self.assertNotIn('NetFlow v5 has a record', errors)
        self.assertIn('torn.pcap', errors)
        self.assertIn('packets seen', errors)

    def test_the_journal_gets_the_level_of_each_line(self):
        reader, writer = os.pipe()
        stream = os.fstat(writer)
        subprocess.run(
            [support.SPANFIX, '-r', self.torn()], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL, stderr=writer, check=False,
            env=dict(support.ENVIRONMENT,
                     JOURNAL_STREAM=f'{stream.st_dev}:{stream.st_ino}'),
            timeout=support.PATIENCE)
        os.close(writer)
        with open(reader, encoding='utf-8') as pipe:
            lines = pipe.read().splitlines()

        self.assertRegex(lines[0], r'^<6>packets seen ')
        self.assertRegex(lines[-1], r"^<3>.*torn\.pcap")
        self.assertNotIn('spanfix: ', ''.join(lines))

    def test_an_unknown_format_or_level_is_refused(self):
        for option in ('--log-format', '--log-level'):
            status, said = self.said('-r', SAMPLE, option, 'loud')
            self.assertEqual(status, 2)
            self.assertRegex(said, rf"^spanfix: {option}: there are .*'loud'")


if __name__ == '__main__':
    support.main()
