// SPDX-License-Identifier: Apache-2.0
#include "exporter/given_options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include <boost/program_options.hpp>

#include "exporter/frame_burst.h"
#include "exporter/open_collector.h"
#include "exporter/option_list.h"
#include "exporter/setup_error.h"

namespace exporter {
namespace {

namespace po = boost::program_options;

constexpr Seconds kMostSeconds = 604'800;  // a week
constexpr std::int64_t kMostFlows = 100'000'000;
constexpr std::int64_t kMostThreads = 64;
constexpr std::int64_t kMostRingMebibytes = 2047;  // libpcap's is an int
constexpr std::int64_t kLeastSnaplen = 64;
constexpr auto kMostSnaplen =
    static_cast<std::int64_t>(FrameBurst::kHeaderOctets);
constexpr std::int64_t kMostSampling = 16'383;  // what NetFlow v5 can say

tracker::Duration Time(const po::variables_map& given, const std::string& name,
                       Seconds least) {
  const auto value = given[name].as<Seconds>();
  if (value < least || value > kMostSeconds) {
    throw SetupError("--" + name + ": must be " + std::to_string(least) +
                     " to " + std::to_string(kMostSeconds) + " seconds, not " +
                     std::to_string(value));
  }
  return std::chrono::seconds{value};
}

tracker::TrackerConfig TrackerOptions(const po::variables_map& given) {
  tracker::TrackerConfig config;
  config.idle_timeout_tcp = Time(given, "idle-timeout-tcp", 1);
  config.idle_timeout_udp = Time(given, "idle-timeout-udp", 1);
  config.idle_timeout_other = Time(given, "idle-timeout-other", 1);
  config.active_timeout = Time(given, "active-timeout", 0);
  config.active_align = given.count("active-align") > 0;
  if (config.active_align && config.active_timeout == tracker::Duration{0}) {
    throw SetupError("--active-align: needs an --active-timeout above 0");
  }
  config.close_linger = Time(given, "close-linger", 0);
  const auto flows = given["max-flows"].as<std::int64_t>();
  if (flows < 1 || flows > kMostFlows) {
    throw SetupError("--max-flows: must be 1 to " + std::to_string(kMostFlows) +
                     ", not " + std::to_string(flows));
  }
  config.max_flows = static_cast<std::size_t>(flows);
  config.use_direction_evidence = true;
  return config;
}

tracker::FiveTupleOptions FlowKeyOptions(const po::variables_map& given) {
  tracker::FiveTupleOptions options;
  const auto& tunnels = given["tunnels"].as<std::string>();
  if (tunnels != "outer" && tunnels != "inner") {
    throw SetupError("--tunnels: there are outer and inner, not '" + tunnels +
                     "'");
  }
  options.innermost = tunnels == "inner";
  options.drop_duplicates = given.count("dedup") > 0;
  std::istringstream parts(
      given.count("key") > 0 ? given["key"].as<std::string>() : "");
  for (std::string part; std::getline(parts, part, ',');) {
    if (part == "vlan") {
      options.vlan_in_key = true;
    } else if (part == "tunnel") {
      options.tunnel_in_key = true;
    } else {
      throw SetupError("--key: there are vlan and tunnel, not '" + part + "'");
    }
  }
  if (options.tunnel_in_key && !options.innermost) {
    throw SetupError("--key tunnel: needs --tunnels inner");
  }
  return options;
}

TextFormat FormatNamed(const std::string& name) {
  if (name == "table") {
    return TextFormat::kTable;
  }
  if (name == "json") {
    return TextFormat::kJson;
  }
  throw SetupError("--format: there are table and json, not '" + name + "'");
}

std::uint32_t Sampling(const po::variables_map& given) {
  const auto sampling = given["sampling"].as<std::int64_t>();
  if (sampling < 1 || sampling > kMostSampling) {
    throw SetupError("--sampling: must be 1 to " +
                     std::to_string(kMostSampling) + ", not " +
                     std::to_string(sampling));
  }
  if (sampling > 1 && given.count("dedup") > 0) {
    throw SetupError(
        "--dedup: must see every packet to find copies; leave --sampling out");
  }
  return static_cast<std::uint32_t>(sampling);
}

CollectorDefaults Defaults(const po::variables_map& given) {
  CollectorDefaults defaults;
  defaults.profile = given["profile"].as<std::string>();
  static_cast<void>(ProfileNamed(defaults.profile, "--profile"));
  const auto domain = given["observation-domain"].as<std::int64_t>();
  if (domain < 1 || domain > std::numeric_limits<std::uint32_t>::max()) {
    throw SetupError("--observation-domain: must be 1 to 4294967295, not " +
                     std::to_string(domain));
  }
  defaults.observation_domain = static_cast<std::uint32_t>(domain);
  defaults.pen = PenFrom(given);
  defaults.template_refresh = std::chrono::duration_cast<std::chrono::seconds>(
      Time(given, "template-refresh", 0));
  defaults.sampling = Sampling(given);
  defaults.overlays = FlowKeyOptions(given).innermost;
  return defaults;
}

std::string Joined(const std::vector<std::string>& words) {
  std::string text;
  for (const std::string& word : words) {
    text += (text.empty() ? "" : " ") + word;
  }
  return text;
}

std::int64_t Number(const po::variables_map& given, const std::string& name,
                    std::int64_t least, std::int64_t most,
                    const std::string& unit = "") {
  const auto value = given[name].as<std::int64_t>();
  if (value < least || value > most) {
    throw SetupError("--" + name + ": must be " + std::to_string(least) +
                     " to " + std::to_string(most) + unit + ", not " +
                     std::to_string(value));
  }
  return value;
}

// How interfaces are captured. After these and max_flows are known.
LiveOptions Capture(const po::variables_map& given, const Options& options) {
  LiveOptions live;
  live.threads =
      static_cast<std::size_t>(Number(given, "threads", 1, kMostThreads));
  live.ring_mebibytes = static_cast<int>(
      Number(given, "ring-size", 1, kMostRingMebibytes, " MiB"));
  live.snaplen = static_cast<int>(
      Number(given, "snaplen", kLeastSnaplen, kMostSnaplen, " octets"));
  const auto& promiscuous = given["promiscuous"].as<std::string>();
  if (promiscuous != "yes" && promiscuous != "no") {
    throw SetupError("--promiscuous: there are yes and no, not '" +
                     promiscuous + "'");
  }
  live.promiscuous = promiscuous == "yes";
  live.immediate = given.count("immediate") > 0;
  for (const std::string_view name : kInterfaceOptions) {
    const std::string option(name);
    if (options.interfaces.empty() && given.count(option) > 0 &&
        !given[option].defaulted()) {
      throw SetupError("--" + option +
                       ": is about an interface; leave it out with -r");
    }
  }
  const std::size_t threads = live.threads * options.interfaces.size();
  if (threads > options.tracker.max_flows) {
    throw SetupError("--max-flows: each of " + std::to_string(threads) +
                     " threads needs a flow; raise it");
  }
  return live;
}

void SetInput(const po::variables_map& given, Options& options) {
  if (given.count("interface") > 0) {
    options.interfaces = given["interface"].as<std::vector<std::string>>();
  }
  for (const std::string& name : options.interfaces) {
    if (std::count(options.interfaces.begin(), options.interfaces.end(), name) >
        1) {
      throw SetupError("--interface: '" + name +
                       "' is there twice; --threads captures it with several "
                       "threads");
    }
  }
  if (given.count("read") > 0) {
    options.files = given["read"].as<std::vector<std::string>>();
  }
  if (options.interfaces.empty() == options.files.empty()) {
    throw SetupError(options.files.empty()
                         ? "nothing to capture: give -i INTERFACE or -r FILE; "
                           "--help lists the options"
                         : "-i and -r exclude each other");
  }
  const std::string words =
      given.count("filter-words") > 0
          ? Joined(given["filter-words"].as<std::vector<std::string>>())
          : "";
  if (given.count("filter") > 0) {
    if (!words.empty()) {
      throw SetupError("--filter and a filter as last argument ('" + words +
                       "') exclude each other");
    }
    options.filter = given["filter"].as<std::string>();
  } else {
    options.filter = words;
  }
}

// "64M" -> 67108864; none: it is no size.
std::optional<std::uint64_t> Octets(std::string_view text) {
  constexpr std::string_view kUnits = "kMG";
  unsigned shift = 0;
  if (!text.empty()) {
    if (const auto unit = kUnits.find(text.back());
        unit != std::string_view::npos) {
      shift = 10 * (static_cast<unsigned>(unit) + 1);
      text.remove_suffix(1);
    }
  }
  std::uint64_t number = 0;
  const auto [end, error] =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (error != std::errc{} || end != text.data() + text.size() ||
      number > std::numeric_limits<std::uint64_t>::max() >> shift) {
    return std::nullopt;
  }
  return number << shift;
}

void SetSpool(const po::variables_map& given, Options& options) {
  constexpr std::uint64_t kLeast = std::uint64_t{1} << 20;
  constexpr std::uint64_t kMost = std::uint64_t{1} << 50;
  const auto& size = given["spool-size"].as<std::string>();
  const std::optional<std::uint64_t> octets = Octets(size);
  if (!octets || *octets < kLeast || *octets > kMost) {
    throw SetupError("--spool-size: must be octets from 1M up, as in 500M or " +
                     std::string("10G, not '") + size + "'");
  }
  options.spool_octets = *octets;
  if (given.count("spool") == 0) {
    return;
  }
  options.spool = given["spool"].as<std::string>();
  if (options.spool.empty()) {
    throw SetupError("--spool: the directory is missing");
  }
  if (std::none_of(options.collectors.begin(), options.collectors.end(),
                   MaySpool)) {
    throw SetupError(
        "--spool: needs a collector by tcp://, tls:// or kafka://; over UDP "
        "nobody "
        "knows what did not arrive");
  }
}

void SetOutput(const po::variables_map& given, Options& options) {
  const CollectorDefaults defaults = Defaults(given);
  if (given.count("collector") > 0) {
    for (const std::string& url :
         given["collector"].as<std::vector<std::string>>()) {
      options.collectors.push_back(ParseCollectorUrl(url, defaults));
    }
  }
  if (given.count("write") > 0) {
    CollectorUrl file = ParseCollectorUrl("file:-", defaults);
    file.path = given["write"].as<std::string>();
    file.text = file.path;
    options.collectors.push_back(file);
  }
  options.balance = given.count("balance") > 0;
  if (options.balance &&
      std::count_if(options.collectors.begin(), options.collectors.end(),
                    [](const CollectorUrl& url) {
                      return url.scheme != Scheme::kFile;
                    }) < 2) {
    throw SetupError("--balance: needs two or more collectors on the network");
  }
  SetSpool(given, options);
  if (given.count("format") > 0) {
    options.format = FormatNamed(given["format"].as<std::string>());
  } else if (options.collectors.empty()) {
    options.format = TextFormat::kTable;
  }
}

LogOptions Logging(const po::variables_map& given) {
  LogOptions options;
  const auto& format = given["log-format"].as<std::string>();
  if (format != "text" && format != "json") {
    throw SetupError("--log-format: there are text and json, not '" + format +
                     "'");
  }
  options.format = format == "json" ? LogFormat::kJson : LogFormat::kText;
  const auto& level = given["log-level"].as<std::string>();
  if (level == "error") {
    options.level = LogLevel::kError;
  } else if (level == "warning") {
    options.level = LogLevel::kWarning;
  } else if (level != "info") {
    throw SetupError("--log-level: there are error, warning and info, not '" +
                     level + "'");
  }
  return options;
}

// The outputs of a config file are for the service, which may be running.
void SetDoctor(const po::variables_map& given, Options& options) {
  if (given.count("doctor") == 0) {
    return;
  }
  options.doctor = std::chrono::duration_cast<std::chrono::seconds>(
      Time(given, "doctor", 1));
  if (options.interfaces.empty()) {
    throw SetupError("--doctor: needs an interface to watch: -i INTERFACE");
  }
  options.collectors.clear();
  options.balance = false;
  options.spool.clear();
  options.format.reset();
  options.http.reset();
}

}  // namespace

std::uint32_t PenFrom(const po::variables_map& given) {
  const auto pen = given["pen"].as<std::int64_t>();
  CheckPen(pen, "--pen");
  return static_cast<std::uint32_t>(pen);
}

Options OptionsFrom(const po::variables_map& given) {
  Options options;
  SetInput(given, options);
  SetOutput(given, options);
  options.tracker = TrackerOptions(given);
  options.five_tuple = FlowKeyOptions(given);
  options.sampling = Sampling(given);
  options.live = Capture(given, options);
  options.log = Logging(given);
  if (given.count("http") > 0) {
    options.http = ParseListenAddress(given["http"].as<std::string>());
  }
  SetDoctor(given, options);
  if (given.count("user") > 0) {
    options.user = given["user"].as<std::string>();
    if (options.user.empty()) {
      throw SetupError("--user: the name is missing");
    }
  }
  return options;
}

ShowOptions ShowFrom(const po::variables_map& given) {
  constexpr std::array<std::string_view, 3> kTogether = {"show", "format",
                                                         "pen"};
  for (const auto& [name, value] : given) {
    if (!value.defaulted() && std::find(kTogether.begin(), kTogether.end(),
                                        name) == kTogether.end()) {
      throw SetupError(name == "filter-words"
                           ? std::string("--show: takes one file and no filter")
                           : "--show and --" + name + " exclude each other");
    }
  }
  ShowOptions show;
  show.file = given["show"].as<std::string>();
  if (given.count("format") > 0) {
    show.format = FormatNamed(given["format"].as<std::string>());
  }
  show.pen = PenFrom(given);
  return show;
}

}  // namespace exporter
