// SPDX-License-Identifier: Apache-2.0
// Which elements a record has on the wire, and in which order.
//
// One template for each IP version, kind of transport and number of directions,
// because collectors show an address, a port or a flag that does not apply as a
// value. The order is what collectors accept: reverse elements first, fixed
// elements of other enterprises after IANA's, variable length last.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "templates/element.h"
#include "templates/flow_record.h"
#include "templates/profile.h"

namespace templates {

enum class Transport : std::uint8_t { kTcp, kIcmp, kOther };

struct Shape {
  std::uint8_t ip_version = 4;
  Transport transport = Transport::kTcp;
  bool biflow = false;   // with the reverse elements
  bool overlay = false;  // with the number of an overlay network
};

struct FlowTemplate {
  std::uint16_t id = 0;  // template id, 256..; the same for the whole run
  std::vector<const Element*> fields;
};

inline constexpr std::size_t kShapes = 24;

// The shape that `record` needs. Records without reverse packets have no
// reverse elements, also in a biflow profile, those outside of an overlay no
// number of it.
Shape ShapeOf(const FlowRecord& record);
// 0 .. kShapes - 1, and back.
std::size_t IndexOf(const Shape& shape);
Shape ShapeAt(std::size_t index);

// All templates of a profile, by IndexOf(); those it never uses are empty.
std::array<FlowTemplate, kShapes> MakeTemplates(const Profile& profile);

}  // namespace templates
