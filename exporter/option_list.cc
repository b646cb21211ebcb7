// SPDX-License-Identifier: Apache-2.0
#include "exporter/option_list.h"

#include <string>
#include <vector>

#include "exporter/options.h"
#include "templates/definition_file.h"
#include "templates/element.h"

namespace exporter {
namespace {

namespace po = boost::program_options;

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

}  // namespace

po::options_description ConfigurableOptions() {
  po::options_description options;
  options.add(InputOptions())
      .add(OutputOptions())
      .add(FlowOptions())
      .add(OperationOptions());
  return options;
}

po::options_description VisibleOptions() {
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
  options.add(ConfigurableOptions()).add(other);
  return options;
}

}  // namespace exporter
