// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <array>
#include <cstdint>
#include <cstring>
#include <span>
#include <utility>

#include <netinet/udp.h>
#include <sys/socket.h>

#include "exporter/descriptor.h"
#include "exporter/last_error.h"
#include "exporter/resolver.h"
#include "exporter/setup_error.h"
#include "exporter/socket.h"
#include "exporter/transport.h"
#include "exporter/udp_pace.h"

namespace exporter {
namespace {

using Entries = std::span<const MessageBatch::Entry>;

constexpr std::size_t kMostMessages = UdpPace::kMostMessages;

// How many messages at the front go as one, which the kernel cuts up again
// (UDP_SEGMENT): of equal size, but the last may be shorter.
std::size_t RunLength(Entries entries) {
  constexpr std::size_t kMostSegments = 64;
  constexpr std::size_t kMostOctets = 65507;  // of a datagram over IPv4
  const std::size_t size = entries.front().octets;
  std::size_t octets = size;
  std::size_t length = 1;
  while (length < std::min(entries.size(), kMostSegments) &&
         entries[length - 1].octets == size && entries[length].octets <= size &&
         octets + entries[length].octets <= kMostOctets) {
    octets += entries[length].octets;
    ++length;
  }
  return length;
}

// The arguments of sendmmsg(2) for all that is in a batch, which must outlive
// them.
class Runs {
 public:
  // Not `segmented`: each message is a run of its own.
  Runs(const MessageBatch& batch, bool segmented) {
    Entries entries = batch.Entries();
    std::span<const std::uint8_t> octets = batch.Octets();
    while (!entries.empty()) {
      const std::size_t length = segmented ? RunLength(entries) : 1;
      std::size_t size = 0;
      for (const MessageBatch::Entry& entry : entries.first(length)) {
        size += entry.octets;
      }
      Add(octets.first(size), length, entries.front().octets);
      entries = entries.subspan(length);
      octets = octets.subspan(size);
    }
  }
  Runs(const Runs&) = delete;
  Runs& operator=(const Runs&) = delete;
  ~Runs() = default;

  // Returns how many went, from the front; -1 and errno when none did.
  int Send(int socket) {
    return sendmmsg(socket, headers_.data(), count_, MSG_NOSIGNAL);
  }
  [[nodiscard]] unsigned Count() const { return count_; }
  // In the first `runs`.
  [[nodiscard]] std::size_t Messages(int runs) const {
    std::size_t messages = 0;
    for (int i = 0; i < runs; ++i) {
      messages += lengths_[static_cast<std::size_t>(i)];
    }
    return messages;
  }

 private:
  struct alignas(cmsghdr) Control {
    std::array<char, CMSG_SPACE(sizeof(std::uint16_t))> octets;
  };

  void Add(std::span<const std::uint8_t> octets, std::size_t length,
           std::size_t segment) {
    lengths_[count_] = length;
    // sendmsg(2) does not write to it.
    parts_[count_] = {const_cast<std::uint8_t*>(octets.data()), octets.size()};
    msghdr& header = headers_[count_].msg_hdr;
    header = {};
    header.msg_iov = &parts_[count_];
    header.msg_iovlen = 1;
    if (length > 1) {
      header.msg_control = &controls_[count_];
      header.msg_controllen = sizeof(Control);
      cmsghdr* control = CMSG_FIRSTHDR(&header);
      control->cmsg_level = SOL_UDP;
      control->cmsg_type = UDP_SEGMENT;
      control->cmsg_len = CMSG_LEN(sizeof(std::uint16_t));
      const auto value = static_cast<std::uint16_t>(segment);
      std::memcpy(CMSG_DATA(control), &value, sizeof(value));
    }
    ++count_;
  }

  unsigned count_ = 0;
  std::array<std::size_t, kMostMessages> lengths_{};
  std::array<iovec, kMostMessages> parts_{};
  std::array<mmsghdr, kMostMessages> headers_{};
  std::array<Control, kMostMessages> controls_{};
};

// A connected socket: it learns from ICMP that nobody listens, and its source
// port, which collectors take for the exporter's identity, never changes.
class UdpTransport final : public Transport {
 public:
  UdpTransport(const CollectorUrl& url, const UdpPaceOptions& pace)
      : url_(url), resolver_(url, SOCK_DGRAM), pace_(pace) {}

