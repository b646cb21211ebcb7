// SPDX-License-Identifier: Apache-2.0
#include "exporter/announcing_transport.h"

#include <utility>

namespace exporter {
namespace {

class AnnouncingTransport final : public Transport {
 public:
  AnnouncingTransport(std::unique_ptr<Transport> transport, std::string name,
                      std::function<void(const std::string&)> say)
      : transport_(std::move(transport)),
        name_(std::move(name)),
        say_(std::move(say)) {}

  std::error_code Open() override {
    const std::error_code error = transport_->Open();
    if (error != last_error_) {
      last_error_ = error;
      say_(name_ +
           (error ? ": cannot connect: " + error.message() + "; trying again"
                  : ": connected"));
    }
    return error;
  }

  [[nodiscard]] bool IsOpen() override { return transport_->IsOpen(); }
  [[nodiscard]] std::size_t LargestBatch() const override {
    return transport_->LargestBatch();
  }
  std::error_code Send(MessageBatch& batch) override {
    return transport_->Send(batch);
  }
  std::error_code LateError() override { return transport_->LateError(); }
  [[nodiscard]] bool ComesAgain() const override {
    return transport_->ComesAgain();
  }
  std::vector<KeptMessage> TakeUnread() override {
    return transport_->TakeUnread();
  }
  bool ResolveAgain() override { return transport_->ResolveAgain(); }
  std::size_t Undelivered() override { return transport_->Undelivered(); }
  std::error_code Close() override { return transport_->Close(); }

 private:
  std::unique_ptr<Transport> transport_;
  std::string name_;
  std::function<void(const std::string&)> say_;
  std::error_code last_error_;
};

}  // namespace

std::unique_ptr<Transport> Announcing(
    std::unique_ptr<Transport> transport, std::string name,
    std::function<void(const std::string&)> say) {
  return std::make_unique<AnnouncingTransport>(std::move(transport),
                                               std::move(name), std::move(say));
}

}  // namespace exporter
