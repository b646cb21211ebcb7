// SPDX-License-Identifier: Apache-2.0
// What --http serves: /metrics for Prometheus, /healthz, and a status page with
// its /status.json.
#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "exporter/clock.h"
#include "exporter/descriptor.h"
#include "exporter/health.h"
#include "exporter/http_server.h"
#include "exporter/rate_meter.h"
#include "exporter/run_snapshot.h"

namespace exporter {

// Where a snapshot comes from; any thread may call them. They take what others
// have published, and hold nobody up.
struct StatusSources {
  std::function<std::vector<InterfaceReport>()> interfaces;
  std::function<std::vector<TrafficReport>()> traffic;  // of each thread
  std::function<ExportReport()> exported;
  std::function<std::vector<std::uint64_t>()> rounds;  // as for Watchdog
  // A sentence for each interface that is lost; none: there are none.
  std::function<std::vector<std::string>()> lost;
  // None: nobody looks.
  std::function<std::vector<Finding>()> findings;
};

// Has a thread of its own, of low priority, from Start() on. However many
// requests come, it asks the sources a few times a second, so that none of them
// ever waits for it.
class StatusServer {
 public:
  // Listens, without answering yet; `clock` is referred to. Throws SetupError.
  StatusServer(const ListenAddress& address, std::size_t max_flows,
               StatusSources sources, const Clock& clock);
  ~StatusServer() { Stop(); }
  StatusServer(const StatusServer&) = delete;
  StatusServer& operator=(const StatusServer&) = delete;

  // Any thread: of the run from here on.
  void SetMaxFlows(std::size_t flows) { max_flows_.store(flows); }

  void Start();
  // The sources are not used any more.
  void Stop();

 private:
  using Time = std::chrono::steady_clock::time_point;

  void Run();
  void Observe(Time now);
  [[nodiscard]] HttpAnswer Answer(std::string_view path);
  // Not older than kFresh.
  const RunSnapshot& Snapshot();
  const std::string& Rendered(const std::string& path);

  const Clock& clock_;
  StatusSources sources_;
  Health health_;
  RateMeter rates_;
  std::atomic<std::size_t> max_flows_;
  RunSnapshot run_;
  Time taken_{};
  std::map<std::string, std::string> rendered_;  // of run_, by path
  HttpServer http_;
  Descriptor wake_;
  std::atomic<bool> stop_{false};
  std::thread thread_;
};

}  // namespace exporter
