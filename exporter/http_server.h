// SPDX-License-Identifier: Apache-2.0
// Answers GET and HEAD by libmicrohttpd, which no other file knows.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "exporter/descriptor.h"
#include "exporter/listen_address.h"

struct MHD_Daemon;

namespace exporter {

struct HttpAnswer {
  unsigned status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body;
  // Content-Security-Policy; nothing that is loaded or run unless it says so.
  std::string policy = "default-src 'none'; frame-ancestors 'none'";
};

// Used by one thread, which calls Run() when Descriptor() is readable or
// Timeout() is over. Connections, their time and their memory are bounded.
class HttpServer {
 public:
  // Of the path, without its query; 404 by itself where it has no answer.
  using Handler = std::function<HttpAnswer(std::string_view path)>;

  // Listens, and answers from the first Run() on. Throws SetupError that names
  // --http.
  HttpServer(const ListenAddress& address, Handler handler);

  // Does what there is to do, without waiting.
  void Run();
  [[nodiscard]] int EpollDescriptor() const { return epoll_; }
  // At most `most`.
  [[nodiscard]] std::chrono::milliseconds Timeout(
      std::chrono::milliseconds most) const;

  [[nodiscard]] const Handler& Answers() const { return handler_; }
  // Whether a browser that was told this name of us may have an answer: on a
  // loopback address only if it is one, so that no page from elsewhere can
  // have its own name point here (DNS rebinding).
  [[nodiscard]] bool Accepts(const char* host) const;

 private:
  struct Stop {
    void operator()(MHD_Daemon* daemon) const;
  };

  bool loopback_;
  Handler handler_;
  std::unique_ptr<MHD_Daemon, Stop> daemon_;  // refers to this object
  int epoll_ = -1;
};

// "localhost", "127.0.0.1", "[::1]", with or without a port.
bool IsLoopbackName(std::string_view host);

}  // namespace exporter
