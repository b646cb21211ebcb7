// SPDX-License-Identifier: Apache-2.0
#include "exporter/http_server.h"

#include <microhttpd.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include <netinet/in.h>
#include <sys/socket.h>

#include "exporter/loopback.h"
#include "exporter/setup_error.h"

namespace exporter {
namespace {

// Who opens more has to wait until others end, by themselves or after kIdle.
constexpr unsigned kConnections = 64;
constexpr unsigned kIdleSeconds = 10;
constexpr std::size_t kConnectionOctets = 16'384;  // request and headers

Descriptor Listen(const ListenAddress& where) {
  const auto refuse = [&] {
    throw SetupError("--http " + where.text + ": " +
                     std::generic_category().message(errno) +
                     "; choose an address of this host and a free port");
  };
  Descriptor socket(::socket(where.address.ss_family,
                             SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  const int yes = 1;
  // A restart must not wait for connections of the last run to be forgotten.
  if (!socket.Valid() ||
      setsockopt(socket.Get(), SOL_SOCKET, SO_REUSEADDR, &yes, sizeof(yes)) !=
          0 ||
      (where.address.ss_family == AF_INET6 &&
       setsockopt(socket.Get(), IPPROTO_IPV6, IPV6_V6ONLY, &yes, sizeof(yes)) !=
           0) ||
      bind(socket.Get(), reinterpret_cast<const sockaddr*>(&where.address),
           where.length) != 0 ||
      listen(socket.Get(), SOMAXCONN) != 0) {
    refuse();
  }
  return socket;
}

MHD_Result Send(MHD_Connection* connection, const HttpAnswer& answer) {
  MHD_Response* const response = MHD_create_response_from_buffer(
      answer.body.size(), const_cast<char*>(answer.body.data()),
      MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) {
    return MHD_NO;
  }
  const auto header = [response](const char* name, const std::string& value) {
    MHD_add_response_header(response, name, value.c_str());
  };
  header("Content-Type", answer.content_type);
  header("Content-Security-Policy", answer.policy);
  header("Cache-Control", "no-store");
  header("X-Content-Type-Options", "nosniff");
  header("Referrer-Policy", "no-referrer");
  header("Cross-Origin-Resource-Policy", "same-origin");
  if (answer.status == MHD_HTTP_METHOD_NOT_ALLOWED) {
    header("Allow", "GET, HEAD");
  }
  const MHD_Result result =
      MHD_queue_response(connection, answer.status, response);
  MHD_destroy_response(response);
  return result;
}

// Called when the headers are there, and again for the rest of the request.
// NOLINTNEXTLINE(readability-function-size): the library wants so many.
MHD_Result Answer(void* server, MHD_Connection* connection, const char* url,
                  const char* method, const char* /*version*/,
                  const char* /*upload*/, std::size_t* upload_octets,
                  void** seen) {
  const auto& self = *static_cast<const HttpServer*>(server);
  const std::string_view verb = method;
  if (verb != MHD_HTTP_METHOD_GET && verb != MHD_HTTP_METHOD_HEAD) {
    return Send(connection, {.status = MHD_HTTP_METHOD_NOT_ALLOWED,
                             .body = "there are GET and HEAD\n"});
  }
  if (*seen == nullptr || *upload_octets > 0) {
    *seen = server;
    *upload_octets = 0;  // a body of GET means nothing (RFC 9110 section 9.3.1)
    return MHD_YES;
  }
  if (!self.Accepts(MHD_lookup_connection_value(connection, MHD_HEADER_KIND,
                                                MHD_HTTP_HEADER_HOST))) {
    return Send(connection, {.status = MHD_HTTP_FORBIDDEN,
                             .body = "this is for localhost only\n"});
  }
  return Send(connection, self.Answers()(url));
}

}  // namespace

void HttpServer::Stop::operator()(MHD_Daemon* daemon) const {
  MHD_stop_daemon(daemon);
}

HttpServer::HttpServer(const ListenAddress& address, Handler handler)
    : loopback_(address.loopback), handler_(std::move(handler)) {
  Descriptor socket = Listen(address);
  daemon_.reset(MHD_start_daemon(
      MHD_USE_EPOLL, 0, nullptr, nullptr, &Answer, this,
      MHD_OPTION_LISTEN_SOCKET, socket.Get(), MHD_OPTION_CONNECTION_LIMIT,
      kConnections, MHD_OPTION_CONNECTION_TIMEOUT, kIdleSeconds,
      MHD_OPTION_CONNECTION_MEMORY_LIMIT, kConnectionOctets, MHD_OPTION_END));
  if (daemon_ == nullptr) {
    throw SetupError("--http " + address.text +
                     ": the HTTP server does not start: " +
                     std::generic_category().message(errno));
  }
  socket.Release();  // the daemon closes it
  epoll_ =
      MHD_get_daemon_info(daemon_.get(), MHD_DAEMON_INFO_EPOLL_FD)->epoll_fd;
}

void HttpServer::Run() { MHD_run(daemon_.get()); }

std::chrono::milliseconds HttpServer::Timeout(
    std::chrono::milliseconds most) const {
  MHD_UNSIGNED_LONG_LONG timeout = 0;
  if (MHD_get_timeout(daemon_.get(), &timeout) != MHD_YES ||
      timeout > static_cast<std::uint64_t>(most.count())) {
    return most;
  }
  return std::chrono::milliseconds{timeout};
}

bool HttpServer::Accepts(const char* host) const {
  // HTTP/1.0 has none, nor has it browsers.
  return !loopback_ || host == nullptr || IsLoopbackName(host);
}

bool IsLoopbackName(std::string_view host) {
  if (host.starts_with("[::1]")) {
    host.remove_prefix(5);
    return host.empty() || host.front() == ':';
  }
  return IsLoopback(std::string(host.substr(0, host.find(':'))));
}

}  // namespace exporter
