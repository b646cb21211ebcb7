// SPDX-License-Identifier: Apache-2.0
#include "templates/definition_file.h"

#include <algorithm>
#include <array>
#include <cctype>

#include "templates/element.h"

namespace templates {
namespace {

std::uint32_t Enterprise(const Element& element, std::uint32_t pen) {
  return element.enterprise == kOwn ? pen : element.enterprise;
}

bool IsIana(const Element& element) { return element.enterprise == kIana; }
bool IsOwn(const Element& element) { return element.enterprise == kOwn; }

// "32473:1001", with what stands between.
std::string Number(const Element& element, std::uint32_t pen,
                   std::string_view between) {
  return std::to_string(Enterprise(element, pen)) + std::string(between) +
         std::to_string(element.id);
}

// tcpHistory -> tcp_history, initialTCPFlags -> initial_tcp_flags.
std::string SnakeCase(std::string_view name) {
  const auto upper = [&](std::size_t at) {
    return at < name.size() &&
           std::isupper(static_cast<unsigned char>(name[at])) != 0;
  };
  const auto lower = [&](std::size_t at) {
    return at < name.size() && !upper(at);
  };
  std::string text;
  for (std::size_t i = 0; i < name.size(); ++i) {
    if (i > 0 && upper(i) && (lower(i - 1) || lower(i + 1))) {
      text += '_';
    }
    text +=
        static_cast<char>(std::tolower(static_cast<unsigned char>(name[i])));
  }
  return text;
}

// RFC 7012 section 3.1.
std::string TypeName(ElementType type) {
  switch (type) {
    case ElementType::kUnsigned8:
      return "unsigned8";
    case ElementType::kUnsigned16:
      return "unsigned16";
    case ElementType::kUnsigned32:
      return "unsigned32";
    case ElementType::kUnsigned64:
      return "unsigned64";
    case ElementType::kDateTimeMilliseconds:
      return "dateTimeMilliseconds";
    case ElementType::kMacAddress:
      return "macAddress";
    case ElementType::kIpv4Address:
      return "ipv4Address";
    case ElementType::kIpv6Address:
      return "ipv6Address";
    case ElementType::kString:
      return "string";
  }
  return "octetArray";
}

bool IsUnsigned(ElementType type) {
  return type == ElementType::kUnsigned8 || type == ElementType::kUnsigned16 ||
         type == ElementType::kUnsigned32 || type == ElementType::kUnsigned64;
}

// That of the value as it is sent, for those who do not know reduced-size
// encoding (RFC 7011 section 6.2).
std::string SentTypeName(const Element& element) {
  return IsUnsigned(element.type)
             ? "unsigned" + std::to_string(8 * element.length)
             : TypeName(element.type);
}

// RFC 7012 section 3.2.
std::string SemanticsName(Semantics semantics) {
  switch (semantics) {
    case Semantics::kDefault:
      return "default";
    case Semantics::kQuantity:
      return "quantity";
    case Semantics::kDeltaCounter:
      return "deltaCounter";
    case Semantics::kIdentifier:
      return "identifier";
    case Semantics::kFlags:
      return "flags";
  }
  return "default";
}

// IANA, ipfix-information-element-units.
std::string UnitsName(Units units) {
  switch (units) {
    case Units::kNone:
      return "none";
    case Units::kOctets:
      return "octets";
    case Units::kPackets:
      return "packets";
    case Units::kSeconds:
      return "seconds";
    case Units::kMilliseconds:
      return "milliseconds";
    case Units::kMicroseconds:
      return "microseconds";
    case Units::kHops:
      return "hops";
  }
  return "none";
}

// Logstash's codec, and Filebeat after it: our own elements only, as a file
// that has an enterprise replaces all that was known of it.
std::string RubyYaml(std::uint32_t pen) {
  std::string text = std::to_string(pen) + ":\n";
  for (const Element& element : Elements()) {
    if (IsOwn(element)) {
      const bool is_string = element.type == ElementType::kString;
      text +=
          "  " + std::to_string(element.id) + ":\n  - :" +
          (is_string ? "string" : "uint" + std::to_string(8 * element.length)) +
          "\n  - :" + std::string(element.name) + '\n';
    }
  }
  return text;
}

std::string Logstash(std::uint32_t pen) {
  return "# codec => netflow { ipfix_definitions => \"this file\" }, then\n"
         "# udp://HOST:PORT?profile=logstash&definitions=installed\n" +
         RubyYaml(pen);
}

std::string Filebeat(std::uint32_t pen) {
  return "# Input netflow: custom_definitions: [\"this file\"]\n" +
         RubyYaml(pen);
}

// The bit that tells reverse elements is libfds' own default, so that
// ipfixcol2 knows which one belongs to which.
std::string Libfds(std::uint32_t pen) {
  std::string text =
      "<?xml version=\"1.0\" encoding=\"utf-8\"?>\n"
      "<!-- For <libfds>/user/elements/ -->\n"
      "<ipfix-elements>\n"
      "  <scope>\n"
      "    <pen>" +
      std::to_string(pen) +
      "</pen>\n"
      "    <name>spanfix</name>\n"
      "    <biflow mode=\"split\"/>\n"
      "  </scope>\n";
  for (const Element& element : Elements()) {
    if (IsOwn(element) && (element.id & kVendorReverse) == 0) {
      text += "  <element>\n    <id>" + std::to_string(element.id) +
              "</id>\n    <name>" + std::string(element.name) +
              "</name>\n    <dataType>" + TypeName(element.type) +
              "</dataType>\n    <dataSemantics>" +
              SemanticsName(element.semantics) +
              "</dataSemantics>\n    <units>" + UnitsName(element.units) +
              "</units>\n  </element>\n";
    }
  }
  return text + "</ipfix-elements>\n";
}

// The registry format of IANA, with CERT's addition.
std::string Fixbuf(std::uint32_t pen) {
  std::string text =
      "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n"
      "<!-- ipfixDump -e, super_mediator -->\n"
      "<registry xmlns=\"http://www.iana.org/assignments\"\n"
      "          xmlns:cert=\"http://www.cert.org/ipfix\" id=\"ipfix\">\n"
      "  <registry id=\"spanfix-elements\">\n"
      "    <title>Elements of spanfix</title>\n";
  for (const Element& element : Elements()) {
    if (IsIana(element) || element.enterprise == kReverse) {
      continue;  // known
    }
    text += "    <record>\n      <cert:enterpriseId>" +
            std::to_string(Enterprise(element, pen)) +
            "</cert:enterpriseId>\n      <elementId>" +
            std::to_string(element.id) + "</elementId>\n      <name>" +
            std::string(element.name) + "</name>\n      <dataType>" +
            TypeName(element.type) + "</dataType>\n      <dataTypeSemantics>" +
            SemanticsName(element.semantics) +
            "</dataTypeSemantics>\n      <units>" + UnitsName(element.units) +
            "</units>\n      <description><paragraph>" +
            std::string(element.description) +
            "</paragraph></description>\n    </record>\n";
  }
  return text + "  </registry>\n</registry>\n";
}

// Of IANA's elements, those that it has primitives of its own for, and what it
// shows in the destination port (ICMP).
bool IsPmacctPrimitive(const Element& element) {
  constexpr std::array kKnown = {1,  2,  4,  5,  6,  7,  8,  10,  11,  12,
                                 14, 27, 28, 32, 56, 58, 80, 139, 152, 153};
  return IsIana(element) &&
         std::find(kKnown.begin(), kKnown.end(), element.id) != kKnown.end();
}

std::string Pmacct(std::uint32_t pen) {
  std::string text =
      "! aggregate_primitives: this file; then name in aggregate those that\n"
      "! are wanted. Of the reverse ones there are values with ?biflow only.\n";
  for (const Element& element : Elements()) {
    if (IsPmacctPrimitive(element)) {
      continue;
    }
    const bool is_string = element.type == ElementType::kString;
    const char* semantics = is_string                                ? "str"
                            : element.semantics == Semantics::kFlags ? "hex"
                                                                     : "u_int";
    text += "name=" + SnakeCase(element.name) + " field_type=" +
            (IsIana(element) ? std::to_string(element.id)
                             : Number(element, pen, ":")) +
            " len=" + (is_string ? "vlen" : std::to_string(element.length)) +
            " semantics=" + semantics + '\n';
  }
  return text;
}

std::string Goflow2(std::uint32_t pen) {
  // A list of fields takes the place of its own, so that those it fills of our
  // records have to be in it.
  std::string fields =
      "  fields: [type, time_received_ns, sequence_num, sampling_rate,\n"
      "    sampler_address, time_flow_start_ns, time_flow_end_ns, bytes,\n"
      "    packets, src_addr, dst_addr, etype, proto, src_port, dst_port,\n"
      "    in_if, out_if, src_mac, dst_mac, src_vlan, ip_tos, ip_ttl,\n"
      "    tcp_flags, icmp_type, icmp_code";
  std::string protobuf;
  std::string mapping;
  int index = 2001;  // in the protobuf message, above its own
  for (const Element& element : Elements()) {
    if (IsIana(element)) {
      continue;
    }
    const std::string name = SnakeCase(element.name);
    const bool is_string = element.type == ElementType::kString;
    fields += ",\n    " + name;
    protobuf += "    - {name: " + name + ", index: " + std::to_string(index++) +
                ", type: " + (is_string ? "string" : "varint") + "}\n";
    mapping += "    - {field: " + std::to_string(element.id) +
               ", penprovided: true, pen: " +
               std::to_string(Enterprise(element, pen)) +
               ", destination: " + name + "}\n";
  }
  return "# goflow2 -mapping \"this file\". Of the reverse ones there are "
         "values\n"
         "# with ?biflow only.\n"
         "formatter:\n" +
         fields + "]\n  protobuf:\n" + protobuf + "ipfix:\n  mapping:\n" +
         mapping;
}

std::string Telegraf(std::uint32_t pen) {
  std::string text =
      "# inputs.netflow: private_enterprise_number_files = [\"this file\"]\n"
      "# PEN.ID, name, data type\n";
  for (const Element& element : Elements()) {
    if (!IsIana(element)) {
      text += Number(element, pen, ".") + ',' + SnakeCase(element.name) +
              (element.type == ElementType::kString ? ",string\n" : ",uint\n");
    }
  }
  return text;
}

std::string Vflow(std::uint32_t pen) {
  std::string text =
      "# For vFlow's configuration directory, as ipfix.elements. vFlow reads "
      "it\n"
      "# in place of its own model: here are the elements that spanfix sends\n"
      "# and no others, so add those of your other exporters.\n";
  for (const std::uint32_t enterprise : {kIana, kReverse, kCert, kOwn}) {
    text += std::to_string(enterprise == kOwn ? pen : enterprise) + ":\n";
    for (const Element& element : Elements()) {
      if (element.enterprise == enterprise) {
        text += "  " + std::to_string(element.id) + ":\n  - " +
                std::string(element.name) + "\n  - " + SentTypeName(element) +
                '\n';
      }
    }
    if (enterprise == kIana) {
      text +=
          "  34:\n  - samplingInterval\n  - unsigned32\n"
          "  149:\n  - observationDomainId\n  - unsigned32\n";
    }
  }
  return text;
}

// It knows no comments.
std::string IeSpec(std::uint32_t pen) {
  std::string text;
  for (const Element& element : Elements()) {
    if (!IsIana(element)) {
      const int length =
          element.type == ElementType::kString ? 65535 : element.length;
      text += std::string(element.name) + '(' + Number(element, pen, "/") +
              ")<" + TypeName(element.type) + ">[" + std::to_string(length) +
              "]\n";
    }
  }
  return text;
}

struct Format {
  std::string_view collector;
  std::string (*write)(std::uint32_t pen);
};

constexpr std::array kFormats = {
    Format{"logstash", Logstash}, Format{"filebeat", Filebeat},
    Format{"libfds", Libfds},     Format{"fixbuf", Fixbuf},
    Format{"pmacct", Pmacct},     Format{"goflow2", Goflow2},
    Format{"telegraf", Telegraf}, Format{"vflow", Vflow},
    Format{"iespec", IeSpec},
};

}  // namespace

std::optional<std::string> DefinitionFile(std::string_view collector,
                                          std::uint32_t pen) {
  const auto* found = std::find_if(
      kFormats.begin(), kFormats.end(),
      [&](const Format& format) { return format.collector == collector; });
  if (found == kFormats.end()) {
    return std::nullopt;
  }
  return found->write(pen);
}

std::string DefinitionFileNames() {
  std::string names;
  for (const Format& format : kFormats) {
    names += (names.empty() ? "" : ", ") + std::string(format.collector);
  }
  return names;
}

}  // namespace templates
