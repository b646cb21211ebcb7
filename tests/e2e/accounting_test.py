#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Every packet seen is in a record or left out for a reason, every record made
is sent or dropped for a reason, and the records hold what the summary says."""

import struct
import sys

import support
from ipfix_reader import read_datagrams, read_file
from support import (EndToEnd, Summary, Wire, everything, ip_packet, spanfix,
                     udp_packet)

CLIENT, SERVER = '192.0.2.1', '192.0.2.2'


def packets_of(record):
    return record['packetDeltaCount'] + record.get('reversePacketDeltaCount', 0)


def octets_of(record):
    return record['octetDeltaCount'] + record.get('reverseOctetDeltaCount', 0)


class Accounting(EndToEnd):
    def account(self, wire, *arguments):
        """Runs with JSON and an IPFIX file; both must hold what is said."""
        path = self.path('flows.ipfix')
        run = self.succeed('-r', self.capture(wire), '-w', path, '--format',
                           'json', *arguments)
        summary = run.summary
        json = support.json_lines(run.text)
        ipfix = [record.named() for record in read_file(path).records]
        for records in (json, ipfix):
            self.assertEqual(sum(map(packets_of, records)), summary.in_records,
                             run)
        self.assertEqual([output.to for output in summary.outputs],
                         [path, 'standard output'])
        for output, records in zip(summary.outputs, (ipfix, json)):
            self.assertEqual((output.made, output.sent, output.dropped),
                             (len(records), len(records), 0))
        return summary, json

    def test_ordinary_packets_are_all_in_records(self):
        wire = everything()
        summary, records = self.account(wire)
        self.assertEqual(summary.seen, len(wire.frames))
        self.assertEqual(summary.left_out, 0)
        self.assertEqual(summary.flows, 14)
        self.assertEqual(len(records), 14)

    def test_octets_are_those_of_ip_and_never_padding(self):
        wire = Wire()
        expected = 0
        for size in (0, 1, 17, 18, 1000):
            packet = udp_packet(CLIENT, 1, SERVER, 2, b'x' * size)
            wire.ip(CLIENT, SERVER, packet)
            expected += len(packet)
        _, records = self.account(wire)
        self.assertEqual(sum(map(octets_of, records)), expected)

    def test_octets_are_those_on_the_wire_when_the_capture_cuts_packets(self):
        wire = Wire()
        packet = udp_packet(CLIENT, 1, SERVER, 2, b'x' * 1400)
        frame = wire.mac(SERVER) + wire.mac(CLIENT) + b'\x08\x00' + packet
        wire.raw(frame[:64], len(frame))
        _, record = self.account(wire)
        self.assertEqual(octets_of(record[0]), len(packet))

    def test_arp_and_lldp_are_left_out_as_not_ip(self):
        wire = everything()
        wire.arp(CLIENT, SERVER)
        wire.arp(SERVER, CLIENT)
        wire.raw(b'\x01\x80\xc2\0\0\x0e' + b'\2' * 6 + b'\x88\xcc' + b'\0' * 46)
        summary, _ = self.account(wire)
        self.assertEqual(summary.seen, 57)
        self.assertEqual(summary.left_out_reasons, {'not_ip': 3})

    def test_frames_cut_in_a_header_are_left_out_as_truncated(self):
        wire = everything()
        v4 = wire.mac(SERVER) + wire.mac(CLIENT) + b'\x08\x00' + udp_packet(
            CLIENT, 1, SERVER, 2, b'x' * 100)
        v6 = wire.mac(SERVER) + wire.mac(CLIENT) + b'\x86\xdd' + udp_packet(
            '2001:db8::1', 1, '2001:db8::2', 2, b'x' * 100)
        for frame, length in ((v4, 3), (v4, 13), (v4, 14), (v4, 33), (v6, 14),
                              (v6, 53)):
            wire.raw(frame[:length], len(frame))
        summary, _ = self.account(wire)
        self.assertEqual(summary.left_out_reasons, {'truncated': 6})

    def test_headers_that_contradict_themselves_are_left_out(self):
        wire = everything()

        def bad(edit):
            packet = bytearray(ip_packet(CLIENT, SERVER, 17, b'x' * 40))
            edit(packet)
            wire.ip(CLIENT, SERVER, bytes(packet))

        def header_length(packet):
            packet[0] = 0x44

        def total_length(packet):
            struct.pack_into('!H', packet, 2, 19)

        for edit in (header_length, total_length):
            bad(edit)
        summary, _ = self.account(wire)
        self.assertEqual(summary.left_out_reasons, {'bad_header': 2})

    def test_an_unknown_version_behind_the_ethertype_of_ip_is_left_out(self):
        # tracker/decode.h: kBadHeader is also a version that contradicts.
        wire = everything()
        wire.ip(CLIENT, SERVER, b'\x55' + b'\0' * 39)
        summary, _ = self.account(wire)
        self.assertEqual(summary.left_out_reasons, {'bad_header': 1})

    def test_endless_tags_are_left_out_as_too_many_layers(self):
        wire = everything()
        wire.raw(wire.mac(SERVER) + wire.mac(CLIENT) +
                 b'\x81\x00\x00\x05' * 200 + b'\x08\x00' +
                 udp_packet(CLIENT, 1, SERVER, 2, b'x'))
        summary, _ = self.account(wire)
        self.assertEqual(summary.left_out_reasons, {'too_many_layers': 1})

    def test_every_reason_is_named_in_one_run(self):
        wire = everything()
        wire.arp(CLIENT, SERVER)
        wire.raw(b'\0' * 10)
        wire.ip(CLIENT, SERVER, b'\x44' * 40)
        summary, _ = self.account(wire)
        self.assertEqual(summary.left_out_reasons,
                         {'not_ip': 1, 'truncated': 1, 'bad_header': 1})

    def test_a_filter_is_applied_before_packets_are_counted(self):
        wire = everything()
        wire.arp(CLIENT, SERVER)
        summary, records = self.account(wire, 'udp')
        self.assertEqual((summary.seen, summary.left_out), (6, 0))
        self.assertEqual({r['protocolIdentifier'] for r in records}, {17})

    def test_a_filter_that_matches_nothing_leaves_zeros(self):
        summary, records = self.account(everything(), 'port 9')
        self.assertEqual((summary.seen, summary.flows, records), (0, 0, []))

    def test_active_timeouts_count_every_packet_once(self):
        wire = Wire()
        for _ in range(30):
            wire.udp(CLIENT, 1, SERVER, 2)
            wire.wait(1)
        summary, records = self.account(wire, '--active-timeout', '10')
        self.assertEqual(summary.seen, 60)
        self.assertEqual(summary.flows, 1)
        self.assertGreaterEqual(len(records), 3)
        self.assertEqual(summary.reported_active, len(records) - 1)
        self.assertEqual({r['flowId'] for r in records},
                         {records[0]['flowId']})
        self.assertEqual([r['flowEndReason'] for r in records],
                         [2] * (len(records) - 1) + [4])
        whole, = self.flows('-r', self.path('capture.pcap'),
                            '--active-timeout', '0')
        self.assertEqual(sum(map(octets_of, records)), octets_of(whole))

    def test_idle_flows_and_their_successors_count_every_packet_once(self):
        wire = Wire()
        for _ in range(5):
            wire.udp(CLIENT, 1, SERVER, 2)
            wire.wait(61)
        summary, records = self.account(wire)
        self.assertEqual(summary.flows, 5)
        self.assertEqual(summary.end_reasons['idle_timeout'], 4)
        self.assertEqual([packets_of(r) for r in records], [2] * 5)
        self.assertEqual([r['flowEndReason'] for r in records],
                         [1, 1, 1, 1, 4])

    def test_a_flow_that_was_idle_for_long_ends_idle_in_a_short_capture(self):
        wire = Wire()
        wire.udp(CLIENT, 1, SERVER, 2)
        wire.wait(120)
        wire.udp(CLIENT, 3, SERVER, 4)
        _, records = self.account(wire)
        self.assertEqual([(r['sourceTransportPort'], r['flowEndReason'])
                          for r in records], [(1, 1), (3, 4)])

    def test_a_long_flow_is_reported_on_time_in_a_short_capture(self):
        wire = Wire()
        wire.udp(CLIENT, 1, SERVER, 2)
        for _ in range(3):
            wire.wait(4)
            wire.udp(CLIENT, 3, SERVER, 4)
        _, records = self.account(wire, '--active-timeout', '5',
                                  '--idle-timeout-udp', '60')
        self.assertEqual([(r['sourceTransportPort'], r['flowEndReason'])
                          for r in records if r['flowEndReason'] == 2],
                         [(1, 2), (3, 2)])

    def test_flows_that_are_pushed_out_count_every_packet_once(self):
        wire = Wire()
        for port in range(1, 1001):
            wire.udp(CLIENT, port, SERVER, 53)
        summary, records = self.account(wire, '--max-flows', '10')
        self.assertEqual(summary.flows, 1000)
        self.assertEqual(summary.end_reasons['evicted'], 990)
        self.assertEqual(
            sum(r['flowEndReason'] == 5 for r in records), 990)

    def test_late_packets_of_a_closed_connection_belong_to_it(self):
        wire = Wire()
        wire.tcp(CLIENT, 1, SERVER, 80)
        for _ in range(3):
            wire.ip(SERVER, CLIENT, support.tcp_packet(
                SERVER, 80, CLIENT, 1, 'R', 5008))
        summary, records = self.account(wire)
        self.assertEqual((summary.flows, packets_of(records[0])), (1, 12))

    def test_without_linger_late_packets_are_still_counted(self):
        wire = Wire()
        wire.tcp(CLIENT, 1, SERVER, 80)
        wire.ip(SERVER, CLIENT,
                support.tcp_packet(SERVER, 80, CLIENT, 1, 'R', 5008))
        summary, _ = self.account(wire, '--close-linger', '0')
        self.assertEqual(summary.in_records, 10)

    def test_a_uniflow_collector_is_sent_a_record_for_each_direction(self):
        path = self.path('uniflow.ipfix')
        wire = everything()
        run = self.succeed('-r', self.capture(wire), '-c',
                           f'file:{path}?uniflow')
        # 8 of the 14 flows have an answer.
        output, = run.summary.outputs
        self.assertEqual((output.made, output.sent), (22, 22))
        records = [record.named() for record in read_file(path).records]
        self.assertEqual(len(records), 22)
        self.assertEqual(sum(r['packetDeltaCount'] for r in records),
                         run.summary.in_records)

    def test_datagrams_hold_as_many_records_as_were_sent(self):
        wire = Wire()
        for port in range(1024, 4024):
            wire.udp(CLIENT, port, SERVER, 53)
        with support.UdpListener() as listener:
            run = self.succeed('-r', self.capture(wire), '-c',
                               f'udp://127.0.0.1:{listener.port}')
            datagrams = listener.datagrams()
        self.assertEqual(run.summary.outputs[0].sent, 3000)
        self.assertEqual(len(read_datagrams(datagrams).records), 3000)
        self.assertLessEqual(max(map(len, datagrams)), 8192)

    def test_several_collectors_are_accounted_for_one_by_one(self):
        a, b = self.path('a.ipfix'), self.path('b.ipfix')
        run = spanfix('-r', self.capture(everything()), '-w', a, '-c',
                      f'file:{b}?uniflow', '--format', 'table')
        summary = Summary(run.stderr)
        self.assertEqual(summary.errors(), [])
        self.assertEqual(sorted((o.made, o.sent) for o in summary.outputs),
                         [(14, 14), (14, 14), (22, 22)])


if __name__ == '__main__':
    sys.exit(support.main())
