// SPDX-License-Identifier: Apache-2.0
// One TCP connection after the other to a collector. Never blocks without a
// limit: the socket is non-blocking and every wait has a timeout.
#pragma once

#include <netdb.h>

#include <array>
#include <chrono>
#include <cstdint>
#include <span>
#include <system_error>

#include "exporter/collector_url.h"
#include "exporter/descriptor.h"

namespace exporter {

class TcpConnection {
 public:
  // What came since the last look: an error, the peer's end, octets, or none of
  // them. The octets are there until the next call.
  struct Received {
    std::error_code error;
    bool end = false;
    std::span<const std::uint8_t> octets;
    [[nodiscard]] bool Nothing() const {
      return !error && !end && octets.empty();
    }
  };

  // In place of the connection before, with the source, TTL and interface of
  // `url`.
  [[nodiscard]] std::error_code Connect(const addrinfo& address,
                                        const CollectorUrl& url);
  [[nodiscard]] bool Valid() const { return socket_.Valid(); }
  void Reset() { socket_.Reset(); }

  // All of it, or an error, and some of it may have gone.
  [[nodiscard]] std::error_code Send(std::span<const std::uint8_t> octets);
  [[nodiscard]] Received Receive();
  // Until there is something to receive, or timed_out.
  [[nodiscard]] std::error_code WaitToReceive(
      std::chrono::milliseconds timeout);

  // Octets that were handed to the kernel on this connection, and how many of
  // them the peer's kernel surely has.
  [[nodiscard]] std::uint64_t SentOctets() const { return sent_octets_; }
  [[nodiscard]] std::uint64_t AcknowledgedOctets() const;
  // Nothing more is sent: waits, for a bounded time, until the peer's kernel
  // has it all.
  [[nodiscard]] std::error_code EndSending();

 private:
  [[nodiscard]] std::error_code Wait(short events,
                                     std::chrono::milliseconds timeout) const;
  [[nodiscard]] std::error_code SocketError() const;

  Descriptor socket_;
  std::uint64_t sent_octets_ = 0;
  std::array<std::uint8_t, 4096> received_{};
};

}  // namespace exporter
