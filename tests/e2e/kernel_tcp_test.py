#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""TCP as Linux speaks it, over good cables and bad ones."""

import random
import socket
import sys
import time

import support
from kernel import (A, B, FAR, FAR_A, FAR_B, NEAR, NOBODY, EveryNth,
                    KernelTest, Loses, abort, receive, send)
from support import needs_root, poll_until
from wiretap import (ACK, RST, SYN, is_data, read_frames, segment_of, tshark,
                     write_frames)

FIN_CAUSE, RST_CAUSE, REPLACED = 1, 2, 7
MANY = 300_000  # octets: hundreds of segments


@needs_root()
@support.needs('ip', 'ethtool', 'sysctl', 'tcpdump', 'tshark')
class KernelTcp(KernelTest):
    def uploads(self, pairs, octets=MANY):
        for client, server in pairs:
            ours, theirs = self.connection(client, server)
            send(ours, theirs, octets)
            self.close(ours, theirs)

    def check_closed(self, record):
        self.assertEqual(
            (record['connectionState'], record['flowEndCause'],
             record['flowEndReason'], record['biflowDirection']),
            ('SF', FIN_CAUSE, 3, 1), record)

    def checked(self, path, count, *arguments):
        """The records, each as tshark has it: packets, octets, times, flags,
        retransmissions, octets that are missing."""
        packets = tshark(path)
        records = self.flows('-r', path, *arguments)
        self.assertEqual(len(records), count, records)
        for record in records:
            own = self.check(record, packets)
            if record['connectionState'] == 'SF':
                self.check_missing(record, own)
        return records

    # ---- good cables ----

    def test_a_transfer_each_way_is_one_record(self):
        with self.capture() as (path,):
            for client, server in NEAR:
                ours, theirs = self.connection(client, server)
                self.exchange(ours, theirs)
                self.close(ours, theirs)
        for record in self.checked(path, 2):
            self.assertIn(support.addresses_of(record), NEAR)
            self.assertRegex(record['tcpHistory'], r'\AShA(Dad?|Dda?)Ff\Z')
            self.check_closed(record)

    def test_the_first_to_close_may_be_the_server(self):
        with self.capture() as (path,):
            for client, server in NEAR:
                ours, theirs = self.connection(client, server)
                self.exchange(ours, theirs)
                self.close(theirs, ours)
        for record in self.checked(path, 2):
            self.assertRegex(record['tcpHistory'], r'\AShA(Dad?|Dda?)fF\Z')
            self.check_closed(record)

    def test_segments_that_a_card_will_cut_are_counted_as_they_are(self):
        for host in (self.net.a, self.net.b):
            self.net.offload(host, 'eth', 'on')
            self.addCleanup(self.net.offload, host, 'eth', 'off')
        with self.capture() as (path,):
            self.uploads(NEAR)
        self.assertGreater(max(p.length for p in tshark(path)), 3000)
        for record in self.checked(path, 2):
            self.check_closed(record)

    def test_what_the_snap_length_cuts_is_not_missing(self):
        with self.capture('a eth', 'a eth -s 96') as (path, cut):
            self.uploads(NEAR)
        self.assertEqual({len(f.octets) for f in read_frames(cut)
                          if f.length > 96}, {96})
        for record in self.checked(cut, 2):
            self.assertNotIn('G', record['tcpHistory'])
            self.check_closed(record)
            whole = self.record(self.flows('-r', path),
                                ipVersion=record['ipVersion'])
            for name, value in record.items():
                if 'Milliseconds' not in name and 'handshake' not in name:
                    self.assertEqual(value, whole[name], name)

    def fast_open(self, client, listening, octets):
        """A connection whose SYN carries data once the client has the
        server's cookie."""
        ours = self.socket('a', client)
        ours.setblocking(True)
        ours.sendto(bytes(octets), socket.MSG_FASTOPEN,
                    listening.getsockname()[:2])
        theirs, _ = listening.accept()
        self.addCleanup(theirs.close)
        theirs.settimeout(support.PATIENCE)
        receive(theirs, octets)
        return ours, theirs

    def test_data_that_comes_with_the_syn_is_new(self):
        for host in (self.net.a, self.net.b):
            self.net.inside(host, 'sysctl -qw net.ipv4.tcp_fastopen=3')
        with self.capture() as (path,):
            for client, server in NEAR:
                with self.listen(server) as listening:
                    listening.setsockopt(socket.IPPROTO_TCP,
                                         socket.TCP_FASTOPEN, 16)
                    for _ in range(2):
                        ours, theirs = self.fast_open(client, listening, 500)
                        send(theirs, ours, 2000)
                        self.close(ours, theirs)
        records = self.flows('-r', path)
        self.assertEqual([r['connectionState'] for r in records], ['SF'] * 4)
        self.assertEqual([r['tcpRetransmittedPackets'] for r in records],
                         [0] * 4)
        # Zeek, whose letters these are, writes T for data in a SYN.
        self.assertEqual([r['tcpHistory'][:2] for r in records],
                         ['Sh', 'ST'] * 2)
        packets = tshark(path)
        self.assertEqual(sum(p.length > 0 for p in packets
                             if p.flags & SYN), 2)
        for record in records:
            port = record['sourceTransportPort']
            self.check_missing(record, [p for p in packets if port in p.ports])

    def test_the_same_capture_gives_the_same_octets(self):
        with self.capture() as (path,):
            self.uploads(NEAR, 1000)
        written = []
        for name in ('first.ipfix', 'second.ipfix'):
            self.succeed('-r', path, '-w', self.path(name))
            with open(self.path(name), 'rb') as file:
                written.append(file.read())
        self.assertEqual(*written)

    # ---- bad cables ----

    def test_handshake_times_tell_which_host_is_far_away(self):
        self.net.relay.rule = lambda from_a, frame: (0.01,)
        with self.capture('a far', 'b far') as paths:
            for client, server in FAR:
                self.close(*self.connection(client, server))
        for path, far in zip(paths, ('handshakeServerTime',
                                     'handshakeClientTime')):
            packets = tshark(path)
            for record in self.checked(path, 2):
                client, server = support.addresses_of(record)
                syn, syn_ack, ack = sorted(
                    p.micros for p in packets
                    if p.source in (client, server))[:3]
                self.assertEqual((record['handshakeServerTime'],
                                  record['handshakeClientTime']),
                                 (syn_ack - syn, ack - syn_ack))
                self.assertGreaterEqual(record[far], 20000)
                self.assertLess(record[far], 10**6)

    def test_losses_are_retransmissions_and_nothing_is_missing(self):
        self.net.relay.rule = losses = EveryNth(20, ())
        with self.capture('a far', 'b far') as (before, behind):
            self.uploads(FAR)
        self.assertGreater(losses.hits, 10)
        sent = 0
        for path in (before, behind):
            for record in self.checked(path, 2):
                self.check_closed(record)
                self.assertNotRegex(record['tcpHistory'], '[Gg]')
                self.assertEqual(record['tcpMissingOctets'], 0)
                sent += record['tcpRetransmittedPackets']
        self.assertGreaterEqual(sent, losses.hits)

    def test_segments_out_of_order_leave_no_gap(self):
        self.net.relay.rule = delayed = EveryNth(15, (0.002,))
        with self.capture('a far', 'b far') as paths:
            self.uploads(FAR)
        self.assertGreater(delayed.hits, 10)
        for path in paths:
            for record in self.checked(path, 2):
                self.check_closed(record)
                self.assertNotRegex(record['tcpHistory'], '[Gg]')

    def test_duplicates_are_retransmissions(self):
        self.net.relay.rule = doubled = EveryNth(15, (0, 0))
        with self.capture('b far') as (path,):
            self.uploads(FAR)
        records = self.checked(path, 2)
        for record in records:
            self.check_closed(record)
            self.assertNotRegex(record['tcpHistory'], '[Gg]')
        self.assertGreaterEqual(sum(r['tcpRetransmittedPackets']
                                    for r in records), doubled.hits)

    def test_syns_that_are_lost_and_sent_again_are_one_handshake(self):
        self.net.relay.rule = Loses(SYN, SYN | ACK)
        with self.capture('a far') as (path,):
            self.uploads(FAR[:1], 1000)
        record, = self.checked(path, 1)
        self.assertRegex(record['tcpHistory'], r'\AShADa?Ff\Z')
        self.assertGreater(record['flowDurationMilliseconds'], 900)
        # From the last SYN, whichever of the two hosts was quicker to repeat.
        packets = [p for p in tshark(path)
                   if p.source in support.addresses_of(record)]
        answered = min(p.micros for p in packets
                       if p.flags & (SYN | ACK) == SYN | ACK)
        last_syn = max(p.micros for p in packets
                       if p.flags & (SYN | ACK) == SYN and p.micros < answered)
        self.assertEqual(record['handshakeServerTime'], answered - last_syn)

    # ---- what the mirror loses ----

    def without(self, path, lost):
        """The capture without the frames of these numbers."""
        return write_frames(self.path('lost.pcap'), [
            frame for number, frame in enumerate(read_frames(path))
            if number not in lost])

    def test_segments_that_the_mirror_lost_are_missing(self):
        with self.capture() as (path,):
            for client, server in NEAR:
                ours, theirs = self.connection(client, server)
                self.exchange(ours, theirs, MANY, MANY)
                self.close(ours, theirs)
        frames = read_frames(path)
        lost, removed = set(), {}
        for source in NEAR[0] + NEAR[1]:
            data = [number for number, frame in enumerate(frames)
                    if is_data(frame.octets) and
                    segment_of(frame.octets).source == source]
            # The first, two that follow each other, and the last.
            chosen = {data[0], data[30], data[31], data[-1]}
            lost |= chosen
            removed[source] = sum(segment_of(frames[number].octets).length
                                  for number in chosen)
        for record in self.checked(self.without(path, lost), 2):
            client, server = support.addresses_of(record)
            self.assertEqual((record['tcpMissingOctets'],
                              record['reverseTcpMissingOctets']),
                             (removed[client], removed[server]))
            self.assertRegex(record['tcpHistory'], 'G.*g')
            self.check_closed(record)

    def test_a_mirror_that_loses_at_random_is_found_out(self):
        self.net.relay.rule = EveryNth(25, ())
        with self.capture('a far') as (path,):
            for client, server in FAR:
                ours, theirs = self.connection(client, server)
                self.exchange(ours, theirs, 150_000, 150_000)
                self.close(ours, theirs)
        data, acks = {}, []
        for number, frame in enumerate(read_frames(path)):
            if is_data(frame.octets):
                source = segment_of(frame.octets).source
                data.setdefault(source, []).append(number)
            elif segment_of(frame.octets).flags == ACK:
                acks.append(number)
        for seed in range(3):
            with self.subTest(seed=seed):
                chance = random.Random(seed)
                lost = set(chance.sample(acks, len(acks) // 10))
                for numbers in data.values():
                    lost.update(chance.sample(numbers, 5))
                for record in self.checked(self.without(path, lost), 2):
                    self.check_closed(record)
                    self.assertGreater(record['tcpMissingOctets'], 0)

    # ---- ends ----

    def test_a_closed_port_is_a_rejected_connection(self):
        with self.capture() as (path,):
            for client, server in NEAR:
                with self.assertRaises(ConnectionRefusedError):
                    self.socket('a', client).connect((server, 9))
        for record in self.checked(path, 2):
            self.assertEqual(
                (record['tcpHistory'], record['connectionState'],
                 record['flowEndCause'], record['biflowDirection']),
                ('Sr', 'REJ', RST_CAUSE, 1))

    def test_whoever_aborts_is_named_by_the_state(self):
        with self.capture() as (path,):
            for client, server in NEAR:
                for aborts in (0, 1):
                    ends = self.connection(client, server)
                    self.exchange(*ends, 100, 100)
                    abort(ends[aborts])
                    with self.assertRaises(ConnectionResetError):
                        ends[1 - aborts].recv(1)
                    ends[1 - aborts].close()
        states = sorted((record['ipVersion'], record['connectionState'],
                         record['tcpHistory'][-1], record['flowEndCause'])
                        for record in self.checked(path, 4))
        self.assertEqual(states, [(version, *end, RST_CAUSE)
                                  for version in (4, 6)
                                  for end in (('RSTO', 'R'), ('RSTR', 'r'))])

    def test_a_server_may_go_on_for_long_after_the_client_has_closed(self):
        with self.capture() as (path,):
            for client, server in NEAR:
                ours, theirs = self.connection(client, server)
                send(ours, theirs, 100)
                ours.shutdown(socket.SHUT_WR)
                self.assertEqual(theirs.recv(1), b'')
                for _ in range(20):
                    send(theirs, ours, 1000)
                    time.sleep(0.01)
                self.close(theirs, ours)
        # A minute or so in place of the fifth of a second.
        frames = read_frames(path)
        path = write_frames(path, [
            f._replace(time=frames[0].time + (f.time - frames[0].time) * 200)
            for f in frames])
        for record in self.checked(path, 2, '--active-timeout', 0):
            self.assertRegex(record['tcpHistory'], r'\AShADa?Fa?df\Z')
            self.check_closed(record)

    def test_a_syn_to_nobody_is_an_attempt(self):
        with self.capture() as (path,):
            attempt = self.socket('a', A)
            attempt.setblocking(False)
            attempt.connect_ex((NOBODY, 80))
            time.sleep(1.2)  # the SYN is sent again
            attempt.close()
        record, = self.checked(path, 1)
        self.assertGreaterEqual(record['packetDeltaCount'], 2)
        self.assertEqual((record['tcpHistory'], record['connectionState']),
                         ('S', 'S0'))

    def split_by_syn(self, path):
        """The packets in parts that begin with a SYN of another number."""
        parts, last = [], None
        for packet in tshark(path):
            if packet.flags & 0x3f == SYN and packet.sequence != last:
                parts.append([])
                last = packet.sequence
            parts[-1].append(packet)
        return parts

    def test_the_same_ports_again_are_another_connection(self):
        with self.capture() as (path,):
            with self.listen(B) as listening:
                for _ in range(2):
                    ours, theirs = self.connect(A, listening, 40001)
                    self.exchange(ours, theirs)
                    self.close(theirs, ours)
        records, parts = self.flows('-r', path), self.split_by_syn(path)
        self.assertEqual((len(records), len(parts)), (2, 2))
        for record, packets in zip(records, parts):
            self.check(record, packets)
            self.check_closed(record)
        self.assertNotEqual(records[0]['flowId'], records[1]['flowId'])

    def test_a_client_may_come_back_before_the_server_knew_it_was_gone(self):
        self.net.relay.rule = Loses(RST | ACK)
        with self.capture('a far') as (path,):
            listening = self.listen(FAR_B)
            ours, forgotten = self.connect(FAR_A, listening, 40002)
            self.exchange(ours, forgotten)
            abort(ours)
            poll_until(lambda: not self.net.relay.rule.left, 'RST is lost')
            # The server still has the connection, and says so with an ACK; the
            # client resets it, and tries again.
            self.close(*self.connect(FAR_A, listening, 40002))
            listening.close()
        packets = tshark(path)
        records = self.flows('-r', path)
        self.assertEqual(sum(r['packetDeltaCount'] +
                             r.get('reversePacketDeltaCount', 0)
                             for r in records), len(packets))
        self.assertEqual([(r['connectionState'], r['flowEndCause'])
                          for r in records],
                         [('RSTO', RST_CAUSE), ('RSTOS0', RST_CAUSE),
                          ('SF', FIN_CAUSE)], records)

    # ---- silence ----

    def test_keep_alives_are_counted_and_are_no_gap(self):
        with self.capture() as (path,):
            pairs = [self.connection(*addresses) for addresses in NEAR]
            for ours, theirs in pairs:
                self.exchange(ours, theirs)
                ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 1)
                ours.setsockopt(socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 1)
                ours.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
            time.sleep(2.3)
            for ours, theirs in pairs:
                self.close(ours, theirs)
        for record in self.checked(path, 2):
            self.assertGreater(record['flowDurationMilliseconds'], 2000)
            self.assertNotRegex(record['tcpHistory'], '[GgTt]')
            self.check_closed(record)

    def test_a_reader_that_stops_shows_a_window_of_0(self):
        with self.capture() as (path,):
            for client, server in NEAR:
                with self.listen(server, receive_buffer=4096) as listening:
                    ours, theirs = self.connect(client, listening)
                ours.settimeout(0.3)
                sent = 0
                with self.assertRaises(TimeoutError):
                    while True:
                        sent += ours.send(bytes(10_000))
                ours.settimeout(support.PATIENCE)
                receive(theirs, sent)
                self.close(ours, theirs)
        packets = tshark(path)
        for record in self.checked(path, 2):
            server = support.addresses_of(record)[1]
            self.assertTrue(any(p.window == 0 for p in packets
                                if p.source == server))
            self.assertIn('w', record['tcpHistory'])
            self.assertNotRegex(record['tcpHistory'], '[GgW]')
            self.check_closed(record)


if __name__ == '__main__':
    sys.exit(support.main())
