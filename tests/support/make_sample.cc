// SPDX-License-Identifier: Apache-2.0
// Writes the sample capture of the quickstart: a dozen conversations as an
// office sees them in twenty seconds. Always the same octets.
//
// usage: make_sample FILE
#include <chrono>
#include <cstdio>
#include <string>
#include <vector>

#include "tests/support/capture_writer.h"
#include "tests/support/conversation.h"

namespace {

using namespace std::chrono_literals;
using namespace std::string_literals;
using tests::Conversation;
using tracker::Side;

// 2026-03-02 09:00:00 UTC
constexpr tracker::Timestamp kStart{std::chrono::seconds{1772442000}};

// Addresses: RFC 5737 and RFC 3849, kept for documentation.
constexpr const char* kDesk = "192.0.2.10";
constexpr const char* kLaptop = "192.0.2.11";
constexpr const char* kResolver = "192.0.2.53";
constexpr const char* kWeb = "198.51.100.80";
constexpr const char* kShop = "203.0.113.44";
constexpr const char* kDesk6 = "2001:db8:1::10";
constexpr const char* kWeb6 = "2001:db8:2::80";

// A DNS message: a header, one question, and for an answer one A record.
std::string Dns(char id, bool answer) {
  const std::string question =
      "\x03www\x07"
      "example\x03"
      "com\0\0\x01\0\x01"s;
  const std::string record =
      "\xc0\x0c\0\x01\0\x01\0\0\x01\x2c\0\x04\xc6\x33\x64\x50"s;
  std::string message = "\x12"s + id;
  message +=
      answer ? "\x81\x80\0\x01\0\x01\0\0\0\0"s : "\x01\0\0\x01\0\0\0\0\0\0"s;
  message += question;
  return answer ? message + record : message;
}

// A TLS record of handshake or application data with zeroes inside.
std::string Tls(char type, std::size_t octets) {
  std::string record = {type, 3, 3, static_cast<char>(octets >> 8),
                        static_cast<char>(octets)};
  return record + std::string(octets, '\0');
}

// NTP version 4, mode client or server.
std::string Ntp(bool answer) {
  std::string message(48, '\0');
  message[0] = answer ? '\x24' : '\x23';
  message[1] = answer ? '\x02' : '\0';
  return message;
}

Conversation Web(const char* client, const char* server, std::uint16_t port,
                 tracker::Duration start, std::size_t body) {
  Conversation http({.client = client,
                     .server = server,
                     .client_port = port,
                     .server_port = 80},
                    kStart + start, 12ms);
  http.Handshake()
      .Data(Side::kInitiator, "GET / HTTP/1.1\r\nHost: www.example.com\r\n\r\n")
      .Wait(30ms)
      .Data(Side::kResponder,
            "HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(body) +
                "\r\n\r\n" + std::string(body, '.'))
      .Wait(200ms)
      .Close();
  return http;
}

Conversation Secure(const char* client, const char* server, std::uint16_t port,
                    tracker::Duration start, std::size_t body) {
  constexpr char kHandshake = 22;
  constexpr char kData = 23;
  Conversation tls({.client = client,
                    .server = server,
                    .client_port = port,
                    .server_port = 443},
                   kStart + start, 9ms);
  tls.Handshake()
      .Data(Side::kInitiator, Tls(kHandshake, 300))
      .Data(Side::kResponder, Tls(kHandshake, 1800))
      .Data(Side::kInitiator, Tls(kData, 250))
      .Wait(60ms)
      .Data(Side::kResponder, Tls(kData, body))
      .Wait(2s)
      .Close();
  return tls;
}

Conversation Resolve(const char* client, std::uint16_t port, char id,
                     tracker::Duration start) {
  Conversation dns({.client = client,
                    .server = kResolver,
                    .client_port = port,
                    .server_port = 53},
                   kStart + start, 4ms);
  dns.Datagram(Side::kInitiator, Dns(id, false))
      .Datagram(Side::kResponder, Dns(id, true));
  return dns;
}

Conversation Ping() {
  Conversation ping({.client = kDesk, .server = kWeb}, kStart + 3s, 20ms);
  for (std::uint16_t sequence = 1; sequence <= 4; ++sequence) {
    ping.Echo(Side::kInitiator, sequence, 56)
        .Echo(Side::kResponder, sequence, 56)
        .Wait(960ms);
  }
  return ping;
}

Conversation Refused() {
  Conversation refused({.client = kLaptop,
                        .server = kShop,
                        .client_port = 51000,
                        .server_port = 8080},
                       kStart + 6s, 15ms);
  refused.Syn().Reset(Side::kResponder);
  return refused;
}

Conversation Unanswered() {
  Conversation syn({.client = kLaptop,
                    .server = kShop,
                    .client_port = 51001,
                    .server_port = 25},
                   kStart + 8s);
  syn.Syn();
  return syn;
}

Conversation Tagged() {
  Conversation ssh({.client = "192.0.2.130",
                    .server = "192.0.2.200",
                    .client_port = 52022,
                    .server_port = 22,
                    .vlan = 42},
                   kStart + 2s, 5ms);
  ssh.Handshake()
      .Data(Side::kResponder, "SSH-2.0-OpenSSH_9.2\r\n")
      .Data(Side::kInitiator, "SSH-2.0-OpenSSH_9.2\r\n");
  for (int key = 0; key < 6; ++key) {
    ssh.Wait(1500ms).Request(36).Response(36);
  }
  ssh.Close();
  return ssh;
}

Conversation Time() {
  Conversation ntp({.client = kDesk,
                    .server = "192.0.2.123",
                    .client_port = 123,
                    .server_port = 123},
                   kStart + 11s, 3ms);
  ntp.Datagram(Side::kInitiator, Ntp(false))
      .Datagram(Side::kResponder, Ntp(true));
  return ntp;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::fprintf(stderr, "usage: %s FILE\n", argv[0]);
    return 2;
  }
  const std::vector<tests::CapturedFrame> frames = tests::Merge({
      Resolve(kDesk, 33001, 1, 0s),
      Web(kDesk, kWeb, 50001, 100ms, 2400),
      Secure(kDesk, kShop, 50002, 1s, 6000),
      Tagged(),
      Ping(),
      Resolve(kLaptop, 33002, 2, 5s),
      Web(kDesk6, kWeb6, 50003, 5200ms, 1200),
      Refused(),
      Secure(kDesk6, kWeb6, 50004, 7s, 3500),
      Unanswered(),
      Time(),
      Secure(kLaptop, kWeb, 50005, 14s, 2500),
      Resolve(kDesk, 33003, 3, 19s),
  });
  tests::WriteCapture(argv[1], frames);
  return 0;
}
