// SPDX-License-Identifier: Apache-2.0
#include "exporter/status_server.h"

#include <poll.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>
#include <utility>

#include <sys/eventfd.h>
#include <sys/random.h>
#include <sys/resource.h>

#include "exporter/metrics.h"
#include "exporter/prometheus_text.h"
#include "exporter/status_json.h"
#include "exporter/status_page.h"

namespace exporter {
namespace {

constexpr std::chrono::milliseconds kFresh{200};
constexpr std::chrono::milliseconds kTick{1000};
constexpr int kNice = 10;
constexpr std::size_t kShown = 10;  // hosts and conversations

// Of several with the same name, "NAME #2" is the second.
void NumberNamesakes(ExportReport& exported) {
  std::map<std::string, int> seen;
  for (auto& [name, counts] : exported.outputs) {
    if (const int number = ++seen[name]; number > 1) {
      name += " #" + std::to_string(number);
    }
  }
}

// What only the page of this answer may know (CSP level 3, section 7.1).
std::string Nonce() {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::array<std::uint8_t, 16> random{};
  if (getrandom(random.data(), random.size(), 0) !=
      static_cast<ssize_t>(random.size())) {
    return "";
  }
  std::string nonce;
  for (const std::uint8_t octet : random) {
    nonce += kDigits[octet >> 4];
    nonce += kDigits[octet & 15];
  }
  return nonce;
}

HttpAnswer Page() {
  constexpr std::string_view kPlace = "@NONCE@";
  const std::string nonce = Nonce();
  std::string page(StatusPage());
  for (std::size_t at = page.find(kPlace); at != std::string::npos;
       at = page.find(kPlace, at)) {
    page.replace(at, kPlace.size(), nonce);
  }
  return {.content_type = "text/html; charset=utf-8",
          .body = std::move(page),
          .policy = "default-src 'none'; script-src 'nonce-" + nonce +
                    "'; style-src 'nonce-" + nonce +
                    "'; connect-src 'self'; img-src data:; base-uri 'none'; "
                    "form-action 'none'; frame-ancestors 'none'"};
}

HttpAnswer HealthOf(const RunSnapshot& run) {
  if (run.troubles.empty()) {
    return {.body = "ok\n"};
  }
  HttpAnswer answer;
  answer.status = 503;
  for (const std::string& trouble : run.troubles) {
    answer.body += trouble + '\n';
  }
  return answer;
}

}  // namespace

StatusServer::StatusServer(const ListenAddress& address, std::size_t max_flows,
                           StatusSources sources, const Clock& clock)
    : clock_(clock),
      sources_(std::move(sources)),
      max_flows_(max_flows),
      http_(address, [this](std::string_view path) { return Answer(path); }),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  run_.started = clock.Now();
}

void StatusServer::Start() {
  thread_ = std::thread([this] { Run(); });
}

void StatusServer::Stop() {
  if (!thread_.joinable()) {
    return;
  }
  stop_.store(true);
  const std::uint64_t one = 1;
  static_cast<void>(write(wake_.Get(), &one, sizeof(one)));
  thread_.join();
}

void StatusServer::Run() {
  // Of this thread only. Where a sandbox forbids it, the others are as quick.
  static_cast<void>(setpriority(PRIO_PROCESS, 0, kNice));
  Time next_tick{};
  while (!stop_.load()) {
    const Time now = std::chrono::steady_clock::now();
    if (now >= next_tick) {
      next_tick = now + kTick;
      Observe(now);
    }
    std::array<pollfd, 2> ready{
        {{http_.EpollDescriptor(), POLLIN, 0}, {wake_.Get(), POLLIN, 0}}};
    poll(ready.data(), ready.size(),
         static_cast<int>(
             http_
                 .Timeout(std::chrono::ceil<std::chrono::milliseconds>(
                     next_tick - now))
                 .count()));
    http_.Run();
  }
}

void StatusServer::Observe(Time now) {
  health_.Observe(now, sources_.rounds());
  const RunSnapshot& run = Snapshot();
  rates_.Observe(now, run.Captured().packets_seen, run.traffic.octets_seen);
}

const RunSnapshot& StatusServer::Snapshot() {
  const Time now = std::chrono::steady_clock::now();
  if (taken_ != Time{} && now - taken_ < kFresh) {
    return run_;
  }
  taken_ = now;
  run_.now = clock_.Now();
  run_.max_flows = max_flows_.load();
  run_.interfaces = sources_.interfaces();
  run_.exported = sources_.exported();
  NumberNamesakes(run_.exported);
  run_.traffic = Together(sources_.traffic(), kShown);
  run_.rates = rates_.Rates();
  run_.troubles = health_.Troubles(now);
  if (sources_.lost) {
    const std::vector<std::string> lost = sources_.lost();
    run_.troubles.insert(run_.troubles.end(), lost.begin(), lost.end());
  }
  if (sources_.findings) {
    run_.findings = sources_.findings();
  }
  rendered_.clear();
  return run_;
}

const std::string& StatusServer::Rendered(const std::string& path) {
  const RunSnapshot& run = Snapshot();
  std::string& text = rendered_[path];
  if (text.empty()) {
    text = path == "/metrics" ? MetricsText(run) : StatusJson(run);
  }
  return text;
}

HttpAnswer StatusServer::Answer(std::string_view path) {
  if (path == "/metrics") {
    return {.content_type = std::string(PrometheusText::kContentType),
            .body = Rendered("/metrics")};
  }
  if (path == "/status.json") {
    return {.content_type = "application/json",
            .body = Rendered("/status.json")};
  }
  if (path == "/healthz") {
    return HealthOf(Snapshot());
  }
  if (path == "/") {
    return Page();
  }
  return {.status = 404,
          .body = "there are /, /status.json, /metrics and /healthz\n"};
}

}  // namespace exporter
