// SPDX-License-Identifier: Apache-2.0
// How messages reach a collector.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <system_error>
#include <vector>

#include "exporter/backlog.h"
#include "exporter/collector_url.h"
#include "exporter/message_batch.h"
#include "exporter/udp_pace.h"

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
  // How many messages at once make it cheaper; more are not waited for.
  [[nodiscard]] virtual std::size_t LargestBatch() const { return 1; }
  // Hands over the messages of `batch`, the oldest first, and takes them off.
  // An error is about the one that is then at the front: it did not go, and
  // those behind it were not tried. Or it went in part; a transport for which
  // that matters is then no longer open.
  [[nodiscard]] virtual std::error_code Send(MessageBatch& batch) = 0;
  // An error that speaks of messages that were handed over since the last call:
  // UDP learns late that nobody listens, and not of which one. Taken by the
  // call, which costs a system call.
  [[nodiscard]] virtual std::error_code LateError() { return {}; }
  // A connection that is lost may come again, so that what was not delivered on
  // it is worth keeping.
  [[nodiscard]] virtual bool ComesAgain() const { return false; }
  // After the connection was lost: the messages of flow records that had been
  // handed over to it, and that the collector may not have read. The oldest
  // first; taken by the call.
  [[nodiscard]] virtual std::vector<KeptMessage> TakeUnread() { return {}; }
  // Asks where the name of the collector points, which may take a moment. True:
  // what is sent from here on goes elsewhere, where no templates are known.
  [[nodiscard]] virtual bool ResolveAgain() { return false; }
  // How many messages of flow records were handed over but are in the memory of
  // this process alone, so that they would be lost with it.
  [[nodiscard]] virtual std::size_t Undelivered() { return 0; }
  // Waits, for a bounded time, until what was sent is out of our hands.
  [[nodiscard]] virtual std::error_code Close() = 0;
};

// Throw SetupError: a name that does not resolve, a file that cannot be made.
// Over UDP, Send() waits as `pace` has it.
std::unique_ptr<Transport> MakeUdpTransport(const CollectorUrl& url,
                                            const UdpPaceOptions& pace);
// With TLS if the URL says so.
std::unique_ptr<Transport> MakeTcpTransport(const CollectorUrl& url);
std::unique_ptr<Transport> MakeFileTransport(const CollectorUrl& url);

}  // namespace exporter