  std::error_code Open() override {
    std::error_code error;
    for (const addrinfo* at = resolver_.Latest(); at != nullptr;
         at = at->ai_next) {
      error = Connect(*at, port_);
      if (error == std::errc::address_in_use) {
        error = Connect(*at, 0);  // another has the port meanwhile
      }
      if (!error) {
        port_ = LocalPort(socket_.Get());
        pace_.Opened(socket_.Get());
        return {};
      }
    }
    return error;
  }

  // Names of several addresses come in another order each time: it stays with
  // its address as long as that is one of them.
  bool ResolveAgain() override {
    resolver_.Again();
    if (!socket_.Valid() || PeerIsOneOf(resolver_.Latest())) {
      return false;
    }
    socket_.Reset();
    return !Open();
  }

  [[nodiscard]] bool IsOpen() override { return socket_.Valid(); }

  [[nodiscard]] std::size_t LargestBatch() const override {
    return pace_.LargestBatch();
  }

  std::error_code Send(MessageBatch& batch) override {
    pace_.Wait(batch.Entries().size(), batch.Octets().size());
    const std::error_code error = SendAll(batch);
    pace_.Return(batch.Entries().size());
    return error;
  }

  std::error_code LateError() override {
    int error = 0;
    socklen_t length = sizeof(error);
    getsockopt(socket_.Get(), SOL_SOCKET, SO_ERROR, &error, &length);
    const std::error_code late = std::exchange(late_error_, {});
    return error == 0 ? late : std::error_code{error, std::generic_category()};
  }

  std::error_code Close() override {
    socket_.Reset();
    return {};
  }

 private:
  std::error_code Connect(const addrinfo& to, std::uint16_t from_port) {
    socket_ = Descriptor(
        socket(to.ai_family, SOCK_DGRAM | SOCK_CLOEXEC, to.ai_protocol));
    if (socket_.Valid() &&
        Prepare(socket_.Get(), to.ai_family, url_, from_port) == 0 &&
        connect(socket_.Get(), to.ai_addr, to.ai_addrlen) == 0) {
      return {};
    }
    const std::error_code error = LastError();
    socket_.Reset();
    return error;
  }

  [[nodiscard]] bool PeerIsOneOf(const addrinfo* list) const {
    sockaddr_storage peer{};
    addrinfo address{};
    address.ai_addr = reinterpret_cast<sockaddr*>(&peer);
    address.ai_addrlen = sizeof(peer);
    return getpeername(socket_.Get(), address.ai_addr, &address.ai_addrlen) ==
               0 &&
           Contains(list, address);
  }

  // The kernel reports that an earlier message was refused by refusing another,
  // once: that one goes at the second attempt. In the middle of a call it does
  // so without a word, by stopping there.
  std::error_code SendAll(MessageBatch& batch) {
    bool segmented = segmented_;
    bool stopped = false;  // at the front message, by the call before
    bool refused = false;  // the front message, once
    while (!batch.Empty()) {
      Runs runs(batch, segmented);
      const int sent = runs.Send(socket_.Get());
      if (sent > 0) {
        if (stopped) {
          late_error_ = std::make_error_code(std::errc::connection_refused);
        }
        stopped = static_cast<unsigned>(sent) < runs.Count();
        refused = false;
        batch.Pop(runs.Messages(sent));
        continue;
      }
      const std::error_code error = LastError();
      stopped = false;
      if (error == std::errc::connection_refused && !refused) {
        late_error_ = error;
        refused = true;
      } else if (runs.Messages(1) > 1) {
        // Each message of it gets an answer of its own.
        segmented = false;
        segmented_ = segmented_ && !RefusesSegments(error);
      } else {
        return error;
      }
    }
    return {};
  }

  // An old kernel, a device that cannot, or a message larger than the path's
  // MTU, which only goes in fragments: no better next time.
  static bool RefusesSegments(const std::error_code& error) {
    return error == std::errc::invalid_argument ||
           error == std::errc::io_error || error == std::errc::message_size ||
           error == std::errc::no_protocol_option ||
           error == std::errc::operation_not_supported;
  }

  CollectorUrl url_;
  Resolver resolver_;
  Descriptor socket_;
  std::uint16_t port_ = 0;  // its source port, which it keeps
  UdpPace pace_;
  std::error_code late_error_;
  bool segmented_ = true;
};

}  // namespace

std::unique_ptr<Transport> MakeUdpTransport(const CollectorUrl& url,
                                            const UdpPaceOptions& pace) {
  return std::make_unique<UdpTransport>(url, pace);
}

}  // namespace exporter
