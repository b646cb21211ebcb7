#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What the package says of the program is true of this program."""

import os
import re
import subprocess
import unittest

import support
from support import REPOSITORY, EndToEnd, needs, spanfix

PACKAGING = os.path.join(REPOSITORY, 'packaging')
COMPLETIONS = '/usr/share/bash-completion/bash_completion'
UNITS = ('spanfix.service', 'spanfix@.service')


def text_of(name):
    with open(os.path.join(PACKAGING, name), encoding='utf-8') as file:
        return file.read()


def program_options():
    """(short, long, value, default) of --help; '' for what there is not."""
    option = re.compile(r'^  (?:-(.) \[ )?--([a-z-]+)(?: \])?'
                        r'(?: (?:\[=)?([A-Za-z|,]+))?(?: ?\(=(\S+)\))?\]?'
                        r'(?:  |$)', re.M)
    return [match.groups('') for match in option.finditer(
        spanfix('--help').text)]


class ManPage(EndToEnd):

    def options(self):
        option = re.compile(r'^\.TP\n(?:-(.), )?--([a-z-]+)'
                            r'(?:(?: |\[=)([A-Za-z|,]+)\]?)?(?: \(default (\S+)\))?\n(\S.*)$', re.M)
        page = re.sub(r'\\f[BIR]', '', text_of('spanfix.8'))
        return [match.groups('') for match in option.finditer(
            page.replace('\\-', '-'))]

    def test_it_has_the_options_of_the_program_with_their_defaults(self):
        in_program = program_options()
        self.assertGreater(len(in_program), 20)
        self.assertEqual([option[:4] for option in self.options()], in_program)

    def test_it_says_something_of_each(self):
        for *option, sentence in self.options():
            self.assertRegex(sentence, r'^[A-Z.]', option)

    def test_it_has_the_version_of_the_program(self):
        version = spanfix('--version').text.strip()
        self.assertIn(f'"{version}"', text_of('spanfix.8'))
        self.assertIn('({})'.format(version.split()[1]),
                      text_of('debian/changelog').splitlines()[0])
        number = version.split()[1]
        self.assertRegex(text_of('rpm/spanfix.spec'),
                         rf'(?m)^Version: +{re.escape(number)}$')
        for name in ('nfdump', 'elastiflow'):
            self.assertIn(f'image: spanfix:{number}\n',
                          text_of(f'docker/compose.{name}.yaml'))

    @needs('mandoc')
    def test_mandoc_finds_nothing_in_it(self):
        run = subprocess.run(
            ['mandoc', '-T', 'lint', '-W', 'warning',
             os.path.join(PACKAGING, 'spanfix.8')],
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        self.assertEqual((run.stdout.decode(), run.returncode), ('', 0))


class Units(EndToEnd):

    def test_they_differ_in_the_interface_and_the_directory_only(self):
        one, each = (text_of(name).splitlines() for name in UNITS)
        differing = [b for a, b in zip(one, each) if a != b]
        self.assertEqual(len(one), len(each))
        self.assertEqual(
            [line for line in differing if not line.startswith('#')],
            ['Description=IPFIX exporter for the mirror port %i',
             'ExecStart=/usr/bin/spanfix --config /etc/spanfix/spanfix.conf '
             '--interface %i', 'StateDirectory=spanfix-%i'])

    @needs('systemd-analyze')
    def test_they_may_do_little(self):
        for name in UNITS:
            run = subprocess.run(
                ['systemd-analyze', 'security', '--offline=true',
                 '--threshold=20', '--no-pager',
                 os.path.join(PACKAGING, name)],
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
            output = run.stdout.decode()
            if 'Unknown' in output or 'unrecognized' in output:
                self.skipTest(output)
            self.assertEqual(run.returncode, 0, output)
            self.assertRegex(output, r'exposure level for spanfix\S+ [01]\.\d')


@unittest.skipIf(not os.path.exists(COMPLETIONS), 'no bash-completion')
class Completion(EndToEnd):

    SCRIPT = """
        source "$1"
        source "$2"
        complete -p spanfix >/dev/null || exit 1
        COMP_WORDS=("$3" "${@:4}")
        COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
        COMP_LINE="${COMP_WORDS[*]}"
        COMP_POINT=${#COMP_LINE}
        COMP_TYPE=9
        compopt() { :; }
        _spanfix "$3" "${COMP_WORDS[COMP_CWORD]}" "${COMP_WORDS[COMP_CWORD - 1]}"
        printf '%s\\n' "${COMPREPLY[@]}"
        """

    def completed(self, *words):
        run = subprocess.run(
            ['bash', '--norc', '-c', self.SCRIPT, 'bash', COMPLETIONS,
             os.path.join(PACKAGING, 'completion', 'spanfix'),
             support.SPANFIX, *words], stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, check=True)
        return sorted(set(run.stdout.decode().split()))

    def test_it_knows_every_option(self):
        self.assertEqual(self.completed('--'), sorted(
            '--' + long for _, long, _, _ in program_options()))

    def test_it_knows_the_values_that_there_are(self):
        for words, values in (
                (['--tunnels', ''], ['inner', 'outer']),
                (['--format', 'j'], ['json']),
                (['--key', ''], ['tunnel', 'vlan']),
                (['--profile', 'n'], ['nfdump']),
                (['--print-elements', 'f'], ['filebeat', 'fixbuf']),
                (['-c', 'u'], ['udp://'])):
            with self.subTest(words):
                self.assertEqual(self.completed(*words), values)


class Elements(EndToEnd):

    def test_the_package_has_a_file_for_each_collector_that_can_be_taught(self):
        files = re.search(r'^for file in ((?:.*\\\n)*.*); do$',
                          text_of('print-elements'), re.M)[1]
        names = re.findall(r'([a-z0-9]+)\.[a-z]+', files)
        refusal = spanfix('--print-elements', 'none-such').stderr
        known = re.search(r'there are (.*), not', refusal)[1].split(', ')
        self.assertEqual(names, known)


if __name__ == '__main__':
    support.main()
