# SPDX-License-Identifier: Apache-2.0
"""Reads files of -c protobuf: with the classes that protoc makes for Python,
which share nothing with spanfix but the schema."""

import importlib.util
import os
import shutil
import subprocess
import sys
import tempfile
import unittest

import support

SCHEMA = os.path.join(support.REPOSITORY, 'templates', 'flow.proto')

INSTALLED = (shutil.which('protoc') is not None and
             importlib.util.find_spec('google') is not None and
             importlib.util.find_spec('google.protobuf') is not None)
needs_protobuf = unittest.skipUnless(
    INSTALLED, 'not installed: protoc or google.protobuf for Python')

_classes = []


def flow_record():
    """The class of one message."""
    if not _classes:
        with tempfile.TemporaryDirectory(prefix='spanfix-proto-') as directory:
            subprocess.run(['protoc', '-I', os.path.dirname(SCHEMA),
                            '--python_out', directory, SCHEMA], check=True)
            sys.path.insert(0, directory)
            try:
                _classes.append(importlib.import_module('flow_pb2').FlowRecord)
            finally:
                sys.path.remove(directory)
    return _classes[0]


def varint(octets, at):
    value = shift = 0
    while True:
        value |= (octets[at] & 0x7f) << shift
        shift += 7
        at += 1
        if octets[at - 1] < 0x80:
            return value, at


def varint_of(value):
    octets = b''
    while value >= 0x80:
        octets += bytes([value & 0x7f | 0x80])
        value >>= 7
    return octets + bytes([value])


def delimited(message):
    octets = message.SerializeToString()
    return varint_of(len(octets)) + octets


def messages(octets):
    """Raises when a message is not whole."""
    found, at = [], 0
    while at < len(octets):
        length, at = varint(octets, at)
        if at + length > len(octets):
            raise ValueError(f'{length} octets at {at} of {len(octets)}')
        found.append(flow_record().FromString(octets[at:at + length]))
        at += length
    return found
