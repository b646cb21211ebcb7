// SPDX-License-Identifier: Apache-2.0
#include "exporter/receiver_queue.h"

#include <algorithm>
#include <cstring>

#include <arpa/inet.h>
#include <linux/inet_diag.h>
#include <linux/netlink.h>
#include <linux/rtnetlink.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <sys/socket.h>

namespace exporter {
namespace {

// Either family's address and port.
template <typename End>
End EndOf(const sockaddr_storage& from) {
  End end;
  if (from.ss_family == AF_INET) {
    sockaddr_in address{};
    std::memcpy(&address, &from, sizeof(address));
    end.address[0] = address.sin_addr.s_addr;
    end.port = address.sin_port;
  } else {
    sockaddr_in6 address{};
    std::memcpy(&address, &from, sizeof(address));
    std::memcpy(end.address.data(), &address.sin6_addr, sizeof(end.address));
    end.port = address.sin6_port;
  }
  return end;
}

struct Question {
  nlmsghdr header;
  inet_diag_req_v2 request;
};

// The numbers of one kind in the attributes behind the kernel's answer.
std::optional<ReceiverQueue::Memory> MemoryIn(const nlmsghdr* header) {
  const auto* answer = static_cast<const inet_diag_msg*>(NLMSG_DATA(header));
  const auto* attribute = reinterpret_cast<const rtattr*>(answer + 1);
  auto left = static_cast<int>(header->nlmsg_len) -
              static_cast<int>(NLMSG_LENGTH(sizeof(*answer)));
  for (; RTA_OK(attribute, left); attribute = RTA_NEXT(attribute, left)) {
    std::array<std::uint32_t, SK_MEMINFO_RCVBUF + 1> numbers{};
    if (attribute->rta_type == INET_DIAG_SKMEMINFO &&
        RTA_PAYLOAD(attribute) >= sizeof(numbers)) {
      std::memcpy(numbers.data(), RTA_DATA(attribute), sizeof(numbers));
      return ReceiverQueue::Memory{numbers[SK_MEMINFO_RMEM_ALLOC],
                                   numbers[SK_MEMINFO_RCVBUF]};
    }
  }
  return std::nullopt;
}

}  // namespace

ReceiverQueue::ReceiverQueue(int socket) {
  sockaddr_storage from{};
  sockaddr_storage to{};
  socklen_t from_length = sizeof(from);
  socklen_t to_length = sizeof(to);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&from), &from_length) !=
          0 ||
      getpeername(socket, reinterpret_cast<sockaddr*>(&to), &to_length) != 0) {
    return;
  }
  family_ = static_cast<std::uint8_t>(from.ss_family);
  from_ = EndOf<End>(from);
  to_ = EndOf<End>(to);
  // Only to its own addresses does a machine speak from the same one. (Of
  // 127.0.0.0/8, any may answer.)
  const bool loopback =
      family_ == AF_INET && ntohl(to_.address[0]) >> 24 == IN_LOOPBACKNET;
  if (loopback || from_.address == to_.address) {
    kernel_ = Descriptor(
        ::socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_SOCK_DIAG));
  }
}

std::optional<ReceiverQueue::Memory> ReceiverQueue::Look() {
  if (!kernel_.Valid()) {
    return std::nullopt;
  }
  Question question{};
  question.header.nlmsg_len = sizeof(question);
  question.header.nlmsg_type = SOCK_DIAG_BY_FAMILY;
  question.header.nlmsg_flags = NLM_F_REQUEST;
  inet_diag_req_v2& request = question.request;
  request.sdiag_family = family_;
  request.sdiag_protocol = IPPROTO_UDP;
  request.idiag_ext = 1U << (INET_DIAG_SKMEMINFO - 1);
  request.idiag_states = 0xffffffff;
  // The socket that hears from there to here: for UDP, the kernel takes the
  // sender for the source.
  std::copy(from_.address.begin(), from_.address.end(), request.id.idiag_src);
  std::copy(to_.address.begin(), to_.address.end(), request.id.idiag_dst);
  request.id.idiag_sport = from_.port;
  request.id.idiag_dport = to_.port;
  std::fill(std::begin(request.id.idiag_cookie),
            std::end(request.id.idiag_cookie), INET_DIAG_NOCOOKIE);
  alignas(nlmsghdr) std::array<char, 1024> answer{};
  if (send(kernel_.Get(), &question, sizeof(question), 0) < 0) {
    return std::nullopt;
  }
  const ssize_t got = recv(kernel_.Get(), answer.data(), answer.size(), 0);
  const auto* header = reinterpret_cast<const nlmsghdr*>(answer.data());
  if (got < 0 || !NLMSG_OK(header, static_cast<std::size_t>(got)) ||
      header->nlmsg_type != SOCK_DIAG_BY_FAMILY) {
    return std::nullopt;
  }
  return MemoryIn(header);
}

}  // namespace exporter
