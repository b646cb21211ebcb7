# SPDX-License-Identifier: Apache-2.0
"""A reader of IPFIX (RFC 7011) that shares nothing with spanfix.

It is strict: whatever a collector might stumble over is an error here.
"""

import ipaddress
import struct
from datetime import datetime, timezone

REVERSE = 29305
CERT = 6871
OWN = 32473

# (enterprise, id): (name, abstract type), from the registries of IANA and CERT
# and from our own table of elements.
ELEMENTS = {
    (0, 1): ('octetDeltaCount', 'unsigned'),
    (0, 2): ('packetDeltaCount', 'unsigned'),
    (0, 4): ('protocolIdentifier', 'unsigned'),
    (0, 5): ('ipClassOfService', 'unsigned'),
    (0, 6): ('tcpControlBits', 'unsigned'),
    (0, 7): ('sourceTransportPort', 'unsigned'),
    (0, 8): ('sourceIPv4Address', 'address'),
    (0, 10): ('ingressInterface', 'unsigned'),
    (0, 11): ('destinationTransportPort', 'unsigned'),
    (0, 12): ('destinationIPv4Address', 'address'),
    (0, 14): ('egressInterface', 'unsigned'),
    (0, 27): ('sourceIPv6Address', 'address'),
    (0, 28): ('destinationIPv6Address', 'address'),
    (0, 32): ('icmpTypeCodeIPv4', 'unsigned'),
    (0, 34): ('samplingInterval', 'unsigned'),
    (0, 40): ('exportedOctetTotalCount', 'unsigned'),
    (0, 41): ('exportedMessageTotalCount', 'unsigned'),
    (0, 42): ('exportedFlowRecordTotalCount', 'unsigned'),
    (0, 52): ('minimumTTL', 'unsigned'),
    (0, 53): ('maximumTTL', 'unsigned'),
    (0, 56): ('sourceMacAddress', 'mac'),
    (0, 58): ('vlanId', 'unsigned'),
    (0, 60): ('ipVersion', 'unsigned'),
    (0, 80): ('destinationMacAddress', 'mac'),
    (0, 82): ('interfaceName', 'string'),
    (0, 83): ('interfaceDescription', 'string'),
    (0, 135): ('droppedPacketTotalCount', 'unsigned'),
    (0, 136): ('flowEndReason', 'unsigned'),
    (0, 139): ('icmpTypeCodeIPv6', 'unsigned'),
    (0, 144): ('exportingProcessId', 'unsigned'),
    (0, 148): ('flowId', 'unsigned'),
    (0, 149): ('observationDomainId', 'unsigned'),
    (0, 152): ('flowStartMilliseconds', 'milliseconds'),
    (0, 153): ('flowEndMilliseconds', 'milliseconds'),
    (0, 161): ('flowDurationMilliseconds', 'unsigned'),
    (0, 164): ('ignoredPacketTotalCount', 'unsigned'),
    (0, 166): ('notSentFlowTotalCount', 'unsigned'),
    (0, 239): ('biflowDirection', 'unsigned'),
    (0, 245): ('dot1qCustomerVlanId', 'unsigned'),
    (0, 303): ('informationElementId', 'unsigned'),
    (0, 339): ('informationElementDataType', 'unsigned'),
    (0, 340): ('informationElementDescription', 'string'),
    (0, 341): ('informationElementName', 'string'),
    (0, 342): ('informationElementRangeBegin', 'unsigned'),
    (0, 343): ('informationElementRangeEnd', 'unsigned'),
    (0, 344): ('informationElementSemantics', 'unsigned'),
    (0, 345): ('informationElementUnits', 'unsigned'),
    (0, 346): ('privateEnterpriseNumber', 'unsigned'),
    (0, 351): ('layer2SegmentId', 'unsigned'),
    (CERT, 14): ('initialTCPFlags', 'unsigned'),
    (CERT, 15): ('unionTCPFlags', 'unsigned'),
    (CERT, 21): ('reverseFlowDeltaMilliseconds', 'unsigned'),
    (CERT, 16398): ('reverseInitialTCPFlags', 'unsigned'),
    (CERT, 16399): ('reverseUnionTCPFlags', 'unsigned'),
    (OWN, 1001): ('tcpHistory', 'string'),
    (OWN, 1002): ('flowEndCause', 'unsigned'),
    (OWN, 1003): ('connectionState', 'string'),
    (OWN, 1004): ('handshakeServerTime', 'unsigned'),
    (OWN, 1005): ('handshakeClientTime', 'unsigned'),
    (OWN, 1006): ('tcpRetransmittedPackets', 'unsigned'),
    (OWN, 1007): ('tcpMissingOctets', 'unsigned'),
    (OWN, 1008): ('communityId', 'string'),
    (OWN, 17390): ('reverseTcpRetransmittedPackets', 'unsigned'),
    (OWN, 17391): ('reverseTcpMissingOctets', 'unsigned'),
}


class Malformed(Exception):
    pass


def name_and_type(enterprise, element):
    if enterprise == REVERSE:
        name, kind = ELEMENTS[0, element]
        return 'reverse' + name[0].upper() + name[1:], kind
    return ELEMENTS[enterprise, element]


