# SPDX-License-Identifier: Apache-2.0
"""Certificates of the tests' own, made by the openssl command."""

import os
import subprocess

import support

NEW_KEY = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes']


def openssl(*arguments):
    run = subprocess.run(['openssl', *map(str, arguments)], capture_output=True,
                         text=True, check=False, timeout=support.PATIENCE)
    if run.returncode != 0:
        raise AssertionError(f'openssl {arguments}:\n{run.stderr}')


class Authority:
    """A CA; its files, and those of what it signs, are in `directory`."""

    def __init__(self, directory, name='ca'):
        self.directory, self.name = directory, name
        openssl('req', '-x509', *NEW_KEY, '-keyout', self.key(name), '-out',
                self.pem(name), '-subj', f'/CN={name}', '-days', 2)

    def pem(self, name=None):
        return os.path.join(self.directory, (name or self.name) + '.pem')

    def key(self, name):
        return os.path.join(self.directory, name + '.key')

    def make(self, name, alternatives='DNS:localhost,IP:127.0.0.1', days=1):
        """Days below 0: it has expired."""
        request, extensions = self.pem(name) + '.csr', self.pem(name) + '.ext'
        with open(extensions, 'w', encoding='ascii') as file:
            print('subjectAltName = ' + alternatives, file=file)
        openssl('req', *NEW_KEY, '-keyout', self.key(name), '-out', request,
                '-subj', '/CN=' + name)
        openssl('x509', '-req', '-in', request, '-CA', self.pem(), '-CAkey',
                self.key(self.name), '-CAcreateserial', '-days', days,
                '-extfile', extensions, '-out', self.pem(name))
