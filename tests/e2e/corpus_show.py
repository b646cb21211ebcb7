#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Writes the records of real captures into files and shows them again.

    corpus_show.py [--corpus DIRECTORY] [TRACE...]

For each capture, `--show --format json` of the Protobuf file and of the IPFIX
file must be the lines that the same run printed, and Python must find as many
messages in the Protobuf file.

Exit 0: so it is. Exit 1: not so. Exit 77: there is no corpus, or SPANFIX is
not set.
"""

import argparse
import os
import sys
import tempfile

import protobuf_reader
import support


def arguments():
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument('--corpus', default=os.environ.get(
        'SPANFIX_CORPUS', os.path.join(support.REPOSITORY, '..', 'shared',
                                       'corpus')))
    parser.add_argument('traces', nargs='*', metavar='TRACE')
    return parser.parse_args()


def captures(top):
    return sorted(os.path.relpath(os.path.join(directory, name), top)
                  for directory, _, names in os.walk(top) for name in names)


class Round:
    """One capture through both files."""

    def __init__(self, capture, directory, parameters):
        paths = {kind: os.path.join(directory, kind)
                 for kind in ('protobuf', 'file')}
        run = support.spanfix(
            '-r', capture, '--format', 'json', *parameters,
            *(word for kind, path in paths.items()
              for word in ('-c', f'{kind}:{path}')))
        self.broken = []
        self.records = 0
        self.refused = run.status == 2
        if self.refused:
            return
        self.records = run.stdout.count(b'\n')
        for kind, path in paths.items():
            shown = support.spanfix('--show', path, '--format', 'json')
            if shown.status != 0 or shown.stdout != run.stdout:
                self.broken.append(f'{kind}: exit {shown.status}, '
                                   f'{shown.stdout.count(10)} lines of '
                                   f'{self.records}, or others {shown.stderr}')
        if protobuf_reader.INSTALLED:
            with open(paths['protobuf'], 'rb') as file:
                found = len(protobuf_reader.messages(file.read()))
            if found != self.records:
                self.broken.append(f'{found} messages, {self.records} lines')
        for path in paths.values():
            os.unlink(path)


def main():
    options = arguments()
    top = os.path.join(options.corpus, 'pcap')
    if not support.SPANFIX:
        print('SKIPPED: SPANFIX, the path of the program, is not set')
        return support.SKIPPED
    if not os.path.isdir(top):
        print(f'SKIPPED: there is no corpus at {options.corpus}; '
              'SPANFIX_CORPUS can name another place')
        return support.SKIPPED
    if not protobuf_reader.INSTALLED:
        print('not counted by Python: protoc or google.protobuf is missing')
    counts = {'runs': 0, 'refused': 0, 'records': 0, 'broken': 0}
    with tempfile.TemporaryDirectory(prefix='spanfix-show-') as directory:
        for trace in options.traces or captures(top):
            for parameters in ((), ('--tunnels', 'inner')):
                done = Round(os.path.join(top, trace), directory, parameters)
                counts['runs'] += 1
                counts['refused'] += done.refused
                counts['records'] += done.records
                counts['broken'] += bool(done.broken)
                for what in done.broken:
                    print(f'{trace} {" ".join(parameters)}: {what}')
    print(', '.join(f'{name} {count}' for name, count in counts.items()))
    return 1 if counts['broken'] or counts['records'] == 0 else 0


if __name__ == '__main__':
    sys.exit(main())
