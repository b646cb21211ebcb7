// SPDX-License-Identifier: Apache-2.0
// How full the socket is from which a collector on this machine reads.
//
// UDP tells no sender that messages are lost for want of room. But what the
// kernel knows of the sockets of this machine it tells everybody (sock_diag(7),
// as for `ss --udp --memory`), so a collector here need neither be drowned nor
// be spared by guess.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "exporter/descriptor.h"

namespace exporter {

class ReceiverQueue {
 public:
  // Octets of the kernel's memory: a message takes more than its length.
  struct Memory {
    std::size_t used = 0;
    std::size_t limit = 0;  // what comes beyond it is dropped

    [[nodiscard]] std::size_t Free() const {
      return limit > used ? limit - used : 0;
    }
  };

  // That to which `socket`, of UDP and connected, sends. It is not referred to
  // afterwards.
  explicit ReceiverQueue(int socket);

  // As it is now, for the price of two system calls. Nothing if it is not on
  // this machine, nobody listens, or the kernel does not tell.
  [[nodiscard]] std::optional<Memory> Look();

 private:
  struct End {
    std::array<std::uint32_t, 4> address{};  // network order, as the port
    std::uint16_t port = 0;
  };

  Descriptor kernel_;
  std::uint8_t family_ = 0;
  End from_;
  End to_;
};

}  // namespace exporter
