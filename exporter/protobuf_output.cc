// SPDX-License-Identifier: Apache-2.0
#include "exporter/protobuf_output.h"

#include <utility>
#include <vector>

#include "exporter/collector.h"
#include "exporter/encoder.h"
#include "exporter/flow_message.h"
#include "exporter/transport.h"

namespace exporter {
namespace {

// A "message" of the collector is as many delimited messages as are worth a
// system call: what a file that is full takes back is then whole records.
class ProtobufEncoder final : public Encoder {
 public:
  explicit ProtobufEncoder(std::size_t most_octets)
      : most_octets_(most_octets) {
    octets_.reserve(most_octets);
  }

  void Restart() override {}
  void Renumber(std::span<std::uint8_t> /*message*/,
                std::uint32_t /*flow_records*/) override {}
  // There are none. But the file begins here, so that a run without flows
  // leaves it empty, and not as it was.
  void WriteTemplates(Timestamp /*now*/, const MessageSink& sink) override {
    sink({{}, 0});
  }

  void Append(const templates::FlowRecord& record, Timestamp /*now*/,
              const MessageSink& sink) override {
    const std::size_t before = octets_.size();
    AppendFlowMessage(record, octets_);
    if (octets_.size() > most_octets_ && records_ > 0) {
      sink({std::span(octets_).first(before), records_});
      octets_.erase(octets_.begin(),
                    octets_.begin() + static_cast<std::ptrdiff_t>(before));
      records_ = 0;
    }
    ++records_;
  }

  void Flush(const MessageSink& sink) override {
    if (records_ > 0) {
      sink({octets_, records_});
      octets_.clear();
      records_ = 0;
    }
  }

 private:
  std::size_t most_octets_;
  std::vector<std::uint8_t> octets_;
  std::uint32_t records_ = 0;  // in octets_
};

}  // namespace

std::unique_ptr<Output> OpenProtobufOutput(const CollectorUrl& url) {
  return std::make_unique<Collector>(
      url, std::make_unique<ProtobufEncoder>(url.max_message_octets),
      MakeFileTransport(url));
}

}  // namespace exporter
