// SPDX-License-Identifier: Apache-2.0
// From a URL to the collector it names: encoder, transport, session.
#pragma once

#include <functional>
#include <memory>

#include "exporter/collector_url.h"
#include "exporter/output.h"
#include "exporter/statistics.h"

namespace exporter {

// Resolves, connects, makes files. Throws SetupError. With `live`, a TCP
// collector that refuses now may come later; without, UDP is paced unless the
// URL says otherwise. `metering` is what statistics are made of.
std::unique_ptr<Output> OpenCollector(
    const CollectorUrl& url, bool live,
    const std::function<MeteringCounts()>& metering = {});

}  // namespace exporter
