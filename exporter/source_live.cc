// SPDX-License-Identifier: Apache-2.0
#include <poll.h>

#include <chrono>
#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "exporter/frame_burst.h"
#include "exporter/live_interface.h"
#include "exporter/packet_socket.h"
#include "exporter/source.h"

namespace exporter {
namespace {

// One thread's share of an interface. It has no end: while the interface is
// away, time passes.
class LiveSource final : public Source {
 public:
  LiveSource(std::shared_ptr<LiveInterface> interface, std::size_t thread,
             std::chrono::milliseconds wait)
      : interface_(std::move(interface)), thread_(thread), wait_(wait) {
    Renew();
  }

  Next Read() override {
    burst_.Clear();
    if (share_.life != interface_->Life() && !ReadLast()) {
      Renew();
    }
    if (!burst_.Frames().empty()) {
      return Next::kFrames;
    }
    bool well = FollowFilter() &&
                (share_.socket == nullptr || share_.socket->Read(burst_));
    if (well && burst_.Frames().empty()) {
      Wait();
      well = share_.socket == nullptr || share_.socket->Read(burst_);
    }
    if (!burst_.Frames().empty()) {
      return Next::kFrames;
    }
    if (well) {
      interface_->Watch();
    } else {
      interface_->Fail(share_.life, share_.socket->Error());
    }
    return Next::kIdle;
  }

  [[nodiscard]] std::span<const tracker::Frame> Frames() const override {
    return burst_.Frames();
  }
  [[nodiscard]] std::string Error() const override { return ""; }
  [[nodiscard]] std::vector<std::string> Notices() const override {
    return thread_ == 0 ? interface_->Notices() : std::vector<std::string>{};
  }
  // The other threads share the interface of the first.
  [[nodiscard]] std::function<void()> PrepareFilter(
      const std::string& filter) const override {
    return thread_ == 0 ? interface_->PrepareFilter(filter) : [] {};
  }
  [[nodiscard]] CaptureCounts Counts() override {
    if (share_.socket != nullptr) {
      const CaptureCounts more = share_.socket->NewCounts();
      counts_.dropped_by_kernel += more.dropped_by_kernel;
      counts_.dropped_by_interface += more.dropped_by_interface;
    }
    return counts_;
  }
  [[nodiscard]] std::optional<InterfaceStatus> Interface() const override {
    return interface_->Status();
  }
  [[nodiscard]] std::uint64_t OctetsRead() const override { return 0; }
  [[nodiscard]] std::uint64_t OctetsTotal() const override { return 0; }

 private:
  // What is left in a socket that was lost; false: nothing any more. The kernel
  // hands over its last block when that is as old as blocks get.
  bool ReadLast() {
    if (share_.socket == nullptr) {
      return false;
    }
    if (!std::exchange(lost_, true)) {
      std::this_thread::sleep_for(2 * wait_);
    }
    share_.socket->Read(burst_);
    return !burst_.Frames().empty();
  }

  // False: the socket cannot have the interface's filter.
  bool FollowFilter() {
    if (share_.filter == interface_->FilterNumber()) {
      return true;
    }
    const LiveInterface::Filter filter = interface_->CurrentFilter();
    share_.filter = filter.number;
    return share_.socket == nullptr || share_.life != interface_->Life() ||
           share_.socket->SetFilter(filter.program, filter.expression);
  }

  void Renew() {
    static_cast<void>(Counts());  // the last of the socket that was lost
    share_ = interface_->Take(thread_);
    lost_ = false;
  }

  // libpcap's own wait ends only with a packet, so the descriptor is polled.
  void Wait() {
    pollfd ready{share_.socket != nullptr ? share_.socket->Descriptor() : -1,
                 POLLIN, 0};
    poll(&ready, 1, static_cast<int>(wait_.count()));
  }

  std::shared_ptr<LiveInterface> interface_;
  std::size_t thread_;
  std::chrono::milliseconds wait_;
  LiveInterface::Share share_;
  bool lost_ = false;  // it is of an earlier life
  CaptureCounts counts_;
  FrameBurst burst_;
};

}  // namespace

std::vector<std::unique_ptr<Source>> OpenLive(const LiveOptions& options,
                                              const Clock& clock) {
  const auto interface = std::make_shared<LiveInterface>(options, clock);
  std::vector<std::unique_ptr<Source>> sources;
  while (sources.size() < options.threads) {
    sources.push_back(
        std::make_unique<LiveSource>(interface, sources.size(), options.wait));
  }
  return sources;
}

}  // namespace exporter
