// SPDX-License-Identifier: Apache-2.0
#include "exporter/packet_socket.h"

#include <algorithm>
#include <array>

#include <linux/if_packet.h>
#include <sys/socket.h>

#include "exporter/bpf_filter.h"
#include "exporter/last_error.h"

namespace exporter {
namespace {

// Of a counter with 32 bits that wraps. libpcap's count of the interface's
// drops falls when the interface is removed.
std::uint64_t Growth(unsigned before, unsigned now) {
  return static_cast<std::uint64_t>(
      std::max(static_cast<std::int32_t>(now - before), 0));
}

// The one that the socket is bound to, whatever has its name by now.
std::uint32_t IndexOf(int socket) {
  sockaddr_ll address{};
  socklen_t size = sizeof(address);
  if (getsockname(socket, reinterpret_cast<sockaddr*>(&address), &size) != 0) {
    return 1;
  }
  return static_cast<std::uint32_t>(std::max(address.sll_ifindex, 1));
}

}  // namespace

PacketSocket::PacketSocket(const LiveOptions& options)
    : what_("interface '" + options.interface + "': "),
      name_(options.interface) {
  std::array<char, PCAP_ERRBUF_SIZE> error{};
  handle_.reset(pcap_create(name_.c_str(), error.data()));
  if (handle_ == nullptr) {
    throw SetupError(what_ + error.data());
  }
  pcap_set_snaplen(handle_.get(), options.snaplen);
  pcap_set_promisc(handle_.get(), options.promiscuous ? 1 : 0);
  pcap_set_timeout(handle_.get(), static_cast<int>(options.wait.count()));
  pcap_set_immediate_mode(handle_.get(), options.immediate ? 1 : 0);
  pcap_set_buffer_size(handle_.get(), options.ring_mebibytes << 20);
  pcap_set_tstamp_precision(handle_.get(), PCAP_TSTAMP_PRECISION_NANO);
  Activate();
  link_ = CheckedLinkType(handle_.get(), "interface '" + name_ + "'");
  BpfFilter(handle_.get(), options.filter).ApplyTo(handle_.get());
  if (pcap_setnonblock(handle_.get(), 1, error.data()) != 0) {
    throw SetupError(what_ + error.data());
  }
  index_ = IndexOf(Descriptor());
}

void PacketSocket::Activate() {
  const int status = pcap_activate(handle_.get());
  if (status >= 0) {
    if (status > 0) {
      notice_ = what_ + pcap_statustostr(status);
    }
    return;
  }
  switch (status) {
    case PCAP_ERROR_NO_SUCH_DEVICE:
      throw SetupError(what_ + "no such interface; 'ip link' lists them");
    case PCAP_ERROR_PERM_DENIED:
    case PCAP_ERROR_PROMISC_PERM_DENIED:
      throw SetupError(what_ +
                       "no permission to capture; run as root or give the "
                       "program CAP_NET_RAW");
    case PCAP_ERROR_IFACE_NOT_UP:
      throw InterfaceDown(what_ + "it is down");
    default:
      throw SetupError(what_ + pcap_statustostr(status) + ": " +
                       pcap_geterr(handle_.get()));
  }
}

void PacketSocket::Join(FanoutGroup& group) {
  if (const std::error_code error = group.Join(Descriptor())) {
    throw SetupError("--threads: interface '" + name_ +
                     "' cannot be shared by several: " + error.message());
  }
}

bool PacketSocket::Read(FrameBurst& burst) {
  struct Context {
    const PacketSocket& socket;
    FrameBurst& burst;
  };
  const auto add = [](std::uint8_t* user, const pcap_pkthdr* header,
                      const std::uint8_t* octets) {
    auto* context = reinterpret_cast<Context*>(user);
    tracker::Frame frame = FrameOf(*header, octets);
    if (frame.time < context->socket.start_) {
      return;
    }
    frame.link = context->socket.link_;
    frame.interface = context->socket.index_;
    context->burst.Add(frame);
  };
  Context context{*this, burst};
  const int packets =
      pcap_dispatch(handle_.get(), static_cast<int>(FrameBurst::kFrames), add,
                    reinterpret_cast<std::uint8_t*>(&context));
  delivered_ = delivered_ || packets > 0;
  return packets >= 0;
}

KernelFilter PacketSocket::GetFilter() const {
  socklen_t instructions = 0;  // the kernel counts them, not octets
  if (getsockopt(Descriptor(), SOL_SOCKET, SO_GET_FILTER, nullptr,
                 &instructions) != 0) {
    return {};
  }
  KernelFilter program(instructions);
  if (getsockopt(Descriptor(), SOL_SOCKET, SO_GET_FILTER, program.data(),
                 &instructions) != 0) {
    return {};
  }
  return program;
}

// Not by pcap_setfilter(): that lets nothing through for a moment.
bool PacketSocket::SetFilter(const KernelFilter& program,
                             const std::string& expression) {
  if (!delivered_) {
    // libpcap still looks at what may have come before its first filter by
    // itself, and would go on with that one. There is nothing to lose.
    try {
      BpfFilter(handle_.get(), expression).ApplyTo(handle_.get());
    } catch (const SetupError& error) {
      filter_error_ = error.what();
    }
    return filter_error_.empty();
  }
  KernelFilter copy = program;
  const sock_fprog filter{static_cast<std::uint16_t>(copy.size()), copy.data()};
  if (setsockopt(Descriptor(), SOL_SOCKET, SO_ATTACH_FILTER, &filter,
                 sizeof(filter)) != 0) {
    filter_error_ = "filter '" + expression + "': " + LastError().message();
  }
  return filter_error_.empty();
}

int PacketSocket::Descriptor() const {
  return pcap_get_selectable_fd(handle_.get());
}

std::string PacketSocket::Error() const {
  return filter_error_.empty() ? pcap_geterr(handle_.get()) : filter_error_;
}

CaptureCounts PacketSocket::NewCounts() {
  pcap_stat now{};
  if (pcap_stats(handle_.get(), &now) != 0) {
    return {};
  }
  const CaptureCounts counts{
      .dropped_by_kernel = Growth(last_.ps_drop, now.ps_drop),
      .dropped_by_interface = Growth(last_.ps_ifdrop, now.ps_ifdrop)};
  last_ = now;
  return counts;
}

}  // namespace exporter
