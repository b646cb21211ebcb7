// SPDX-License-Identifier: Apache-2.0
// Reads the options again while the run goes on (SIGHUP), and hands what
// changed to those who have it.
#pragma once

#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>

#include "exporter/log.h"
#include "exporter/options.h"

namespace exporter {

struct ReloadTargets {
  // Opens what is new of the options' collectors; throws SetupError, and
  // nothing has changed. What it gives hands it over, if called.
  std::function<std::function<void()>(const Options&)> collectors;
  // The same for the filter.
  std::function<std::function<void()>(const Options&)> filter;
  // Timeouts and limits.
  std::function<void(const Options&)> tracker;
  // What the service manager hears.
  std::function<void()> begin;
  std::function<void()> end;
};

// All that is new is had, or, when some of it is wrong, none. It has a thread
// of its own, because names and collectors may take their time.
class Reloader {
 public:
  // `read` gives the options anew, or throws SetupError. `log` outlives it.
  Reloader(const Options& running, std::function<Options()> read, Log& log);
  ~Reloader() { Stop(); }
  Reloader(const Reloader&) = delete;
  Reloader& operator=(const Reloader&) = delete;

  // What its thread inherits of the signals is the caller's.
  void Start(ReloadTargets targets);
  // Any thread. During a reload: another one, behind it.
  void Request();
  // Waits for the reload that is on its way.
  void Stop();

 private:
  void Run();
  void Reload();
  void Apply();

  Options running_;
  std::size_t most_flows_;
  std::function<Options()> read_;
  Log& log_;
  ReloadTargets targets_;
  std::thread thread_;
  std::mutex mutex_;
  std::condition_variable changed_;
  bool requested_ = false;
  bool stop_ = false;
};

}  // namespace exporter
