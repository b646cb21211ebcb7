// SPDX-License-Identifier: Apache-2.0
#include "tests/support/stream_peer.h"

#include <array>
#include <csignal>
#include <span>
#include <stdexcept>
#include <utility>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>

#include "tests/support/loopback.h"

namespace test_support {
namespace {

std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> MakeContext(
    const TlsPeerOptions& tls) {
  std::unique_ptr<SSL_CTX, void (*)(SSL_CTX*)> context(
      SSL_CTX_new(TLS_server_method()), SSL_CTX_free);
  SSL_CTX* const made = context.get();
  bool good =
      SSL_CTX_use_certificate_file(made, tls.certificate.c_str(),
                                   SSL_FILETYPE_PEM) == 1 &&
      SSL_CTX_use_PrivateKey_file(made, tls.key.c_str(), SSL_FILETYPE_PEM) == 1;
  if (!tls.client_ca.empty()) {
    good = good && SSL_CTX_load_verify_file(made, tls.client_ca.c_str()) == 1;
    SSL_CTX_set_verify(made, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT,
                       nullptr);
  }
  if (!good) {
    throw std::runtime_error("OpenSSL: the peer's files");
  }
  SSL_CTX_set_min_proto_version(made, tls.version);
  SSL_CTX_set_max_proto_version(made, tls.version);
  SSL_CTX_set_session_cache_mode(made, SSL_SESS_CACHE_OFF);
  // HangUp() ends the reading where nothing is left to be read.
  SSL_CTX_set_options(made, SSL_OP_IGNORE_UNEXPECTED_EOF);
  return context;
}

}  // namespace

StreamPeer::StreamPeer(const TlsPeerOptions& tls)
    : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)),
      port_(BindToLoopback(listener_)) {
  if (!tls.certificate.empty()) {
    context_.reset(MakeContext(tls).release());
  }
  if (port_ == 0 || listen(listener_.Get(), 16) != 0) {
    throw std::runtime_error("cannot listen");
  }
  thread_ = std::thread([this] { Run(); });
}

StreamPeer::~StreamPeer() {
  shutdown(listener_.Get(), SHUT_RDWR);
  {
    const std::lock_guard lock(mutex_);
    if (socket_ >= 0) {
      shutdown(socket_, SHUT_RDWR);
    }
  }
  thread_.join();
}

void StreamPeer::HangUp(End end) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [this] { return socket_ >= 0; });
  end_ = end;
  const int before = ended_;
  // What has arrived can still be read.
  shutdown(socket_, SHUT_RD);
  changed_.wait(lock, [&] { return ended_ > before; });
}

void StreamPeer::WaitUntilReceived(std::size_t octets) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return received_.size() >= octets; });
}

std::vector<std::uint8_t> StreamPeer::Received() {
  const std::lock_guard lock(mutex_);
  return received_;
}

int StreamPeer::Connections() {
  const std::lock_guard lock(mutex_);
  return ended_;
}

void StreamPeer::Run() {
  // OpenSSL writes to a connection that may be gone.
  sigset_t pipe{};
  sigemptyset(&pipe);
  sigaddset(&pipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &pipe, nullptr);
  for (;;) {
    exporter::Descriptor connection(
        accept4(listener_.Get(), nullptr, nullptr, SOCK_CLOEXEC));
    if (!connection.Valid()) {
      return;
    }
    const int on = 1;  // so that the end does not wait for acknowledgments
    setsockopt(connection.Get(), IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    {
      const std::lock_guard lock(mutex_);
      socket_ = connection.Get();
      received_.clear();
    }
    changed_.notify_all();
    if (context_ == nullptr) {
      Bare(connection.Get());
    } else {
      Encrypted(connection.Get());
    }
    {
      const std::lock_guard lock(mutex_);
      socket_ = -1;
      if (end_ == End::kStaysOpen) {
        left_open_ = exporter::Descriptor(connection.Release());
      }
      connection.Reset();
      ++ended_;
    }
    changed_.notify_all();
  }
}

bool StreamPeer::Keep(std::span<const std::uint8_t> octets, ssize_t got) {
  if (got <= 0) {
    return false;
  }
  const auto read = octets.first(static_cast<std::size_t>(got));
  {
    const std::lock_guard lock(mutex_);
    received_.insert(received_.end(), read.begin(), read.end());
  }
  changed_.notify_all();
  return true;
}

void StreamPeer::Bare(int socket) {
  std::array<std::uint8_t, 4096> octets{};
  while (Keep(octets, recv(socket, octets.data(), octets.size(), 0))) {
  }
}

void StreamPeer::Encrypted(int socket) {
  const std::unique_ptr<SSL, Free> session(SSL_new(context_.get()));
  SSL_set_fd(session.get(), socket);
  if (SSL_accept(session.get()) != 1) {
    return;
  }
  std::array<std::uint8_t, 4096> octets{};
  while (Keep(octets, SSL_read(session.get(), octets.data(),
                               static_cast<int>(octets.size())))) {
  }
  const std::lock_guard lock(mutex_);
  if (end_ != End::kBare) {
    SSL_shutdown(session.get());
  }
}

}  // namespace test_support
