// SPDX-License-Identifier: Apache-2.0
#include "tests/tracker/random_stream.h"

#include <algorithm>
#include <chrono>
#include <utility>

#include <arpa/inet.h>

namespace tests {
namespace {

using namespace std::chrono_literals;
using std::chrono::microseconds;
using tracker::IpAddress;
using tracker::kAck;
using tracker::kFin;
using tracker::kPsh;
using tracker::kRst;
using tracker::kSyn;

constexpr tracker::Timestamp kFirstStart{std::chrono::seconds{1767225600}};
constexpr tracker::MacAddress kClientMac = {2, 0, 0, 0, 0, 0x0c};
constexpr tracker::MacAddress kServerMac = {2, 0, 0, 0, 0, 0x0e};
constexpr std::uint8_t kOspf = 89;

bool IsIcmp(const SentPacket& packet) {
  return packet.protocol == tracker::kIcmp ||
         packet.protocol == tracker::kIcmpV6;
}

bool IsLaterFragment(const SentPacket& packet) {
  return packet.fragment && packet.offset > 0;
}

void AddTransport(const SentPacket& packet, bool from_client_port,
                  PacketBuilder& builder) {
  const std::uint16_t source =
      from_client_port ? packet.client_port : packet.server_port;
  const std::uint16_t destination =
      from_client_port ? packet.server_port : packet.client_port;
  const bool has_header = packet.protocol == tracker::kTcp ||
                          packet.protocol == tracker::kUdp || IsIcmp(packet);
  if (!has_header || IsLaterFragment(packet)) {
    builder.Protocol(packet.protocol);
  } else if (packet.protocol == tracker::kTcp) {
    builder.Tcp(source, destination)
        .Flags(packet.flags)
        .Seq(packet.seq)
        .Ack(packet.ack)
        .Window(packet.window);
  } else if (packet.protocol == tracker::kUdp) {
    builder.Udp(source, destination);
  } else if (packet.protocol == tracker::kIcmp) {
    builder.Icmp(packet.icmp_type, packet.icmp_code);
  } else {
    builder.IcmpV6(packet.icmp_type, packet.icmp_code);
  }
}

}  // namespace

// Neighbouring numbers are in no order as addresses.
IpAddress AddressOf(std::uint32_t host, bool v6) {
  const std::uint32_t mixed = host * 2654435761U;
  const auto high = static_cast<std::uint8_t>(mixed >> 24);
  const auto middle = static_cast<std::uint8_t>(host >> 8);
  const auto low = static_cast<std::uint8_t>(host);
  if (!v6) {
    return IpAddress::V4(10, high, middle, low);
  }
  return {
      {0x20, 0x01, 0x0d, 0xb8, high, 0, 0, 0, 0, 0, 0, 0, 0, 0, middle, low}};
}

std::string AddressText(std::uint32_t host, bool v6) {
  const IpAddress address = AddressOf(host, v6);
  std::array<char, INET6_ADDRSTRLEN> text{};
  inet_ntop(v6 ? AF_INET6 : AF_INET, address.octets.data() + (v6 ? 0 : 12),
            text.data(), text.size());
  return text.data();
}

CapturedFrame Render(const SentPacket& packet, View view) {
  const bool turned = view != View::kAsSent;
  const bool mirrored = view == View::kMirrored;
  const HostPair& hosts = packet.hosts;
  const bool from_client_address = packet.from_client != turned;
  const bool from_client_port = packet.from_client != mirrored;
  const std::string client = AddressText(hosts.client, hosts.v6);
  const std::string server = AddressText(hosts.server, hosts.v6);
  PacketBuilder builder = Eth();
  builder.Macs(from_client_port ? kClientMac : kServerMac,
               from_client_port ? kServerMac : kClientMac);
  if (packet.vlan != 0) {
    builder.Vlan(packet.vlan);
  }
  const std::string& source = from_client_address ? client : server;
  const std::string& target = from_client_address ? server : client;
  if (hosts.v6) {
    builder.Ipv6(source, target);
  } else {
    builder.Ipv4(source, target);
  }
  builder.Ttl(packet.ttl).ClassOfService(packet.class_of_service);
  if (packet.fragment) {
    builder.Fragment(packet.offset, packet.more)
        .Identification(packet.datagram);
  }
  AddTransport(packet, from_client_port, builder);
  return builder.Payload(std::size_t{packet.payload}).At(packet.time);
}

std::uint64_t IpOctets(const SentPacket& packet) {
  std::uint64_t octets = packet.hosts.v6 ? 40 : 20;
  octets += packet.hosts.v6 && packet.fragment ? 8 : 0;
  if (!IsLaterFragment(packet)) {
    octets += packet.protocol == tracker::kTcp ? 20 : 0;
    octets += packet.protocol == tracker::kUdp || IsIcmp(packet) ? 8 : 0;
  }
  return octets + packet.payload;
}

RandomStream::RandomStream(std::uint64_t seed, Options options)
    : random_(seed), options_(options) {
  for (int flow = 0; flow < options_.flows; ++flow) {
    now_ = kFirstStart + microseconds{random_.Below(200'000'000)};
    const std::uint32_t kind = random_.Below(100);
    if (kind < 55 || options_.only_whole_connections) {
      AddTcp();
    } else if (kind < 75) {
      AddUdp();
    } else if (kind < 87) {
      AddIcmp();
    } else if (kind < 90 || !options_.fragments) {
      AddOtherProtocol();
    } else {
      AddDatagrams();
    }
  }
  std::stable_sort(
      packets_.begin(), packets_.end(),
      [](const SentPacket& a, const SentPacket& b) { return a.time < b.time; });
  if (options_.wild_times) {
    SpoilTimes();
  }
}

SentPacket RandomStream::NewFlow(std::uint8_t protocol) {
  SentPacket packet;
  packet.hosts = {hosts_ + 1, hosts_ + 2, random_.Percent(30)};
  hosts_ += 2;
  packet.protocol = protocol;
  packet.ttl = static_cast<std::uint8_t>(random_.Between(2, 250));
  packet.class_of_service = static_cast<std::uint8_t>(random_.Below(256));
  packet.vlan =
      static_cast<std::uint16_t>(random_.Percent(20) ? random_.Below(4095) : 0);
  if (protocol == tracker::kTcp || protocol == tracker::kUdp) {
    packet.client_port =
        static_cast<std::uint16_t>(random_.Between(40'000, 60'000));
    packet.server_port =
        static_cast<std::uint16_t>(random_.Between(30'000, 50'000));
    if (options_.well_known_ports && random_.Percent(50)) {
      packet.server_port = random_.Percent(50) ? 443 : 53;
    }
  }
  return packet;
}

void RandomStream::Pause(tracker::Duration least, tracker::Duration most) {
  const auto range = static_cast<std::uint32_t>((most - least) / 1us);
  now_ += least + microseconds{random_.Below(range + 1)};
}

void RandomStream::Send(SentPacket packet, Flow& flow) {
  packet.time = now_;
  if (!packet.from_client) {
    packet.ttl = static_cast<std::uint8_t>(packet.ttl / 2 + 1);
    packet.vlan = static_cast<std::uint16_t>(packet.vlan / 3 * 2);
  }
  packet.ttl = static_cast<std::uint8_t>(packet.ttl + random_.Below(2));
  flow.push_back(packet);
  Pause(0us, 60ms);
}

// With `packet.payload` octets.
void RandomStream::Segment(SentPacket packet, int flags, Sequences& next,
                           Flow& flow) {
  std::uint32_t& mine = next[packet.from_client ? 0 : 1];
  packet.flags = static_cast<std::uint8_t>(flags);
  packet.seq = mine;
  packet.ack = (flags & kAck) != 0 ? next[packet.from_client ? 1 : 0] : 0;
  Send(packet, flow);
  mine += packet.payload + ((flags & (kSyn | kFin)) != 0 ? 1 : 0);
}

void RandomStream::AddTcp() {
  SentPacket packet = NewFlow(tracker::kTcp);
  Flow flow;
  AddConnection(packet, flow);
  while (!options_.only_whole_connections && random_.Percent(20)) {
    Pause(0s, 10s);
    packet.from_client = random_.Percent(80);
    AddConnection(packet, flow);
  }
  packets_.insert(packets_.end(), flow.begin(), flow.end());
}

void RandomStream::AddConnection(SentPacket packet, Flow& flow) {
  const bool whole = options_.only_whole_connections;
  Sequences next = {random_.Word(), random_.Word()};
  if (random_.Percent(20)) {
    next = {0U - random_.Below(500), 0U - random_.Below(500)};
  }
  std::size_t from = flow.size();
  if (whole || random_.Percent(85)) {
    AddHandshake(packet, next, flow);
  }
  from = whole ? flow.size() : from;
  AddExchange(packet, next, flow);
  AddClose(packet, next, flow);
  Disturb(flow, from);
  if (random_.Percent(20)) {
    now_ = std::max(now_, flow.empty() ? now_ : flow.back().time);
    packet.from_client = random_.Percent(50);
    Segment(packet, random_.Percent(50) ? kRst : kRst | kAck, next, flow);
  }
}

void RandomStream::AddHandshake(SentPacket packet, Sequences& next,
                                Flow& flow) {
  const bool repeat = random_.Percent(10);
  packet.payload = random_.Percent(10) ? random_.Below(200) : 0;  // RFC 7413
  Segment(packet, kSyn, next, flow);
  packet.payload = 0;
  if (repeat) {
    Pause(1s, 2s);
    SentPacket again = flow.back();
    again.time = now_;
    flow.push_back(again);
  }
  if (!options_.only_whole_connections && random_.Percent(10)) {
    return;  // nobody answers
  }
  packet.from_client = !packet.from_client;
  Segment(packet, kSyn | kAck, next, flow);
  packet.from_client = !packet.from_client;
  Segment(packet, kAck, next, flow);
}

void RandomStream::AddExchange(SentPacket packet, Sequences& next, Flow& flow) {
  const bool whole = options_.only_whole_connections;
  Flow sent;
  for (std::uint32_t steps = random_.Below(10); steps > 0; --steps) {
    packet.from_client = random_.Percent(50);
    packet.payload = random_.Between(1, random_.Percent(5) ? 1400 : 200);
    Segment(packet, random_.Percent(50) ? kAck : kAck | kPsh, next, flow);
    sent.push_back(flow.back());
    packet.payload = 0;
    if (random_.Percent(50)) {
      packet.from_client = !packet.from_client;
      packet.window = random_.Percent(10) ? 0 : 1000;
      Segment(packet, kAck, next, flow);
      packet.window = 1000;
    }
    if (random_.Percent(15)) {
      SentPacket again = random_.Of(sent);
      again.time = now_;
      again.payload = random_.Percent(80) ? again.payload : 1;
      flow.push_back(again);
      Pause(0us, 60ms);
    }
    if (random_.Percent(8)) {
      Pause(1s, whole ? 5s : 120s);
    }
  }
}

void RandomStream::AddClose(SentPacket packet, Sequences& next, Flow& flow) {
  const std::uint32_t how = random_.Below(100);
  packet.from_client = random_.Percent(60);
  packet.payload = random_.Percent(20) ? random_.Below(100) : 0;
  if (how < 30) {
    return;  // stays open
  }
  Segment(packet, kFin | kAck, next, flow);
  packet.payload = 0;
  packet.from_client = !packet.from_client;
  if (how < 50) {  // half closed
    Segment(packet, kAck, next, flow);
    packet.payload = random_.Between(1, 100);
    Segment(packet, kAck, next, flow);
    packet.payload = 0;
  }
  if (how < 60) {
    return;  // for ever
  }
  Segment(packet, kFin | kAck, next, flow);
  packet.from_client = !packet.from_client;
  Segment(packet, kAck, next, flow);
}

void RandomStream::AddUdp() {
  SentPacket packet = NewFlow(tracker::kUdp);
  for (std::uint32_t count = random_.Between(1, 6); count > 0; --count) {
    packet.payload = random_.Below(200);
    Send(packet, packets_);
    packet.from_client = random_.Percent(50);
    if (random_.Percent(15)) {
      Pause(1s, 100s);
    }
  }
}

void RandomStream::AddIcmp() {
  SentPacket packet = NewFlow(tracker::kIcmp);
  const bool v6 = packet.hosts.v6;
  packet.protocol = v6 ? tracker::kIcmpV6 : tracker::kIcmp;
  const bool error = random_.Percent(40);
  for (std::uint32_t count = random_.Between(1, 5); count > 0; --count) {
    packet.payload = random_.Below(100);
    if (error) {
      packet.icmp_type = v6 ? 1 : 3;
      packet.icmp_code = static_cast<std::uint8_t>(random_.Below(3));
    } else {
      packet.icmp_type = static_cast<std::uint8_t>(
          v6 ? (packet.from_client ? 128 : 129) : (packet.from_client ? 8 : 0));
    }
    Send(packet, packets_);
    packet.from_client = random_.Percent(50);
    if (random_.Percent(15)) {
      Pause(1s, 60s);
    }
  }
}

void RandomStream::AddOtherProtocol() {
  SentPacket packet = NewFlow(kOspf);
  for (std::uint32_t count = random_.Between(1, 3); count > 0; --count) {
    packet.payload = random_.Below(100);
    Send(packet, packets_);
    packet.from_client = !packet.from_client;
  }
}

void RandomStream::AddDatagrams() {
  SentPacket packet =
      NewFlow(random_.Percent(80) ? tracker::kUdp : tracker::kTcp);
  const SentPacket whole = packet;
  Flow flow;
  for (std::uint32_t count = random_.Between(1, 4); count > 0; --count) {
    packet.flags = static_cast<std::uint8_t>(
        random_.Of<int>({kAck, kAck | kPsh, kFin | kAck, kRst, kSyn}));
    packet.seq = 1000 + random_.Below(2000);
    packet.ack = (packet.flags & kAck) != 0 ? 1000 + random_.Below(2000) : 0;
    AddPieces(packet, flow);
    if (random_.Percent(30)) {
      SentPacket small = whole;
      small.flags = kAck;
      small.from_client = packet.from_client;
      small.payload = random_.Below(50);
      Send(small, flow);
    }
    packet.from_client = random_.Percent(50);
    if (random_.Percent(20)) {
      Pause(1s, 80s);
    }
  }
  packets_.insert(packets_.end(), flow.begin(), flow.end());
}

void RandomStream::AddPieces(SentPacket packet, Flow& flow) {
  constexpr std::uint32_t kPiece = 64;
  Flow pieces;
  const std::uint32_t header = packet.protocol == tracker::kTcp ? 20 : 8;
  packet.fragment = true;
  packet.datagram = ++datagrams_;
  const std::uint32_t count = random_.Between(2, 4);
  for (std::uint32_t i = 0; i < count; ++i) {
    packet.offset = static_cast<std::uint16_t>(i * kPiece);
    packet.more = i + 1 < count;
    packet.payload = i == 0 ? kPiece - header : kPiece - random_.Below(2) * 8;
    const bool lost = random_.Percent(5) && (i > 0 || options_.orphans);
    if (!lost) {
      pieces.push_back(packet);
    }
  }
  for (std::size_t i = pieces.size(); i > 1; --i) {
    std::swap(pieces[i - 1],
              pieces[random_.Below(static_cast<std::uint32_t>(i))]);
  }
  for (const SentPacket& piece : pieces) {
    Send(piece, flow);
    if (random_.Percent(5)) {
      Send(piece, flow);
    }
  }
}

void RandomStream::Disturb(Flow& flow, std::size_t from) {
  for (std::size_t i = from; i < flow.size(); ++i) {
    const std::uint32_t what = random_.Below(100);
    const auto at = flow.begin() + static_cast<std::ptrdiff_t>(i);
    if (what < 5) {
      flow.erase(at);
      --i;
    } else if (what < 8) {
      flow.insert(at, flow[i]);
      ++i;
    } else if (what < 14 && i > from) {
      std::swap(flow[i - 1], flow[i]);
      std::swap(flow[i - 1].time, flow[i].time);
    }
  }
}

void RandomStream::SpoilTimes() {
  for (SentPacket& packet : packets_) {
    const std::uint32_t what = random_.Below(1000);
    if (what < 10) {
      packet.time -= microseconds{random_.Below(3'000'000)};
    } else if (what < 12) {
      packet.time -= std::chrono::hours{random_.Between(1, 1000)};
    } else if (what < 15) {
      packet.time += std::chrono::hours{random_.Between(1, 1000)};
    }
  }
}

}  // namespace tests
