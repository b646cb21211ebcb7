// SPDX-License-Identifier: Apache-2.0
// The information elements (RFC 7012) that our records are made of: one table.
#pragma once

#include <cstdint>
#include <span>
#include <string_view>

namespace templates {

enum class ElementType : std::uint8_t {
  kUnsigned8,
  kUnsigned16,
  kUnsigned32,
  kUnsigned64,
  kDateTimeMilliseconds,  // unsigned 64, milliseconds since 1970 UTC
  kMacAddress,
  kIpv4Address,
  kIpv6Address,
  kString,  // UTF-8, variable length
};

// RFC 5610 sections 3.7 and 3.8; the values are IANA's.
enum class Semantics : std::uint8_t {
  kDefault = 0,
  kQuantity = 1,
  kDeltaCounter = 3,
  kIdentifier = 4,
  kFlags = 5,
};
enum class Units : std::uint16_t {
  kNone = 0,
  kOctets = 2,
  kPackets = 3,
  kSeconds = 5,
  kMilliseconds = 6,
  kMicroseconds = 7,
  kHops = 14,
};

inline constexpr std::uint32_t kIana = 0;
inline constexpr std::uint32_t kReverse = 29305;  // RFC 5103 section 6.1
inline constexpr std::uint32_t kCert = 6871;
// Stands for the enterprise number that the user set for our own elements.
inline constexpr std::uint32_t kOwn = 0xffffffff;
// Set in the id of the reverse of one of our own elements (RFC 5103 section 6.2
// leaves it to the enterprise; CERT does the same).
inline constexpr std::uint16_t kVendorReverse = 0x4000;
// RFC 5612: for documentation, so nobody else's. The default of --pen.
inline constexpr std::uint32_t kDocumentationPen = 32473;

// Where a value stands in FlowRecord and what it is on the wire.
struct Element {
  std::string_view name;     // IANA's, or ours
  std::uint32_t enterprise;  // or kOwn
  std::uint16_t id;
  ElementType type;
  Semantics semantics;
  Units units;
  // Octets on the wire; less than the type's size is reduced-size encoding
  // (RFC 7011 section 6.2). 0: variable length.
  std::uint16_t length;
  std::uint16_t offset;  // of the value in FlowRecord
  // For those who cannot look it up: elements that are not IANA's.
  std::string_view description = {};
};

// Every element, in no order that matters.
std::span<const Element> Elements();

// The element with this name; the program's own names only, so it is there.
const Element& ElementNamed(std::string_view name);

}  // namespace templates