def value_of(kind, octets):
    """As spanfix writes it in JSON."""
    if kind == 'unsigned':
        return int.from_bytes(octets, 'big')
    if kind == 'address':
        return str(ipaddress.ip_address(octets))
    if kind == 'mac':
        return octets.hex(':')
    if kind == 'milliseconds':
        stamp = int.from_bytes(octets, 'big')
        seconds = datetime.fromtimestamp(stamp // 1000, timezone.utc)
        return f'{seconds:%Y-%m-%dT%H:%M:%S}.{stamp % 1000:03}Z'
    return octets.rstrip(b'\0').decode()


class Template:
    def __init__(self, fields, scopes):
        self.fields = fields  # (enterprise, id, length)
        self.scopes = scopes  # 0 for a template of data records

    def least(self):
        return sum(1 if length == 65535 else length
                   for _, _, length in self.fields)


class Record:
    def __init__(self, domain, template_id, template, octets, export_time):
        self.domain = domain
        self.template_id = template_id
        self.template = template
        self.octets = octets  # of each field
        self.export_time = export_time

    def named(self):
        """{name: value} in the order of the template."""
        values = {}
        for (enterprise, element, _), octets in zip(self.template.fields,
                                                    self.octets):
            name, kind = name_and_type(enterprise, element)
            if name in values:
                raise Malformed(f'{name} twice in template {self.template_id}')
            values[name] = value_of(kind, octets)
        return values


class Reader:
    """Feed it messages; it collects templates and records."""

    def __init__(self, any_start=False):
        self.any_start = any_start  # the first sequence number may be any
        self.templates = {}  # (domain, id): Template
        self.records = []  # data records
        self.options = []  # options records
        self.messages = 0
        self.sequence = {}  # domain: sequence number expected next
        self.log = []  # 'template 256', 'data 256', ... in order of arrival

    def stream(self, octets):
        """Messages one behind the other, as in a file or over TCP."""
        while octets:
            if len(octets) < 16:
                raise Malformed(f'{len(octets)} octets behind the last message')
            length = int.from_bytes(octets[2:4], 'big')
            self.message(octets[:length])
            octets = octets[length:]
        return self

    def message(self, octets):
        version, length, at, sequence, domain = struct.unpack_from('!HHIII',
                                                                   octets)
        if version != 10 or length != len(octets):
            raise Malformed(f'version {version}, length {length} of '
                            f'{len(octets)} octets')
        first = sequence if self.any_start else 0
        if self.sequence.setdefault(domain, first) != sequence:
            raise Malformed(f'domain {domain}: sequence number {sequence}, '
                            f'expected {self.sequence[domain]}')
        self.messages += 1
        offset = 16
        while offset < length:
            set_id, set_length = struct.unpack_from('!HH', octets, offset)
            body = octets[offset + 4:offset + set_length]
            if set_length <= 4 or len(body) != set_length - 4:
                raise Malformed(f'set {set_id} of {set_length} octets')
            if set_id in (2, 3):
                self._templates(domain, body, options=set_id == 3)
            elif set_id >= 256:
                self._data(domain, set_id, body, at)
            else:
                raise Malformed(f'set id {set_id}')
            offset += set_length

    def _templates(self, domain, body, options):
        while any(body):
            number, count = struct.unpack_from('!HH', body)
            body = body[4:]
            if number < 256 or count == 0:
                raise Malformed(f'template {number} with {count} fields')
            scopes = 0
            if options:
                scopes, body = int.from_bytes(body[:2], 'big'), body[2:]
            fields = []
            for _ in range(count):
                element, length = struct.unpack_from('!HH', body)
                body, enterprise = body[4:], 0
                if element & 0x8000:
                    enterprise, body = int.from_bytes(body[:4], 'big'), body[4:]
                fields.append((enterprise, element & 0x7fff, length))
            known = self.templates.get((domain, number))
            if known is not None and known.fields != fields:
                raise Malformed(f'template {number} changes')
            self.templates[domain, number] = Template(fields, scopes)
            self.log.append(f'template {number}')

    def _data(self, domain, number, body, at):
        template = self.templates.get((domain, number))
        if template is None:
            raise Malformed(f'data before template {number}')
        while len(body) >= template.least():
            values = []
            for _, _, length in template.fields:
                if length == 65535:
                    length, body = body[0], body[1:]
                    if length == 255:
                        length, body = int.from_bytes(body[:2], 'big'), body[2:]
                if len(body) < length:
                    raise Malformed(f'a record of template {number} is cut')
                values.append(body[:length])
                body = body[length:]
            kept = self.options if template.scopes else self.records
            kept.append(Record(domain, number, template, values, at))
            self.sequence[domain] = (self.sequence[domain] + 1) & 0xffffffff
            self.log.append(f'data {number}')
        if any(body) or len(body) > 3:
            raise Malformed(f'{len(body)} octets behind the records of set '
                            f'{number}')


def read_file(path, **options):
    with open(path, 'rb') as file:
        return Reader(**options).stream(file.read())


def read_datagrams(datagrams):
    reader = Reader()
    for datagram in datagrams:
        reader.message(datagram)
    return reader
