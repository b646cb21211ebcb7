// SPDX-License-Identifier: Apache-2.0
#include "exporter/reloader.h"

#include <sstream>
#include <string>
#include <utility>

#include "exporter/reload.h"
#include "exporter/setup_error.h"

namespace exporter {

Reloader::Reloader(const Options& running, std::function<Options()> read,
                   Log& log)
    : running_(running),
      most_flows_(running.tracker.max_flows),
      read_(std::move(read)),
      log_(log) {}

void Reloader::Start(ReloadTargets targets) {
  targets_ = std::move(targets);
  thread_ = std::thread([this] { Run(); });
}

void Reloader::Request() {
  const std::lock_guard lock(mutex_);
  requested_ = true;
  changed_.notify_all();
}

void Reloader::Stop() {
  if (!thread_.joinable()) {
    return;
  }
  {
    const std::lock_guard lock(mutex_);
    stop_ = true;
    changed_.notify_all();
  }
  thread_.join();
}

void Reloader::Run() {
  std::unique_lock lock(mutex_);
  for (;;) {
    changed_.wait(lock, [this] { return requested_ || stop_; });
    if (stop_) {
      return;
    }
    requested_ = false;
    lock.unlock();
    targets_.begin();
    Reload();
    targets_.end();
    lock.lock();
  }
}

void Reloader::Reload() {
  if (running_.interfaces.empty()) {
    log_.Warn("reload-refused",
              "SIGHUP: only a run with -i takes new options; files are read as "
              "they were begun");
    return;
  }
  try {
    Apply();
  } catch (const SetupError& error) {
    std::istringstream lines(error.what());
    for (std::string text; std::getline(lines, text);) {
      log_.Error("reload-refused", "reload: nothing changed: " + text);
    }
  }
}

void Reloader::Apply() {
  const ReloadPlan plan = PlanReload(running_, read_(), most_flows_);
  // Until here, and in these two, it may still be refused.
  std::function<void()> change_filter = [] {};
  if (plan.options.filter != running_.filter) {
    change_filter = targets_.filter(plan.options);
  }
  std::function<void()> change_collectors = [] {};
  if (plan.collectors) {
    change_collectors = targets_.collectors(plan.options);
  }

  change_filter();
  change_collectors();
  if (plan.options.tracker != running_.tracker) {
    targets_.tracker(plan.options);
  }
  log_.SetLevel(plan.options.log.level);
  running_ = plan.options;

  for (const std::string& sentence : plan.stays) {
    log_.Warn("reload-stays", "reload: " + sentence);
  }
  std::string changes;
  for (const std::string& change : plan.changes) {
    changes += (changes.empty() ? "" : ", ") + change;
  }
  log_.Info("reloaded",
            "reloaded: " + (changes.empty() ? "nothing changed" : changes));
}

}  // namespace exporter
