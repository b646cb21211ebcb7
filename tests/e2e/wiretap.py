# SPDX-License-Identifier: Apache-2.0
"""Captures without spanfix: their frames, their packets as tshark has them,
and what follows from these for a connection."""

import socket
import struct
import subprocess
from collections import namedtuple
from datetime import datetime, timezone

import support

SYN, FIN, RST, ACK = 2, 1, 4, 16

Frame = namedtuple('Frame', 'time octets length')  # time in microseconds


def read_frames(path):
    with open(path, 'rb') as file:
        content = file.read()
    frames, at = [], 24
    while at < len(content):
        seconds, micros, kept, length = struct.unpack_from('<IIII', content,
                                                           at)
        at += 16 + kept
        frames.append(Frame(seconds * 10**6 + micros, content[at - kept:at],
                            length))
    return frames


def write_frames(path, frames):
    with open(path, 'wb') as file:
        file.write(support.pcap([(f.time * 1000, f.octets, f.length)
                                 for f in frames]))
    return path


Segment = namedtuple('Segment', 'source flags sequence length')


def segment_of(frame):
    """The TCP segment in the octets of a frame, or None."""
    if frame[12:14] == b'\x08\x00' and frame[23] == 6:
        tcp, end = 14 + (frame[14] & 15) * 4, 14 + int.from_bytes(frame[16:18],
                                                                  'big')
        source = socket.inet_ntop(socket.AF_INET, frame[26:30])
    elif frame[12:14] == b'\x86\xdd' and frame[20] == 6:
        tcp, end = 54, 54 + int.from_bytes(frame[18:20], 'big')
        source = socket.inet_ntop(socket.AF_INET6, frame[22:38])
    else:
        return None
    return Segment(source, frame[tcp + 13],
                   int.from_bytes(frame[tcp + 4:tcp + 8], 'big'),
                   end - tcp - (frame[tcp + 12] >> 4) * 4)


def is_data(frame):
    segment = segment_of(frame)
    return bool(segment and segment.length > 0 and
                not segment.flags & (SYN | FIN | RST))


# ---- what tshark says ----

FIELDS = ('frame.time_epoch', 'ip.src', 'ipv6.src', 'ip.dst', 'ipv6.dst',
          'ip.len', 'ipv6.plen', 'ip.ttl', 'ipv6.hlim', 'tcp.srcport',
          'tcp.dstport', 'tcp.flags', 'tcp.seq_raw', 'tcp.ack_raw', 'tcp.len',
          'tcp.window_size_value', 'udp.srcport', 'udp.dstport')
Packet = namedtuple('Packet', 'micros source destination octets ttl ports '
                    'flags sequence acknowledgment length window')


def tshark(path, innermost=False, version=4):
    """The packets of a capture, by their outermost or innermost headers of the
    IP version; where there are none, of the other."""
    command = ['tshark', '-n', '-r', path, '-T', 'fields', '-E',
               'occurrence=' + ('l' if innermost else 'f'),
               '-o', 'ip.defragment:FALSE', '-o', 'ipv6.defragment:FALSE',
               '-o', 'tcp.desegment_tcp_streams:FALSE']
    for field in FIELDS:
        command += ['-e', field]
    text = subprocess.run(command, check=True, capture_output=True, text=True,
                          timeout=support.PATIENCE, env=support.ENVIRONMENT)
    return [_packet(line.split('\t'), version)
            for line in text.stdout.splitlines()]


def _packet(cells, version):
    (at, source, source6, destination, destination6, length, payload, ttl,
     hops, tcp_from, tcp_to, flags, sequence, acknowledgment, tcp_length,
     window, udp_from, udp_to) = cells

    def number(cell):
        return int(cell or '0', 0)
    if version == 6 and source6:
        source = destination = length = ttl = ''
    return Packet(int(at.replace('.', '')) // 1000, source or source6,
                  destination or destination6,
                  number(length) or number(payload) + 40, number(ttl or hops),
                  (number(tcp_from or udp_from), number(tcp_to or udp_to)),
                  number(flags), number(sequence), number(acknowledgment),
                  number(tcp_length), number(window))


def distance(a, b):
    """From b to a in the space of sequence numbers."""
    return (a - b + 2**31) % 2**32 - 2**31


def retransmissions(segments):
    """Of one side: those with payload that end where one ended already."""
    highest, count = None, 0
    for s in segments:
        end = s.sequence + s.length + bool(s.flags & SYN) + bool(s.flags & FIN)
        if highest is None or distance(end, highest) > 0:
            highest = end
        elif s.length > 0:
            count += 1
    return count


def missing_octets(packets, source):
    """Of what `source` sent after its SYN: acknowledged, and never seen before
    the acknowledgment. Looks at every octet."""
    isn = next(p.sequence for p in packets
               if p.source == source and p.flags & SYN)
    seen, missing, acknowledged, end = set(), 0, 1, None
    for p in packets:
        if p.source == source:
            first = distance(p.sequence, isn) + bool(p.flags & SYN)
            seen.update(range(first, first + p.length))
            if p.flags & FIN:
                end = first + p.length
        elif p.flags & ACK and not p.flags & RST:
            ack = distance(p.acknowledgment, isn)
            ack = min(ack, end) if end is not None else ack
            missing += sum(octet not in seen
                           for octet in range(acknowledged, ack))
            acknowledged = max(acknowledged, ack)
    return missing


def milliseconds(micros):
    stamp = datetime.fromtimestamp(micros // 10**6, timezone.utc)
    return f'{stamp:%Y-%m-%dT%H:%M:%S}.{micros // 1000 % 1000:03}Z'
