// SPDX-License-Identifier: Apache-2.0
#include "exporter/options.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <limits>
#include <optional>
#include <sstream>
#include <string_view>
#include <utility>

#include <boost/program_options.hpp>

#include "exporter/config_file.h"
#include "exporter/frame_burst.h"
#include "exporter/open_collector.h"
#include "exporter/setup_error.h"
#include "templates/definition_file.h"
#include "templates/element.h"

namespace exporter {
namespace {

namespace po = boost::program_options;

using Seconds = std::int64_t;

constexpr Seconds kMostSeconds = 604'800;  // a week
constexpr std::int64_t kMostFlows = 100'000'000;
constexpr std::int64_t kMostThreads = 64;
constexpr std::int64_t kMostRingMebibytes = 2047;  // libpcap's is an int
constexpr std::int64_t kLeastSnaplen = 64;
constexpr auto kMostSnaplen =
    static_cast<std::int64_t>(FrameBurst::kHeaderOctets);
constexpr std::int64_t kMostSampling = 16'383;  // what NetFlow v5 can say

// What goes with interfaces only.
constexpr std::array<std::string_view, 5> kOfInterfaces = {
    "threads", "ring-size", "snaplen", "promiscuous", "immediate"};

bool IsOfInterfaces(std::string_view option) {
  return std::find(kOfInterfaces.begin(), kOfInterfaces.end(), option) !=
         kOfInterfaces.end();
}

po::options_description InputOptions() {
  po::options_description input("Input, one of them");
  input.add_options()("interface,i",
                      po::value<std::vector<std::string>>()->value_name("NAME"),
                      "capture from this interface until stopped; several are "
                      "captured side by side")(
      "read,r", po::value<std::vector<std::string>>()->value_name("FILE"),
      "read a capture: pcap or pcapng, also gzip-compressed, - for the "
      "standard input; several are read in order")(
      "filter", po::value<std::string>()->value_name("BPF"),
      "take only packets that match; the same as a last argument")(
      "sampling",
      po::value<std::int64_t>()->default_value(1)->value_name("COUNT"),
      "take one packet of so many, and tell the collectors; the counts stay "
      "those of the packets taken")(
      "threads",
      po::value<std::int64_t>()->default_value(1)->value_name("COUNT"),
      "capture each interface with so many threads, between which the kernel "
      "divides the packets by their pair of addresses")(
      "ring-size",
      po::value<std::int64_t>()->default_value(32)->value_name("MIB"),
      "memory of each such thread for packets that wait to be read")(
      "snaplen",
      po::value<std::int64_t>()->default_value(256)->value_name("OCTETS"),
      "so much of each packet is looked at; its headers must fit in")(
      "promiscuous",
      po::value<std::string>()->default_value("yes")->value_name("yes|no"),
      "take also what is not for this host, as a mirror port needs")(
      "immediate",
      "take each packet at once, not up to a tenth of a second later; the ring "
      "holds far fewer then");
  return input;
}

po::options_description OutputOptions() {
  po::options_description output("Output; without any, a table of flows");
  output.add_options()(
      "collector,c", po::value<std::vector<std::string>>()->value_name("URL"),
      "udp://HOST:PORT, tcp://HOST:PORT, tls://HOST:PORT, file:PATH, with "
      "parameters as in ?profile=generic&uniflow, protobuf:PATH, or "
      "kafka://HOST/TOPIC; several are served alike")(
      "balance",
      "divide the flows between the collectors on the network, instead of "
      "sending each all of them")(
      "spool", po::value<std::string>()->value_name("DIR"),
      "what a collector by tcp://, tls:// or kafka:// cannot have now goes to "
      "files in this directory, and to the collector when it is back, also in "
      "the next run")(
      "spool-size",
      po::value<std::string>()->default_value("1G")->value_name("OCTETS"),
      "of the files of each collector, with k, M or G behind; beyond, the "
      "oldest are dropped")(
      "write,w", po::value<std::string>()->value_name("FILE"),
      "write an IPFIX file (RFC 5655), - for the standard output")(
      "format", po::value<std::string>()->value_name("table|json"),
      "print the records on the standard output, too")(
      "profile",
      po::value<std::string>()->default_value("generic")->value_name("NAME"),
      "what the collectors can digest, unless their URL says")(
      "observation-domain",
      po::value<std::int64_t>()->default_value(1)->value_name("ID"),
      "tells this exporter from others on the same host")(
      "pen",
      po::value<std::int64_t>()
          ->default_value(templates::kDocumentationPen)
          ->value_name("NUMBER"),
      "private enterprise number of our own elements")(
      "template-refresh",
      po::value<Seconds>()->default_value(60)->value_name("SECONDS"),
      "send templates over UDP this often; 0: at the start only");
  return output;
}

po::options_description FlowOptions() {
  const tracker::TrackerConfig tracker;
  po::options_description flows("Flows");
  flows.add_options()(
      "idle-timeout-tcp",
      po::value<Seconds>()->default_value(300)->value_name("SECONDS"),
      "end a TCP flow without packets after this time")(
      "idle-timeout-udp",
      po::value<Seconds>()->default_value(60)->value_name("SECONDS"),
      "the same for UDP")(
      "idle-timeout-other",
      po::value<Seconds>()->default_value(30)->value_name("SECONDS"),
      "the same for the other protocols")(
      "active-timeout",
      po::value<Seconds>()->default_value(300)->value_name("SECONDS"),
      "report a long flow this often; 0: only at its end")(
      "active-align",
      "do so at multiples of that time, such as full minutes, so that graphs "
      "have no spikes")(
      "close-linger",
      po::value<Seconds>()->default_value(5)->value_name("SECONDS"),
      "late packets of a closed connection belong to it for this time")(
      "max-flows",
      po::value<std::int64_t>()
          ->default_value(static_cast<std::int64_t>(tracker.max_flows))
          ->value_name("COUNT"),
      "live flows; one more pushes out the least recently seen")(
      "tunnels",
      po::value<std::string>()->default_value("outer")->value_name(
          "outer|inner"),
      "flows of the packets that carry tunnels, or of those inside: GRE, "
      "ERSPAN, IP in IP, VXLAN, GENEVE, GTP-U, Teredo, L2TP")(
      "key", po::value<std::string>()->value_name("vlan,tunnel"),
      "what makes flows different beside addresses, ports and protocol: VLAN, "
      "and VNI with --tunnels inner")(
      "dedup", "count a packet once that the mirror delivers twice");
  return flows;
}

po::options_description OperationOptions() {
  po::options_description operation("Operation");
  operation.add_options()(
      "http", po::value<std::string>()->value_name("ADDRESS"),
      "serve a status page, /metrics for Prometheus and /healthz there, as in "
      "127.0.0.1:9995 or [::1]:9995")(
      "user", po::value<std::string>()->value_name("NAME"),
      "whom root becomes once all is open, instead of spanfix, or nobody where "
      "there is no user spanfix; root stays root")(
      "log-format",
      po::value<std::string>()->default_value("text")->value_name("text|json"),
      "what is said on the standard error, also the summary: lines to read, or "
      "a JSON object for each event")(
      "log-level",
      po::value<std::string>()->default_value("info")->value_name(
          "error|warning|info"),
      "say there what is at least so bad; the summary always comes");
  return operation;
}

po::options_description Configurable() {
  po::options_description options;
  options.add(InputOptions())
      .add(OutputOptions())
      .add(FlowOptions())
      .add(OperationOptions());
  return options;
}

po::options_description Visible() {
  po::options_description other("Other");
  other.add_options()(
      "config", po::value<std::string>()->value_name("FILE"),
      "take the options above from this file, too, a line each: name = value; "
      "the command line overrides it")(
      "doctor", po::value<Seconds>()->implicit_value(30)->value_name("SECONDS"),
      "watch the interfaces for so long, 30 s without =SECONDS, and say in "
      "words what is wrong with what they get: exit status 1 if anything is")(
      "check-config",
      "say what is wrong in the config file, all of it; without --config, a "
      "last argument names it, else it is /etc/spanfix/spanfix.conf")(
      "show", po::value<std::string>()->value_name("FILE"),
      "print the records of a file of -c protobuf: or of an IPFIX file, - for "
      "the standard input; goes with --format and --pen")(
      "print-elements", po::value<std::string>()->value_name("COLLECTOR"),
      ("print the file that teaches a collector the elements it does not "
       "know: " +
       templates::DefinitionFileNames())
          .c_str())("help,h", "print this")("version", "print the version");
  po::options_description options;
  options.add(Configurable()).add(other);
  return options;
}

std::string Usage(const po::options_description& options) {
  std::ostringstream text;
  text << "usage: spanfix (-i INTERFACE... | -r FILE...) [-c URL...] [options] "
          "[FILTER]\n"
          "       spanfix --doctor -i INTERFACE\n"
          "       spanfix --show FILE [--format json]\n\n"
          "Follows every conversation on a mirror port or in a capture, in "
          "both directions,\nand sends one IPFIX record for each.\n"
       << options;
  return text.str();
}

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

std::uint32_t Pen(const po::variables_map& given) {
  const auto pen = given["pen"].as<std::int64_t>();
  CheckPen(pen, "--pen");
  return static_cast<std::uint32_t>(pen);
}

std::string DefinitionsFor(const std::string& collector, std::uint32_t pen) {
  std::optional<std::string> file = templates::DefinitionFile(collector, pen);
  if (!file) {
    throw SetupError("--print-elements: there are " +
                     templates::DefinitionFileNames() + ", not '" + collector +
                     "'");
  }
  return *std::move(file);
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
  defaults.pen = Pen(given);
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
  for (const std::string_view name : kOfInterfaces) {
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

// Throws if there is also something that only a capture has.
ShowOptions ShowOnly(const po::variables_map& given) {
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
  show.pen = Pen(given);
  return show;
}

po::variables_map Parse(int argc, const char* const* argv,
                        const po::options_description& visible) {
  po::options_description all;
  all.add(visible).add_options()("filter-words",
                                 po::value<std::vector<std::string>>());
  po::positional_options_description words;
  words.add("filter-words", -1);
  namespace style = po::command_line_style;
  po::variables_map given;
  try {
    po::store(po::command_line_parser(argc, argv)
                  .options(all)
                  .positional(words)
                  .style(style::unix_style & ~style::allow_guessing)
                  .run(),
              given);
  } catch (const po::error& error) {
    throw SetupError(std::string(error.what()) + "; --help lists the options");
  }
  return given;
}

// What `given` has already stays.
void Store(const std::vector<Setting>& settings, po::variables_map& given) {
  const po::options_description options = Configurable();
  po::parsed_options parsed(&options);
  for (const Setting& setting : settings) {
    po::option option;
    option.string_key = setting.name;
    // That of a switch is that it is there.
    if (options.find(setting.name, false).semantic()->max_tokens() > 0) {
      option.value.push_back(setting.value);
    }
    parsed.options.push_back(std::move(option));
  }
  try {
    po::store(parsed, given);
  } catch (const po::error& error) {
    throw SetupError(error.what());
  }
}

bool Has(const std::vector<Setting>& settings, std::string_view name) {
  return std::any_of(
      settings.begin(), settings.end(),
      [&](const Setting& setting) { return setting.name == name; });
}

// For a file alone: which interface it is may be left to the command line.
void CheckSettings(const std::vector<Setting>& settings) {
  po::variables_map given;
  Store(settings, given);
  if (!Has(settings, "interface") && !Has(settings, "read")) {
    Store({{0, "interface", "any"}}, given);
  }
  static_cast<void>(OptionsFrom(given));
}

// The file's settings that the command line has not overridden. An input there
// replaces the file's, whichever kind it is.
void AddConfigFile(const std::string& path, po::variables_map& given) {
  std::vector<Setting> settings =
      ReadConfigFile(path, ConfigOptions(), CheckSettings);
  const bool reads = given.count("read") > 0;
  const bool captures = given.count("interface") > 0;
  const bool filters = given.count("filter-words") > 0;
  settings.erase(std::remove_if(settings.begin(), settings.end(),
                                [&](const Setting& setting) {
                                  const std::string& name = setting.name;
                                  return (reads && (name == "interface" ||
                                                    IsOfInterfaces(name))) ||
                                         (captures && name == "read") ||
                                         (filters && name == "filter");
                                }),
                 settings.end());
  Store(settings, given);
}

std::string CheckedConfig(const po::variables_map& given) {
  std::string path = "/etc/spanfix/spanfix.conf";
  std::vector<std::string> words;
  if (given.count("filter-words") > 0) {
    words = given["filter-words"].as<std::vector<std::string>>();
  }
  if (given.count("config") > 0) {
    words.insert(words.begin(), given["config"].as<std::string>());
  }
  if (words.size() > 1) {
    throw SetupError("--check-config: checks one file; leave out '" + words[1] +
                     "'");
  }
  if (!words.empty()) {
    path = words.front();
  }
  static_cast<void>(ReadConfigFile(path, ConfigOptions(), CheckSettings));
  return path + ": ok\n";
}

}  // namespace

std::vector<OptionInfo> ConfigOptions() {
  constexpr std::string_view kDefault = " (=";
  const po::options_description options = Configurable();
  std::vector<OptionInfo> known;
  for (const auto& option : options.options()) {
    OptionInfo info;
    info.name = option->long_name();
    const po::value_semantic* const values = option->semantic().get();
    if (values->max_tokens() > 0) {
      // "SECONDS (=60)"
      const std::string text = values->name();
      const std::size_t behind = text.find(kDefault);
      info.value_name = text.substr(0, behind);
      if (behind != std::string::npos) {
        const std::size_t begin = behind + kDefault.size();
        info.default_value = text.substr(begin, text.size() - 1 - begin);
      }
    }
    info.whole_number =
        dynamic_cast<const po::typed_value<std::int64_t>*>(values) != nullptr;
    info.repeatable =
        dynamic_cast<const po::typed_value<std::vector<std::string>>*>(
            values) != nullptr;
    known.push_back(std::move(info));
  }
  return known;
}

CommandLine ParseCommandLine(int argc, const char* const* argv) {
  const po::options_description visible = Visible();
  po::variables_map given = Parse(argc, argv, visible);
  CommandLine line;
  if (given.count("help") > 0) {
    line.answer = Usage(visible);
  } else if (given.count("version") > 0) {
    line.answer = "spanfix " SPANFIX_VERSION "\n";
  } else if (given.count("check-config") > 0) {
    line.answer = CheckedConfig(given);
  } else if (given.count("show") > 0) {
    line.show = ShowOnly(given);
  } else {
    if (given.count("config") > 0) {
      AddConfigFile(given["config"].as<std::string>(), given);
    }
    if (given.count("print-elements") > 0) {
      line.answer =
          DefinitionsFor(given["print-elements"].as<std::string>(), Pen(given));
    } else {
      line.options = OptionsFrom(given);
    }
  }
  return line;
}

}  // namespace exporter
