// SPDX-License-Identifier: Apache-2.0
// From a URL to the collector it names: encoder, transport, session.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "exporter/collector_url.h"
#include "exporter/output.h"
#include "exporter/spool.h"
#include "exporter/statistics.h"

namespace exporter {

// The thread that serves a collector calls these.
struct DeliveryHooks {
  std::function<MeteringCounts()> metering;  // what statistics are made of
  // What happens, for the user: a line without its end. Optional.
  std::function<void(const std::string&)> say;
};

// Whether --spool is for it: over UDP nobody knows what did not arrive.
bool MaySpool(const CollectorUrl& url);

// Resolves, connects, makes files. Throws SetupError. With `live`, or where
// there is a spool, a collector over TCP or TLS that refuses now may come
// later; without `live`, UDP is paced unless the URL says otherwise.
std::unique_ptr<Output> OpenCollector(
    const CollectorUrl& url, bool live, const DeliveryHooks& hooks = {},
    const std::optional<SpoolOptions>& spool = {});

}  // namespace exporter
