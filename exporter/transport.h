// SPDX-License-Identifier: Apache-2.0
// How messages reach a collector.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <system_error>

#include "exporter/collector_url.h"

namespace exporter {

// Carries whole messages to one collector. Never throws and never logs: the
// collector decides what an error means.
class Transport {
 public:
  Transport() = default;
  Transport(const Transport&) = delete;
  Transport& operator=(const Transport&) = delete;
  virtual ~Transport() = default;

  // Connects, also again after an error. A new connection knows no templates.
  [[nodiscard]] virtual std::error_code Open() = 0;
  // Asks the world: false as soon as the peer is known to have closed.
  [[nodiscard]] virtual bool IsOpen() = 0;
  // Hands over all of `message`, or says why there is no connection. After an
  // error it may have arrived in part; a transport for which that matters is
  // then no longer open.
  [[nodiscard]] virtual std::error_code Send(
      std::span<const std::uint8_t> message) = 0;
  // An error that speaks of the message before: UDP learns late that nobody
  // listens. Taken by the call.
  [[nodiscard]] virtual std::error_code LateError() { return {}; }
  // Waits, for a bounded time, until what was sent is out of our hands.
  [[nodiscard]] virtual std::error_code Close() = 0;
};

// Throw SetupError: a name that does not resolve, a file that cannot be made.
// With `paced`, UDP is sent no faster than a collector with the default socket
// buffer reads it; Send() waits. For captures, which can wait.
std::unique_ptr<Transport> MakeUdpTransport(const CollectorUrl& url,
                                            bool paced);
std::unique_ptr<Transport> MakeTcpTransport(const CollectorUrl& url);
std::unique_ptr<Transport> MakeFileTransport(const CollectorUrl& url);

}  // namespace exporter
