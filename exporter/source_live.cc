// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <iterator>
#include <memory>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include <net/if.h>

#include "exporter/fanout.h"
#include "exporter/frame_burst.h"
#include "exporter/pcap.h"
#include "exporter/setup_error.h"
#include "exporter/source.h"

namespace exporter {
namespace {

using tracker::Frame;
using tracker::LinkType;

class LiveSource final : public Source {
 public:
  explicit LiveSource(const LiveOptions& options)
      : name_(options.interface), wait_(options.wait) {
    std::array<char, PCAP_ERRBUF_SIZE> error{};
    handle_.reset(pcap_create(name_.c_str(), error.data()));
    if (handle_ == nullptr) {
      throw SetupError("interface '" + name_ + "': " + error.data());
    }
    pcap_set_snaplen(handle_.get(), options.snaplen);
    pcap_set_promisc(handle_.get(), 1);
    pcap_set_timeout(handle_.get(), static_cast<int>(wait_.count()));
    pcap_set_buffer_size(handle_.get(), options.buffer_mebibytes << 20);
    pcap_set_tstamp_precision(handle_.get(), PCAP_TSTAMP_PRECISION_NANO);
    Activate();
    link_ = CheckedLinkType(handle_.get(), "interface '" + name_ + "'");
    if (!options.filter.empty()) {
      BpfFilter(handle_.get(), options.filter).ApplyTo(handle_.get());
    }
    if (pcap_setnonblock(handle_.get(), 1, error.data()) != 0) {
      throw SetupError("interface '" + name_ + "': " + error.data());
    }
    // "any" has no index; 0 would make collectors drop the flow.
    interface_ = std::max(if_nametoindex(name_.c_str()), 1U);
  }

  void Join(FanoutGroup& group) {
    if (const std::error_code error = group.Join(pcap_fileno(handle_.get()))) {
      throw SetupError("--threads: interface '" + name_ +
                       "' cannot be shared by several: " + error.message());
    }
  }
  void ForgetBefore(tracker::Timestamp start) { start_ = start; }

  // libpcap's own wait ends only with a packet, so the descriptor is polled.
  Next Read() override {
    burst_.Clear();
    int got = Dispatch();
    if (got == 0) {
      pollfd ready{pcap_get_selectable_fd(handle_.get()), POLLIN, 0};
      poll(&ready, 1, static_cast<int>(wait_.count()));
      got = Dispatch();
    }
    if (!burst_.Frames().empty()) {
      return Next::kFrames;
    }
    if (got >= 0) {
      return Next::kIdle;
    }
    error_ = "interface '" + name_ + "': " + pcap_geterr(handle_.get());
    return Next::kEnd;
  }

  [[nodiscard]] std::span<const Frame> Frames() const override {
    return burst_.Frames();
  }
  [[nodiscard]] std::string Error() const override { return error_; }
  [[nodiscard]] std::string Notice() const override { return notice_; }
  [[nodiscard]] CaptureCounts Counts() override {
    pcap_stat now{};
    if (pcap_stats(handle_.get(), &now) == 0) {
      // libpcap's counters have 32 bits and wrap.
      counts_.dropped_by_kernel += now.ps_drop - last_.ps_drop;
      counts_.dropped_by_interface += now.ps_ifdrop - last_.ps_ifdrop;
      last_ = now;
    }
    return counts_;
  }
  [[nodiscard]] std::uint64_t OctetsRead() const override { return 0; }
  [[nodiscard]] std::uint64_t OctetsTotal() const override { return 0; }

 private:
  void Activate() {
    const int status = pcap_activate(handle_.get());
    if (status >= 0) {
      if (status > 0) {
        notice_ = "interface '" + name_ + "': " + pcap_statustostr(status);
      }
      return;
    }
    const std::string what = "interface '" + name_ + "': ";
    switch (status) {
      case PCAP_ERROR_NO_SUCH_DEVICE:
        throw SetupError(what + "no such interface; 'ip link' lists them");
      case PCAP_ERROR_PERM_DENIED:
      case PCAP_ERROR_PROMISC_PERM_DENIED:
        throw SetupError(what +
                         "no permission to capture; run as root or give the "
                         "program CAP_NET_RAW");
      case PCAP_ERROR_IFACE_NOT_UP:
        throw SetupError(what + "it is down; 'ip link set " + name_ +
                         " up' brings it up");
      default:
        throw SetupError(what + pcap_statustostr(status) + ": " +
                         pcap_geterr(handle_.get()));
    }
  }

  int Dispatch() {
    const auto add = [](std::uint8_t* self, const pcap_pkthdr* header,
                        const std::uint8_t* octets) {
      auto* source = reinterpret_cast<LiveSource*>(self);
      Frame frame = FrameOf(*header, octets);
      if (frame.time < source->start_) {
        return;
      }
      frame.link = source->link_;
      frame.interface = source->interface_;
      source->burst_.Add(frame);
    };
    return pcap_dispatch(handle_.get(), static_cast<int>(FrameBurst::kFrames),
                         add, reinterpret_cast<std::uint8_t*>(this));
  }

  std::string name_;
  std::chrono::milliseconds wait_;
  Pcap handle_;
  LinkType link_ = LinkType::kUnknown;
  std::uint32_t interface_ = 0;
  tracker::Timestamp start_{};  // of the capture; nothing before it counts
  std::string error_;
  std::string notice_;
  pcap_stat last_{};
  CaptureCounts counts_;
  FrameBurst burst_;
};

}  // namespace

std::vector<std::unique_ptr<Source>> OpenLive(const LiveOptions& options,
                                              const Clock& clock) {
  // A packet that was about to be delivered when a socket joined is by then.
  constexpr std::chrono::milliseconds kDelivery{10};
  std::vector<std::unique_ptr<LiveSource>> shares;
  while (shares.size() < options.threads) {
    shares.push_back(std::make_unique<LiveSource>(options));
  }
  if (shares.size() > 1) {
    FanoutGroup group;
    for (const auto& share : shares) {
      share->Join(group);
    }
    // Until here each of them got everything.
    std::this_thread::sleep_for(kDelivery);
    const tracker::Timestamp start = clock.Now();
    for (const auto& share : shares) {
      share->ForgetBefore(start);
    }
  }
  return {std::make_move_iterator(shares.begin()),
          std::make_move_iterator(shares.end())};
}

}  // namespace exporter
