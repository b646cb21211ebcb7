#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the guides and compose files tell people to write, spanfix accepts."""

import functools
import glob
import os
import re
import shlex
import unittest

import support
from support import REPOSITORY, EndToEnd, spanfix

try:
    import yaml
except ImportError:
    yaml = None

PACKAGING = os.path.join(REPOSITORY, 'packaging')
GUIDES = sorted(glob.glob(os.path.join(PACKAGING, 'guides', '*.md')))
COMPOSE = sorted(glob.glob(os.path.join(PACKAGING, 'docker', 'compose.*')))


def text_of(path):
    with open(path, encoding='utf-8') as file:
        return file.read()


def written_out(pattern, path):
    return re.findall(r'^ {4}(' + pattern + r')$', text_of(path), re.M)


@functools.cache
def help_text():
    return spanfix('--help').text


def long_names():
    return dict(re.findall(r'^  -(.) \[ --([a-z-]+) \]', help_text(), re.M))


def as_config(arguments):
    """The lines of a config file that say what a command line says."""
    names, lines = long_names(), []
    switches = set(re.findall(r'^  (?:-. \[ )?--([a-z-]+)(?: \])?(?: {2,}|$)',
                              help_text(), re.M))
    arguments = list(arguments)
    while arguments:
        word = arguments.pop(0)
        if not word.startswith('-'):
            lines.append('filter = ' + ' '.join([word] + arguments))
            break
        name = word[2:] if word.startswith('--') else names[word[1:]]
        lines.append(f'{name} = ' +
                     ('yes' if name in switches else arguments.pop(0)))
    return lines


class Checked(EndToEnd):

    def check(self, lines, where):
        run = spanfix('--check-config',
                      self.file('spanfix.conf', '\n'.join(lines).encode()))
        self.assertEqual(run.status, 0, f'{where}:\n{run}')


class Guides(Checked):

    def test_every_command_line_is_one_that_spanfix_takes(self):
        commands = 0
        for guide in GUIDES:
            for line in written_out('spanfix .*', guide):
                arguments = shlex.split(line)[1:]
                if arguments[0] == '--print-elements':
                    self.assertEqual(spanfix(*arguments).status, 0, line)
                elif arguments != ['--check-config']:
                    self.check(as_config(arguments), f'{guide}: {line}')
                commands += 1
        self.assertGreater(commands, 20)

    def test_every_config_line_is_one_that_spanfix_takes(self):
        files = 0
        for guide in GUIDES:
            lines = written_out('[a-z-]+ = .*', guide)
            if lines:
                self.check(lines, guide)
                files += 1
        self.assertGreater(files, 7)

    def test_a_mistake_in_them_would_be_found(self):
        self.assertEqual(as_config(['-i', 'eth1', '--dedup', '-c', 'udp://a:1',
                                    'not', 'port', '1']),
                         ['interface = eth1', 'dedup = yes',
                          'collector = udp://a:1', 'filter = not port 1'])
        with self.assertRaises(AssertionError):
            self.check(as_config(['-c', 'udp://192.0.2.1:1?profile=nfdumb']),
                       'here')

    def test_there_is_a_guide_for_every_profile(self):
        refusal = spanfix('-r', '-', '-c', 'udp://127.0.0.1:1?profile=none-such')
        known = re.search(r'there are (.*)', refusal.stderr)[1].split(', ')
        self.assertGreater(len(known), 10)
        rows = re.findall(r'^\| [^|]* \| (`.*`) \| \[([a-z0-9]+\.md)\]',
                          text_of(os.path.join(PACKAGING, 'guides',
                                               'README.md')), re.M)
        in_table = {name: guide for names, guide in rows
                    for name in re.findall(r'`([a-z0-9]+)`', names)}
        self.assertEqual(sorted(in_table), sorted(known))
        for name, guide in in_table.items():
            self.assertIn(f'profile={name}',
                          text_of(os.path.join(PACKAGING, 'guides', guide)))

    def test_each_says_what_was_run(self):
        for guide in GUIDES:
            if os.path.basename(guide) != 'README.md':
                self.assertRegex(text_of(guide),
                                 r'^# .*\n\n> (Run|Not run)', guide)


@unittest.skipIf(yaml is None, 'python3-yaml is not installed')
class ComposeFiles(Checked):

    def test_spanfix_may_capture_in_them_and_nothing_else(self):
        self.assertEqual(len(COMPOSE), 2)
        for path in COMPOSE:
            service = yaml.safe_load(text_of(path))['services']['spanfix']
            self.assertEqual(
                (service['network_mode'], service['cap_drop'],
                 service['cap_add'], service['read_only']),
                ('host', ['ALL'], ['NET_RAW'], True), path)

    def test_their_command_lines_are_ones_that_spanfix_takes(self):
        for path in COMPOSE:
            service = yaml.safe_load(text_of(path))['services']['spanfix']
            arguments = [re.sub(r'\$\{MIRROR.*\}', 'eth1', word)
                         for word in service['command']]
            self.check(as_config(arguments), path)


if __name__ == '__main__':
    support.main()
