// SPDX-License-Identifier: Apache-2.0
// Records into a topic of Kafka, each a message of templates/flow.proto.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "exporter/collector_url.h"
#include "exporter/output.h"
#include "exporter/spool.h"

namespace exporter {

struct KafkaOutputOptions {
  // When the queue is full, Add() waits; else it drops the record ("queue
  // full").
  bool patient = false;
  // Add() and Finish() wait so long while nothing arrives.
  std::chrono::milliseconds patience{10'000};
  // Brokers that confirm nothing for so long are away; only with a spool.
  std::chrono::milliseconds stall{10'000};
  // Gets a line when trouble begins.
  std::function<void(const std::string&)> say;
  // Optional. Records go there, in order, as soon as the brokers are away for
  // some seconds, and what it has goes to Kafka first.
  std::unique_ptr<Spool> spool;
};

// Of scheme kKafka. The value of a message is one record without a length in
// front of it: ClickHouse's ProtobufSingle. Its key is as url.kafka.key says.
//
// A record counts as sent when the brokers said that they have it, as `acks`
// wants it. What cannot go yet waits in a bounded queue. What is not delivered
// at the end is dropped by the reason of the trouble. Throws SetupError that
// names the property that librdkafka does not take; a broker that is away is no
// reason.
std::unique_ptr<Output> OpenKafkaOutput(const CollectorUrl& url,
                                        KafkaOutputOptions options);

}  // namespace exporter
