// SPDX-License-Identifier: Apache-2.0
// A collector of TCP or TLS in a thread of this process: one connection after
// the other, each read to its end.
#pragma once

#include <condition_variable>
#include <cstdint>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <thread>
#include <vector>

#include <openssl/ssl.h>
#include <sys/types.h>

#include "exporter/descriptor.h"

namespace test_support {

struct TlsPeerOptions {
  std::string certificate;  // files; empty: no TLS
  std::string key;
  std::string client_ca;  // empty: asks for no certificate
  int version = 0;        // TLS1_2_VERSION, TLS1_3_VERSION; 0: either
};

class StreamPeer {
 public:
  explicit StreamPeer(const TlsPeerOptions& tls = {});
  StreamPeer(const StreamPeer&) = delete;
  StreamPeer& operator=(const StreamPeer&) = delete;
  ~StreamPeer();

  [[nodiscard]] std::uint16_t Port() const { return port_; }

  enum class End : std::uint8_t {
    kInOrder,    // when it has read all; TLS says so, too
    kBare,       // likewise, but nothing is said by TLS
    kStaysOpen,  // TLS says so, but it is not closed
  };
  // Ends the connection that there is, or will be. Returns when it has ended.
  void HangUp(End end = End::kInOrder);
  // What was read on the last connection.
  [[nodiscard]] std::vector<std::uint8_t> Received();
  void WaitUntilReceived(std::size_t octets);
  [[nodiscard]] int Connections();

 private:
  struct Free {
    void operator()(SSL_CTX* context) const { SSL_CTX_free(context); }
    void operator()(SSL* session) const { SSL_free(session); }
  };

  void Run();
  // Takes what was read; returns false at the end, or upon an error.
  bool Keep(std::span<const std::uint8_t> octets, ssize_t got);
  void Bare(int socket);
  void Encrypted(int socket);

  exporter::Descriptor listener_;
  std::uint16_t port_ = 0;
  std::unique_ptr<SSL_CTX, Free> context_;

  // Of both threads.
  std::mutex mutex_;
  std::condition_variable changed_;
  int socket_ = -1;  // of the connection that there is
  int ended_ = 0;
  End end_ = End::kInOrder;
  std::vector<std::uint8_t> received_;

  exporter::Descriptor left_open_;
  std::thread thread_;
};

}  // namespace test_support
