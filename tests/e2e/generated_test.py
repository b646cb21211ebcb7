#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs on generated traffic, against what its generator says it wrote.

The generator is not part of this project: SPANFIX_BENCH names its directory.
"""

import json
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import support
from corpus_history import NO_TIMERS
from support import EndToEnd, Summary

BENCH = os.environ.get('SPANFIX_BENCH', os.path.join(
    support.REPOSITORY, '..', 'shared', 'bench'))
SOURCE = os.path.join(BENCH, 'gentraffic.cpp')


@unittest.skipUnless(os.path.exists(SOURCE) and shutil.which('g++'),
                     f'there is no generator at {SOURCE}, or no g++')
class Generated(EndToEnd):
    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.tools = tempfile.mkdtemp(prefix='spanfix-generator-')
        cls.addClassCleanup(shutil.rmtree, cls.tools)
        cls.generator = os.path.join(cls.tools, 'gentraffic')
        subprocess.run(['g++', '-O1', '-std=c++17', '-o', cls.generator,
                        SOURCE], check=True)

    def same(self, *options):
        capture, truth = self.path('generated.pcap'), self.path('truth.json')
        subprocess.run([self.generator, *options, '--out', capture, '--json',
                        truth], check=True)
        with open(truth, encoding='utf-8') as file:
            said = json.load(file)
        run = self.succeed('-r', capture, '-w', self.path('out.ipfix'),
                           *NO_TIMERS)
        summary = Summary(run.stderr)
        self.assertEqual(summary.errors(), [])
        self.assertEqual(
            (summary.flows, summary.in_records, summary.octets),
            (said['flows_bidir_5tuple'], said['packets'], said['ip_bytes']))

    def test_a_realistic_mix(self):
        self.same('--mode', 'event', '--packets', '100000', '--concurrent',
                  '1600', '--mean', '24', '--duration', '600', '--seed', '1')

    def test_many_flows(self):
        self.same('--mode', 'slot', '--replace', '--packets', '80000',
                  '--concurrent', '10000', '--mean', '12', '--duration', '80',
                  '--icmp', '0', '--seed', '2', '--single', '0.05')

    def test_a_few_large_flows(self):
        self.same('--mode', 'slot', '--packets', '100000', '--concurrent',
                  '64', '--mean', '20', '--duration', '100', '--icmp', '0',
                  '--seed', '3')

    def test_a_flood_of_syns(self):
        self.same('--mode', 'flood', '--packets', '50000', '--v6', '0',
                  '--vlan', '0', '--duration', '50', '--seed', '4')

    def test_a_flood_that_collides_in_a_weak_hash(self):
        self.same('--mode', 'xorflood', '--packets', '50000')


if __name__ == '__main__':
    sys.exit(support.main())
