// SPDX-License-Identifier: Apache-2.0
// A connection that is lost and comes again as the test says.
#pragma once

#include <cstddef>
#include <deque>
#include <iterator>
#include <system_error>
#include <utility>
#include <vector>

#include "exporter/backlog.h"
#include "exporter/transport.h"
#include "tests/support/message_reader.h"

namespace test_support {

// What the other end has seen, and how the world fails.
struct World {
  // Messages by connection.
  std::vector<std::vector<WireMessage>> connections;
  std::error_code open_error;
  std::error_code send_error;  // for every message, and the connection is lost
  bool open = false;
  // Messages that were sent lately are unread when the connection is lost.
  std::size_t unread_at_most = 0;
};

class ReturningTransport final : public exporter::Transport {
 public:
  explicit ReturningTransport(World& world) : world_(world) {}

  std::error_code Open() override {
    if (!world_.open_error) {
      world_.open = true;
      reader_ = {};  // a new connection knows no templates
      world_.connections.emplace_back();
    }
    return world_.open_error;
  }
  [[nodiscard]] bool IsOpen() override { return world_.open; }
  std::error_code Send(exporter::MessageBatch& batch) override {
    for (; !batch.Empty(); batch.Pop(1)) {
      if (!world_.open) {
        return std::make_error_code(std::errc::connection_reset);
      }
      if (world_.send_error && batch.Entries().front().flow_records > 0) {
        world_.open = false;
        return world_.send_error;
      }
      world_.connections.back().push_back(reader_.Read(batch.Front()));
      if (const auto records = batch.Entries().front().flow_records;
          records > 0) {
        unread_.push_back(
            {{batch.Front().begin(), batch.Front().end()}, records});
      }
    }
    return {};
  }
  [[nodiscard]] bool ComesAgain() const override { return true; }
  [[nodiscard]] std::vector<exporter::KeptMessage> TakeUnread() override {
    if (world_.open) {
      return {};
    }
    while (unread_.size() > world_.unread_at_most) {
      unread_.pop_front();
    }
    return {std::make_move_iterator(unread_.begin()),
            std::make_move_iterator(std::exchange(unread_, {}).end())};
  }
  std::error_code Close() override {
    const bool was_open = std::exchange(world_.open, false);
    if (was_open) {
      unread_.clear();
    }
    return {};
  }

 private:
  World& world_;
  MessageReader reader_;
  std::deque<exporter::KeptMessage> unread_;
};

}  // namespace test_support
